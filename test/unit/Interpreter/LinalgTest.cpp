//===- LinalgTest.cpp - structured operations --------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"

#include <cmath>

using namespace lqc;

namespace {
class LinalgTest : public InterpreterTest {
protected:
  const TensorValue matrix = floats({2, 3}, {1, 2, 3, 4, 5, 6});
};
} // namespace

TEST_F(LinalgTest, Matmul) {
  TensorValue result = run(
      R"(func.func @f(%a: tensor<?x3xf32>, %b: tensor<3x2xf32>, %c: tensor<?x2xf32>) -> tensor<?x2xf32> {
      %r = linalg.matmul ins(%a, %b : tensor<?x3xf32>, tensor<3x2xf32>) outs(%c : tensor<?x2xf32>) -> tensor<?x2xf32>
      return %r : tensor<?x2xf32> })",
      {matrix, floats({3, 2}, {1, 0, 0, 1, 1, 1}),
       floats({2, 2}, {0, 10, 0, 0})});
  EXPECT_EQ(result.floats(), (Floats{4, 15, 10, 11}));
}

TEST_F(LinalgTest, IntegerMatmulExtends) {
  TensorValue result = run(
      R"(func.func @f(%a: tensor<1x2xi8>, %b: tensor<2x1xi8>, %c: tensor<1x1xi32>) -> tensor<1x1xi32> {
      %r = linalg.matmul ins(%a, %b : tensor<1x2xi8>, tensor<2x1xi8>) outs(%c : tensor<1x1xi32>) -> tensor<1x1xi32>
      return %r : tensor<1x1xi32> })",
      {TensorValue::ofIntegers({1, 2}, {-128, 127}),
       TensorValue::ofIntegers({2, 1}, {127, 127}),
       TensorValue::ofIntegers({1, 1}, {5})});
  EXPECT_EQ(result.integers(), (Integers{-122}));
}

TEST_F(LinalgTest, BatchMatmulAndMatvec) {
  EXPECT_EQ(
      run(R"(func.func @f(%a: tensor<2x1x2xf32>, %b: tensor<2x2x1xf32>, %c: tensor<2x1x1xf32>) -> tensor<2x1x1xf32> {
      %r = linalg.batch_matmul ins(%a, %b : tensor<2x1x2xf32>, tensor<2x2x1xf32>) outs(%c : tensor<2x1x1xf32>) -> tensor<2x1x1xf32>
      return %r : tensor<2x1x1xf32> })",
          {floats({2, 1, 2}, {1, 2, 3, 4}), floats({2, 2, 1}, {5, 6, 7, 8}),
           floats({2, 1, 1}, {0, 0})})
          .floats(),
      (Floats{17, 53}));
  EXPECT_EQ(
      run(R"(func.func @f(%a: tensor<2x3xf32>, %x: tensor<3xf32>, %c: tensor<2xf32>) -> tensor<2xf32> {
      %r = linalg.matvec ins(%a, %x : tensor<2x3xf32>, tensor<3xf32>) outs(%c : tensor<2xf32>) -> tensor<2xf32>
      return %r : tensor<2xf32> })",
          {matrix, floats({3}, {1, 0, -1}), floats({2}, {0, 0})})
          .floats(),
      (Floats{-2, -2}));
}

TEST_F(LinalgTest, SumsAreInDouble) {
  // In float32 adding 2^-24 to 1 changes nothing, however often.
  const char *text = R"(
    func.func @f(%x: tensor<?xf32>, %init: tensor<f32>) -> tensor<f32> {
      %r = linalg.reduce { arith.addf } ins(%x : tensor<?xf32>) outs(%init : tensor<f32>) dimensions = [0]
      return %r : tensor<f32>
    })";
  EXPECT_EQ(
      run(text, {floats({4}, Floats(4, 0x1p-24f)), floats({}, {1})}).floats(),
      (Floats{1 + 0x1p-22f}));
}

TEST_F(LinalgTest, ReductionsOfOtherKinds) {
  const std::string head =
      "func.func @f(%x: tensor<2x3xf32>, %init: tensor<2xf32>) -> "
      "tensor<2xf32> { %r = linalg.reduce { ";
  const std::string tail =
      " } ins(%x : tensor<2x3xf32>) outs(%init : tensor<2xf32>) dimensions = "
      "[1] return %r : tensor<2xf32> }";
  TensorValue zeros = floats({2}, {0, 0}), ones = floats({2}, {1, 1});
  EXPECT_EQ(run(head + "arith.maximumf" + tail, {matrix, zeros}).floats(),
            (Floats{3, 6}));
  EXPECT_EQ(run(head + "arith.mulf" + tail, {matrix, ones}).floats(),
            (Floats{6, 120}));
}

