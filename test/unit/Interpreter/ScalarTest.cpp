//===- ScalarTest.cpp - arith and math on every element type -----------===//
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
using Doubles = std::vector<double>;

class ScalarTest : public InterpreterTest {
protected:
  /// The result of "%r = OP %a, %b : TYPE" with a result of the same type.
  TensorValue apply(const std::string &op, const std::string &type,
                    const Tensors &operands, std::string result = "") {
    parse(
        text(op, type, operands.size(), type, result.empty() ? type : result));
    return call("f", operands)[0];
  }
  std::string errorOf(const std::string &op, const std::string &type,
                      const Tensors &operands) {
    parse(text(op, type, operands.size(), type, type));
    return messageOf(tryCall("f", operands));
  }
  /// The result of a conversion "%r = OP %a : FROM to TO".
  TensorValue convert(const std::string &op, const std::string &from,
                      const std::string &to, TensorValue operand) {
    parse(text(op, from, 1, from + " to " + to, to));
    return call("f", {operand})[0];
  }

private:
  static std::string text(const std::string &op, const std::string &type,
                          size_t operands, const std::string &types,
                          const std::string &result) {
    std::string arguments, names;
    for (size_t i = 0; i < operands; ++i) {
      std::string comma = i ? ", " : "", name = "%" + std::to_string(i);
      arguments += comma + name + ": " + type;
      names += comma + name;
    }
    return "func.func @f(" + arguments + ") -> " + result + " { %r = " + op +
           " " + names + " : " + types + " return %r : " + result + " }";
  }
};
} // namespace

TEST_F(ScalarTest, IntegerOps) {
  const std::string type = "tensor<3xi8>";
  TensorValue a = integers({7, -7, 100}), b = integers({2, 2, 100});
  const std::pair<const char *, Integers> cases[] = {
      {"addi", {9, -5, -56}},     {"divsi", {3, -3, 1}},
      {"floordivsi", {3, -4, 1}}, {"ceildivsi", {4, -3, 1}},
      {"remsi", {1, -1, 0}},      {"divui", {3, 124, 1}},
      {"ceildivui", {4, 125, 1}}, {"remui", {1, 1, 0}},
      {"andi", {2, 0, 100}},      {"ori", {7, -5, 100}},
      {"xori", {5, -5, 0}},       {"maxsi", {7, 2, 100}},
      {"minsi", {2, -7, 100}},    {"maxui", {7, -7, 100}},
      {"minui", {2, 2, 100}},     {"shli", {28, -28, 0}},
      {"shrsi", {1, -2, 0}},      {"shrui", {1, 62, 0}},
  };
  for (const auto &[op, expected] : cases)
    EXPECT_EQ(apply(std::string("arith.") + op, type, {a, b}).integers(),
              expected)
        << op;
}

TEST_F(ScalarTest, BitsAreSignedAsOneBitNumbers) {
  TensorValue a = integers({1, 1, 0}), b = integers({1, 0, 0});
  const std::string type = "tensor<3xi1>";
  EXPECT_EQ(apply("arith.maxsi", type, {a, b}).integers(), (Integers{1, 0, 0}));
  EXPECT_EQ(apply("arith.maxui", type, {a, b}).integers(), (Integers{1, 1, 0}));
  EXPECT_EQ(apply("arith.addi", type, {a, b}).integers(), (Integers{0, 1, 0}));
  EXPECT_EQ(convert("arith.extui", type, "tensor<3xi8>", a).integers(),
            (Integers{1, 1, 0}));
  EXPECT_EQ(convert("arith.extsi", type, "tensor<3xi8>", a).integers(),
            (Integers{-1, -1, 0}));
  EXPECT_EQ(convert("arith.uitofp", type, "tensor<3xf32>", a).floats(),
            (Floats{1, 1, 0}));
}

TEST_F(ScalarTest, DivisionsWithoutResultAreErrors) {
  TensorValue one = integers({1}), zero = integers({0}),
              most = integers({-128});
  TensorValue minus = integers({-1});
  for (const char *op : {"divsi", "floordivsi", "ceildivsi", "remsi", "divui",
                         "ceildivui", "remui"})
    EXPECT_EQ(errorOf(std::string("arith.") + op, "tensor<1xi8>", {one, zero}),
              "test.mlir:1:" + std::string("73: arith.") + op +
                  ": divisor must not be 0");
  EXPECT_EQ(errorOf("arith.divsi", "tensor<1xi8>", {most, minus}),
            "test.mlir:1:73: arith.divsi: quotient must be an i8, got: -128 "
            "/ -1");
  EXPECT_EQ(apply("arith.divui", "tensor<1xi8>", {most, minus}).integers(),
            (Integers{0}));
}

