// RUN: lqc-opt %s --lqc-lower-kernels --split-input-file --verify-diagnostics | FileCheck %s

// What is promised: the interface of a kernel, the instructions of the target,
// and that nothing of lqc remains. Numbers are checked by KernelTest.cpp.

module attributes {lqc.target = #lqc.target<cpu = "znver3", features = "+avx2,+fma,+f16c,+bmi2">} {
// CHECK-LABEL: func.func @add(
// CHECK-SAME: %{{.+}}: !llvm.ptr, %[[COUNT:.+]]: i64, %[[BEGIN:.+]]: i64, %[[END:.+]]: i64)
// CHECK: scf.for %{{.+}} = %[[BEGIN]] to %[[END]] step
// CHECK: scf.for
// CHECK: arith.addf %{{.+}} : vector<16xf32>
// A row of 20 ends with a masked piece of four.
// CHECK: llvm.intr.masked.load
// CHECK: llvm.intr.masked.store
// CHECK-NOT: {{^ *(%.+ = )?lqc[.]}}
lqc.kernel @add(%a: tensor<1x20xf32>, %b: tensor<1x20xf32>, %out: tensor<1x20xf32>) attributes {destinations = 1 : i64, unit_rows = 1 : i64, units = 1 : i64} {
  %sum = arith.addf %a, %b : tensor<1x20xf32>
  lqc.yield %sum : tensor<1x20xf32>
}
}

// -----