TEST_F(LinalgTest, NothingToReduceLeavesTheInit) {
  EXPECT_EQ(
      run(R"(func.func @f(%x: tensor<2x?xf32>, %init: tensor<2xf32>) -> tensor<2xf32> {
      %r = linalg.reduce { arith.addf } ins(%x : tensor<2x?xf32>) outs(%init : tensor<2xf32>) dimensions = [1]
      return %r : tensor<2xf32> })",
          {floats({2, 0}, {}), floats({2}, {7, 8})})
          .floats(),
      (Floats{7, 8}));
}

TEST_F(LinalgTest, BroadcastMapAndFill) {
  EXPECT_EQ(
      run(R"(func.func @f(%x: tensor<2xf32>, %e: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %r = linalg.broadcast ins(%x : tensor<2xf32>) outs(%e : tensor<2x3xf32>) dimensions = [1]
      return %r : tensor<2x3xf32> })",
          {floats({2}, {1, 2}), matrix})
          .floats(),
      (Floats{1, 1, 1, 2, 2, 2}));
  EXPECT_EQ(
      run(R"(func.func @f(%x: tensor<2x3xf32>, %e: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %r = linalg.map { arith.mulf } ins(%x, %x : tensor<2x3xf32>, tensor<2x3xf32>) outs(%e : tensor<2x3xf32>)
      return %r : tensor<2x3xf32> })",
          {matrix, matrix})
          .floats(),
      (Floats{1, 4, 9, 16, 25, 36}));
  EXPECT_EQ(run(R"(func.func @f(%x: f64, %e: tensor<2xf64>) -> tensor<2xf64> {
      %r = linalg.fill ins(%x : f64) outs(%e : tensor<2xf64>) -> tensor<2xf64>
      return %r : tensor<2xf64> })",
                {TensorValue::ofDoubles({}, {0.1}),
                 TensorValue::ofDoubles({2}, {0, 0})})
                .doubles(),
            (std::vector<double>{0.1, 0.1}));
}

TEST_F(LinalgTest, Convolution) {
  // 1 x 4 x 4 x 1, numbers 0 to 15, kernel of 2 x 2 ones, steps of 2.
  Floats image;
  for (int i = 0; i < 16; ++i)
    image.push_back(i);
  const char *text = R"(
    func.func @f(%x: tensor<1x?x?x1xf32>, %k: tensor<2x2x1x1xf32>, %init: tensor<1x2x2x1xf32>) -> tensor<1x2x2x1xf32> {
      %r = linalg.conv_2d_nhwc_hwcf {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%x, %k : tensor<1x?x?x1xf32>, tensor<2x2x1x1xf32>) outs(%init : tensor<1x2x2x1xf32>) -> tensor<1x2x2x1xf32>
      return %r : tensor<1x2x2x1xf32>
    })";
  TensorValue kernel = floats({2, 2, 1, 1}, {1, 1, 1, 1});
  TensorValue zeros = floats({1, 2, 2, 1}, {0, 0, 0, 0});
  EXPECT_EQ(run(text, {floats({1, 4, 4, 1}, image), kernel, zeros}).floats(),
            (Floats{10, 18, 42, 50}));
  EXPECT_EQ(
      runError(text, {floats({1, 3, 4, 1}, Floats(12, 0)), kernel, zeros}),
      "test.mlir:3:12: linalg.conv_2d_nhwc_hwcf: operand 0: the loops "
      "must stay within the 3 elements of dimension 1");
}

TEST_F(LinalgTest, Pooling) {
  EXPECT_EQ(
      run(R"(func.func @f(%x: tensor<1x1x2x4xf32>, %init: tensor<1x1x1x2xf32>) -> tensor<1x1x1x2xf32> {
      %w = tensor.empty() : tensor<2x2xf32>
      %r = linalg.pooling_nchw_max {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%x, %w : tensor<1x1x2x4xf32>, tensor<2x2xf32>) outs(%init : tensor<1x1x1x2xf32>) -> tensor<1x1x1x2xf32>
      return %r : tensor<1x1x1x2xf32> })",
          {floats({1, 1, 2, 4}, {1, 5, 2, 0, 4, 3, 8, 7}),
           floats({1, 1, 1, 2}, {-INFINITY, -INFINITY})})
          .floats(),
      (Floats{5, 8}));
}

