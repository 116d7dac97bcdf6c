//===- TensorProto.cpp - ONNX's TensorProto -------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A reader of the wire format of one Protobuf message, `TensorProto` of
// onnx.proto: fields 1 dims, 2 data_type, 4 float_data, 5 int32_data, 6
// string_data, 7 int64_data, 8 name, 9 raw_data, 10 double_data, 11
// uint64_data, 13 external_data, 14 data_location. Others are skipped.
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Tensor.h"

#include <cstring>

namespace lqc::runtime {

constexpr size_t kMaxRank = 64;

namespace {
enum WireType { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

struct Field {
  uint64_t number = 0;
  unsigned type = 0;
  uint64_t value = 0;     ///< of a varint
  std::string_view bytes; ///< of any other, as it lies in the file
};

class WireReader {
public:
  explicit WireReader(std::string_view bytes) : rest(bytes) {}
  bool atEnd() const { return rest.empty(); }
  /// False if the message ends too early or has a wire type that does not
  /// exist.
  bool next(Field &field);
  bool varint(uint64_t &value);

private:
  bool take(uint64_t size, std::string_view &bytes) {
    if (size > rest.size())
      return false;
    bytes = rest.substr(0, size);
    rest.remove_prefix(size);
    return true;
  }
  std::string_view rest;
};

/// What a message says, its elements where they lie.
struct Message {
  int64_t element = 0;
  std::vector<int64_t> dims;
  std::string_view name, raw;
  bool hasRaw = false, isExternal = false, hasStrings = false;
  std::vector<Field> pieces; ///< of the typed lists, in order
};
} // namespace

bool WireReader::varint(uint64_t &value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (rest.empty())
      return false;
    const auto byte = static_cast<unsigned char>(rest[0]);
    rest.remove_prefix(1);
    value |= uint64_t(byte & 0x7f) << shift;
    if (!(byte & 0x80))
      return true;
  }
  return false;
}

bool WireReader::next(Field &field) {
  uint64_t key = 0;
  if (!varint(key))
    return false;
  field.number = key >> 3;
  field.type = unsigned(key & 7);
  uint64_t size = 0;
  switch (field.type) {
  case Varint:
    return varint(field.value);
  case Fixed64:
    return take(8, field.bytes);
  case Fixed32:
    return take(4, field.bytes);
  case Bytes:
    return varint(size) && take(size, field.bytes);
  default:
    return false;
  }
}

//===----------------------------------------------------------------------===//
// The message
//===----------------------------------------------------------------------===//

/// Takes the sizes of one field; they may be packed.
static bool takeDims(const Field &field, std::vector<int64_t> &dims) {
  if (field.type == Varint) {
    dims.push_back(int64_t(field.value));
    return dims.size() <= kMaxRank;
  }
  if (field.type != Bytes)
    return false;
  WireReader list(field.bytes);
  while (!list.atEnd()) {
    uint64_t value = 0;
    if (!list.varint(value) || dims.size() == kMaxRank)
      return false;
    dims.push_back(int64_t(value));
  }
  return true;
}

static bool takeField(const Field &field, Message &message) {
  switch (field.number) {
  case 1:
    return takeDims(field, message.dims);
  case 2:
    message.element = int64_t(field.value);
    return field.type == Varint;
  case 4:
  case 5:
  case 7:
  case 10:
  case 11:
    message.pieces.push_back(field);
    return true;
  case 6:
    message.hasStrings = true;
    return true;
  case 8:
    message.name = field.bytes;
    return field.type == Bytes;
  case 9:
    message.raw = field.bytes;
    message.hasRaw = true;
    return field.type == Bytes;
  case 14:
    message.isExternal = field.type == Varint && field.value == 1;
    return field.type == Varint;
  default:
    return true;
  }
}

/// What is wrong, or "".
static std::string readMessage(std::string_view bytes, Message &message) {
  WireReader reader(bytes);
  while (!reader.atEnd()) {
    Field field;
    if (!reader.next(field) || !takeField(field, message))
      return "must be an ONNX tensor: the message is damaged";
  }
  if (message.isExternal)
    return "must have its data inside, got external data";
  if (message.hasStrings || message.element == 8)
    return "must be a tensor of numbers, got strings";
  if (!elementBytes(message.element))
    return "must be an ONNX tensor of a supported type, got: " +
           elementName(message.element);
  return {};
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// The typed list that elements of a type lie in, and the bytes of one item if
/// the list is not of varints.
static uint64_t listOf(int64_t element, size_t &itemBytes) {
  itemBytes = 0;
  switch (element) {
  case LQC_FLOAT32:
    itemBytes = 4;
    return 4;
  case LQC_FLOAT64:
    itemBytes = 8;
    return 10;
  case LQC_INT64:
    return 7;
  case LQC_UINT32:
  case LQC_UINT64:
    return 11;
  default:
    return 5; // the small ones, one varint an element
  }
}

/// Appends the elements of one piece to `out` (`room` bytes). False if they do
/// not fit or are damaged.
static bool takePiece(const Field &piece, int64_t element, char *&out,
                      size_t &room) {
  size_t itemBytes = 0;
  if (piece.number != listOf(element, itemBytes))
    return false;
  const size_t size = size_t(elementBytes(element));
  auto put = [&](const void *from, size_t bytes) {
    if (bytes > room)
      return false;
    std::memcpy(out, from, bytes);
    out += bytes;
    room -= bytes;
    return true;
  };
  if (itemBytes)
    return piece.type != Varint && piece.bytes.size() % itemBytes == 0 &&
           put(piece.bytes.data(), piece.bytes.size());
  // Little-endian: the low bytes are the element.
  if (piece.type == Varint)
    return put(&piece.value, size);
  if (piece.type != Bytes)
    return false;
  WireReader list(piece.bytes);
  while (!list.atEnd()) {
    uint64_t value = 0;
    if (!list.varint(value) || !put(&value, size))
      return false;
  }
  return true;
}

/// Bytes that the elements take, at most what `bytes` of file can hold; false
/// if they take more.
static bool wantedBytes(const Message &message, size_t bytes, size_t &wanted) {
  unsigned __int128 product = unsigned(elementBytes(message.element));
  for (int64_t dim : message.dims) {
    if (dim < 0)
      return false;
    product = product > INT64_MAX && dim ? product : product * uint64_t(dim);
  }
  // A varint of one byte may stand for eight.
  wanted = size_t(product);
  return product <= (unsigned __int128)(bytes) * 8;
}

bool parseTensorProto(std::string_view bytes, Tensor &tensor,
                      std::string &error) {
  Message message;
  error = readMessage(bytes, message);
  if (!error.empty())
    return false;
  auto refuse = [&] {
    error = "must have data for " + shapeText(message.dims) + " " +
            elementName(message.element);
    return false;
  };
  size_t wanted = 0;
  if (!wantedBytes(message, bytes.size(), wanted))
    return refuse();
  tensor.name = message.name;
  tensor.element = message.element;
  tensor.dims = message.dims;
  if (!tensor.allocate(error))
    return false;
  char *out = tensor.data.get();
  size_t room = wanted;
  if (message.hasRaw) {
    if (message.raw.size() != wanted || !message.pieces.empty())
      return refuse();
    std::memcpy(out, message.raw.data(), wanted);
    room = 0;
  }
  for (const Field &piece : message.pieces)
    if (!takePiece(piece, message.element, out, room))
      return refuse();
  if (room)
    return refuse();
  if (tensor.element == LQC_BOOL)
    for (size_t i = 0; i < wanted; ++i)
      tensor.data.get()[i] = tensor.data.get()[i] != 0;
  return true;
}

} // namespace lqc::runtime
