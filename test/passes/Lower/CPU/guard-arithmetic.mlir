// RUN: lqc-opt %s --lqc-guard-arithmetic --split-input-file | FileCheck %s

module attributes {lqc.graph = {}} {
  // CHECK-LABEL: func.func @unsigned
  // CHECK-SAME: (%[[A:.+]]: i8, %[[B:.+]]: i8)
  func.func @unsigned(%a: i8, %b: i8) -> i8 {
    // CHECK: %[[ZERO:.+]] = arith.cmpi eq, %[[B]]
    // CHECK: %[[DIVISOR:.+]] = arith.select %[[ZERO]], %{{.+}}, %[[B]]
    // CHECK: %[[Q:.+]] = arith.divui %[[A]], %[[DIVISOR]]
    // CHECK: %[[R:.+]] = arith.select %[[ZERO]], %{{.+}}, %[[Q]]
    // CHECK: return %[[R]]
    %q = arith.divui %a, %b : i8
    return %q : i8
  }
  // CHECK-LABEL: func.func @signed
  func.func @signed(%a: i32, %b: i32) -> i32 {
    // CHECK: arith.constant -1
    // CHECK: arith.constant -2147483648
    // CHECK: arith.remsi
    %r = arith.remsi %a, %b : i32
    return %r : i32
  }
  // CHECK-LABEL: func.func @harmless
  func.func @harmless(%a: i32, %i: index, %j: index) -> (i32, index) {
    // CHECK-NOT: arith.select
    %c3 = arith.constant 3 : i32
    %q = arith.divsi %a, %c3 : i32
    %k = arith.divui %i, %j : index
    return %q, %k : i32, index
  }
  // CHECK-LABEL: func.func @bfloat16
  func.func @bfloat16(%a: bf16, %b: bf16) -> bf16 {
    // CHECK: arith.addf %{{.+}} : f32
    // CHECK-NOT: truncf
    %sum = arith.addf %a, %b : bf16
    return %sum : bf16
  }
}

// -----

// A module that is no graph stays as it is.

// CHECK-LABEL: func.func @other
func.func @other(%a: i8, %b: i8) -> i8 {
  // CHECK-NEXT: arith.divui
  %q = arith.divui %a, %b : i8
  return %q : i8
}
