//===- Patches.cpp - the rows that a convolution is a linear of -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include "TensorIndex.h"
#include "Upstream.h"

using namespace lqc;
using Shape = TensorValue::Shape;

static llvm::Error patches(PatchesOp op, Frame &frame) {
  const TensorValue &input = frame.get(op.getInput());
  llvm::ArrayRef<int64_t> shape = input.shape();
  size_t positions = op.getKernel().size();
  // Batch, places, places within the kernel, channels.
  llvm::SmallVector<int64_t> sizes = {shape[0]}, steps;
  llvm::SmallVector<int64_t, 4> strides = stridesOf(shape);
  steps.push_back(strides[0]);
  int64_t rows = shape[0];
  for (size_t d = 0; d < positions; ++d) {
    int64_t room =
        shape[d + 1] - 1 - (op.getKernel()[d] - 1) * op.getDilations()[d];
    if (room < 0)
      return opError(op,
                     "the window must fit into position {0}, got: {1} too "
                     "few elements",
                     d, -room);
    sizes.push_back(room / op.getStrides()[d] + 1);
    steps.push_back(strides[d + 1] * op.getStrides()[d]);
    rows *= sizes.back();
  }
  int64_t columns = shape.back();
  for (size_t d = 0; d < positions; ++d) {
    sizes.push_back(op.getKernel()[d]);
    steps.push_back(strides[d + 1] * op.getDilations()[d]);
    columns *= sizes.back();
  }
  sizes.push_back(shape.back());
  steps.push_back(1);
  frame.set(op, changed(input, {rows, columns}, [&](const auto &elements) {
              auto result = elements;
              result.clear();
              result.reserve(rows * columns);
              llvm::SmallVector<int64_t> position(sizes.size(), 0);
              for (int64_t i = 0; i < rows * columns; ++i) {
                int64_t place = 0;
                for (size_t d = 0; d < sizes.size(); ++d)
                  place += position[d] * steps[d];
                result.push_back(elements[place]);
                advance(position, sizes);
              }
              return result;
            }));
  return llvm::Error::success();
}

void lqc::addPatchesOp(OpTable &table) { addOp<PatchesOp>(table, patches); }
