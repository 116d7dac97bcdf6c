//===- StatisticsFileTest.cpp - statistics, and their file ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Statistics/Statistics.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"

#include <fstream>

using namespace mlir;
using namespace lqc;

static const char *const kModel = R"(
  lqc.weight @q : tensor<2x3xf32> = dense<1.0> : tensor<2x3xf32>
  func.func @layers.0(%x: tensor<?x3xf32>) -> tensor<?x2xf32> attributes {lqc.layer = 0 : i64} {
    %w = lqc.get_weight @q : tensor<2x3xf32>
    %y = lqc.linear %x, %w : (tensor<?x3xf32>, tensor<2x3xf32>) -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  })";

namespace {
class StatisticsTest : public testing::Test {
protected:
  StatisticsTest() {
    context.loadDialect<LQCDialect, func::FuncDialect>();
    module = parseSourceString<ModuleOp>(kModel, &context);
    SmallString<64> name;
    EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("lqc", "stats", name));
    path = std::string(name);
  }
  ~StatisticsTest() override { llvm::sys::fs::remove(path); }

  /// Two tokens: (1, -2, 3) and (3, 0, -1).
  static InputStatistics twoTokens() {
    InputStatistics sums(3, /*withGram=*/true);
    const float rows[] = {1, -2, 3, 3, 0, -1};
    sums.add(rows, 2, 1);
    sums.finish();
    return sums;
  }

  StatisticsTable table() {
    StatisticsTable result;
    result.model = fingerprintOf(*module);
    result.inputs.emplace("q", twoTokens());
    result.readers["q"] = "q";
    return result;
  }

  std::string openError() {
    auto opened = FileStatistics::open(path, *module);
    return opened ? "" : llvm::toString(opened.takeError());
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::string path;
};
} // namespace

TEST_F(StatisticsTest, SumUp) {
  InputStatistics sums = twoTokens();
  EXPECT_EQ(sums.tokens, 2);
  EXPECT_EQ(sums.sumAbs, (std::vector<double>{4, 2, 4}));
  EXPECT_EQ(sums.sumSquare, (std::vector<double>{10, 4, 10}));
  EXPECT_EQ(sums.maxAbs, (std::vector<float>{3, 2, 3}));
  EXPECT_EQ(sums.gram, (std::vector<float>{10, -2, 0, -2, 4, -6, 0, -6, 10}));
}

TEST_F(StatisticsTest, DividedChannelsAreThoseOfDividedInputs) {
  InputStatistics sums = twoTokens();
  sums.divideChannels({1, 2, 4});
  InputStatistics want(3, true);
  const float rows[] = {1, -1, 0.75f, 3, 0, -0.25f};
  want.add(rows, 2, 1);
  want.finish();
  EXPECT_EQ(sums.sumAbs, want.sumAbs);
  EXPECT_EQ(sums.sumSquare, want.sumSquare);
  EXPECT_EQ(sums.maxAbs, want.maxAbs);
  EXPECT_EQ(sums.gram, want.gram);
}

TEST_F(StatisticsTest, ComeBackFromTheFile) {
  ASSERT_FALSE(bool(writeStatistics(table(), path)));
  auto opened = FileStatistics::open(path, *module);
  ASSERT_TRUE(bool(opened)) << llvm::toString(opened.takeError());
  const InputStatistics *input = cantFail((*opened)->inputOf("q"));
  ASSERT_TRUE(input);
  InputStatistics want = twoTokens();
  EXPECT_EQ(input->tokens, want.tokens);
  EXPECT_EQ(input->sumAbs, want.sumAbs);
  EXPECT_EQ(input->sumSquare, want.sumSquare);
  EXPECT_EQ(input->maxAbs, want.maxAbs);
  EXPECT_EQ(input->gram, want.gram);
  EXPECT_FALSE(cantFail((*opened)->inputOf("k")));
}

TEST_F(StatisticsTest, OfAnotherModelAreStale) {
  StatisticsTable other = table();
  other.model = "0123";
  ASSERT_FALSE(bool(writeStatistics(other, path)));
  EXPECT_NE(openError().find("statistics are stale: they were taken on another "
                             "model (fingerprint '0123', expected "),
            std::string::npos);
}

TEST_F(StatisticsTest, FingerprintsOutliveQuantizing) {
  std::string text(kModel);
  std::string before = fingerprintOf(*module);
  text.replace(text.find("@q : tensor<2x3xf32> ="), 2, "@q.int ");
  text.replace(text.find("dense<1.0> : tensor<2x3xf32>"), 28,
               "dense<1.0> : tensor<2x3xf32> attributes {lqc.source = \"q\"}");
  text.replace(text.find("get_weight @q"), 13, "get_weight @q.int");
  OwningOpRef<ModuleOp> quantized = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(quantized);
  EXPECT_EQ(fingerprintOf(*quantized), before);
}

TEST_F(StatisticsTest, BrokenFilesAreRefused) {
  StatisticsTable broken = table();
  broken.inputs.at("q").maxAbs[1] = std::numeric_limits<float>::infinity();
  ASSERT_FALSE(bool(writeStatistics(broken, path)));
  EXPECT_EQ(openError(), path + ": tensor 'q.max_abs': must be finite, got: "
                                "INF at element 1");
  broken = table();
  broken.inputs.at("q").tokens = 0;
  ASSERT_FALSE(bool(writeStatistics(broken, path)));
  EXPECT_EQ(openError(),
            path + ": input 'q': tokens must be at least 1, got: 0");
  broken = table();
  broken.readers["k"] = "k";
  ASSERT_FALSE(bool(writeStatistics(broken, path)));
  EXPECT_EQ(openError(), path + ": input 'k': must have a vector 'k.mean_abs'");
  broken = table();
  broken.inputs.at("q").gram.resize(4);
  ASSERT_FALSE(bool(writeStatistics(broken, path)));
  EXPECT_NE(openError(), "");
  std::ofstream(path, std::ios::trunc) << "short";
  EXPECT_EQ(openError(), path + ": file must begin with the 8 bytes of the "
                                "header's length, got: 5 bytes");
}

TEST_F(StatisticsTest, OtherSafetensorsAreRefused) {
  std::string header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],"
                       "\"data_offsets\":[0,4]}}";
  std::string bytes(8, '\0');
  bytes[0] = char(header.size());
  std::ofstream(path, std::ios::trunc | std::ios::binary)
      << bytes << header << std::string(4, '\0');
  EXPECT_EQ(openError(), path + ": must be a file of lqc calibrate (metadata "
                                "lqc.statistics = 1), got: ''");
}
