//===- ScaledRows.cpp - rows of a weight whose channels are scaled --------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowSource.h"

#include "Types.h"

#include "lqc/Support/Error.h"

using namespace lqc;
using mlir::RankedTensorType;

namespace {
class ScaleChannelsSource : public RowSource {
public:
  ScaleChannelsSource(RankedTensorType type, RowSourcePtr input,
                      std::vector<float> factors, int64_t axis,
                      std::string name)
      : RowSource(type), input(std::move(input)), factors(std::move(factors)),
        axis(axis), name(std::move(name)) {}

  llvm::Expected<RowBlock> read(int64_t first, int64_t count) const override;
  void release(int64_t first, int64_t count) const override {
    input->release(first, count);
  }

private:
  /// The factors of rows [first, first + count), or of all columns.
  llvm::ArrayRef<float> factorsOf(int64_t first, int64_t count) const {
    llvm::ArrayRef<float> all = factors;
    return axis == 0 ? all.slice(first, count) : all;
  }

  RowSourcePtr input;
  std::vector<float> factors;
  int64_t axis;
  std::string name;
};
} // namespace

llvm::Expected<RowBlock> ScaleChannelsSource::read(int64_t first,
                                                   int64_t count) const {
  llvm::Expected<RowBlock> block = input->read(first, count);
  if (!block)
    return block.takeError();
  llvm::ArrayRef<float> part = factorsOf(first, count);
  if (block->quantized) {
    if (llvm::Error error = scaleRows(*block->quantized, part))
      return prefixError(name, std::move(error));
    return block;
  }
  std::vector<float> values(count * rowElements());
  floatsFromElements(block->elements.data(), *floatFormatOf(input->type()),
                     values.size(), values.data());
  scaleFloats(values.data(), count, rowElements(), part.data(), axis);
  std::vector<char> result(count * rowBytes());
  elementsFromFloats(values.data(), FloatFormat::F32, values.size(),
                     result.data());
  return RowBlock::ofBytes(std::move(result));
}

RowSourcePtr lqc::scaleChannelsSource(RankedTensorType type, RowSourcePtr input,
                                      std::vector<float> factors, int64_t axis,
                                      std::string name) {
  return std::make_shared<ScaleChannelsSource>(
      type, std::move(input), std::move(factors), axis, std::move(name));
}
