//===- ElementwiseTest.cpp - arith and math ----------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"

#include <cmath>
#include <limits>

using namespace lqc;

namespace {
class ElementwiseTest : public InterpreterTest {
protected:
  /// The result of one op of two tensors (or scalars) of type `type`.
  TensorValue binary(const std::string &op, const std::string &type,
                     TensorValue a, TensorValue b, std::string result = "") {
    result = result.empty() ? type : result;
    return run("func.func @f(%a: " + type + ", %b: " + type + ") -> " + result +
                   " { %r = " + op + " %a, %b : " + type +
                   " return %r : " + result + " }",
               {a, b});
  }
  TensorValue unary(const std::string &op, TensorValue a) {
    const std::string type = "tensor<?xf32>";
    return run("func.func @f(%a: " + type + ") -> " + type + " { %r = " + op +
                   " %a : " + type + " return %r : " + type + " }",
               {a});
  }
};
} // namespace

TEST_F(ElementwiseTest, FloatBinaryOps) {
  TensorValue a = floats({3}, {1, -2, 0.5}), b = floats({3}, {4, 8, -0.25});
  const std::string type = "tensor<3xf32>";
  EXPECT_EQ(binary("arith.addf", type, a, b).floats(), (Floats{5, 6, 0.25}));
  EXPECT_EQ(binary("arith.subf", type, a, b).floats(), (Floats{-3, -10, 0.75}));
  EXPECT_EQ(binary("arith.mulf", type, a, b).floats(),
            (Floats{4, -16, -0.125}));
  EXPECT_EQ(binary("arith.divf", type, a, b).floats(),
            (Floats{0.25, -0.25, -2}));
  EXPECT_EQ(binary("arith.maximumf", type, a, b).floats(), (Floats{4, 8, 0.5}));
  EXPECT_EQ(binary("arith.minimumf", type, a, b).floats(),
            (Floats{1, -2, -0.25}));
}

TEST_F(ElementwiseTest, MaximumKeepsNan) {
  TensorValue nan = floats({}, {NAN}), one = floats({}, {1});
  EXPECT_TRUE(
      std::isnan(binary("arith.maximumf", "f32", one, nan).floats()[0]));
  EXPECT_TRUE(
      std::isnan(binary("arith.minimumf", "f32", nan, one).floats()[0]));
}

TEST_F(ElementwiseTest, HalfResultsAreRounded) {
  // 1 + 2^-9 has no place in bf16 (8 bits): to even.
  TensorValue a = floats({1}, {1}), b = floats({1}, {0x1p-9f});
  EXPECT_EQ(binary("arith.addf", "tensor<1xbf16>", a, b).floats(), (Floats{1}));
  EXPECT_EQ(binary("arith.addf", "tensor<1xf16>", a, b).floats(),
            (Floats{1 + 0x1p-9f}));
}

TEST_F(ElementwiseTest, IntegerBinaryOpsWrap) {
  TensorValue a = integers({7, 2147483647}), b = integers({-3, 1});
  const std::string type = "tensor<2xi32>";
  EXPECT_EQ(binary("arith.addi", type, a, b).integers(),
            (Integers{4, -2147483648LL}));
  EXPECT_EQ(binary("arith.subi", type, a, b).integers(),
            (Integers{10, 2147483646}));
  EXPECT_EQ(binary("arith.muli", type, a, b).integers(),
            (Integers{-21, 2147483647}));
  TensorValue x = TensorValue::ofIntegers({}, {6});
  TensorValue y = TensorValue::ofIntegers({}, {7});
  EXPECT_EQ(binary("arith.muli", "index", x, y).integers(), (Integers{42}));
}