TEST_F(ScalarTest, ResultsInTwoParts) {
  parse(R"(func.func @f(%a: tensor<2xi8>, %b: tensor<2xi8>) ->
      (tensor<2xi8>, tensor<2xi8>, tensor<2xi8>, tensor<2xi8>, tensor<2xi8>, tensor<2xi1>) {
    %s:2 = arith.mulsi_extended %a, %b : tensor<2xi8>
    %u:2 = arith.mului_extended %a, %b : tensor<2xi8>
    %c:2 = arith.addui_extended %a, %b : tensor<2xi8>, tensor<2xi1>
    return %s#0, %s#1, %u#0, %u#1, %c#0, %c#1 : tensor<2xi8>, tensor<2xi8>, tensor<2xi8>, tensor<2xi8>, tensor<2xi8>, tensor<2xi1>
  })");
  // -1 * 2 = 0xfffe, 255 * 2 = 0x01fe; 255 + 2 = 0x101.
  Tensors results = call("f", {integers({-1, 3}), integers({2, 5})});
  EXPECT_EQ(results[0].integers(), (Integers{-2, 15}));
  EXPECT_EQ(results[1].integers(), (Integers{-1, 0}));
  EXPECT_EQ(results[2].integers(), (Integers{-2, 15}));
  EXPECT_EQ(results[3].integers(), (Integers{1, 0}));
  EXPECT_EQ(results[4].integers(), (Integers{1, 8}));
  EXPECT_EQ(results[5].integers(), (Integers{1, 0}));
}

TEST_F(ScalarTest, MathOnIntegers) {
  const std::string type = "tensor<4xi8>";
  TensorValue x = integers({0, 1, -128, 12});
  EXPECT_EQ(apply("math.absi", type, {x}).integers(),
            (Integers{0, 1, -128, 12}));
  EXPECT_EQ(apply("math.ctlz", type, {x}).integers(), (Integers{8, 7, 0, 4}));
  EXPECT_EQ(apply("math.cttz", type, {x}).integers(), (Integers{8, 0, 7, 2}));
  EXPECT_EQ(apply("math.ctpop", type, {x}).integers(), (Integers{0, 1, 1, 2}));
  TensorValue base = integers({3, -2, 2, -1}), power = integers({4, 3, -1, -3});
  EXPECT_EQ(apply("math.ipowi", type, {base, power}).integers(),
            (Integers{81, -8, 0, -1}));
}

TEST_F(ScalarTest, DoublesAreExact) {
  const std::string type = "tensor<2xf64>";
  TensorValue a = TensorValue::ofDoubles({2}, {1, 0.1});
  TensorValue b = TensorValue::ofDoubles({2}, {0x1p-52, 3});
  EXPECT_EQ(apply("arith.addf", type, {a, b}).doubles(),
            (Doubles{1 + 0x1p-52, 0.1 + 3.0}));
  EXPECT_EQ(apply("math.sqrt", type, {a}).doubles(),
            (Doubles{1, std::sqrt(0.1)}));
  EXPECT_EQ(convert("arith.truncf", type, "tensor<2xf32>", a).floats(),
            (Floats{1, 0.1f}));
  EXPECT_EQ(convert("arith.extf", "tensor<1xf32>", "tensor<1xf64>",
                    floats({1}, {0.1f}))
                .doubles(),
            (Doubles{static_cast<double>(0.1f)}));
  EXPECT_EQ(run("func.func @f() -> tensor<2xf64> { %r = arith.constant "
                "dense<[0.1, 1.0e300]> : tensor<2xf64> return %r : "
                "tensor<2xf64> }")
                .doubles(),
            (Doubles{0.1, 1e300}));
}

