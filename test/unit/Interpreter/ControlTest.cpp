//===- ControlTest.cpp - func and scf ----------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"

using namespace lqc;

namespace {
class ControlTest : public InterpreterTest {
protected:
  static TensorValue index(int64_t value) {
    return TensorValue::ofIntegers({}, {value});
  }
};
} // namespace

TEST_F(ControlTest, CallsFunctions) {
  const char *text = R"(
    func.func private @twice(%a: f32) -> (f32, f32) {
      %r = arith.addf %a, %a : f32
      return %r, %a : f32, f32
    }
    func.func @f(%a: f32) -> f32 {
      %x:2 = func.call @twice(%a) : (f32) -> (f32, f32)
      %r = arith.subf %x#0, %x#1 : f32
      return %r : f32
    })";
  EXPECT_EQ(run(text, {floats({}, {3})}).floats(), (Floats{3}));
}

TEST_F(ControlTest, EndlessCallsAreAnError) {
  EXPECT_EQ(runError(R"(func.func @f(%a: f32) -> f32 {
      %r = func.call @f(%a) : (f32) -> f32
      return %r : f32 })",
                     {floats({}, {3})}),
            "test.mlir:1:1: @f: calls must not be nested over 256 deep");
}

TEST_F(ControlTest, For) {
  const char *text = R"(
    func.func @f(%lower: index, %upper: index, %step: index) -> index {
      %zero = arith.constant 0 : index
      %r = scf.for %i = %lower to %upper step %step iter_args(%sum = %zero) -> (index) {
        %next = arith.addi %sum, %i : index
        scf.yield %next : index
      }
      return %r : index
    })";
  EXPECT_EQ(run(text, {index(1), index(6), index(2)}).integers(),
            (Integers{9}));
  EXPECT_EQ(run(text, {index(6), index(6), index(2)}).integers(),
            (Integers{0}));
  EXPECT_EQ(runError(text, {index(1), index(6), index(0)}),
            "test.mlir:4:12: scf.for: step must be positive, got: 0");
}

TEST_F(ControlTest, If) {
  const char *text = R"(
    func.func @f(%c: i1) -> i32 {
      %r = scf.if %c -> (i32) {
        %a = arith.constant 1 : i32
        scf.yield %a : i32
      } else {
        %b = arith.constant 2 : i32
        scf.yield %b : i32
      }
      return %r : i32
    })";
  EXPECT_EQ(run(text, {index(1)}).integers(), (Integers{1}));
  EXPECT_EQ(run(text, {index(0)}).integers(), (Integers{2}));
}

TEST_F(ControlTest, While) {
  // The steps of Collatz from 6: 3 10 5 16 8 4 2 1.
  const char *text = R"(
    func.func @f(%start: i64) -> (i64, index) {
      %zero = arith.constant 0 : index
      %r:2 = scf.while (%n = %start, %steps = %zero) : (i64, index) -> (i64, index) {
        %one = arith.constant 1 : i64
        %more = arith.cmpi sgt, %n, %one : i64
        scf.condition(%more) %n, %steps : i64, index
      } do {
      ^bb0(%n: i64, %steps: index):
        %one = arith.constant 1 : i64
        %three = arith.constant 3 : i64
        %i = arith.constant 1 : index
        %odd = arith.trunci %n : i64 to i1
        %next = scf.if %odd -> i64 {
          %a = arith.muli %n, %three : i64
          %b = arith.addi %a, %one : i64
          scf.yield %b : i64
        } else {
          %b = arith.shrsi %n, %one : i64
          scf.yield %b : i64
        }
        %count = arith.addi %steps, %i : index
        scf.yield %next, %count : i64, index
      }
      return %r#0, %r#1 : i64, index
    })";
  parse(text);
  Tensors results = call("f", {index(6)});
  EXPECT_EQ(results[0].integers(), (Integers{1}));
  EXPECT_EQ(results[1].integers(), (Integers{8}));
}

TEST_F(ControlTest, IndexSwitch) {
  const char *text = R"(
    func.func @f(%i: index) -> i32 {
      %r = scf.index_switch %i -> i32
      case 2 {
        %a = arith.constant 20 : i32
        scf.yield %a : i32
      }
      case 5 {
        %a = arith.constant 50 : i32
        scf.yield %a : i32
      }
      default {
        %a = arith.constant 0 : i32
        scf.yield %a : i32
      }
      return %r : i32
    })";
  EXPECT_EQ(run(text, {index(5)}).integers(), (Integers{50}));
  EXPECT_EQ(run(text, {index(3)}).integers(), (Integers{0}));
}

TEST_F(ControlTest, Assert) {
  const char *text = R"(
    func.func @f(%ok: i1) -> i1 {
      cf.assert %ok, "node 'pick' (Gather): index must be -5 to 4"
      return %ok : i1
    })";
  EXPECT_EQ(run(text, {index(1)}).integers(), (Integers{1}));
  EXPECT_EQ(runError(text, {index(0)}),
            "test.mlir:3:7: node 'pick' (Gather): index must be -5 to 4");
}

TEST_F(ControlTest, ArgumentsAreChecked) {
  const char *text = "func.func @f(%a: tensor<?x2xf32>) -> tensor<?x2xf32> { "
                     "return %a : tensor<?x2xf32> }";
  EXPECT_EQ(runError(text, {}),
            "test.mlir:1:1: @f: must be called with 1 tensors, got: 0");
  EXPECT_EQ(runError(text, {floats({1, 3}, {1, 2, 3})}),
            "test.mlir:1:1: @f: argument 0 must be a tensor<?x2xf32>, got: "
            "shape [1, 3]");
  EXPECT_EQ(runError("func.func private @f()"),
            "test.mlir:1:1: @f: a function without a body cannot be run");
}
