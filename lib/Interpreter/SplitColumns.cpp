//===- SplitColumns.cpp - matrices with some columns apart ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SplitColumns.h"

#include "Convert.h"
#include "Types.h"

#include "lqc/Interpreter/TensorValue.h"
#include "lqc/Support/Error.h"

#include <cstring>

using namespace lqc;
using mlir::RankedTensorType;

llvm::Error lqc::checkColumnIndices(llvm::ArrayRef<int64_t> indices,
                                    int64_t columns) {
  int64_t last = -1;
  for (auto [place, index] : llvm::enumerate(indices)) {
    if (index <= last || index >= columns)
      return makeError("column indices must ascend and be below {0}, got: {1} "
                       "at element {2}",
                       columns, index, place);
    last = index;
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<int64_t>> lqc::readColumns(SplitColumnsOp split,
                                                      WeightStore &store) {
  GetWeightOp read = split.getIndices().getDefiningOp<GetWeightOp>();
  WeightOp weight = read ? store.find(read.getWeight()) : WeightOp();
  if (!weight)
    return makeError("the indices of lqc.split_columns must be a weight");
  llvm::Expected<TensorValue> indices = readTensor(weight, store);
  if (!indices)
    return indices.takeError();
  int64_t columns = split.getInput().getType().getDimSize(1);
  if (llvm::Error error = checkColumnIndices(indices->integers(), columns))
    return prefixError("weight @" + weight.getSymName(), std::move(error));
  return indices->integers();
}

//===----------------------------------------------------------------------===//
// Row by row
//===----------------------------------------------------------------------===//

namespace {

class RestSource : public RowSource {
public:
  RestSource(RankedTensorType type, RowSourcePtr input,
             std::vector<int64_t> indices)
      : RowSource(type), input(std::move(input)), indices(std::move(indices)) {}

  llvm::Expected<RowBlock> read(int64_t first, int64_t count) const override {
    llvm::Expected<RowBlock> block = input->read(first, count);
    if (!block)
      return block.takeError();
    std::vector<char> result(block->elements.begin(), block->elements.end());
    const uint64_t size = rowBytes() / rowElements();
    for (int64_t row = 0; row < count; ++row)
      for (int64_t index : indices)
        std::memset(result.data() + row * rowBytes() + index * size, 0, size);
    return RowBlock::ofBytes(std::move(result));
  }
  void release(int64_t first, int64_t count) const override {
    input->release(first, count);
  }

private:
  RowSourcePtr input;
  std::vector<int64_t> indices;
};

class KeptSource : public RowSource {
public:
  KeptSource(RankedTensorType type, RowSourcePtr input,
             std::vector<int64_t> indices)
      : RowSource(type), input(std::move(input)), indices(std::move(indices)) {}

  llvm::Expected<RowBlock> read(int64_t first, int64_t count) const override;
  void release(int64_t first, int64_t count) const override {
    input->release(first, count);
  }

private:
  RowSourcePtr input;
  std::vector<int64_t> indices;
};

} // namespace

llvm::Expected<RowBlock> KeptSource::read(int64_t first, int64_t count) const {
  llvm::Expected<RowBlock> block = input->read(first, count);
  if (!block)
    return block.takeError();
  const FloatFormat from = *floatFormatOf(input->type());
  const int64_t width = indices.size();
  std::vector<char> taken(count * width * bytesOf(from));
  char *place = taken.data();
  for (int64_t row = 0; row < count; ++row)
    for (int64_t index : indices) {
      std::memcpy(place,
                  block->elements.data() + row * input->rowBytes() +
                      index * bytesOf(from),
                  bytesOf(from));
      place += bytesOf(from);
    }
  if (from == *floatFormatOf(type()))
    return RowBlock::ofBytes(std::move(taken));
  std::vector<float> floats(count * width);
  floatsFromElements(taken.data(), from, count * width, floats.data());
  std::vector<char> result(count * rowBytes());
  elementsFromFloats(floats.data(), *floatFormatOf(type()), count * width,
                     result.data());
  return RowBlock::ofBytes(std::move(result));
}

RowSourcePtr lqc::splitSource(RankedTensorType type, RowSourcePtr input,
                              std::vector<int64_t> indices, bool isKept) {
  if (isKept)
    return std::make_shared<KeptSource>(type, std::move(input),
                                        std::move(indices));
  return std::make_shared<RestSource>(type, std::move(input),
                                      std::move(indices));
}