TEST_F(ScalarTest, EightBitFloats) {
  // e4m3fn: 3 bits behind the point, 448 is the largest, no infinity.
  TensorValue x = floats({4}, {1.0625f, 17, 464.5f, 0x1p-10f});
  Floats e4 = convert("arith.truncf", "tensor<4xf32>", "tensor<4xf8E4M3FN>", x)
                  .floats();
  EXPECT_EQ(e4[0], 1.0f);
  EXPECT_EQ(e4[1], 16.0f);
  EXPECT_TRUE(std::isnan(e4[2]));
  EXPECT_EQ(e4[3], 0.0f); // half of the smallest, to even
  // e5m2: 2 bits, 57344 is the largest, with infinity.
  TensorValue y = floats({3}, {1.125f, 1.375f, 70000});
  EXPECT_EQ(
      convert("arith.truncf", "tensor<3xf32>", "tensor<3xf8E5M2>", y).floats(),
      (Floats{1, 1.5f, INFINITY}));
  TensorValue one = floats({1}, {1}), eighth = floats({1}, {0.125f});
  EXPECT_EQ(apply("arith.addf", "tensor<1xf8E4M3FN>", {one, eighth}).floats(),
            (Floats{1.125f}));
  EXPECT_EQ(apply("arith.addf", "tensor<1xf8E5M2>", {one, eighth}).floats(),
            (Floats{1}));
}

TEST_F(ScalarTest, RoundsOnce) {
  // 1 + 2^-11 + 2^-40 is above the middle of two f16: rounding to f32 first
  // would make it the middle, and that 1.
  TensorValue x = TensorValue::ofDoubles({1}, {1 + 0x1p-11 + 0x1p-40});
  EXPECT_EQ(
      convert("arith.truncf", "tensor<1xf64>", "tensor<1xf16>", x).floats(),
      (Floats{1 + 0x1p-10f}));
  TensorValue y = TensorValue::ofDoubles({1}, {1 + 0x1p-8 + 0x1p-40});
  EXPECT_EQ(
      convert("arith.truncf", "tensor<1xf64>", "tensor<1xbf16>", y).floats(),
      (Floats{1 + 0x1p-7f}));
  // 2^60 + 2^36 + 1 is above the middle of two f32.
  TensorValue n = integers({(1LL << 60) + (1LL << 36) + 1});
  EXPECT_EQ(
      convert("arith.sitofp", "tensor<1xi64>", "tensor<1xf32>", n).floats(),
      (Floats{0x1p60f + 0x1p37f}));
}

TEST_F(ScalarTest, ConversionsOfIntegers) {
  TensorValue minus = integers({-1, 300});
  EXPECT_EQ(convert("arith.trunci", "tensor<2xi32>", "tensor<2xi8>", minus)
                .integers(),
            (Integers{-1, 44}));
  EXPECT_EQ(convert("arith.extui", "tensor<2xi16>", "tensor<2xi32>", minus)
                .integers(),
            (Integers{65535, 300}));
  EXPECT_EQ(
      convert("arith.uitofp", "tensor<2xi64>", "tensor<2xf32>", minus).floats(),
      (Floats{0x1p64f, 300}));
  EXPECT_EQ(
      convert("arith.index_castui", "tensor<2xi16>", "tensor<2xindex>", minus)
          .integers(),
      (Integers{65535, 300}));
}

TEST_F(ScalarTest, FloatsToIntegers) {
  TensorValue x = floats({4}, {2.9f, -2.9f, 300, NAN});
  EXPECT_EQ(
      convert("arith.fptosi", "tensor<4xf32>", "tensor<4xi8>", x).integers(),
      (Integers{2, -2, 127, 0}));
  EXPECT_EQ(
      convert("arith.fptoui", "tensor<4xf32>", "tensor<4xi8>", x).integers(),
      (Integers{2, 0, -1, 0}));
  TensorValue large = TensorValue::ofDoubles({2}, {0x1p63, -0x1p63});
  EXPECT_EQ(convert("arith.fptosi", "tensor<2xf64>", "tensor<2xi64>", large)
                .integers(),
            (Integers{INT64_MAX, INT64_MIN}));
}

