//===- JsonFields.h - fields of a JSON file ---------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_TOKENIZER_JSONFIELDS_H
#define LQC_LIB_IMPORT_TOKENIZER_JSONFIELDS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

namespace lqc {

/// Reads fields of one file and makes its messages: "PATH: FIELD: rule, got:
/// value". Every key of every object is either used, known to mean nothing
/// here, or an error: a tokenizer that is nearly right is worse than none.
class JsonFields {
public:
  explicit JsonFields(llvm::StringRef path) : path(path) {}

  llvm::Error fail(const llvm::Twine &field, const llvm::Twine &rule) const;
  llvm::Error failGot(const llvm::Twine &field, const llvm::Twine &rule,
                      const llvm::json::Value *value) const;

  llvm::Error asObject(const llvm::json::Value *value, const llvm::Twine &field,
                       const llvm::json::Object *&object) const;
  llvm::Error asArray(const llvm::json::Value *value, const llvm::Twine &field,
                      const llvm::json::Array *&array) const;
  /// A string that is there.
  llvm::Error asString(const llvm::json::Value *value, const llvm::Twine &field,
                       llvm::StringRef &string) const;
  /// Reads a boolean; `flag` keeps its value if there is none.
  llvm::Error readFlag(const llvm::json::Object &object, llvm::StringRef key,
                       const llvm::Twine &field, bool &flag) const;
  llvm::Error checkKeys(const llvm::json::Object &object,
                        const llvm::Twine &field,
                        llvm::ArrayRef<llvm::StringRef> keys) const;

private:
  std::string path;
};

/// True for null and for a key that is not there.
bool isNull(const llvm::json::Value *value);

} // namespace lqc

#endif // LQC_LIB_IMPORT_TOKENIZER_JSONFIELDS_H
