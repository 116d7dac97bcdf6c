//===- OnnxFile.cpp - where the numbers of an ONNX file are ---------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/OnnxFile.h"

#include "lqc/Support/Error.h"
#include "lqc/Support/Hash.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Endian.h"

#include <algorithm>

using namespace lqc;

static constexpr size_t kPlaceBytes = 16;
/// Protobuf's own limit.
static constexpr unsigned kMaxDepth = 100;

namespace {
/// The messages of onnx.proto on the way to tensors.
enum class Message {
  Model,
  Training,
  Graph,
  Node,
  Attribute,
  Sparse,
  Function,
  Tensor,
  Other,
};

enum WireType : unsigned { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

/// Fields of TensorProto.
enum TensorField : uint32_t {
  DataType = 2,
  FloatData = 4,
  RawData = 9,
  DoubleData = 10,
};
/// Values of TensorProto.DataType.
constexpr uint64_t kFloat = 1, kDouble = 11;

/// A field as it lies in the file.
struct Field {
  uint32_t number = 0;
  unsigned type = 0;
  uint64_t integer = 0;      ///< of a varint
  size_t begin = 0, end = 0; ///< the whole field
  size_t payload = 0;        ///< of Bytes: its first byte
};

/// Copies a message without the numbers of tensors.
class Walker {
public:
  Walker(llvm::ArrayRef<char> file, llvm::StringRef path)
      : file(file), path(path) {}

  /// Appends the skeleton of the message in [begin, end) to `out`.
  llvm::Error walk(Message kind, size_t begin, size_t end, unsigned depth,
                   std::string &out);

private:
  llvm::Error fail(size_t at, llvm::StringRef rule) const {
    return makeError("{0}: byte {1}: {2}", path, at, rule);
  }
  std::optional<uint64_t> readVarint(size_t &at, size_t end) const;
  llvm::Error readField(size_t &at, size_t end, Field &field) const;
  llvm::Error walkTensor(llvm::ArrayRef<Field> fields, std::string &out);
  void copy(const Field &field, std::string &out) const {
    out.append(file.data() + field.begin, field.end - field.begin);
  }

  llvm::ArrayRef<char> file;
  llvm::StringRef path;
};
} // namespace

/// What field `number` of `kind` is, as far as it may lead to tensors.
static Message messageOf(Message kind, uint32_t number) {
  static constexpr struct {
    Message parent;
    uint32_t number;
    Message child;
  } kFields[] = {
      {Message::Model, 7, Message::Graph},
      {Message::Model, 20, Message::Training},
      {Message::Model, 25, Message::Function},
      {Message::Training, 1, Message::Graph},
      {Message::Training, 2, Message::Graph},
      {Message::Graph, 1, Message::Node},
      {Message::Graph, 5, Message::Tensor},
      {Message::Graph, 15, Message::Sparse},
      {Message::Node, 5, Message::Attribute},
      {Message::Attribute, 5, Message::Tensor},
      {Message::Attribute, 6, Message::Graph},
      {Message::Attribute, 10, Message::Tensor},
      {Message::Attribute, 11, Message::Graph},
      {Message::Attribute, 22, Message::Sparse},
      {Message::Attribute, 23, Message::Sparse},
      {Message::Sparse, 1, Message::Tensor},
      {Message::Sparse, 2, Message::Tensor},
      {Message::Function, 7, Message::Node},
      {Message::Function, 11, Message::Attribute},
  };
  for (const auto &field : kFields)
    if (field.parent == kind && field.number == number)
      return field.child;
  return Message::Other;
}

static void appendVarint(uint64_t value, std::string &out) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(char(value | 0x80));
  out.push_back(char(value));
}

static void appendBytes(uint32_t number, llvm::StringRef bytes,
                        std::string &out) {
  appendVarint(uint64_t(number) << 3 | Bytes, out);
  appendVarint(bytes.size(), out);
  out.append(bytes.data(), bytes.size());
}

std::optional<uint64_t> Walker::readVarint(size_t &at, size_t end) const {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 70 && at < end; shift += 7) {
    unsigned char byte = file[at++];
    if (shift == 63 && byte > 1)
      return std::nullopt;
    value |= uint64_t(byte & 0x7f) << shift;
    if (byte < 0x80)
      return value;
  }
  return std::nullopt;
}