TEST_F(ElementwiseTest, IntegerComparisons) {
  TensorValue a = integers({1, 2, -1}), b = integers({2, 2, 1});
  const std::pair<const char *, Integers> cases[] = {
      {"eq", {0, 1, 0}},  {"ne", {1, 0, 1}},  {"slt", {1, 0, 1}},
      {"sle", {1, 1, 1}}, {"sgt", {0, 0, 0}}, {"sge", {0, 1, 0}},
      {"ult", {1, 0, 0}}, {"ule", {1, 1, 0}}, {"ugt", {0, 0, 1}},
      {"uge", {0, 1, 1}}};
  for (const auto &[predicate, expected] : cases)
    EXPECT_EQ(binary("arith.cmpi " + std::string(predicate) + ",",
                     "tensor<3xi32>", a, b, "tensor<3xi1>")
                  .integers(),
              expected)
        << predicate;
}

TEST_F(ElementwiseTest, FloatComparisons) {
  TensorValue a = floats({4}, {1, 2, 3, NAN}), b = floats({4}, {2, 2, 2, 2});
  const std::pair<const char *, Integers> cases[] = {
      {"false", {0, 0, 0, 0}}, {"true", {1, 1, 1, 1}}, {"ord", {1, 1, 1, 0}},
      {"uno", {0, 0, 0, 1}},   {"oeq", {0, 1, 0, 0}},  {"ueq", {0, 1, 0, 1}},
      {"one", {1, 0, 1, 0}},   {"une", {1, 0, 1, 1}},  {"olt", {1, 0, 0, 0}},
      {"ult", {1, 0, 0, 1}},   {"ole", {1, 1, 0, 0}},  {"ule", {1, 1, 0, 1}},
      {"ogt", {0, 0, 1, 0}},   {"ugt", {0, 0, 1, 1}},  {"oge", {0, 1, 1, 0}},
      {"uge", {0, 1, 1, 1}}};
  for (const auto &[predicate, expected] : cases)
    EXPECT_EQ(binary("arith.cmpf " + std::string(predicate) + ",",
                     "tensor<4xf32>", a, b, "tensor<4xi1>")
                  .integers(),
              expected)
        << predicate;
}

TEST_F(ElementwiseTest, Select) {
  const char *perElement = R"(
    func.func @f(%c: tensor<2xi1>, %a: tensor<2xf32>, %b: tensor<2xf32>) -> tensor<2xf32> {
      %r = arith.select %c, %a, %b : tensor<2xi1>, tensor<2xf32>
      return %r : tensor<2xf32>
    })";
  TensorValue a = floats({2}, {1, 2}), b = floats({2}, {3, 4});
  EXPECT_EQ(run(perElement, {integers({1, 0}), a, b}).floats(), (Floats{1, 4}));
  const char *whole = R"(
    func.func @f(%c: i1, %a: tensor<2xf32>, %b: tensor<2xf32>) -> tensor<2xf32> {
      %r = arith.select %c, %a, %b : tensor<2xf32>
      return %r : tensor<2xf32>
    })";
  EXPECT_EQ(run(whole, {TensorValue::ofIntegers({}, {0}), a, b}).floats(),
            (Floats{3, 4}));
}

TEST_F(ElementwiseTest, Conversions) {
  EXPECT_EQ(run(R"(func.func @f(%a: tensor<1xf32>) -> tensor<1xbf16> {
                %r = arith.truncf %a : tensor<1xf32> to tensor<1xbf16>
                return %r : tensor<1xbf16> })",
                {floats({1}, {1 + 0x1p-7f + 0x1p-8f})})
                .floats(),
            (Floats{1 + 0x1p-6f}));
  EXPECT_EQ(run(R"(func.func @f(%a: tensor<1xf16>) -> tensor<1xf32> {
                %r = arith.extf %a : tensor<1xf16> to tensor<1xf32>
                return %r : tensor<1xf32> })",
                {floats({1}, {0.5})})
                .floats(),
            (Floats{0.5}));
  EXPECT_EQ(run(R"(func.func @f(%a: i32) -> index {
                %r = arith.index_cast %a : i32 to index
                return %r : index })",
                {TensorValue::ofIntegers({}, {-5})})
                .integers(),
            (Integers{-5}));
  EXPECT_EQ(run(R"(func.func @f(%a: tensor<2xi32>) -> tensor<2xf32> {
                %r = arith.sitofp %a : tensor<2xi32> to tensor<2xf32>
                return %r : tensor<2xf32> })",
                {integers({-5, 16777217})})
                .floats(),
            (Floats{-5, 16777216}));
}

