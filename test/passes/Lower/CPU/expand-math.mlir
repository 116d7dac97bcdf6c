// RUN: lqc-opt %s --lqc-expand-math | FileCheck %s

// CHECK-LABEL: func.func @polynomials
// CHECK-NOT: math.exp
// CHECK-NOT: math.tanh
// CHECK: math.fma
// CHECK: return
func.func @polynomials(%x: vector<16xf32>) -> vector<16xf32> {
  %a = math.exp %x : vector<16xf32>
  %b = math.tanh %a : vector<16xf32>
  return %b : vector<16xf32>
}

// Angles grow with the position: these stay with the C library.
// CHECK-LABEL: func.func @angles
// CHECK: math.cos
// CHECK: math.sin
func.func @angles(%x: f32) -> f32 {
  %a = math.cos %x : f32
  %b = math.sin %a : f32
  return %b : f32
}
