//===- Safetensors.cpp - the header of a safetensors file -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The input is the beginning of a file, length and header; data follow as a
// hole, so that headers of real checkpoints are valid and inputs stay small.
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Safetensors/Checkpoint.h"
#include "test/fuzz/Fuzz.h"

#include "llvm/Support/Endian.h"

using namespace lqc;
using namespace lqc::test;

/// As much data as the largest checkpoint of the repository has.
static constexpr uint64_t kDataBytes = 8 << 20;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static MemoryFile file;
  file.write({reinterpret_cast<const char *>(data), size}, kDataBytes);
  llvm::Expected<Checkpoint> checkpoint = Checkpoint::open(file.path());
  if (!checkpoint) {
    requireOneLine(checkpoint.takeError());
    return 0;
  }
  for (const CheckpointTensor &tensor : checkpoint->tensors()) {
    require(checkpoint->find(tensor.name) == &tensor, "a tensor has one name");
    llvm::ArrayRef<char> bytes = checkpoint->bytesOf(tensor);
    require(bytes.size() ==
                uint64_t(tensor.elements()) * storageTypeBytes(tensor.type),
            "a tensor has the bytes of its elements");
    volatile char touched = bytes.empty() ? 0 : bytes.front() + bytes.back();
    (void)touched;
  }
  return 0;
}

std::vector<std::string> lqc::test::fuzzSeeds() {
  std::vector<std::string> seeds;
  for (const char *name :
       {"examples/bard-llama/model.safetensors",
        "test/golden/tiny-biases/model.safetensors",
        "test/golden/tiny-llama3-rope/model-00001-of-00003.safetensors",
        "test/golden/tiny-odd-sizes/model.safetensors"}) {
    std::string bytes = repositoryFile(name);
    bytes.resize(8 + llvm::support::endian::read64le(bytes.data()));
    seeds.push_back(std::move(bytes));
  }
  const std::string small =
      R"({"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"BF16","shape":[],"data_offsets":[8,10]}})";
  std::string length(8, '\0');
  llvm::support::endian::write64le(length.data(), small.size());
  seeds.push_back(length + small);
  return seeds;
}