TEST_F(ElementwiseTest, Constants) {
  EXPECT_EQ(run(R"(func.func @f() -> tensor<2x2xf32> {
                %r = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
                return %r : tensor<2x2xf32> })")
                .floats(),
            (Floats{1, 2, 3, 4}));
  EXPECT_EQ(run(R"(func.func @f() -> tensor<3xi32> {
                %r = arith.constant dense<-7> : tensor<3xi32>
                return %r : tensor<3xi32> })")
                .integers(),
            (Integers{-7, -7, -7}));
  EXPECT_EQ(run("func.func @f() -> i1 { %r = arith.constant true return %r : "
                "i1 }")
                .integers(),
            (Integers{1}));
  EXPECT_EQ(run("func.func @f() -> bf16 { %r = arith.constant 1.5 : bf16 "
                "return %r : bf16 }")
                .floats(),
            (Floats{1.5}));
}

TEST_F(ElementwiseTest, MathOps) {
  TensorValue x = floats({3}, {0.25f, 1.0f, 2.0f});
  const std::pair<const char *, double (*)(double)> cases[] = {
      {"arith.negf", [](double v) { return -v; }},
      {"math.exp", std::exp},
      {"math.tanh", std::tanh},
      {"math.sqrt", std::sqrt},
      {"math.rsqrt", [](double v) { return 1 / std::sqrt(v); }},
      {"math.erf", std::erf},
      {"math.cos", std::cos},
      {"math.sin", std::sin}};
  for (const auto &[op, function] : cases) {
    Floats expected;
    for (float value : x.floats())
      expected.push_back(static_cast<float>(function(value)));
    EXPECT_EQ(unary(op, x).floats(), expected) << op;
  }
}

TEST_F(ElementwiseTest, UnknownElementTypeIsAnError) {
  EXPECT_EQ(runError("func.func @f() -> f128 { %r = arith.constant 1.0 : f128 "
                     "return %r : f128 }"),
            "elements must be f64, f32, f16, bf16, f8E4M3FN, f8E4M3FNUZ, "
            "f8E5M2, f8E5M2FNUZ or integers of at most 64 bits, got: f128");
}

TEST_F(ElementwiseTest, UnknownOpIsAnError) {
  EXPECT_EQ(runError("func.func @f(%a: f32) -> f32 {\n"
                     "  %r = scf.execute_region -> f32 {\n"
                     "    scf.yield %a : f32\n  }\n  return %r : f32 }",
                     {floats({}, {1})}),
            "test.mlir:2:8: the interpreter does not know scf.execute_region; "
            "what it knows is listed in lib/Interpreter/Operations.md");
}

TEST_F(ElementwiseTest, ShapesThatDifferAreAnError) {
  parse("func.func @f(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>) -> "
        "tensor<?x?xf32> {\n %r = arith.addf %a, %b : tensor<?x?xf32>\n return "
        "%r : tensor<?x?xf32> }");
  EXPECT_EQ(
      messageOf(tryCall("f", {floats({1, 2}, {1, 2}), floats({1, 1}, {1})})),
      "test.mlir:2:7: arith.addf: dimension 1 of the operands must be "
      "the same, got: 2 != 1");
  EXPECT_EQ(
      messageOf(tryCall("f", {floats({1, 1}, {1}), floats({2, 1}, {1, 2})})),
      "test.mlir:2:7: arith.addf: dimension 0 of the operands must be "
      "the same, got: 1 != 2");
}
