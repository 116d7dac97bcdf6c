//===- Checkpoint.h - tensors in safetensors files --------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The format (huggingface/safetensors, README, "Format"):
//
//   u64 N, little-endian; N bytes of JSON; data
//   JSON: {"NAME": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]},
//          "__metadata__": {"format": "pt"}}
//
// Offsets count from the first byte behind the JSON. Elements are
// little-endian, row-major.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_IMPORT_SAFETENSORS_CHECKPOINT_H
#define LQC_IMPORT_SAFETENSORS_CHECKPOINT_H

#include "lqc/Support/MappedFile.h"

#include "llvm/ADT/SmallVector.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lqc {

/// How a file stores the elements of a tensor.
enum class StorageType : uint8_t {
  F64,
  F32,
  F16,
  BF16,
  F8E4M3,
  F8E5M2,
  F8E8M0,
  I64,
  I32,
  I16,
  I8,
  U64,
  U32,
  U16,
  U8,
  Bool,
};

/// The name in a safetensors header: "F32", "BF16", "F8_E4M3".
llvm::StringRef storageTypeName(StorageType type);
std::optional<StorageType> parseStorageType(llvm::StringRef name);
unsigned storageTypeBytes(StorageType type);

/// One tensor of a checkpoint: where its bytes are.
struct CheckpointTensor {
  std::string name;
  unsigned file = 0; ///< index into Checkpoint::files()
  StorageType type = StorageType::F32;
  llvm::SmallVector<int64_t, 4> shape;
  uint64_t offset = 0; ///< of the first byte, from the start of the file
  uint64_t bytes = 0;

  /// The product of the shape; 1 for a scalar.
  int64_t elements() const { return bytes / storageTypeBytes(type); }
};

/// One file of a checkpoint.
struct CheckpointFile {
  std::string name;         ///< relative to Checkpoint::directory()
  std::string path;         ///< as it can be opened
  std::string headerHash;   ///< contentHash of the length and the header
  uint64_t headerBytes = 0; ///< the 8 bytes of the length included
  std::map<std::string, std::string> metadata; ///< texts of __metadata__
  MappedFile contents;
};

/// The tensors of a directory or of a single file, mapped, not read.
class Checkpoint {
public:
  /// Opens `path`:
  ///   - a file: one safetensors file;
  ///   - a directory with `model.safetensors`, or else with
  ///     `model.safetensors.index.json` and its shards, or else with exactly
  ///     one `*.safetensors`.
  ///
  /// Everything that a header says is checked here, so that later users need
  /// not. Errors are one line, "FILE: tensor 'NAME': rule, got: value".
  static llvm::Expected<Checkpoint> open(llvm::StringRef path);

  /// All tensors, in the order of their names.
  llvm::ArrayRef<CheckpointTensor> tensors() const { return allTensors; }
  llvm::ArrayRef<CheckpointFile> files() const { return allFiles; }
  /// The directory that the files' names are relative to.
  llvm::StringRef directory() const { return folder; }

  /// The tensor called `name`, or null.
  const CheckpointTensor *find(llvm::StringRef name) const;

  const CheckpointFile &fileOf(const CheckpointTensor &tensor) const {
    return allFiles[tensor.file];
  }
  /// The bytes as stored: little-endian, row-major, perhaps not aligned.
  llvm::ArrayRef<char> bytesOf(const CheckpointTensor &tensor) const {
    return fileOf(tensor).contents.bytes().slice(tensor.offset, tensor.bytes);
  }
  /// Gives back the memory that holds the tensor's bytes.
  void dropPages(const CheckpointTensor &tensor) const {
    fileOf(tensor).contents.dropPages(tensor.offset, tensor.bytes);
  }

private:
  llvm::Error addFile(llvm::StringRef name);
  llvm::Error addShards(llvm::StringRef indexPath);
  llvm::Error sortTensors();

  std::string folder;
  std::vector<CheckpointFile> allFiles;
  std::vector<CheckpointTensor> allTensors;
};

} // namespace lqc

#endif // LQC_IMPORT_SAFETENSORS_CHECKPOINT_H
