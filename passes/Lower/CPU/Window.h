//===- Window.h - where a window's places are in an image -------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_LOWER_CPU_WINDOW_H
#define LQC_PASSES_LOWER_CPU_WINDOW_H

#include "passes/Lower/CPU/KernelEmitter.h"

namespace lqc {

/// Where the rows of lqc.patches and lqc.depthwise are in an image (batch,
/// height, width, channels); a sequence has the height 1. Sizes in elements.
struct Window {
  explicit Window(PatchesOp op);
  explicit Window(DepthwiseOp op);

  /// Where the window of row `row` begins.
  mlir::Value startOf(KernelEmitter &e, mlir::Value row) const;

  int64_t places[2];     ///< of the window, down and across
  int64_t placeSteps[2]; ///< from one to the next
  int64_t imageSize;
  int64_t segments; ///< neighbours in a row of patches, and in the image
  int64_t segmentLength;
  int64_t across; ///< segments beside each other
  int64_t kernel[2];
  int64_t tapSteps[2]; ///< from a place of it to that below, to that beside
};

} // namespace lqc

#endif // LQC_PASSES_LOWER_CPU_WINDOW_H
