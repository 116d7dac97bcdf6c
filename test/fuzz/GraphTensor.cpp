//===- GraphTensor.cpp - tensors given to graph executables ---------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The input is a .npy file or an ONNX TensorProto; both readers read it. What
// is read is written as .npy, which reads the same.
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Tensor.h"
#include "test/fuzz/Fuzz.h"

#include <cstring>

using namespace lqc;
using namespace lqc::test;
using runtime::Tensor;

/// What is in memory becomes the same tensor again.
static void requireRoundTrip(const Tensor &tensor) {
  const std::string bytes = runtime::npyHeader(tensor) +
                            std::string(tensor.data.get(), tensor.bytes());
  Tensor again;
  std::string error;
  // .npy has no float8.
  if (tensor.element >= LQC_FLOAT8_E4M3FN)
    return;
  require(runtime::parseNpy(bytes, again, error), "what is written is read");
  require(again.element == tensor.element && again.dims == tensor.dims &&
              !std::memcmp(again.data.get(), tensor.data.get(), tensor.bytes()),
          "what is read is what was written");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char *>(data), size);
  for (auto parse : {runtime::parseNpy, runtime::parseTensorProto}) {
    Tensor tensor;
    std::string error;
    if (!parse(bytes, tensor, error)) {
      requireOneLine(error);
      continue;
    }
    for (int64_t i = 0; i < tensor.count(); ++i)
      (void)tensor.at(i);
    requireRoundTrip(tensor);
  }
  return 0;
}

std::vector<std::string> lqc::test::fuzzSeeds() {
  std::vector<std::string> seeds;
  for (int64_t element : {LQC_FLOAT32, LQC_BOOL, LQC_INT64, LQC_FLOAT16}) {
    Tensor tensor;
    tensor.element = element;
    tensor.dims = {2, 3};
    std::string error;
    require(tensor.allocate(error), "no memory");
    std::memset(tensor.data.get(), 1, tensor.bytes());
    const std::string elements(tensor.data.get(), tensor.bytes());
    seeds.push_back(runtime::npyHeader(tensor) + elements);
    // dims 2 and 3, data_type, raw_data
    seeds.push_back(std::string("\x08\x02\x08\x03\x10") + char(element) +
                    "\x4a" + char(elements.size()) + elements);
  }
  // Varints in int32_data.
  seeds.push_back(std::string("\x0a\x02\x02\x01\x10\x06\x2a\x02\x05\x07", 10));
  return seeds;
}