llvm::Error Walker::readField(size_t &at, size_t end, Field &field) const {
  field = {};
  field.begin = at;
  std::optional<uint64_t> key = readVarint(at, end);
  if (!key || *key >> 3 == 0 || *key >> 32 != 0)
    return fail(field.begin, "must be a field of an ONNX model");
  field.number = *key >> 3;
  field.type = *key & 7;
  uint64_t length = field.type == Fixed32 ? 4 : field.type == Fixed64 ? 8 : 0;
  if (field.type == Varint || field.type == Bytes) {
    std::optional<uint64_t> value = readVarint(at, end);
    if (!value)
      return fail(field.begin, "field must end within its message");
    (field.type == Varint ? field.integer : length) = *value;
  } else if (!length) {
    return fail(field.begin, "wire type must be 0, 1, 2 or 5, got: " +
                                 std::to_string(field.type));
  }
  field.payload = at;
  if (length > end - at)
    return fail(field.begin, "field must end within its message");
  at += length;
  field.end = at;
  return llvm::Error::success();
}

/// A tensor's fields, with its numbers replaced by their place.
llvm::Error Walker::walkTensor(llvm::ArrayRef<Field> fields, std::string &out) {
  auto countOf = [&](uint32_t number) {
    return llvm::count_if(fields,
                          [&](const Field &f) { return f.number == number; });
  };
  uint64_t dataType = 0;
  for (const Field &field : fields)
    if (field.number == DataType)
      dataType = field.integer;
  uint32_t typed = dataType == kFloat    ? uint32_t(FloatData)
                   : dataType == kDouble ? uint32_t(DoubleData)
                                         : 0;
  // Both at once are an error that the reader of tensors finds.
  bool isTyped = typed && countOf(typed) == 1 && countOf(RawData) == 0;
  if (countOf(RawData) > 1)
    return fail(fields.front().begin, "a tensor must have raw_data once");
  for (const Field &field : fields) {
    bool isNumbers =
        field.number == RawData || (isTyped && field.number == typed);
    if (!isNumbers || field.type != Bytes) {
      copy(field, out);
      continue;
    }
    char place[kPlaceBytes];
    llvm::support::endian::write64le(place, field.payload);
    llvm::support::endian::write64le(place + 8, field.end - field.payload);
    appendBytes(RawData, {place, sizeof(place)}, out);
  }
  return llvm::Error::success();
}

llvm::Error Walker::walk(Message kind, size_t begin, size_t end, unsigned depth,
                         std::string &out) {
  if (depth > kMaxDepth)
    return fail(begin, "messages must not be nested over 100 deep");
  llvm::SmallVector<Field> tensor;
  for (size_t at = begin; at < end;) {
    Field field;
    if (llvm::Error error = readField(at, end, field))
      return error;
    if (kind == Message::Tensor) {
      tensor.push_back(field);
      continue;
    }
    Message child = messageOf(kind, field.number);
    if (child == Message::Other || field.type != Bytes) {
      copy(field, out);
      continue;
    }
    std::string inner;
    if (llvm::Error error =
            walk(child, field.payload, field.end, depth + 1, inner))
      return error;
    appendBytes(field.number, inner, out);
  }
  return walkTensor(tensor, out);
}

static llvm::Expected<std::string>
skeletonOf(Message kind, llvm::ArrayRef<char> file, llvm::StringRef path) {
  std::string skeleton;
  if (llvm::Error error =
          Walker(file, path).walk(kind, 0, file.size(), 0, skeleton))
    return std::move(error);
  return skeleton;
}

llvm::Expected<std::string> lqc::readOnnxSkeleton(llvm::ArrayRef<char> file,
                                                  llvm::StringRef path) {
  return skeletonOf(Message::Model, file, path);
}

llvm::Expected<std::string> lqc::readTensorSkeleton(llvm::ArrayRef<char> file,
                                                    llvm::StringRef path) {
  return skeletonOf(Message::Tensor, file, path);
}

std::optional<FilePlace> lqc::parsePlace(llvm::StringRef rawData) {
  if (rawData.size() != kPlaceBytes)
    return std::nullopt;
  return FilePlace{llvm::support::endian::read64le(rawData.data()),
                   llvm::support::endian::read64le(rawData.data() + 8)};
}

std::string lqc::onnxFingerprint(llvm::StringRef skeleton) {
  return kOnnxHeader.str() + contentHash({skeleton.data(), skeleton.size()});
}

std::string lqc::dataFingerprint(llvm::ArrayRef<char> file) {
  constexpr uint64_t kSamples = 256, kSampleBytes = 4096;
  ContentHasher hasher;
  char size[8];
  llvm::support::endian::write64le(size, file.size());
  hasher.update(llvm::ArrayRef<char>(size));
  if (file.size() <= kSamples * kSampleBytes) {
    hasher.update(file);
    return kDataHeader.str() + hasher.digits();
  }
  const uint64_t last = file.size() - kSampleBytes;
  for (uint64_t i = 0; i < kSamples; ++i)
    // last * i stays below 2^64 for files below 2^56 bytes.
    hasher.update(file.slice(last * i / (kSamples - 1), kSampleBytes));
  return kDataHeader.str() + hasher.digits();
}
