//===- WindowsTest.cpp - the text that a model is calibrated on -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Calibrate/Calibrate.h"

#include "gtest/gtest.h"

#include <numeric>

using namespace lqc;

static std::vector<int32_t> counting(int32_t size) {
  std::vector<int32_t> text(size);
  std::iota(text.begin(), text.end(), 0);
  return text;
}

TEST(Windows, AreRunsOfTheWholeText) {
  CalibrationWindows windows = cantFail(drawWindows(counting(100), 50, 8, 3));
  EXPECT_EQ(windows.count, 50);
  EXPECT_EQ(windows.length, 8);
  ASSERT_EQ(windows.tokens.size(), 400u);
  int32_t lowest = 100, highest = 0;
  for (int64_t i = 0; i < 50; ++i) {
    int32_t first = windows.tokens[8 * i];
    for (int32_t j = 0; j < 8; ++j)
      EXPECT_EQ(windows.tokens[8 * i + j], first + j);
    lowest = std::min(lowest, first);
    highest = std::max(highest, first);
  }
  EXPECT_LT(lowest, 10);
  EXPECT_GT(highest, 80);
}

TEST(Windows, FollowTheSeed) {
  std::vector<int32_t> text = counting(1000);
  auto tokens = [&](uint64_t seed) {
    return cantFail(drawWindows(text, 4, 16, seed)).tokens;
  };
  EXPECT_EQ(tokens(1), tokens(1));
  EXPECT_NE(tokens(1), tokens(2));
}

TEST(Windows, OfAShortTextAreTheText) {
  CalibrationWindows windows = cantFail(drawWindows(counting(5), 50, 8, 0));
  EXPECT_EQ(windows.count, 1);
  EXPECT_EQ(windows.length, 5);
  EXPECT_EQ(windows.tokens, counting(5));
}

TEST(Windows, OfNothingAreAnError) {
  llvm::Expected<CalibrationWindows> windows = drawWindows({}, 1, 1, 0);
  ASSERT_FALSE(bool(windows));
  EXPECT_EQ(llvm::toString(windows.takeError()),
            "the calibration text must have at least one token");
}

TEST(Windows, SpreadOverTheTextWithoutOverlap) {
  CalibrationWindows windows = cantFail(spreadWindows(counting(100), 3, 8));
  EXPECT_EQ(windows.count, 3); // of twelve
  ASSERT_EQ(windows.tokens.size(), 24u);
  EXPECT_EQ(windows.tokens[0], 0);
  EXPECT_EQ(windows.tokens[8], 32);
  EXPECT_EQ(windows.tokens[16], 64);
  EXPECT_EQ(windows.tokens[23], 71);
  EXPECT_EQ(cantFail(spreadWindows(counting(100), 50, 8)).count, 12);
  EXPECT_EQ(cantFail(spreadWindows(counting(5), 50, 8)).length, 5);
  EXPECT_EQ(llvm::toString(spreadWindows({}, 1, 8).takeError()),
            "the calibration text must have at least one token");
}

TEST(Windows, OfATenthAreHeldOutAllOverTheText) {
  SplitText split = holdOut(counting(800), 8);
  EXPECT_EQ(split.heldOut.size(), 80u);
  EXPECT_EQ(split.kept.size() + split.heldOut.size(), 800u);
  EXPECT_EQ(split.kept.front(), 0);
  EXPECT_EQ(split.heldOut.front(), 72); // ten places of 80 tokens
  EXPECT_EQ(split.heldOut[8], 152);
  EXPECT_EQ(split.heldOut.back(), 799);
  EXPECT_EQ(split.kept[72], 80);
}

TEST(Windows, HeldOutOfALongTextComeFrom64Places) {
  SplitText split = holdOut(counting(64 * 250), 8);
  EXPECT_EQ(split.heldOut.size(), 64u * 24); // whole windows of each tenth
  EXPECT_EQ(split.heldOut.front(), 226);
}

TEST(Windows, HeldOutOfAShortTextAreItsEnd) {
  SplitText split = holdOut(counting(50), 8);
  EXPECT_EQ(split.heldOut, (std::vector<int32_t>{45, 46, 47, 48, 49}));
  EXPECT_TRUE(holdOut(counting(9), 8).heldOut.empty());
}
