//===- OnnxFile.h - where the numbers of an ONNX file are -------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An ONNX file is one protobuf message (ModelProto) with the numbers of its
// weights inside. Protobuf's own reader copies all of them. The *skeleton* of a
// file is the same message, in which the numbers of a tensor are replaced by
// the place where they lie:
//
//   TensorProto { dims: 4096, 4096   raw_data: 64 MiB of numbers }
//   TensorProto { dims: 4096, 4096   raw_data: u64 offset, u64 bytes }
//
// The place is always 16 bytes, little-endian, in every tensor that has
// raw_data. float_data of FLOAT and double_data of DOUBLE tensors, which are
// the same bytes under other numbers, become raw_data too. So a file of many
// gigabytes is understood by reading a few kilobytes of it, and the skeleton's
// hash says whether the graph or a place in it has changed.
//
// No protobuf library is needed here: the wire format is walked by hand.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_SUPPORT_ONNXFILE_H
#define LQC_SUPPORT_ONNXFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>

namespace lqc {

/// A piece of a file.
struct FilePlace {
  uint64_t offset = 0; ///< from the start of the file
  uint64_t bytes = 0;
};

/// The skeleton of the ModelProto in `file`, which came from `path`. Errors are
/// one line: "PATH: byte N: rule".
llvm::Expected<std::string> readOnnxSkeleton(llvm::ArrayRef<char> file,
                                             llvm::StringRef path);

/// The same for a file that holds one TensorProto.
llvm::Expected<std::string> readTensorSkeleton(llvm::ArrayRef<char> file,
                                               llvm::StringRef path);

/// What the raw_data of a skeleton's tensor says. Nothing if it is no place.
std::optional<FilePlace> parsePlace(llvm::StringRef rawData);

/// How `header` of an `#lqc.file` begins for an ONNX file, and for a file that
/// is nothing but numbers (ONNX's external data).
inline constexpr llvm::StringLiteral kOnnxHeader = "onnx-";
inline constexpr llvm::StringLiteral kDataHeader = "data-";

/// kOnnxHeader and the hash of the skeleton.
std::string onnxFingerprint(llvm::StringRef skeleton);

/// kDataHeader and a hash of the size and of 4 KiB at 256 places spread evenly
/// from the first byte to the last: cheap for a file of any size, and it tells
/// two trainings of a model apart.
std::string dataFingerprint(llvm::ArrayRef<char> file);

} // namespace lqc

#endif // LQC_SUPPORT_ONNXFILE_H
