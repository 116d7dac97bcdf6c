//===- WeightFiles.cpp - the files that weights are in --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightFiles.h"

#include "lqc/Support/Error.h"
#include "lqc/Support/Hash.h"
#include "lqc/Support/OnnxFile.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/Path.h"

using namespace lqc;
namespace path = llvm::sys::path;

static constexpr uint64_t kLengthBytes = 8;

/// Paths stay within the root folder: IR from elsewhere cannot read any file.
static bool staysInside(llvm::StringRef name) {
  if (name.empty() || path::is_absolute(name) || name.contains('\0'))
    return false;
  return llvm::none_of(llvm::make_range(path::begin(name), path::end(name)),
                       [](llvm::StringRef part) { return part == ".."; });
}

/// Finds out what identifies a safetensors file.
static llvm::Error identifySafetensors(WeightFile &file, llvm::StringRef name) {
  uint64_t size = file.contents.size();
  uint64_t length =
      size < kLengthBytes
          ? 0
          : llvm::support::endian::read64le(file.contents.bytes().data());
  if (size < kLengthBytes || length > size - kLengthBytes)
    return makeError("{0}: header must lie within the file's {1} bytes, got: "
                     "{2} bytes at byte 8",
                     name, size, length);
  file.headerBytes = kLengthBytes + length;
  file.headerHash =
      contentHash(file.contents.bytes().take_front(file.headerBytes));
  return llvm::Error::success();
}

/// Opens a file of the kind that `header` belongs to.
static llvm::Expected<std::shared_ptr<const WeightFile>>
openFile(llvm::StringRef name, llvm::StringRef header) {
  llvm::Expected<MappedFile> contents = MappedFile::open(name);
  if (!contents)
    return contents.takeError();
  auto file = std::make_shared<WeightFile>();
  file->contents = std::move(*contents);
  if (header.starts_with(kOnnxHeader)) {
    llvm::Expected<std::string> skeleton =
        readOnnxSkeleton(file->contents.bytes(), name);
    if (!skeleton)
      return skeleton.takeError();
    file->headerHash = onnxFingerprint(*skeleton);
  } else if (header.starts_with(kDataHeader)) {
    file->headerHash = dataFingerprint(file->contents.bytes());
  } else if (llvm::Error error = identifySafetensors(*file, name)) {
    return std::move(error);
  }
  return file;
}

static llvm::Error checkPlace(const WeightFile &file, FileAttr place,
                              llvm::StringRef name) {
  auto error = [&](const std::string &message) {
    return makeError("{0}: tensor {1}: {2}", name, quote(place.getTensor()),
                     message);
  };
  if (file.headerHash != place.getHeader())
    return error(llvm::formatv("file changed since import: header hash {0}, "
                               "expected {1}",
                               file.headerHash, place.getHeader()));
  uint64_t size = file.contents.size();
  if (place.getOffset() < file.headerBytes || place.getOffset() > size ||
      place.getBytes() > size - place.getOffset())
    return error(llvm::formatv("data must lie between the header and the end, "
                               "bytes {0} to {1}, got: {2} bytes at byte {3}",
                               file.headerBytes, size, place.getBytes(),
                               place.getOffset()));
  return llvm::Error::success();
}

llvm::Expected<std::shared_ptr<const WeightFile>>
WeightFiles::open(FileAttr place) {
  if (!staysInside(place.getPath()))
    return makeError("{0}: tensor {1}: path must be relative and stay in the "
                     "model's folder",
                     quote(place.getPath()), quote(place.getTensor()));
  llvm::SmallString<256> name(root);
  path::append(name, place.getPath());
  std::shared_ptr<const WeightFile> &file = files[place.getPath()];
  if (!file) {
    llvm::Expected<std::shared_ptr<const WeightFile>> opened =
        openFile(name, place.getHeader());
    if (!opened)
      return opened.takeError();
    file = std::move(*opened);
  }
  if (llvm::Error error = checkPlace(*file, place, name))
    return std::move(error);
  return file;
}