TEST_F(LinalgTest, Softmax) {
  TensorValue result =
      run(R"(func.func @f(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
      %e = tensor.empty() : tensor<2x2xf32>
      %r = linalg.softmax dimension(0) ins(%x : tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
      return %r : tensor<2x2xf32> })",
          {floats({2, 2}, {1000, 0, 1000, std::log(3.0f)})});
  EXPECT_FLOAT_EQ(result.floats()[0], 0.5f);
  EXPECT_FLOAT_EQ(result.floats()[2], 0.5f);
  EXPECT_FLOAT_EQ(result.floats()[1], 0.25f);
  EXPECT_FLOAT_EQ(result.floats()[3], 0.75f);
}

TEST_F(LinalgTest, GenericWithIndexAndTwoResults) {
  parse(R"(
    #id = affine_map<(i, j) -> (i, j)>
    #row = affine_map<(i, j) -> (i)>
    func.func @f(%x: tensor<2x3xf32>, %best: tensor<2xf32>, %place: tensor<2xi64>) -> (tensor<2xf32>, tensor<2xi64>) {
      %r:2 = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
          ins(%x : tensor<2x3xf32>) outs(%best, %place : tensor<2xf32>, tensor<2xi64>) {
      ^bb0(%a: f32, %m: f32, %p: i64):
        %j = linalg.index 1 : index
        %k = arith.index_cast %j : index to i64
        %isMore = arith.cmpf ogt, %a, %m : f32
        %value = arith.select %isMore, %a, %m : f32
        %where = arith.select %isMore, %k, %p : i64
        linalg.yield %value, %where : f32, i64
      } -> (tensor<2xf32>, tensor<2xi64>)
      return %r#0, %r#1 : tensor<2xf32>, tensor<2xi64>
    })");
  Tensors results =
      call("f", {floats({2, 3}, {3, 9, 9, 7, 1, 2}),
                 floats({2}, {-INFINITY, -INFINITY}), integers({-1, -1})});
  EXPECT_EQ(results[0].floats(), (Floats{9, 7}));
  EXPECT_EQ(results[1].integers(), (Integers{1, 0}));
}

TEST_F(LinalgTest, ArgumentsThatAreYieldedCrosswise) {
  parse(R"(
    #id = affine_map<(i, j) -> (i)>
    func.func @f(%a: tensor<1xf32>, %b: tensor<1xf32>, %n: tensor<3xf32>) -> (tensor<1xf32>, tensor<1xf32>) {
      %r:2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j)>, #id, #id], iterator_types = ["parallel", "reduction"]}
          ins(%n : tensor<3xf32>) outs(%a, %b : tensor<1xf32>, tensor<1xf32>) {
      ^bb0(%x: f32, %p: f32, %q: f32):
        linalg.yield %q, %p : f32, f32
      } -> (tensor<1xf32>, tensor<1xf32>)
      return %r#0, %r#1 : tensor<1xf32>, tensor<1xf32>
    })");
  Tensors results =
      call("f", {floats({1}, {1}), floats({1}, {2}), floats({3}, {0, 0, 0})});
  EXPECT_EQ(results[0].floats(), (Floats{2}));
  EXPECT_EQ(results[1].floats(), (Floats{1}));
}

TEST_F(LinalgTest, GenericGathers) {
  const char *text = R"(
    #id = affine_map<(i) -> (i)>
    func.func @f(%table: tensor<?xf32>, %at: tensor<?xi64>, %e: tensor<?xf32>) -> tensor<?xf32> {
      %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
          ins(%at : tensor<?xi64>) outs(%e : tensor<?xf32>) {
      ^bb0(%i: i64, %o: f32):
        %k = arith.index_cast %i : i64 to index
        %v = tensor.extract %table[%k] : tensor<?xf32>
        linalg.yield %v : f32
      } -> tensor<?xf32>
      return %r : tensor<?xf32>
    })";
  TensorValue table = floats({3}, {5, 6, 7}), e = floats({2}, {0, 0});
  EXPECT_EQ(run(text, {table, integers({2, 0}), e}).floats(), (Floats{7, 5}));
  EXPECT_EQ(runError(text, {table, integers({0, 3}), e}),
            "test.mlir:8:14: tensor.extract: index 0 must be less than 3, "
            "got: 3");
}