TEST_F(ScalarTest, Bitcast) {
  TensorValue x = floats({2}, {1, -0.0f});
  EXPECT_EQ(
      convert("arith.bitcast", "tensor<2xf32>", "tensor<2xi32>", x).integers(),
      (Integers{0x3f800000, INT32_MIN}));
  EXPECT_EQ(convert("tensor.bitcast", "tensor<1xi16>", "tensor<1xbf16>",
                    integers({0x4000}))
                .floats(),
            (Floats{2}));
  EXPECT_EQ(convert("arith.bitcast", "tensor<1xi8>", "tensor<1xf8E4M3FN>",
                    integers({0x38}))
                .floats(),
            (Floats{1}));
}

TEST_F(ScalarTest, MathOnFloats) {
  const std::string type = "tensor<3xf32>";
  TensorValue x = floats({3}, {-2.5f, 0.5f, 1.5f});
  const std::pair<const char *, Floats> cases[] = {
      {"absf", {2.5f, 0.5f, 1.5f}}, {"ceil", {-2, 1, 2}},
      {"floor", {-3, 0, 1}},        {"trunc", {-2, 0, 1}},
      {"round", {-3, 1, 2}},        {"roundeven", {-2, 0, 2}}};
  for (const auto &[op, expected] : cases)
    EXPECT_EQ(apply(std::string("math.") + op, type, {x}).floats(), expected)
        << op;
  TensorValue y = floats({3}, {2, -1, 0.5f}), z = floats({3}, {1, 2, 4});
  EXPECT_EQ(apply("math.fma", type, {x, y, z}).floats(),
            (Floats{-4, 1.5f, 4.75f}));
  EXPECT_EQ(apply("math.copysign", type, {x, y}).floats(),
            (Floats{2.5f, -0.5f, 1.5f}));
  EXPECT_EQ(apply("math.powf", type, {z, y}).floats(), (Floats{1, 0.5f, 2}));
  EXPECT_EQ(apply("math.atan2", type, {x, y}).floats()[0],
            static_cast<float>(std::atan2(-2.5, 2.0)));
  EXPECT_EQ(apply("arith.remf", type, {x, y}).floats(),
            (Floats{-0.5f, 0.5f, 0}));
}

TEST_F(ScalarTest, TranscendentalFunctions) {
  TensorValue x = floats({2}, {0.25f, 0.75f});
  const std::pair<const char *, double (*)(double)> cases[] = {
      {"tan", std::tan},     {"asin", std::asin},   {"acos", std::acos},
      {"atan", std::atan},   {"sinh", std::sinh},   {"cosh", std::cosh},
      {"asinh", std::asinh}, {"atanh", std::atanh}, {"erfc", std::erfc},
      {"exp2", std::exp2},   {"expm1", std::expm1}, {"log", std::log},
      {"log2", std::log2},   {"log10", std::log10}, {"log1p", std::log1p},
      {"cbrt", std::cbrt}};
  for (const auto &[op, function] : cases) {
    Floats expected;
    for (float value : x.floats())
      expected.push_back(static_cast<float>(function(value)));
    EXPECT_EQ(apply(std::string("math.") + op, "tensor<2xf32>", {x}).floats(),
              expected)
        << op;
  }
  EXPECT_EQ(apply("math.acosh", "f32", {floats({}, {2})}).floats()[0],
            static_cast<float>(std::acosh(2.0)));
}

TEST_F(ScalarTest, ClassesOfFloats) {
  const std::string type = "tensor<4xf32>", bits = "tensor<4xi1>";
  TensorValue x = floats({4}, {NAN, -INFINITY, 0x1p-140f, 3});
  EXPECT_EQ(apply("math.isnan", type, {x}, bits).integers(),
            (Integers{1, 0, 0, 0}));
  EXPECT_EQ(apply("math.isinf", type, {x}, bits).integers(),
            (Integers{0, 1, 0, 0}));
  EXPECT_EQ(apply("math.isfinite", type, {x}, bits).integers(),
            (Integers{0, 0, 1, 1}));
  EXPECT_EQ(apply("math.isnormal", type, {x}, bits).integers(),
            (Integers{0, 0, 0, 1}));
  TensorValue one = floats({4}, {1, 1, 1, 1});
  EXPECT_EQ(apply("arith.maxnumf", type, {x, one}).floats(),
            (Floats{1, 1, 1, 3}));
  EXPECT_EQ(apply("arith.minnumf", type, {x, one}).floats(),
            (Floats{1, -INFINITY, 0x1p-140f, 1}));
}
