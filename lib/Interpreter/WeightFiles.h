//===- WeightFiles.h - the files that weights are in ------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_INTERPRETER_WEIGHTFILES_H
#define LQC_LIB_INTERPRETER_WEIGHTFILES_H

#include "dialects/LQC/LQC.h"
#include "lqc/Support/MappedFile.h"

#include "llvm/ADT/StringMap.h"

#include <memory>
#include <string>

namespace lqc {

/// A file with weights, mapped, and what identifies it.
struct WeightFile {
  MappedFile contents;
  /// Of a safetensors file the contentHash of the length and the header; of
  /// others a fingerprint of lqc/Support/OnnxFile.h.
  std::string headerHash;
  /// Before the first number: in a safetensors file the header and the 8 bytes
  /// of its length, in others 0.
  uint64_t headerBytes = 0;
};

/// Opens each file once.
class WeightFiles {
public:
  explicit WeightFiles(std::string root) : root(std::move(root)) {}

  /// The file that `place` is in, after checking that it is the one that was
  /// imported and that the bytes lie within it.
  llvm::Expected<std::shared_ptr<const WeightFile>> open(FileAttr place);

  llvm::StringRef rootFolder() const { return root; }

private:
  const std::string root;
  llvm::StringMap<std::shared_ptr<const WeightFile>> files;
};

} // namespace lqc

#endif // LQC_LIB_INTERPRETER_WEIGHTFILES_H
