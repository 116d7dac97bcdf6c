//===- FieldReader.h - checked access to a JSON object ----------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_SAFETENSORS_FIELDREADER_H
#define LQC_LIB_IMPORT_SAFETENSORS_FIELDREADER_H

#include "lqc/Support/Error.h"
#include "lqc/Support/Json.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <optional>
#include <string>

namespace lqc {

/// Reads the values of an object and remembers the first error, so that a
/// reader is a plain list of fields. A missing or null value is `fallback`, or
/// an error if there is none.
class FieldReader {
public:
  /// `prefix` is put before keys in messages ("rope_scaling.").
  FieldReader(const llvm::json::Object &object, llvm::StringRef path,
              llvm::StringRef prefix = "")
      : object(object), path(path), prefix(prefix) {}

  const llvm::json::Value *get(llvm::StringRef key) const {
    const llvm::json::Value *value = object.get(key);
    return value && value->kind() != llvm::json::Value::Null ? value : nullptr;
  }

  /// An integer from `low` to `high`.
  int64_t integer(llvm::StringRef key, std::optional<int64_t> fallback,
                  int64_t low = 1, int64_t high = INT32_MAX) {
    const llvm::json::Value *value = get(key);
    if (!value && fallback)
      return *fallback;
    std::optional<int64_t> number =
        value ? value->getAsInteger() : std::nullopt;
    if (number && *number >= low && *number <= high)
      return *number;
    fail(key, llvm::formatv("must be an integer from {0} to {1}", low, high),
         value);
    return low;
  }

  /// A finite number above 0.
  double positive(llvm::StringRef key, std::optional<double> fallback) {
    const llvm::json::Value *value = get(key);
    if (!value && fallback)
      return *fallback;
    std::optional<double> number = value ? value->getAsNumber() : std::nullopt;
    // In float32, which the model computes in.
    if (number && static_cast<float>(*number) > 0 &&
        std::isfinite(static_cast<float>(*number)))
      return *number;
    fail(key, "must be a positive number", value);
    return 1;
  }

  /// A number from `low` to `high`, or nothing.
  std::optional<double> optionalNumber(llvm::StringRef key, double low,
                                       double high) {
    const llvm::json::Value *value = get(key);
    if (!value)
      return std::nullopt;
    std::optional<double> number = value->getAsNumber();
    if (number && *number >= low && *number <= high)
      return number;
    std::string rule;
    llvm::raw_string_ostream(rule)
        << llvm::format("must be a number from %g to %g", low, high);
    fail(key, rule, value);
    return std::nullopt;
  }

  bool boolean(llvm::StringRef key, bool fallback) {
    const llvm::json::Value *value = get(key);
    if (!value)
      return fallback;
    if (std::optional<bool> flag = value->getAsBoolean())
      return *flag;
    fail(key, "must be true or false", value);
    return fallback;
  }

  std::string string(llvm::StringRef key, llvm::StringRef fallback) {
    const llvm::json::Value *value = get(key);
    if (!value)
      return fallback.str();
    if (std::optional<llvm::StringRef> text = value->getAsString())
      return text->str();
    fail(key, "must be a string", value);
    return fallback.str();
  }

  /// An object, or null.
  const llvm::json::Object *child(llvm::StringRef key) {
    const llvm::json::Value *value = get(key);
    if (!value)
      return nullptr;
    if (const llvm::json::Object *result = value->getAsObject())
      return result;
    fail(key, "must be an object or null", value);
    return nullptr;
  }

  void fail(llvm::StringRef key, const llvm::Twine &rule,
            const llvm::json::Value *value) {
    fail(key, rule, describeJson(value));
  }

  void fail(llvm::StringRef key, const llvm::Twine &rule,
            const std::string &got) {
    if (!message.empty())
      return;
    message =
        (path + ": " + prefix + key + ": " + rule + ", got: " + got).str();
  }

  llvm::Error takeError() const {
    return message.empty() ? llvm::Error::success() : makeError("{0}", message);
  }

private:
  const llvm::json::Object &object;
  std::string path;
  std::string prefix;
  std::string message;
};

} // namespace lqc

#endif // LQC_LIB_IMPORT_SAFETENSORS_FIELDREADER_H