// AVX2 multiplies bytes into 16-bit sums.
module attributes {lqc.target = #lqc.target<cpu = "znver3", features = "+avx2,+fma,+f16c,+bmi2">} {
// CHECK-LABEL: func.func @int4
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
lqc.kernel @int4(%x: tensor<1x64xf32, #lqc.scheme<"dynamic-int8-g64">>, %w: tensor<16x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g64">>>, %out: tensor<1x16xf32>) attributes {destinations = 1 : i64, units = 1 : i64} {
  %y = lqc.linear %x, %w : (tensor<1x64xf32, #lqc.scheme<"dynamic-int8-g64">>, tensor<16x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g64">>>) -> tensor<1x16xf32>
  lqc.yield %y : tensor<1x16xf32>
}
}

// -----

// VNNI multiplies and adds four at once, in registers of 512 or 256 bits.
module attributes {lqc.target = #lqc.target<cpu = "znver4", features = "+avx2,+fma,+f16c,+bmi2,+avx512f,+avx512vnni">} {
// CHECK-LABEL: func.func @int4
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
lqc.kernel @int4(%x: tensor<1x64xf32, #lqc.scheme<"dynamic-int8-g64">>, %w: tensor<16x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g64">>>, %out: tensor<1x16xf32>) attributes {destinations = 1 : i64, units = 1 : i64} {
  %y = lqc.linear %x, %w : (tensor<1x64xf32, #lqc.scheme<"dynamic-int8-g64">>, tensor<16x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g64">>>) -> tensor<1x16xf32>
  lqc.yield %y : tensor<1x16xf32>
}
}

// -----

// A step is a straight list of calls; lqc_model describes the program.
module attributes {lqc.target = #lqc.target<cpu = "znver3", features = "+avx2,+fma">, lqc.model = #lqc.model<"test", vocabulary = 32, context = 16, bos = -1, eos = [], tokenizer = "">} {
// CHECK: llvm.func @lqc_dispatch(!llvm.ptr, !llvm.ptr, !llvm.ptr, i64, i64, i64)
// CHECK: func.func @pick
// CHECK-LABEL: llvm.func @lqc_decode(
// CHECK: %[[KERNEL:.+]] = func.constant @pick
// CHECK: %[[POINTER:.+]] = builtin.unrealized_conversion_cast %[[KERNEL]]
// CHECK: llvm.call @lqc_dispatch(%{{.+}}, %[[POINTER]]
// CHECK: llvm.func @lqc_prefill
// CHECK: llvm.mlir.global private constant @lqc_features("avx2 fma\00")
// CHECK: llvm.mlir.global private constant @lqc_name_pick("pick\00")
// CHECK: llvm.mlir.global private constant @lqc_kernels() {{.*}} : !llvm.array<1 x struct<(ptr, ptr, i64, i64, i64, i64, i64, i64)>>
// CHECK: func.constant @pick
// One index, a row of the table and a row of the result.
// CHECK: llvm.mlir.constant(260 : i64)
// CHECK: llvm.mlir.global external constant @lqc_model()
// CHECK-NOT: {{^ *(%.+ = )?lqc[.]}}
lqc.weight @table : tensor<16x32xf32, #lqc.packed<16x1>> {
  %0 = lqc.get_weight @plain : tensor<16x32xf32>
  %1 = lqc.pack %0 : (tensor<16x32xf32>) -> tensor<16x32xf32, #lqc.packed<16x1>>
  lqc.yield %1 : tensor<16x32xf32, #lqc.packed<16x1>>
}
lqc.weight @plain : tensor<16x32xf32> = #lqc.random<seed = 1, std = 1.0 : f64>
lqc.kernel @pick(%i: tensor<1xi32>, %t: tensor<16x32xf32, #lqc.packed<16x1>>, %out: tensor<1x32xf32>) attributes {destinations = 1 : i64, unit_rows = 1 : i64, units = 1 : i64} {
  %0 = lqc.embedding %i, %t : (tensor<1xi32>, tensor<16x32xf32, #lqc.packed<16x1>>) -> tensor<1x32xf32>
  lqc.yield %0 : tensor<1x32xf32>
}
lqc.step @decode(%t: !lqc.buffer<tensor<1xi32>>, %p: !lqc.buffer<tensor<1xi32>>, %s: !lqc.buffer<tensor<1xi32>>, %o: !lqc.buffer<tensor<1xi32>>, %l: !lqc.buffer<tensor<1x32xf32>>, %c: !lqc.cache<1x16x1x4xf32>, %n: index, %m: index) attributes {arena_bytes = 0 : i64} {
  %w = lqc.get_weight @table : tensor<16x32xf32, #lqc.packed<16x1>>
  lqc.dispatch @pick(%t, %w, %l) rows %n : !lqc.buffer<tensor<1xi32>>, tensor<16x32xf32, #lqc.packed<16x1>>, !lqc.buffer<tensor<1x32xf32>>
}
lqc.step @prefill(%t: !lqc.buffer<tensor<4xi32>>, %p: !lqc.buffer<tensor<4xi32>>, %s: !lqc.buffer<tensor<4xi32>>, %o: !lqc.buffer<tensor<4xi32>>, %l: !lqc.buffer<tensor<4x32xf32>>, %c: !lqc.cache<1x16x1x4xf32>, %n: index, %m: index) attributes {arena_bytes = 0 : i64} {
}
}

// -----

// expected-error@+1 {{has no lqc.target to generate code for}}
module {}

// -----

module attributes {lqc.target = #lqc.target<cpu = "znver3", features = "+avx2">} {
lqc.kernel @k(%x: tensor<1x64xf32>, %w: tensor<16x64xf32>, %out: tensor<1x16xf32>) attributes {destinations = 1 : i64, units = 1 : i64} {
  // expected-error@+1 {{'lqc.linear' op weight must be packed, got: 'tensor<16x64xf32>'}}
  %y = lqc.linear %x, %w : (tensor<1x64xf32>, tensor<16x64xf32>) -> tensor<1x16xf32>
  lqc.yield %y : tensor<1x16xf32>
}
}

// -----

module attributes {lqc.target = #lqc.target<cpu = "znver3", features = "+avx2">} {
lqc.kernel @k(%x: tensor<1x64xf32, #lqc.scheme<"dynamic-int8-g64">>, %w: tensor<16x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g32">>>, %out: tensor<1x16xf32>) attributes {destinations = 1 : i64, units = 1 : i64} {
  // expected-error@+1 {{'lqc.linear' op the group of the activations must divide the group of the weight, got: 64 and 32}}
  %y = lqc.linear %x, %w : (tensor<1x64xf32, #lqc.scheme<"dynamic-int8-g64">>, tensor<16x64xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g32">>>) -> tensor<1x16xf32>
  lqc.yield %y : tensor<1x16xf32>
}
}

// -----

module attributes {lqc.target = #lqc.target<cpu = "znver3", features = "+avx2">} {
lqc.kernel @k(%x: tensor<1x64xf32>, %out: tensor<1x64xf32, #lqc.scheme<"int4-g64">>) attributes {destinations = 1 : i64, unit_rows = 1 : i64, units = 1 : i64} {
  // expected-error@+1 {{'lqc.quantize' op activations must take a scheme of activations, got: int4-g64}}
  %y = lqc.quantize %x : (tensor<1x64xf32>) -> tensor<1x64xf32, #lqc.scheme<"int4-g64">>
  lqc.yield %y : tensor<1x64xf32, #lqc.scheme<"int4-g64">>
}
}

// -----

module attributes {lqc.target = #lqc.target<cpu = "znver3", features = "+avx2">} {
lqc.kernel @k(%x: tensor<1x64xf32>, %out: tensor<1x64xf32>) attributes {destinations = 1 : i64, unit_rows = 1 : i64, units = 1 : i64} {
  // expected-error@+1 {{'math.cos' op is not a kernel that the CPU's code generator knows}}
  %y = math.cos %x : tensor<1x64xf32>
  lqc.yield %y : tensor<1x64xf32>
}
}

// -----

module attributes {lqc.target = #lqc.target<cpu = "znver3", features = "+avx2">} {
lqc.kernel @k(%x: tensor<4x64xf32>, %i: tensor<2xi32>, %rest: tensor<4x64xf32>, %kept: tensor<4x2xbf16>) attributes {destinations = 2 : i64, unit_rows = 1 : i64, units = 1 : i64} {
  // expected-error@+1 {{'lqc.split_columns' op activations must be f32, got: 'tensor<4x2xbf16>'}}
  %y, %z = lqc.split_columns %x, %i : (tensor<4x64xf32>, tensor<2xi32>) -> (tensor<4x64xf32>, tensor<4x2xbf16>)
  lqc.yield %y, %z : tensor<4x64xf32>, tensor<4x2xbf16>
}
}
