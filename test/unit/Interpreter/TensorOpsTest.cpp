//===- TensorOpsTest.cpp - tensor and linalg ---------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"

#include <cmath>

using namespace lqc;

namespace {
class TensorOpsTest : public InterpreterTest {
protected:
  const TensorValue matrix = floats({2, 3}, {1, 2, 3, 4, 5, 6});
};
} // namespace

TEST_F(TensorOpsTest, Dim) {
  EXPECT_EQ(run(R"(func.func @f(%a: tensor<?x3xf32>) -> index {
      %c = arith.constant 0 : index
      %r = tensor.dim %a, %c : tensor<?x3xf32>
      return %r : index })",
                {matrix})
                .integers(),
            (Integers{2}));
  EXPECT_EQ(runError(R"(func.func @f(%a: tensor<?x3xf32>, %c: index) -> index {
      %r = tensor.dim %a, %c : tensor<?x3xf32>
      return %r : index })",
                     {matrix, TensorValue::ofIntegers({}, {2})}),
            "test.mlir:2:12: tensor.dim: index must be less than the rank 2, "
            "got: 2");
}

TEST_F(TensorOpsTest, ExtractSlice) {
  TensorValue part =
      run(R"(func.func @f(%a: tensor<2x3xf32>) -> tensor<2x2xf32> {
      %r = tensor.extract_slice %a[0, 0] [2, 2] [1, 2] : tensor<2x3xf32> to tensor<2x2xf32>
      return %r : tensor<2x2xf32> })",
          {matrix});
  EXPECT_EQ(part.floats(), (Floats{1, 3, 4, 6}));
  TensorValue row =
      run(R"(func.func @f(%a: tensor<2x3xf32>, %i: index) -> tensor<3xf32> {
      %r = tensor.extract_slice %a[%i, 0] [1, 3] [1, 1] : tensor<2x3xf32> to tensor<3xf32>
      return %r : tensor<3xf32> })",
          {matrix, TensorValue::ofIntegers({}, {1})});
  EXPECT_EQ(row.floats(), (Floats{4, 5, 6}));
  EXPECT_EQ(row.shape(), llvm::ArrayRef<int64_t>({3}));
}

TEST_F(TensorOpsTest, ExtractSliceOutsideIsAnError) {
  EXPECT_EQ(
      runError(
          R"(func.func @f(%a: tensor<2x3xf32>, %i: index) -> tensor<3xf32> {
      %r = tensor.extract_slice %a[%i, 0] [1, 3] [1, 1] : tensor<2x3xf32> to tensor<3xf32>
      return %r : tensor<3xf32> })",
          {matrix, TensorValue::ofIntegers({}, {2})}),
      "test.mlir:2:12: tensor.extract_slice: dimension 0: the slice must "
      "lie within 2, got: offset 2, size 1, stride 1");
}

TEST_F(TensorOpsTest, InsertSlice) {
  EXPECT_EQ(
      run(R"(func.func @f(%a: tensor<2x3xf32>, %b: tensor<2xf32>) -> tensor<2x3xf32> {
      %r = tensor.insert_slice %b into %a[0, 1] [2, 1] [1, 1] : tensor<2xf32> into tensor<2x3xf32>
      return %r : tensor<2x3xf32> })",
          {matrix, floats({2}, {8, 9})})
          .floats(),
      (Floats{1, 8, 3, 4, 9, 6}));
}

TEST_F(TensorOpsTest, Concat) {
  TensorValue other = floats({2, 1}, {7, 8});
  TensorValue wide = run(
      R"(func.func @f(%a: tensor<?x3xf32>, %b: tensor<?x1xf32>) -> tensor<?x4xf32> {
      %r = tensor.concat dim(1) %a, %b : (tensor<?x3xf32>, tensor<?x1xf32>) -> tensor<?x4xf32>
      return %r : tensor<?x4xf32> })",
      {matrix, other});
  EXPECT_EQ(wide.floats(), (Floats{1, 2, 3, 7, 4, 5, 6, 8}));
  EXPECT_EQ(
      run(R"(func.func @f(%a: tensor<2xi32>, %b: tensor<1xi32>) -> tensor<3xi32> {
      %r = tensor.concat dim(0) %a, %b : (tensor<2xi32>, tensor<1xi32>) -> tensor<3xi32>
      return %r : tensor<3xi32> })",
          {integers({1, 2}), integers({3})})
          .integers(),
      (Integers{1, 2, 3}));
}

