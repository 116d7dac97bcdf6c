//===- Windows.h - how a long text is cut into windows ----------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Quality is measured on a text that is longer than the context. Window i feeds
// tokens [i*stride, i*stride + window) to an empty cache and predicts the token
// after each; every prediction counts, those of the last, partial window too:
//
//   tokens 0 1 2 3 4 5 6     (7 tokens, window 4, stride 3)
//   feeds  0 1 2 3           predicts 1 2 3 4
//                3 4 5       predicts 4 5 6
//
// The executable and the compiler cut a text with the same code: this one.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_WINDOWS_H
#define LQC_RUNTIME_WINDOWS_H

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

namespace lqc::runtime {

inline constexpr int64_t kDefaultWindow = 256;

struct Windows {
  int64_t tokens; ///< of the text
  int64_t window; ///< tokens of a full window, at least 1
  int64_t stride; ///< from window to window, 1 to `window`

  /// `window` and `stride` as asked for: by default kDefaultWindow, or the
  /// context if that is less, and a stride of one window.
  Windows(int64_t tokens, int64_t context, std::optional<int64_t> window,
          std::optional<int64_t> stride)
      : tokens(tokens),
        window(window.value_or(std::min(kDefaultWindow, context))),
        stride(stride.value_or(this->window)) {}

  /// What is wrong with window and stride, or "".
  std::string problem(int64_t context) const {
    if (window > context)
      return "--window must be at most the context, got: " +
             std::to_string(window) + " > " + std::to_string(context);
    if (stride > window)
      return "--stride must be at most the window, got: " +
             std::to_string(stride) + " > " + std::to_string(window);
    return {};
  }

  int64_t count() const {
    return tokens > 1 ? (tokens - 1 + stride - 1) / stride : 0;
  }
  /// The first token of window i.
  int64_t begin(int64_t i) const { return i * stride; }
  /// Tokens that window i feeds, which is the number of its predictions.
  int64_t fed(int64_t i) const {
    return std::min(window, tokens - 1 - begin(i));
  }
  /// Predictions of all windows.
  int64_t predictions() const {
    int64_t sum = 0;
    for (int64_t i = 0; i < count(); ++i)
      sum += fed(i);
    return sum;
  }
};

} // namespace lqc::runtime

#endif // LQC_RUNTIME_WINDOWS_H
