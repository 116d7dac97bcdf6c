//===- Windows.cpp - the text that a model is calibrated on ---------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Calibrate/Calibrate.h"
#include "lqc/Support/Error.h"

#include "llvm/ADT/STLExtras.h"

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

SplitText lqc::holdOut(llvm::ArrayRef<int32_t> text, int64_t length) {
  constexpr int64_t kPlaces = 64;
  const int64_t size = static_cast<int64_t>(text.size());
  const int64_t places = std::clamp<int64_t>(size / (10 * length), 1, kPlaces);
  SplitText split;
  for (int64_t place = 0; place < places; ++place) {
    int64_t first = place * size / places, last = (place + 1) * size / places;
    int64_t tenth = (last - first) / 10;
    if (tenth >= length)
      tenth -= tenth % length;
    llvm::ArrayRef<int32_t> part = text.slice(first, last - first);
    llvm::append_range(split.kept, part.drop_back(tenth));
    llvm::append_range(split.heldOut, part.take_back(tenth));
  }
  return split;
}

llvm::Expected<CalibrationWindows>
lqc::spreadWindows(llvm::ArrayRef<int32_t> text, int64_t most, int64_t length) {
  if (text.empty())
    return makeError("the calibration text must have at least one token");
  CalibrationWindows windows;
  windows.length = std::min(length, static_cast<int64_t>(text.size()));
  const int64_t all = static_cast<int64_t>(text.size()) / windows.length;
  windows.count = std::min(most, all);
  for (int64_t i = 0; i < windows.count; ++i) {
    int64_t window = i * all / windows.count;
    llvm::ArrayRef<int32_t> tokens =
        text.slice(window * windows.length, windows.length);
    windows.tokens.insert(windows.tokens.end(), tokens.begin(), tokens.end());
  }
  return windows;
}
