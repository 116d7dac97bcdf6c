//===- Window.h - what convolutions and pools share -------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_ONNX_WINDOW_H
#define LQC_LIB_IMPORT_ONNX_WINDOW_H

#include "lib/Import/Onnx/NodeBuilder.h"

namespace lqc {

/// A window that moves over the positions (dimensions 2 and on) of a tensor.
/// Each list has an entry for each of these dimensions.
struct Window {
  Sizes kernel; ///< positions that the window looks at
  llvm::SmallVector<int64_t> strides, dilations;
  Sizes low, high; ///< padding
  Sizes results;   ///< places of the window

  size_t rank() const { return strides.size(); }
};

/// Reads strides, dilations, pads, auto_pad and ceil_mode. Where ceil_mode adds
/// a place, `high` is enlarged to what its window reaches.
Window readWindow(NodeBuilder &n, const Tensor &input,
                  llvm::ArrayRef<Size> kernel);

/// The size that a window covers: (kernel - 1) * dilation + 1.
Size extentOf(SizeMath &sizes, const Window &window, size_t d);

/// The input with zeros, or `number`, around its positions.
Tensor padPositions(NodeBuilder &n, const Tensor &input, const Window &window,
                    const Tensor &number);

/// Folds the padded input within each window.
Tensor foldWindows(NodeBuilder &n, const Tensor &padded, const Window &window,
                   llvm::function_ref<mlir::Value(const Arith &)> init,
                   NodeBuilder::ScalarFunction fold);

/// A convolution of padded input (batch, channels, positions) with weights
/// (outputs, channels / groups, kernel), in `element`.
Tensor convolve(NodeBuilder &n, const Tensor &padded, const Tensor &weights,
                const Window &window, int64_t groups, OnnxType element);

/// Adds a vector with a number for each channel.
Tensor addChannels(NodeBuilder &n, const Tensor &tensor, const Tensor &bias);

} // namespace lqc

#endif // LQC_LIB_IMPORT_ONNX_WINDOW_H
