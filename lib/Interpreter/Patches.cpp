//===- Patches.cpp - what convolutions see of an image --------------------===//
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

namespace {
/// How the pixels of an image are walked over: batch and places, then places
/// within the kernel. Steps are in elements.
struct Walk {
  llvm::SmallVector<int64_t> sizes, steps;
  int64_t rows = 1;
  int64_t taps = 1;     ///< places within the kernel
  int64_t channels = 0; ///< elements of a pixel, side by side
};
} // namespace

template <typename WindowOp>
static llvm::Expected<Walk> walkOf(WindowOp op, llvm::ArrayRef<int64_t> shape) {
  size_t positions = op.getKernel().size();
  llvm::SmallVector<int64_t, 4> strides = stridesOf(shape);
  Walk walk;
  walk.sizes = {shape[0]};
  walk.steps = {strides[0]};
  walk.rows = shape[0];
  for (size_t d = 0; d < positions; ++d) {
    int64_t room =
        shape[d + 1] - 1 - (op.getKernel()[d] - 1) * op.getDilations()[d];
    if (room < 0)
      return opError(op,
                     "the window must fit into position {0}, got: {1} too "
                     "few elements",
                     d, -room);
    walk.sizes.push_back(room / op.getStrides()[d] + 1);
    walk.steps.push_back(strides[d + 1] * op.getStrides()[d]);
    walk.rows *= walk.sizes.back();
  }
  for (size_t d = 0; d < positions; ++d) {
    walk.sizes.push_back(op.getKernel()[d]);
    walk.steps.push_back(strides[d + 1] * op.getDilations()[d]);
    walk.taps *= walk.sizes.back();
  }
  walk.channels = shape.back();
  return walk;
}

/// Calls `visit(first)` for the first element of each pixel under the window,
/// row by row.
static void forEachPixel(const Walk &walk,
                         llvm::function_ref<void(int64_t)> visit) {
  llvm::SmallVector<int64_t> position(walk.sizes.size(), 0);
  for (int64_t i = 0; i < walk.rows * walk.taps; ++i) {
    int64_t first = 0;
    for (size_t d = 0; d < walk.sizes.size(); ++d)
      first += position[d] * walk.steps[d];
    visit(first);
    advance(position, walk.sizes);
  }
}

static llvm::Error patches(PatchesOp op, Frame &frame) {
  const TensorValue &input = frame.get(op.getInput());
  llvm::Expected<Walk> walk = walkOf(op, input.shape());
  if (!walk)
    return walk.takeError();
  int64_t columns = walk->taps * walk->channels;
  frame.set(op,
            changed(input, {walk->rows, columns}, [&](const auto &elements) {
              auto result = elements;
              result.clear();
              result.reserve(walk->rows * columns);
              forEachPixel(*walk, [&](int64_t first) {
                auto pixel = elements.begin() + first;
                result.insert(result.end(), pixel, pixel + walk->channels);
              });
              return result;
            }));
  return llvm::Error::success();
}

static llvm::Error depthwise(DepthwiseOp op, Frame &frame) {
  const TensorValue &input = frame.get(op.getInput());
  const std::vector<int64_t> &codes = frame.get(op.getWeight()).integers();
  llvm::Expected<Walk> walk = walkOf(op, input.shape());
  if (!walk)
    return walk.takeError();
  int64_t channels = walk->channels, i = 0;
  std::vector<int64_t> result(walk->rows * channels, 0);
  forEachPixel(*walk, [&](int64_t first) {
    int64_t row = i / walk->taps, tap = i % walk->taps;
    for (int64_t c = 0; c < channels; ++c)
      result[row * channels + c] +=
          (input.integers()[first + c] & 255) *
          static_cast<int8_t>(codes[tap * channels + c]);
    ++i;
  });
  for (size_t r = 0; r < result.size(); ++r) {
    int64_t bias =
        op.getBias() ? frame.get(op.getBias()).integers()[r % channels] : 0;
    result[r] = static_cast<int32_t>(result[r] + bias); // wraps
  }
  frame.set(op,
            TensorValue::ofIntegers({walk->rows, channels}, std::move(result)));
  return llvm::Error::success();
}

void lqc::addPatchesOp(OpTable &table) {
  addOp<PatchesOp>(table, patches);
  addOp<DepthwiseOp>(table, depthwise);
}
