//===- ProtobufReader.h - the wire format of protobuf -----------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_TOKENIZER_PROTOBUFREADER_H
#define LQC_LIB_IMPORT_TOKENIZER_PROTOBUFREADER_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <optional>

namespace lqc {

/// A field of a message (protobuf.dev, "Encoding"). Which of the values counts
/// depends on the field's type; the others are 0.
struct ProtobufField {
  enum Type : uint32_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };
  uint32_t number;
  Type type;
  uint64_t offset;       ///< of the field in the file
  uint64_t integer;      ///< Varint, Fixed32, Fixed64
  llvm::StringRef bytes; ///< Bytes
  uint64_t bytesOffset;  ///< of `bytes` in the file
  float asFloat() const; ///< Fixed32
};

/// Walks through the fields of one message. A message inside is the bytes of a
/// field: another reader, so that nesting is as deep as the caller goes.
class ProtobufReader {
public:
  /// `offset`: of `message` in the file `path`, for messages.
  ProtobufReader(llvm::StringRef message, llvm::StringRef path,
                 uint64_t offset = 0)
      : rest(message), path(path), offset(offset) {}

  /// Reads the next field into `field`; false at the end of the message.
  llvm::Expected<bool> next(ProtobufField &field);

  /// An error about this message: "PATH: byte OFFSET: rule".
  llvm::Error fail(uint64_t at, const llvm::Twine &rule) const;

private:
  std::optional<uint64_t> readVarint();
  std::optional<uint64_t> readFixed(size_t bytes);
  void skip(size_t bytes);

  llvm::StringRef rest, path;
  uint64_t offset; // of `rest`
};

} // namespace lqc

#endif // LQC_LIB_IMPORT_TOKENIZER_PROTOBUFREADER_H