TEST_F(LinalgTest, BodiesMayHaveOtherOperations) {
  const char *text = R"(
    #id = affine_map<(i) -> (i)>
    func.func @f(%x: tensor<4xf32>, %limit: f32, %e: tensor<4xf32>) -> tensor<4xf32> {
      %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
          ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
      ^bb0(%a: f32, %o: f32):
        %two = arith.constant 2.0 : f32
        %is = arith.cmpf olt, %a, %limit : f32
        %v = scf.if %is -> f32 {
          %d = arith.mulf %a, %two : f32
          scf.yield %d : f32
        } else {
          scf.yield %limit : f32
        }
        linalg.yield %v : f32
      } -> tensor<4xf32>
      return %r : tensor<4xf32>
    })";
  EXPECT_EQ(run(text, {floats({4}, {1, 2, 3, 4}), floats({}, {3}),
                       floats({4}, {0, 0, 0, 0})})
                .floats(),
            (Floats{2, 4, 3, 3}));
}

TEST_F(LinalgTest, BodiesWithoutReductionRoundEachOperation) {
  // (1 + 2^-24) - 1 is 0 in float32.
  const char *text = R"(
    #id = affine_map<(i) -> (i)>
    func.func @f(%x: tensor<1xf32>, %e: tensor<1xf32>) -> tensor<1xf32> {
      %one = arith.constant 1.0 : f32
      %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
          ins(%x : tensor<1xf32>) outs(%e : tensor<1xf32>) {
      ^bb0(%a: f32, %o: f32):
        %s = arith.addf %a, %one : f32
        %d = arith.subf %s, %one : f32
        linalg.yield %d : f32
      } -> tensor<1xf32>
      return %r : tensor<1xf32>
    })";
  EXPECT_EQ(run(text, {floats({1}, {0x1p-24f}), floats({1}, {9})}).floats(),
            (Floats{0}));
}

TEST_F(LinalgTest, MapsThatDivide) {
  // Each element twice: d0 floordiv 2.
  const char *text = R"(
    func.func @f(%x: tensor<2xf32>, %e: tensor<4xf32>) -> tensor<4xf32> {
      %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i floordiv 2)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
          ins(%x : tensor<2xf32>) outs(%e : tensor<4xf32>) {
      ^bb0(%a: f32, %o: f32):
        linalg.yield %a : f32
      } -> tensor<4xf32>
      return %r : tensor<4xf32>
    })";
  TensorValue e = floats({4}, {0, 0, 0, 0});
  EXPECT_EQ(run(text, {floats({2}, {1, 2}), e}).floats(), (Floats{1, 1, 2, 2}));
}

TEST_F(LinalgTest, ResultsThatSeveralIterationsWrite) {
  // A running sum: the result's map is not one of the parallel loops alone.
  const char *text = R"(
    func.func @f(%x: tensor<3xf32>, %e: tensor<1xf32>) -> tensor<1xf32> {
      %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (0)>], iterator_types = ["parallel"]}
          ins(%x : tensor<3xf32>) outs(%e : tensor<1xf32>) {
      ^bb0(%a: f32, %o: f32):
        %s = arith.addf %a, %o : f32
        linalg.yield %s : f32
      } -> tensor<1xf32>
      return %r : tensor<1xf32>
    })";
  EXPECT_EQ(run(text, {floats({3}, {1, 2, 3}), floats({1}, {10})}).floats(),
            (Floats{16}));
}

TEST_F(LinalgTest, MoreElementsThanABlock) {
  const char *text = R"(
    func.func @f(%x: tensor<?x?xf32>, %e: tensor<?xf32>) -> tensor<?xf32> {
      %r = linalg.reduce { arith.addf } ins(%x : tensor<?x?xf32>) outs(%e : tensor<?xf32>) dimensions = [0]
      return %r : tensor<?xf32>
    })";
  Floats x, expected;
  for (int i = 0; i < 2000; ++i)
    x.push_back(i);
  for (int j = 0; j < 1000; ++j)
    expected.push_back(1000 + 2 * j);
  EXPECT_EQ(run(text, {floats({2, 1000}, x), floats({1000}, Floats(1000, 0))})
                .floats(),
            expected);
}

TEST_F(LinalgTest, SizesThatDoNotFitAreErrors) {
  const char *text = R"(
    #id = affine_map<(i) -> (i)>
    func.func @f(%x: tensor<?xf32>, %e: tensor<?xf32>) -> tensor<?xf32> {
      %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
          ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
      ^bb0(%a: f32, %o: f32):
        linalg.yield %a : f32
      } -> tensor<?xf32>
      return %r : tensor<?xf32>
    })";
  EXPECT_EQ(runError(text, {floats({2}, {1, 2}), floats({3}, {0, 0, 0})}),
            "test.mlir:4:12: linalg.generic: operand 1: dimension 0 must be 2, "
            "got: 3");
}
