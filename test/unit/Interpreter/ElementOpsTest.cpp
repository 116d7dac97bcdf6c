//===- ElementOpsTest.cpp - tensor operations on single elements -------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"

using namespace lqc;

namespace {
class ElementOpsTest : public InterpreterTest {
protected:
  static TensorValue index(int64_t value) {
    return TensorValue::ofIntegers({}, {value});
  }
  const TensorValue matrix = floats({2, 3}, {1, 2, 3, 4, 5, 6});
};
} // namespace

TEST_F(ElementOpsTest, ExtractAndInsert) {
  const char *text = R"(
    func.func @f(%a: tensor<2x3xf32>, %i: index, %j: index) -> f32 {
      %r = tensor.extract %a[%i, %j] : tensor<2x3xf32>
      return %r : f32
    })";
  EXPECT_EQ(run(text, {matrix, index(1), index(2)}).floats(), (Floats{6}));
  EXPECT_EQ(runError(text, {matrix, index(1), index(3)}),
            "test.mlir:3:12: tensor.extract: index 1 must be less than 3, "
            "got: 3");
  EXPECT_EQ(
      run(R"(func.func @f(%a: tensor<2xi64>, %x: i64, %i: index) -> tensor<2xi64> {
      %r = tensor.insert %x into %a[%i] : tensor<2xi64>
      return %r : tensor<2xi64> })",
          {integers({1, 2}), index(9), index(1)})
          .integers(),
      (Integers{1, 9}));
}

TEST_F(ElementOpsTest, FromElements) {
  TensorValue result =
      run(R"(func.func @f(%a: index, %b: index) -> tensor<2x1xindex> {
      %r = tensor.from_elements %a, %b : tensor<2x1xindex>
      return %r : tensor<2x1xindex> })",
          {index(4), index(5)});
  EXPECT_EQ(result.integers(), (Integers{4, 5}));
  EXPECT_EQ(result.shape(), llvm::ArrayRef<int64_t>({2, 1}));
}

TEST_F(ElementOpsTest, Generate) {
  const char *text = R"(
    func.func @f(%n: index) -> tensor<?x2xindex> {
      %r = tensor.generate %n {
      ^bb0(%i: index, %j: index):
        %ten = arith.constant 10 : index
        %a = arith.muli %i, %ten : index
        %b = arith.addi %a, %j : index
        tensor.yield %b : index
      } : tensor<?x2xindex>
      return %r : tensor<?x2xindex>
    })";
  EXPECT_EQ(run(text, {index(2)}).integers(), (Integers{0, 1, 10, 11}));
  EXPECT_EQ(run(text, {index(0)}).elements(), 0);
  EXPECT_EQ(runError(text, {index(-1)}),
            "test.mlir:3:12: tensor.generate: sizes must not be negative, "
            "got: -1");
  EXPECT_EQ(runError(text, {index(1LL << 62)}),
            "test.mlir:3:12: tensor.generate: a tensor must have at most "
            "8589934592 elements, got: shape [4611686018427387904, 2]");
}

TEST_F(ElementOpsTest, Pad) {
  const char *text = R"(
    func.func @f(%a: tensor<?x3xf32>, %low: index) -> tensor<?x4xf32> {
      %r = tensor.pad %a low[%low, 0] high[0, 1] {
      ^bb0(%i: index, %j: index):
        %c = arith.constant 9.0 : f32
        tensor.yield %c : f32
      } : tensor<?x3xf32> to tensor<?x4xf32>
      return %r : tensor<?x4xf32>
    })";
  TensorValue result = run(text, {matrix, index(1)});
  EXPECT_EQ(result.shape(), llvm::ArrayRef<int64_t>({3, 4}));
  EXPECT_EQ(result.floats(), (Floats{9, 9, 9, 9, 1, 2, 3, 9, 4, 5, 6, 9}));
  EXPECT_EQ(runError(text, {matrix, index(-1)}),
            "test.mlir:3:12: tensor.pad: padding must not be negative, got: -1 "
            "and 0");
}

TEST_F(ElementOpsTest, GatherAndScatter) {
  const char *text = R"(
    func.func @f(%a: tensor<2x3xf32>, %i: tensor<?x1xindex>) -> tensor<?x2xf32> {
      %r = tensor.gather %a[%i] gather_dims([1]) : (tensor<2x3xf32>, tensor<?x1xindex>) -> tensor<?x2xf32>
      return %r : tensor<?x2xf32>
    })";
  TensorValue columns = TensorValue::ofIntegers({2, 1}, {2, 0});
  TensorValue gathered = run(text, {matrix, columns});
  EXPECT_EQ(gathered.shape(), llvm::ArrayRef<int64_t>({2, 2}));
  EXPECT_EQ(gathered.floats(), (Floats{3, 6, 1, 4}));
  EXPECT_EQ(runError(text, {matrix, TensorValue::ofIntegers({1, 1}, {3})}),
            "test.mlir:3:12: tensor.gather: an index of dimension 1 must be "
            "less than 3, got: 3");
  EXPECT_EQ(
      run(R"(func.func @f(%s: tensor<2x2x1xf32>, %a: tensor<2x3xf32>, %i: tensor<2x1xindex>) -> tensor<2x3xf32> {
      %r = tensor.scatter %s into %a[%i] scatter_dims([1]) unique : (tensor<2x2x1xf32>, tensor<2x3xf32>, tensor<2x1xindex>) -> tensor<2x3xf32>
      return %r : tensor<2x3xf32> })",
          {floats({2, 2, 1}, {10, 20, 30, 40}), matrix, columns})
          .floats(),
      (Floats{30, 2, 10, 40, 5, 20}));
}

TEST_F(ElementOpsTest, RankAndReshape) {
  EXPECT_EQ(run(R"(func.func @f(%a: tensor<2x3xf32>) -> index {
      %r = tensor.rank %a : tensor<2x3xf32>
      return %r : index })",
                {matrix})
                .integers(),
            (Integers{2}));
  const char *text = R"(
    func.func @f(%a: tensor<2x3xf32>, %s: tensor<3xi64>) -> tensor<?x?x?xf32> {
      %r = tensor.reshape %a(%s) : (tensor<2x3xf32>, tensor<3xi64>) -> tensor<?x?x?xf32>
      return %r : tensor<?x?x?xf32>
    })";
  EXPECT_EQ(run(text, {matrix, integers({3, 1, 2})}).shape(),
            llvm::ArrayRef<int64_t>({3, 1, 2}));
  EXPECT_EQ(runError(text, {matrix, integers({3, 1, 1})}),
            "test.mlir:3:12: tensor.reshape: shapes must have as many "
            "elements, got: 3 != 6");
}
