//===- ProtobufReader.cpp - the wire format of protobuf -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/ProtobufReader.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"

using namespace lqc;

float ProtobufField::asFloat() const {
  return llvm::bit_cast<float>(uint32_t(integer));
}

llvm::Error ProtobufReader::fail(uint64_t at, const llvm::Twine &rule) const {
  return llvm::createStringError(path + ": byte " + llvm::Twine(at) + ": " +
                                 rule);
}

void ProtobufReader::skip(size_t bytes) {
  rest = rest.drop_front(bytes);
  offset += bytes;
}

std::optional<uint64_t> ProtobufReader::readVarint() {
  uint64_t value = 0;
  for (size_t i = 0; i < 10 && i < rest.size(); ++i) {
    unsigned char byte = rest[i];
    if (i == 9 && byte > 1) // beyond 64 bits
      return std::nullopt;
    value |= uint64_t(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      skip(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> ProtobufReader::readFixed(size_t bytes) {
  if (rest.size() < bytes)
    return std::nullopt;
  uint64_t value = bytes == 4 ? llvm::support::endian::read32le(rest.data())
                              : llvm::support::endian::read64le(rest.data());
  skip(bytes);
  return value;
}

llvm::Expected<bool> ProtobufReader::next(ProtobufField &field) {
  if (rest.empty())
    return false;
  uint64_t begin = offset;
  std::optional<uint64_t> key = readVarint();
  if (!key || *key >> 3 == 0 || *key >> 32 != 0)
    return fail(begin, "must be a field of a protobuf message");
  field = {uint32_t(*key >> 3), ProtobufField::Type(*key & 7), begin, 0, {}, 0};
  std::optional<uint64_t> value;
  switch (field.type) {
  case ProtobufField::Varint:
  case ProtobufField::Bytes:
    value = readVarint();
    break;
  case ProtobufField::Fixed32:
    value = readFixed(4);
    break;
  case ProtobufField::Fixed64:
    value = readFixed(8);
    break;
  default:
    return fail(begin, "wire type must be 0, 1, 2 or 5, got: " +
                           llvm::Twine(uint32_t(field.type)));
  }
  if (!value || (field.type == ProtobufField::Bytes && *value > rest.size()))
    return fail(begin, "field " + llvm::Twine(field.number) +
                           " must end within its message");
  if (field.type != ProtobufField::Bytes) {
    field.integer = *value;
    return true;
  }
  field.bytes = rest.take_front(*value);
  field.bytesOffset = offset;
  skip(*value);
  return true;
}
