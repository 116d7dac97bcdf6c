//===- Window.cpp - where a window's places are in an image ---------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/Window.h"

using namespace mlir;
using namespace lqc;

template <typename WindowOp> static void fill(Window &window, WindowOp op) {
  RankedTensorType image = cast<RankedTensorType>(op.getInput().getType());
  bool isSequence = image.getRank() == 3;
  auto last = [&](ArrayRef<int64_t> list) { return list.back(); };
  auto first = [&](ArrayRef<int64_t> list) {
    return isSequence ? 1 : list.front();
  };
  int64_t channels = image.getShape().back();
  int64_t width = image.getDimSize(image.getRank() - 2);
  int64_t height = isSequence ? 1 : image.getDimSize(1);
  int64_t rowSize = width * channels;
  window.imageSize = height * rowSize;
  window.places[0] = isSequence ? 1 : op.getPlaces(0);
  window.places[1] = op.getPlaces(isSequence ? 0 : 1);
  window.placeSteps[0] = first(op.getStrides()) * rowSize;
  window.placeSteps[1] = last(op.getStrides()) * channels;
  window.kernel[0] = first(op.getKernel());
  window.kernel[1] = last(op.getKernel());
  window.tapSteps[0] = first(op.getDilations()) * rowSize;
  window.tapSteps[1] = last(op.getDilations()) * channels;
  // Neighbours across are one segment if there is nothing between them.
  bool isDense = last(op.getDilations()) == 1;
  window.across = isDense ? 1 : window.kernel[1];
  window.segmentLength = isDense ? window.kernel[1] * channels : channels;
  window.segments = window.kernel[0] * window.across;
}

Window::Window(PatchesOp op) { fill(*this, op); }

Window::Window(DepthwiseOp op) { fill(*this, op); }

Value Window::startOf(KernelEmitter &e, Value row) const {
  auto split = [&](Value &number, int64_t by) -> Value {
    Value rest = e.createOrFold<arith::RemUIOp>(number, e.constantI64(by));
    number = e.createOrFold<arith::DivUIOp>(number, e.constantI64(by));
    return rest;
  };
  Value across = split(row, places[1]);
  Value down = split(row, places[0]);
  return e.add(e.mul(row, imageSize),
               e.add(e.mul(down, placeSteps[0]), e.mul(across, placeSteps[1])));
}
