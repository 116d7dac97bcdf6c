//===- GridTest.cpp - the numbers that a row's codes can stand for --------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Grid.h"

#include "Fixture.h"

#include <gtest/gtest.h>

using namespace lqc;

static constexpr int64_t kColumns = 512;

/// Rows rounded code by code, as a method would that chooses codes itself.
static QuantizedTensor roundOneByOne(const std::vector<float> &values,
                                     const Scheme &scheme,
                                     llvm::ArrayRef<float> importance,
                                     ClipSearch clip) {
  int64_t rows = values.size() / kColumns;
  QuantizedTensor tensor = QuantizedTensor::empty(scheme, rows, kColumns);
  RowGrid grid(scheme, kColumns);
  for (int64_t row = 0; row < rows; ++row) {
    llvm::ArrayRef<float> part =
        llvm::ArrayRef(values).slice(row * kColumns, kColumns);
    cantFail(grid.fit(part, importance, clip, row));
    for (int64_t c = 0; c < kColumns; ++c)
      tensor.codes[row * kColumns + c] = grid.nearest(c, part[c]);
    grid.store(tensor, row);
  }
  return tensor;
}

static void expectEqual(const QuantizedTensor &a, const QuantizedTensor &b) {
  std::string name = schemeName(a.scheme);
  EXPECT_EQ(a.codes, b.codes) << name;
  EXPECT_EQ(a.scales, b.scales) << name;
  EXPECT_EQ(a.zeros, b.zeros) << name;
  EXPECT_EQ(a.superScales, b.superScales) << name;
  EXPECT_EQ(a.superOffsets, b.superOffsets) << name;
}

/// Fitting and taking the nearest code is what quantize() does, and weights of
/// one are no weights, for every scheme.
TEST(Grid, FitAndNearestIsQuantize) {
  std::vector<float> values = randomValues(3 * kColumns);
  std::vector<float> ones(kColumns, 1.0f);
  for (const Scheme &scheme : everyScheme({0, 16, 64}))
    for (ClipSearch clip : {ClipSearch::None, ClipSearch::LeastSquares}) {
      QuantizedTensor whole =
          cantFail(quantize(values, 3, kColumns, scheme, clip));
      expectEqual(roundOneByOne(values, scheme, {}, clip), whole);
      expectEqual(roundOneByOne(values, scheme, ones, clip), whole);
    }
}

/// value() is what dequantize() gives, and no code is nearer than nearest().
TEST(Grid, ValuesAndNearestAgree) {
  std::vector<float> values = randomValues(kColumns);
  for (const Scheme &scheme : everyScheme({0, 32})) {
    QuantizedTensor tensor = cantFail(quantize(values, 1, kColumns, scheme));
    std::vector<float> back = dequantize(tensor);
    RowGrid grid(scheme, kColumns);
    cantFail(grid.fit(values));
    for (int64_t c = 0; c < kColumns; ++c) {
      ASSERT_EQ(grid.value(c, tensor.codes[c]), back[c]) << schemeName(scheme);
      double got = std::fabs(double(back[c]) - values[c]);
      for (unsigned code = scheme.narrowRange; code < 1u << scheme.bits;
           ++code) {
        float other = grid.value(c, code);
        if (std::isfinite(other))
          ASSERT_LE(got,
                    std::fabs(double(other) - values[c]) * (1 + 1e-5) + 1e-8)
              << schemeName(scheme) << " column " << c << " code " << code;
      }
    }
  }
}

TEST(Grid, SpansAreGroupsOrSuperGroups) {
  using Pair = std::pair<int64_t, int64_t>;
  auto spans = [](const char *name) {
    RowGrid grid(*parseScheme(name), kColumns);
    return Pair(grid.spans(), grid.spanColumns());
  };
  EXPECT_EQ(spans("int4-g64"), Pair(8, 64));
  EXPECT_EQ(spans("fp8-e4m3-g0"), Pair(1, 512));
  EXPECT_EQ(spans("q4_k"), Pair(2, 256));
  EXPECT_EQ(spans("nvfp4"), Pair(1, 512));
  EXPECT_EQ(spans("nf4-g64-dq"), Pair(1, 512));
  EXPECT_EQ(spans("nf4-g64-dq3"), Pair(3, 192)) << "the last short";
}

