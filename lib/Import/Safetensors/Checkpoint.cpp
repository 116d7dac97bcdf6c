//===- Checkpoint.cpp - tensors in safetensors files ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Safetensors/Checkpoint.h"

#include "lqc/Support/Error.h"
#include "lqc/Support/Hash.h"
#include "lqc/Support/Json.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <map>

using namespace lqc;

static constexpr llvm::StringLiteral kSingleFile = "model.safetensors";
static constexpr llvm::StringLiteral kIndexFile =
    "model.safetensors.index.json";
/// The limit of the format's own library.
static constexpr uint64_t kMaxHeaderBytes = 100'000'000;
static constexpr uint64_t kLengthBytes = 8;
static constexpr size_t kMaxRank = 16;

//===----------------------------------------------------------------------===//
// Storage types
//===----------------------------------------------------------------------===//

namespace {
struct StorageTypeRow {
  StorageType type;
  llvm::StringLiteral name;
  unsigned bytes;
};
} // namespace

static constexpr StorageTypeRow kStorageTypes[] = {
    {StorageType::F64, "F64", 8},        {StorageType::F32, "F32", 4},
    {StorageType::F16, "F16", 2},        {StorageType::BF16, "BF16", 2},
    {StorageType::F8E4M3, "F8_E4M3", 1}, {StorageType::F8E5M2, "F8_E5M2", 1},
    {StorageType::F8E8M0, "F8_E8M0", 1}, {StorageType::I64, "I64", 8},
    {StorageType::I32, "I32", 4},        {StorageType::I16, "I16", 2},
    {StorageType::I8, "I8", 1},          {StorageType::U64, "U64", 8},
    {StorageType::U32, "U32", 4},        {StorageType::U16, "U16", 2},
    {StorageType::U8, "U8", 1},          {StorageType::Bool, "BOOL", 1},
};

static const StorageTypeRow &rowOf(StorageType type) {
  const StorageTypeRow &row = kStorageTypes[static_cast<size_t>(type)];
  assert(row.type == type && "the table is in the order of the enum");
  return row;
}

llvm::StringRef lqc::storageTypeName(StorageType type) {
  return rowOf(type).name;
}

unsigned lqc::storageTypeBytes(StorageType type) { return rowOf(type).bytes; }

