//===- ModelFile.cpp - an ONNX file and the tensors in it -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/ModelFile.h"

#include "lqc/Support/Error.h"

#include "onnx/onnx_pb.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"

#include <cstring>

using namespace lqc;
namespace path = llvm::sys::path;

/// Elements of one tensor: more are a mistake in the file, and products of
/// sizes and bytes stay within int64.
static constexpr int64_t kMaxElements = int64_t(1) << 40;

ModelFile::ModelFile() = default;
ModelFile::~ModelFile() = default;

//===----------------------------------------------------------------------===//
// The model
//===----------------------------------------------------------------------===//

template <typename Proto>
static bool parseSkeleton(const std::string &skeleton, Proto &proto) {
  return skeleton.size() <= INT_MAX &&
         proto.ParseFromArray(skeleton.data(), skeleton.size());
}

llvm::Error ModelFile::parseBytes(llvm::ArrayRef<char> bytes) {
  contents = bytes;
  llvm::Expected<std::string> skeleton = readOnnxSkeleton(bytes, filePath);
  if (!skeleton)
    return skeleton.takeError();
  fingerprint = onnxFingerprint(*skeleton);
  proto = std::make_unique<onnx::ModelProto>();
  if (!parseSkeleton(*skeleton, *proto))
    return makeError(
        "{0}: must be an ONNX model, and protobuf cannot decode it", filePath);
  if (!proto->has_graph())
    return makeError("{0}: must be an ONNX model, and it has no graph",
                     filePath);
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<ModelFile>>
ModelFile::parse(llvm::ArrayRef<char> bytes, llvm::StringRef path) {
  std::unique_ptr<ModelFile> file(new ModelFile());
  file->filePath = path.str();
  file->folder = path::parent_path(path).str();
  file->fileName = path::filename(path).str();
  if (llvm::Error error = file->parseBytes(bytes))
    return std::move(error);
  return file;
}

llvm::Expected<std::unique_ptr<ModelFile>>
ModelFile::open(llvm::StringRef path) {
  llvm::Expected<MappedFile> mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.takeError();
  llvm::Expected<std::unique_ptr<ModelFile>> file =
      parse(mapped->bytes(), path);
  if (file)
    (*file)->mapped = std::move(*mapped);
  return file;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

/// Appends the low `bytes` bytes of each value.
template <typename Values>
static void appendLow(const Values &values, unsigned bytes,
                      std::vector<char> &out) {
  for (auto value : values) {
    char piece[sizeof(value)];
    std::memcpy(piece, &value, sizeof(value));
    out.insert(out.end(), piece,
               piece + std::min<size_t>(bytes, sizeof(value)));
  }
}

namespace {
/// The fields that hold numbers one by one, and which kinds go into which.
enum class TypedField { None, Float, Double, Int32, Int64, Uint64 };
} // namespace

static TypedField typedFieldOf(OnnxType kind) {
  switch (kind) {
  case OnnxType::Float:
    return TypedField::Float;
  case OnnxType::Double:
    return TypedField::Double;
  case OnnxType::Int64:
    return TypedField::Int64;
  case OnnxType::Uint32:
  case OnnxType::Uint64:
    return TypedField::Uint64;
  default:
    return isSupported(kind) ? TypedField::Int32 : TypedField::None;
  }
}

/// The numbers of the field that this kind belongs to, as raw_data has them.
static std::vector<char> decodeTyped(const onnx::TensorProto &tensor,
                                     OnnxType kind) {
  std::vector<char> bytes;
  // 4-bit elements lie two in a number.
  unsigned size = std::max(1u, elementBits(kind) / 8);
  switch (typedFieldOf(kind)) {
  case TypedField::Float:
    appendLow(tensor.float_data(), size, bytes);
    break;
  case TypedField::Double:
    appendLow(tensor.double_data(), size, bytes);
    break;
  case TypedField::Int32:
    appendLow(tensor.int32_data(), size, bytes);
    break;
  case TypedField::Int64:
    appendLow(tensor.int64_data(), size, bytes);
    break;
  case TypedField::Uint64:
    appendLow(tensor.uint64_data(), size, bytes);
    break;
  case TypedField::None:
    break;
  }
  return bytes;
}

static llvm::Error checkTensorType(const onnx::TensorProto &tensor,
                                   StoredTensor &result) {
  std::optional<OnnxType> kind = elementOfNumber(tensor.data_type());
  if (!kind)
    return makeError("data_type must be one of ONNX's, got: {0}",
                     tensor.data_type());
  if (!isSupported(*kind))
    return makeError("{0} tensors are not supported", elementName(*kind));
  result.element = *kind;
  result.elements = 1;
  for (int64_t size : tensor.dims()) {
    if (size < 0)
      return makeError("dimensions must not be negative, got: {0}", size);
    // Later dimensions may be 0, but sizes without them must fit too.
    if (size > kMaxElements ||
        std::max<int64_t>(result.elements, 1) * std::max<int64_t>(size, 1) >
            kMaxElements)
      return makeError("a tensor must have at most 2^40 elements, got: {0} x "
                       "{1}",
                       result.elements, size);
    result.elements *= size;
    result.shape.push_back(size);
  }
  return llvm::Error::success();
}

static uint64_t storedBytes(const StoredTensor &tensor) {
  return llvm::divideCeil(
      uint64_t(tensor.elements) * elementBits(tensor.element), 8);
}

llvm::Error ModelFile::readInside(const onnx::TensorProto &tensor,
                                  StoredTensor &result) {
  if (!tensor.has_raw_data()) {
    result.decoded = std::make_shared<const std::vector<char>>(
        decodeTyped(tensor, result.element));
    result.bytes = *result.decoded;
    return llvm::Error::success();
  }
  std::optional<FilePlace> place = parsePlace(tensor.raw_data());
  // The skeleton's places lie in the file.
  if (!place || place->offset > contents.size() ||
      place->bytes > contents.size() - place->offset)
    return makeError("raw_data must lie in the file");
  result.file = fileName;
  result.header = fingerprint;
  result.place = *place;
  result.bytes = contents.slice(place->offset, place->bytes);
  return llvm::Error::success();
}

bool lqc::staysInFolder(llvm::StringRef location) {
  return !location.empty() && !path::is_absolute(location) &&
         !location.contains('\0') &&
         llvm::none_of(
             llvm::make_range(path::begin(location), path::end(location)),
             [](llvm::StringRef part) { return part == ".."; });
}

llvm::Expected<const ModelFile::DataFile *>
ModelFile::openData(llvm::StringRef location) {
  if (!staysInFolder(location))
    return makeError("external data must be a relative path that stays in the "
                     "model's folder, got: {0}",
                     quote(location));
  std::unique_ptr<DataFile> &file = dataFiles[location];
  if (file)
    return file.get();
  llvm::SmallString<256> name(folder);
  path::append(name, location);
  llvm::Expected<MappedFile> data = MappedFile::open(name);
  if (!data)
    return prefixError("external data", data.takeError());
  std::string header = dataFingerprint(data->bytes());
  file =
      std::make_unique<DataFile>(DataFile{std::move(*data), std::move(header)});
  return file.get();
}

llvm::Error ModelFile::readExternal(const onnx::TensorProto &tensor,
                                    StoredTensor &result) {
  std::string location;
  std::optional<uint64_t> length;
  for (const onnx::StringStringEntryProto &entry : tensor.external_data()) {
    llvm::StringRef value = entry.value();
    uint64_t number = 0;
    bool isNumber = entry.key() == "offset" || entry.key() == "length";
    if (isNumber && value.getAsInteger(10, number))
      return makeError("external data's {0} must be a whole number, got: {1}",
                       entry.key(), quote(value));
    if (entry.key() == "location")
      location = value.str();
    else if (entry.key() == "offset")
      result.place.offset = number;
    else if (entry.key() == "length")
      length = number;
  }
  llvm::Expected<const DataFile *> data = openData(location);
  if (!data)
    return data.takeError();
  uint64_t size = (*data)->contents.size(), offset = result.place.offset;
  result.place.bytes = length.value_or(storedBytes(result));
  if (offset > size || result.place.bytes > size - offset)
    return makeError("external data must lie within the {0} bytes of {1}, got: "
                     "{2} bytes at byte {3}",
                     size, quote(location), result.place.bytes, offset);
  result.file = location;
  result.header = (*data)->header;
  result.bytes = (*data)->contents.bytes().slice(offset, result.place.bytes);
  return llvm::Error::success();
}

llvm::Expected<StoredTensor> ModelFile::read(const onnx::TensorProto &tensor) {
  StoredTensor result;
  if (llvm::Error error = checkTensorType(tensor, result))
    return std::move(error);
  if (llvm::Error error = tensor.data_location() == onnx::TensorProto::EXTERNAL
                              ? readExternal(tensor, result)
                              : readInside(tensor, result))
    return std::move(error);
  if (result.bytes.size() != storedBytes(result))
    return makeError("its {0} elements of type {1} must take {2} bytes, got: "
                     "{3}",
                     result.elements, elementName(result.element),
                     storedBytes(result), result.bytes.size());
  return result;
}

llvm::Expected<StoredTensor> lqc::readStoredTensor(llvm::StringRef path) {
  llvm::Expected<MappedFile> mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.takeError();
  llvm::Expected<std::string> skeleton =
      readTensorSkeleton(mapped->bytes(), path);
  if (!skeleton)
    return skeleton.takeError();
  onnx::TensorProto tensor;
  if (!parseSkeleton(*skeleton, tensor))
    return makeError("{0}: must be an ONNX tensor", path);
  StoredTensor result;
  if (llvm::Error error = checkTensorType(tensor, result))
    return prefixError(path, std::move(error));
  if (tensor.has_raw_data()) {
    FilePlace place = *parsePlace(tensor.raw_data());
    llvm::ArrayRef<char> bytes =
        mapped->bytes().slice(place.offset, place.bytes);
    result.decoded =
        std::make_shared<const std::vector<char>>(bytes.begin(), bytes.end());
  } else {
    result.decoded = std::make_shared<const std::vector<char>>(
        decodeTyped(tensor, result.element));
  }
  result.bytes = *result.decoded;
  if (result.bytes.size() != storedBytes(result))
    return makeError("{0}: must hold {1} bytes of numbers, got: {2}", path,
                     storedBytes(result), result.bytes.size());
  return result;
}
