//===- Windows.cpp - the text that a model is calibrated on ---------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Calibrate/Calibrate.h"
#include "lqc/Support/Error.h"

#include <random>

using namespace lqc;

llvm::Expected<CalibrationWindows>
lqc::drawWindows(llvm::ArrayRef<int32_t> text, int64_t samples, int64_t length,
                 uint64_t seed) {
  if (text.empty())
    return makeError("the calibration text must have at least one token");
  CalibrationWindows windows;
  const int64_t size = static_cast<int64_t>(text.size());
  windows.length = std::min(length, size);
  windows.count = size <= length ? 1 : samples;
  std::mt19937_64 random(seed);
  for (int64_t i = 0; i < windows.count; ++i) {
    // A bias of 2^-40 does not matter; being the same everywhere does.
    int64_t first = random() % uint64_t(size - windows.length + 1);
    llvm::ArrayRef<int32_t> window = text.slice(first, windows.length);
    windows.tokens.insert(windows.tokens.end(), window.begin(), window.end());
  }
  return windows;
}