std::optional<StorageType> lqc::parseStorageType(llvm::StringRef name) {
  for (const StorageTypeRow &row : kStorageTypes)
    if (row.name == name)
      return row.type;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// One header
//===----------------------------------------------------------------------===//

namespace {

/// Reads the header of one file.
class HeaderReader {
public:
  HeaderReader(CheckpointFile &file, unsigned index)
      : file(file), index(index) {}

  llvm::Error read(std::vector<CheckpointTensor> &tensors);

private:
  template <typename... Ts>
  llvm::Error errorIn(llvm::StringRef tensor, const char *format,
                      Ts &&...values) const {
    return makeError("{0}: tensor {1}: {2}", file.path, quote(tensor),
                     llvm::formatv(format, std::forward<Ts>(values)...).str());
  }

  void readMetadata(const llvm::json::Value &value);
  llvm::Expected<CheckpointTensor>
  readTensor(llvm::StringRef name, const llvm::json::Value &value) const;
  llvm::Error readType(const llvm::json::Object &entry,
                       CheckpointTensor &tensor) const;
  llvm::Error readShape(const llvm::json::Object &entry,
                        CheckpointTensor &tensor, uint64_t &elements) const;
  llvm::Error readOffsets(const llvm::json::Object &entry,
                          CheckpointTensor &tensor, uint64_t elements) const;
  llvm::Error checkOverlaps(llvm::ArrayRef<CheckpointTensor> tensors) const;

  uint64_t dataBytes() const { return file.contents.size() - file.headerBytes; }

  CheckpointFile &file;
  unsigned index;
};

} // namespace

llvm::Error HeaderReader::readType(const llvm::json::Object &entry,
                                   CheckpointTensor &tensor) const {
  const llvm::json::Value *value = entry.get("dtype");
  std::optional<llvm::StringRef> text =
      value ? value->getAsString() : std::nullopt;
  std::optional<StorageType> type =
      text ? parseStorageType(*text) : std::nullopt;
  if (!type)
    return errorIn(tensor.name,
                   "dtype must be F32, F16, BF16 or another of the format's "
                   "types, got: {0}",
                   describeJson(value));
  tensor.type = *type;
  return llvm::Error::success();
}

llvm::Error HeaderReader::readShape(const llvm::json::Object &entry,
                                    CheckpointTensor &tensor,
                                    uint64_t &elements) const {
  const llvm::json::Array *shape = entry.getArray("shape");
  if (!shape || shape->size() > kMaxRank)
    return errorIn(tensor.name,
                   "shape must be a list of at most {0} sizes, got: {1}",
                   kMaxRank, describeJson(entry.get("shape")));
  elements = 1;
  for (const llvm::json::Value &value : *shape) {
    std::optional<int64_t> size = value.getAsInteger();
    if (!size || *size < 0)
      return errorIn(tensor.name,
                     "shape must hold integers that are not negative, got: {0}",
                     describeJson(entry.get("shape")));
    bool overflow = false;
    elements = llvm::SaturatingMultiply<uint64_t>(elements, *size, &overflow);
    if (overflow)
      return errorIn(tensor.name,
                     "shape must have less than 2^64 elements, got: {0}",
                     describeJson(entry.get("shape")));
    tensor.shape.push_back(*size);
  }
  return llvm::Error::success();
}

llvm::Error HeaderReader::readOffsets(const llvm::json::Object &entry,
                                      CheckpointTensor &tensor,
                                      uint64_t elements) const {
  const llvm::json::Array *offsets = entry.getArray("data_offsets");
  std::optional<uint64_t> begin, end;
  if (offsets && offsets->size() == 2) {
    begin = (*offsets)[0].getAsUINT64();
    end = (*offsets)[1].getAsUINT64();
  }
  std::string got = describeJson(entry.get("data_offsets"));
  if (!begin || !end)
    return errorIn(tensor.name,
                   "data_offsets must be two integers that are not negative, "
                   "got: {0}",
                   got);
  if (*end < *begin)
    return errorIn(tensor.name,
                   "data_offsets must not end before they begin, "
                   "got: {0}",
                   got);
  if (*end > dataBytes())
    return errorIn(tensor.name,
                   "data_offsets must lie within the {0} bytes of data that "
                   "begin at byte {1}, got: {2}",
                   dataBytes(), file.headerBytes, got);
  tensor.offset = file.headerBytes + *begin;
  tensor.bytes = *end - *begin;
  bool overflow = false;
  uint64_t expected = llvm::SaturatingMultiply<uint64_t>(
      elements, storageTypeBytes(tensor.type), &overflow);
  if (overflow || expected != tensor.bytes)
    return errorIn(
        tensor.name,
        "data at byte {0} must have the size of {1} elements of {2}, "
        "{3} bytes, got: {4}",
        tensor.offset, elements, storageTypeName(tensor.type),
        overflow ? "more than 2^64" : std::to_string(expected), tensor.bytes);
  return llvm::Error::success();
}

llvm::Expected<CheckpointTensor>
HeaderReader::readTensor(llvm::StringRef name,
                         const llvm::json::Value &value) const {
  CheckpointTensor tensor;
  tensor.name = name.str();
  tensor.file = index;
  if (name.empty())
    return errorIn(name, "name must not be empty");
  const llvm::json::Object *entry = value.getAsObject();
  if (!entry)
    return errorIn(name, "entry must be an object, got: {0}",
                   describeJson(&value));
  uint64_t elements = 0;
  if (llvm::Error error = readType(*entry, tensor))
    return std::move(error);
  if (llvm::Error error = readShape(*entry, tensor, elements))
    return std::move(error);
  if (llvm::Error error = readOffsets(*entry, tensor, elements))
    return std::move(error);
  return tensor;
}

llvm::Error
HeaderReader::checkOverlaps(llvm::ArrayRef<CheckpointTensor> tensors) const {
  std::vector<const CheckpointTensor *> byOffset;
  for (const CheckpointTensor &tensor : tensors)
    if (tensor.bytes)
      byOffset.push_back(&tensor);
  llvm::sort(byOffset, [](const auto *a, const auto *b) {
    return std::tie(a->offset, a->name) < std::tie(b->offset, b->name);
  });
  for (size_t i = 1; i < byOffset.size(); ++i) {
    const CheckpointTensor &before = *byOffset[i - 1], &tensor = *byOffset[i];
    uint64_t end = before.offset + before.bytes;
    if (tensor.offset < end)
      return errorIn(tensor.name,
                     "data must not overlap the data of {0}, which end at byte "
                     "{1}, got: byte {2}",
                     quote(before.name), end, tensor.offset);
  }
  return llvm::Error::success();
}

/// Texts by name. Other kinds of values are somebody else's and not read.
void HeaderReader::readMetadata(const llvm::json::Value &value) {
  if (const llvm::json::Object *object = value.getAsObject())
    for (const auto &[key, entry] : *object)
      if (std::optional<llvm::StringRef> text = entry.getAsString())
        file.metadata[key.str()] = text->str();
}

llvm::Error HeaderReader::read(std::vector<CheckpointTensor> &tensors) {
  llvm::StringRef json =
      file.contents.text().slice(kLengthBytes, file.headerBytes);
  llvm::Expected<llvm::json::Value> header =
      parseJson(json, file.path + ": header");
  if (!header)
    return header.takeError();
  const llvm::json::Object *object = header->getAsObject();
  if (!object)
    return makeError("{0}: header must be an object, got: {1}", file.path,
                     describeJson(&*header));
  size_t firstOfFile = tensors.size();
  tensors.reserve(firstOfFile + object->size());
  for (const auto &[key, value] : *object) {
    llvm::StringRef name = key;
    if (name == "__metadata__") {
      readMetadata(value);
      continue;
    }
    llvm::Expected<CheckpointTensor> tensor = readTensor(name, value);
    if (!tensor)
      return tensor.takeError();
    tensors.push_back(std::move(*tensor));
  }
  return checkOverlaps(llvm::ArrayRef(tensors).drop_front(firstOfFile));
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

llvm::Error Checkpoint::addFile(llvm::StringRef name) {
  CheckpointFile file;
  file.name = name.str();
  llvm::SmallString<256> path(folder);
  llvm::sys::path::append(path, name);
  file.path = path.str().str();
  llvm::Expected<MappedFile> contents = MappedFile::open(path);
  if (!contents)
    return contents.takeError();
  file.contents = std::move(*contents);
  uint64_t size = file.contents.size();
  if (size < kLengthBytes)
    return makeError("{0}: file must begin with the 8 bytes of the header's "
                     "length, got: {1} bytes",
                     path, size);
  uint64_t length =
      llvm::support::endian::read64le(file.contents.bytes().data());
  if (length > kMaxHeaderBytes)
    return makeError("{0}: length of the header must be at most {1} bytes, "
                     "got: {2}",
                     path, kMaxHeaderBytes, length);
  if (length > size - kLengthBytes)
    return makeError("{0}: header must lie within the file's {1} bytes, got: "
                     "{2} bytes at byte 8",
                     path, size, length);
  file.headerBytes = kLengthBytes + length;
  file.headerHash =
      contentHash(file.contents.bytes().take_front(file.headerBytes));
  allFiles.push_back(std::move(file));
  unsigned index = allFiles.size() - 1;
  return HeaderReader(allFiles.back(), index).read(allTensors);
}

/// Whether `name` is the plain name of a file, so that an index cannot make us
/// open anything outside its directory.
static bool isPlainFileName(llvm::StringRef name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(llvm::StringRef("/\\\0", 3)) ==
             llvm::StringRef::npos;
}

llvm::Error Checkpoint::addShards(llvm::StringRef indexPath) {
  llvm::Expected<MappedFile> contents = MappedFile::open(indexPath);
  if (!contents)
    return contents.takeError();
  llvm::Expected<llvm::json::Value> index =
      parseJson(contents->text(), indexPath);
  if (!index)
    return index.takeError();
  const llvm::json::Object *root = index->getAsObject();
  const llvm::json::Object *map =
      root ? root->getObject("weight_map") : nullptr;
  if (!map || map->empty())
    return makeError("{0}: weight_map must be an object that names the file of "
                     "each tensor, got: {1}",
                     indexPath,
                     describeJson(root ? root->get("weight_map") : &*index));
  std::map<llvm::StringRef, llvm::StringRef> fileOfTensor;
  std::map<llvm::StringRef, llvm::StringRef> shards; // and a tensor of each
  for (const auto &[key, value] : *map) {
    llvm::StringRef tensor = key;
    std::optional<llvm::StringRef> shard = value.getAsString();
    if (!shard || !isPlainFileName(*shard))
      return makeError("{0}: tensor {1}: weight_map must give the name of a "
                       "file beside the index, got: {2}",
                       indexPath, quote(tensor), describeJson(&value));
    fileOfTensor[tensor] = *shard;
    auto [place, isNew] = shards.try_emplace(*shard, tensor);
    if (!isNew && tensor < place->second)
      place->second = tensor;
  }
  for (const auto &[shard, tensor] : shards) {
    llvm::SmallString<256> path(folder);
    llvm::sys::path::append(path, shard);
    if (!llvm::sys::fs::exists(path))
      return makeError("{0}: tensor {1}: shard must exist, got: {2}", indexPath,
                       quote(tensor), quote(shard));
    if (llvm::Error error = addFile(shard))
      return error;
  }
  if (llvm::Error error = sortTensors())
    return error;
  for (const auto &[name, shard] : fileOfTensor) {
    const CheckpointTensor *tensor = find(name);
    if (!tensor || fileOf(*tensor).name != shard)
      return makeError("{0}: tensor {1}: shard must hold the tensor, got: {2}",
                       indexPath, quote(name), quote(shard));
  }
  return llvm::Error::success();
}

llvm::Error Checkpoint::sortTensors() {
  llvm::sort(allTensors, [](const auto &a, const auto &b) {
    return std::tie(a.name, a.file) < std::tie(b.name, b.file);
  });
  for (size_t i = 1; i < allTensors.size(); ++i) {
    const CheckpointTensor &a = allTensors[i - 1], &b = allTensors[i];
    if (a.name == b.name)
      return makeError("{0}: tensor {1}: a name must occur in one shard only, "
                       "got: also in {2}",
                       fileOf(b).path, quote(b.name), fileOf(a).name);
  }
  return llvm::Error::success();
}

/// The names of the `*.safetensors` in `directory`, sorted.
static llvm::Expected<std::vector<std::string>>
safetensorsIn(llvm::StringRef directory) {
  std::vector<std::string> names;
  std::error_code code;
  for (llvm::sys::fs::directory_iterator entry(directory, code), end;
       entry != end && !code; entry.increment(code)) {
    llvm::StringRef name = llvm::sys::path::filename(entry->path());
    if (name.ends_with(".safetensors"))
      names.push_back(name.str());
  }
  if (code)
    return makeError("{0}: {1}", directory,
                     llvm::StringRef(code.message()).lower());
  llvm::sort(names);
  return names;
}

llvm::Expected<Checkpoint> Checkpoint::open(llvm::StringRef path) {
  namespace fs = llvm::sys::fs;
  Checkpoint checkpoint;
  std::string only = kSingleFile.str();
  llvm::SmallString<256> index(path);
  llvm::sys::path::append(index, kIndexFile);
  llvm::SmallString<256> single(path);
  llvm::sys::path::append(single, kSingleFile);
  if (!fs::is_directory(path)) {
    checkpoint.folder = llvm::sys::path::parent_path(path).str();
    only = llvm::sys::path::filename(path).str();
  } else {
    checkpoint.folder = path.str();
    if (!fs::exists(single) && fs::exists(index)) {
      if (llvm::Error error = checkpoint.addShards(index))
        return std::move(error);
      return checkpoint;
    }
    if (!fs::exists(single)) {
      llvm::Expected<std::vector<std::string>> names = safetensorsIn(path);
      if (!names)
        return names.takeError();
      if (names->size() != 1)
        return makeError("{0}: directory must hold {1}, {2} or one "
                         "*.safetensors, got: {3} *.safetensors",
                         path, kSingleFile, kIndexFile, names->size());
      only = names->front();
    }
  }
  if (llvm::Error error = checkpoint.addFile(only))
    return std::move(error);
  if (llvm::Error error = checkpoint.sortTensors())
    return std::move(error);
  return checkpoint;
}

const CheckpointTensor *Checkpoint::find(llvm::StringRef name) const {
  auto *place = llvm::lower_bound(
      tensors(), name, [](const CheckpointTensor &tensor, llvm::StringRef key) {
        return tensor.name < key;
      });
  return place != tensors().end() && place->name == name ? place : nullptr;
}