TEST_F(TensorOpsTest, Shapes) {
  TensorValue expanded = run(
      R"(func.func @f(%a: tensor<?x6xf32>, %n: index) -> tensor<?x2x3xf32> {
      %r = tensor.expand_shape %a [[0], [1, 2]] output_shape [%n, 2, 3] : tensor<?x6xf32> into tensor<?x2x3xf32>
      return %r : tensor<?x2x3xf32> })",
      {floats({1, 6}, {1, 2, 3, 4, 5, 6}), TensorValue::ofIntegers({}, {1})});
  EXPECT_EQ(expanded.shape(), llvm::ArrayRef<int64_t>({1, 2, 3}));
  TensorValue collapsed =
      run(R"(func.func @f(%a: tensor<?x3xf32>) -> tensor<?xf32> {
      %r = tensor.collapse_shape %a [[0, 1]] : tensor<?x3xf32> into tensor<?xf32>
      return %r : tensor<?xf32> })",
          {matrix});
  EXPECT_EQ(collapsed.shape(), llvm::ArrayRef<int64_t>({6}));
  TensorValue cast =
      run(R"(func.func @f(%a: tensor<?x3xf32>) -> tensor<2x3xf32> {
      %r = tensor.cast %a : tensor<?x3xf32> to tensor<2x3xf32>
      return %r : tensor<2x3xf32> })",
          {matrix});
  EXPECT_EQ(cast.floats(), matrix.floats());
  EXPECT_EQ(runError(R"(func.func @f(%a: tensor<?x3xf32>) -> tensor<4x3xf32> {
      %r = tensor.cast %a : tensor<?x3xf32> to tensor<4x3xf32>
      return %r : tensor<4x3xf32> })",
                     {matrix}),
            "test.mlir:2:12: tensor.cast: dimension 0 must be 4, got: 2");
}

TEST_F(TensorOpsTest, EmptyIsNan) {
  TensorValue result = run(R"(func.func @f() -> tensor<2xf32> {
      %r = tensor.empty() : tensor<2xf32>
      return %r : tensor<2xf32> })");
  ASSERT_EQ(result.elements(), 2);
  EXPECT_TRUE(std::isnan(result.floats()[0]));
}

TEST_F(TensorOpsTest, SplatAndFill) {
  EXPECT_EQ(run(R"(func.func @f(%x: f32, %n: index) -> tensor<?x2xf32> {
      %r = tensor.splat %x[%n] : tensor<?x2xf32>
      return %r : tensor<?x2xf32> })",
                {floats({}, {3}), TensorValue::ofIntegers({}, {2})})
                .floats(),
            (Floats{3, 3, 3, 3}));
  EXPECT_EQ(run(R"(func.func @f(%x: i32) -> tensor<3xi32> {
      %e = tensor.empty() : tensor<3xi32>
      %r = linalg.fill ins(%x : i32) outs(%e : tensor<3xi32>) -> tensor<3xi32>
      return %r : tensor<3xi32> })",
                {TensorValue::ofIntegers({}, {5})})
                .integers(),
            (Integers{5, 5, 5}));
}

TEST_F(TensorOpsTest, Transpose) {
  TensorValue result =
      run(R"(func.func @f(%a: tensor<2x3xf32>) -> tensor<3x2xf32> {
      %e = tensor.empty() : tensor<3x2xf32>
      %r = linalg.transpose ins(%a : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
      return %r : tensor<3x2xf32> })",
          {matrix});
  EXPECT_EQ(result.floats(), (Floats{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(result.shape(), llvm::ArrayRef<int64_t>({3, 2}));
}