TEST(Grid, ASpanIsFittedAlone) {
  std::vector<float> values = randomValues(kColumns), larger = values;
  for (float &value : larger)
    value *= 4; // exact in every format
  for (const Scheme &scheme : everyScheme({64})) {
    RowGrid grid(scheme, kColumns), whole(scheme, kColumns);
    cantFail(grid.fit(values));
    cantFail(whole.fit(larger));
    int64_t last = grid.spans() - 1, first = last * grid.spanColumns();
    cantFail(grid.fitSpan(last, larger));
    EXPECT_EQ(grid.nearest(first, larger[first]),
              whole.nearest(first, larger[first]));
    EXPECT_EQ(grid.value(kColumns - 1, 1), whole.value(kColumns - 1, 1));
    if (last)
      EXPECT_EQ(grid.value(0, 1) * 4, whole.value(0, 1)) << schemeName(scheme);
  }
}

TEST(Grid, ImportanceDecidesWhatIsCutOff) {
  // As Quantize.ClipSearchByHand: one 1 and many -0.25, two bits. If the 1 is
  // worth more than all others, the range stays whole.
  std::vector<float> values(512, -0.25f), importance(512, 1.0f);
  values[0] = 1.0f;
  RowGrid grid(*parseScheme("int2-g0"), 512);
  cantFail(grid.fit(values, importance, ClipSearch::LeastSquares));
  EXPECT_EQ(grid.group(0).scale, -0.25f);
  importance[0] = 1e6f;
  cantFail(grid.fit(values, importance, ClipSearch::LeastSquares));
  EXPECT_EQ(grid.group(0).scale, -0.5f);
}

TEST(Grid, AnImportantColumnIsNearer) {
  std::vector<float> values = randomValues(kColumns),
                     importance(kColumns, 1.0f);
  for (int64_t c = 5; c < kColumns; c += 16)
    importance[c] = 1000.0f;
  for (const char *name : {"int3-g64", "nf4-g64", "q2_k", "q4_k", "mxfp4"}) {
    auto error = [&](llvm::ArrayRef<float> weights) {
      RowGrid grid(*parseScheme(name), kColumns);
      cantFail(grid.fit(values, weights, ClipSearch::LeastSquares));
      double sum = 0;
      for (int64_t c = 5; c < kColumns; c += 16) {
        double e = grid.value(c, grid.nearest(c, values[c])) - values[c];
        sum += e * e;
      }
      return sum;
    };
    EXPECT_LT(error(importance), error({})) << name;
  }
}

TEST(Grid, ErrorsNameTheirPlace) {
  std::vector<float> values = randomValues(kColumns);
  auto errorOf = [&](const char *name) {
    RowGrid grid(*parseScheme(name), kColumns);
    return llvm::toString(grid.fit(values, {}, ClipSearch::None, 7));
  };
  values[300] = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(errorOf("int4-g64"), "element [7, 300] is minus infinite");
  EXPECT_EQ(errorOf("q4_k"), "element [7, 300] is minus infinite");
  EXPECT_EQ(errorOf("nvfp4"), "element [7, 300] is minus infinite");
  values[300] = -8e8f;
  EXPECT_EQ(errorOf("int4-g64"),
            "scale of row 7, group 4 overflows fp16: 1e+08");
  EXPECT_EQ(errorOf("q6_k"),
            "super scale of row 7, super group 1 overflows fp16: -195312");
  EXPECT_EQ(errorOf("q4_k"),
            "super scale of row 7, super group 1 overflows fp16: 846561");
  values[300] = -1e7f; // the scale fits, the minimum does not
  EXPECT_EQ(errorOf("q4_k"),
            "super minimum of row 7, super group 1 overflows fp16: 158730");
  EXPECT_EQ(errorOf("mxfp4"), "");
  EXPECT_EQ(errorOf("nvfp4"), "");
}
