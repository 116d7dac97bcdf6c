//===- JsonFields.cpp - fields of a JSON file -----------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/JsonFields.h"

#include "lqc/Support/Error.h"
#include "llvm/ADT/STLExtras.h"

using namespace lqc;
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;
using llvm::json::Array;
using llvm::json::Object;
using llvm::json::Value;

/// A value as messages show it.
static std::string shown(const Value *value) {
  if (!value)
    return "nothing";
  if (std::optional<StringRef> string = value->getAsString())
    return quote(*string);
  return value->kind() == Value::Object  ? "an object"
         : value->kind() == Value::Array ? "an array"
                                         : llvm::formatv("{0}", *value).str();
}

bool lqc::isNull(const Value *value) {
  return !value || value->kind() == Value::Null;
}

Error JsonFields::fail(const Twine &field, const Twine &rule) const {
  return llvm::createStringError(Twine(path) + ": " + field + ": " + rule);
}

Error JsonFields::failGot(const Twine &field, const Twine &rule,
                          const Value *value) const {
  return fail(field, rule + ", got: " + shown(value));
}

Error JsonFields::asObject(const Value *value, const Twine &field,
                           const Object *&object) const {
  object = value ? value->getAsObject() : nullptr;
  return object ? Error::success() : failGot(field, "must be an object", value);
}

Error JsonFields::asArray(const Value *value, const Twine &field,
                          const Array *&array) const {
  array = value ? value->getAsArray() : nullptr;
  return array ? Error::success() : failGot(field, "must be an array", value);
}

Error JsonFields::asString(const Value *value, const Twine &field,
                           StringRef &string) const {
  std::optional<StringRef> found = value ? value->getAsString() : std::nullopt;
  string = found.value_or("");
  return found ? Error::success() : failGot(field, "must be a string", value);
}

Error JsonFields::readFlag(const Object &object, StringRef key,
                           const Twine &field, bool &flag) const {
  const Value *value = object.get(key);
  if (isNull(value))
    return Error::success();
  std::optional<bool> boolean = value->getAsBoolean();
  if (!boolean)
    return failGot(field + "." + key, "must be true or false", value);
  flag = *boolean;
  return Error::success();
}

Error JsonFields::checkKeys(const Object &object, const Twine &field,
                            llvm::ArrayRef<StringRef> keys) const {
  for (const auto &entry : object)
    if (!llvm::is_contained(keys, StringRef(entry.first)))
      return fail(field, "key " + quote(entry.first) + " is not known");
  return Error::success();
}
