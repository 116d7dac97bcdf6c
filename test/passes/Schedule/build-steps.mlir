// RUN: lqc-opt %s --lqc-pack-weights --lqc-build-steps=chunk=8 --split-input-file --verify-diagnostics | FileCheck %s

// Two layers share one kernel for each distinct operation; the head runs on the
// rows whose logits are wanted; buffers with disjoint lives share memory.

lqc.weight @embed : tensor<32x64xbf16> = #lqc.random<seed = 1, std = 1.0 : f64>
lqc.weight @w0 : tensor<64x64xbf16> = #lqc.random<seed = 2, std = 1.0 : f64>
lqc.weight @w1 : tensor<64x64xbf16> = #lqc.random<seed = 3, std = 1.0 : f64>

// CHECK: lqc.kernel @linear_1x64_64x64_bf16(%{{.+}}: tensor<1x64xf32>, %{{.+}}: tensor<64x64xbf16, #lqc.packed<16x1>>, %{{.+}}: tensor<1x64xf32>) attributes {destinations = 1 : i64, units = 4 : i64}
// CHECK: lqc.kernel @cache_append_1x64_1x64
// CHECK: lqc.cache_append %{{.+}}[0] at
// CHECK: lqc.kernel @attention_1x64({{.+}}) attributes {destinations = 1 : i64, unit_rows = 1 : i64, units = 2 : i64}
// CHECK-NOT: lqc.kernel @linear_1x64_64x64_bf16_

// CHECK-LABEL: lqc.step @decode
// CHECK-SAME: %[[TOKENS:[a-z0-9]+]]: !lqc.buffer<tensor<1xi32>>
// CHECK-SAME: %[[OUTPUTS:[a-z0-9]+]]: !lqc.buffer<tensor<1xi32>>, %[[LOGITS:[a-z0-9]+]]: !lqc.buffer<tensor<1x32xf32>>
// CHECK-SAME: %[[CACHE:[a-z0-9]+]]: !lqc.cache<2x16x2x32xf32>, %[[COUNT:[a-z0-9]+]]: index, %[[WANTED:[a-z0-9]+]]: index
// CHECK-SAME: arena_bytes = 512
// CHECK: %[[X:.+]] = lqc.arena_slice 0 : <tensor<1x64xf32>>
// CHECK: lqc.dispatch @embedding_32x64_bf16(%[[TOKENS]], %{{.+}}, %[[X]]) rows %[[COUNT]]
// CHECK: lqc.dispatch @linear_1x64_64x64_bf16(%[[X]]
// CHECK: %[[L0:.+]] = lqc.cache_layer %[[CACHE]][0]
// CHECK: lqc.dispatch @cache_append_1x64_1x64(%{{.+}}, %{{.+}}, %[[L0]]
// CHECK: lqc.dispatch @attention_1x64
// CHECK: lqc.dispatch @linear_1x64_64x64_bf16
// CHECK: %[[L1:.+]] = lqc.cache_layer %[[CACHE]][1]
// CHECK: lqc.dispatch @attention_1x64(%{{.+}}, %[[L1]]
// CHECK: lqc.dispatch @embedding_1x64(%[[OUTPUTS]], %{{.+}}, %[[ROWS:.+]]) rows %[[WANTED]]
// CHECK: lqc.dispatch @linear_1x64_32x64_bf16(%[[ROWS]], %{{.+}}, %[[LOGITS]]) rows %[[WANTED]]

// CHECK-LABEL: lqc.step @prefill
// CHECK-SAME: !lqc.buffer<tensor<8xi32>>
// CHECK-NOT: func.func

func.func private @layers.0(%x: tensor<?x64xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %c: !lqc.cache<2x16x2x32xf32>) -> tensor<?x64xf32> {
  %w = lqc.get_weight @w0 : tensor<64x64xbf16>
  %q = lqc.linear %x, %w : (tensor<?x64xf32>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  lqc.cache_append %q, %x, %c[0] at %p, %s : tensor<?x64xf32>, tensor<?xi32>, !lqc.cache<2x16x2x32xf32>
  %a = lqc.attention %q, %c[0] at %p, %s scale 0.25 : tensor<?x64xf32>, tensor<?xi32>, !lqc.cache<2x16x2x32xf32>
  return %a : tensor<?x64xf32>
}
func.func private @layers.1(%x: tensor<?x64xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %c: !lqc.cache<2x16x2x32xf32>) -> tensor<?x64xf32> {
  %w = lqc.get_weight @w1 : tensor<64x64xbf16>
  %q = lqc.linear %x, %w : (tensor<?x64xf32>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  lqc.cache_append %q, %x, %c[1] at %p, %s : tensor<?x64xf32>, tensor<?xi32>, !lqc.cache<2x16x2x32xf32>
  %a = lqc.attention %q, %c[1] at %p, %s scale 0.25 : tensor<?x64xf32>, tensor<?xi32>, !lqc.cache<2x16x2x32xf32>
  return %a : tensor<?x64xf32>
}
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %c: !lqc.cache<2x16x2x32xf32>) -> tensor<?x32xf32> {
  %e = lqc.get_weight @embed : tensor<32x64xbf16>
  %x = lqc.embedding %t, %e : (tensor<?xi32>, tensor<32x64xbf16>) -> tensor<?x64xf32>
  %y = func.call @layers.0(%x, %p, %s, %c) : (tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>, !lqc.cache<2x16x2x32xf32>) -> tensor<?x64xf32>
  %z = func.call @layers.1(%y, %p, %s, %c) : (tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>, !lqc.cache<2x16x2x32xf32>) -> tensor<?x64xf32>
  %l = lqc.linear %z, %e : (tensor<?x64xf32>, tensor<32x64xbf16>) -> tensor<?x32xf32>
  return %l : tensor<?x32xf32>
}

// -----

// A split is a kernel with two destinations; what it keeps has a linear of its
// own, whose weight is packed like any other, and the indices are a weight.

lqc.weight @embed : tensor<32x64xbf16> = #lqc.random<seed = 1, std = 1.0 : f64>
lqc.weight @w : tensor<32x64xbf16> = #lqc.random<seed = 2, std = 1.0 : f64>
lqc.weight @v : tensor<32x3xbf16> = #lqc.random<seed = 3, std = 1.0 : f64>
lqc.weight @i : tensor<3xi32> = dense<[1, 5, 63]> : tensor<3xi32>

// CHECK: lqc.kernel @split_columns_1x64_1x3(%{{.+}}: tensor<1x64xf32>, %{{.+}}: tensor<3xi32>, %{{.+}}: tensor<1x64xf32>, %{{.+}}: tensor<1x3xf32>) attributes {destinations = 2 : i64, unit_rows = 1 : i64, units = 1 : i64}
// CHECK-LABEL: lqc.step @decode
// CHECK: %[[COLUMNS:.+]] = lqc.get_weight @i : tensor<3xi32>
// CHECK: lqc.dispatch @split_columns_1x64_1x3(%{{.+}}, %[[COLUMNS]], %[[REST:.+]], %[[KEPT:.+]]) rows
// CHECK: lqc.dispatch @linear_1x64_32x64_bf16(%[[REST]], %{{.+}}, %[[A:.+]]) rows
// CHECK: lqc.dispatch @linear_1x3_32x3_bf16(%[[KEPT]], %{{.+}}, %[[B:.+]]) rows
// CHECK: lqc.dispatch @addf_1x32_1x32(%[[A]], %[[B]], %{{.+}}) rows

func.func private @layers.0(%x: tensor<?x64xf32>) -> tensor<?x32xf32> {
  %i = lqc.get_weight @i : tensor<3xi32>
  %rest, %kept = lqc.split_columns %x, %i : (tensor<?x64xf32>, tensor<3xi32>) -> (tensor<?x64xf32>, tensor<?x3xf32>)
  %w = lqc.get_weight @w : tensor<32x64xbf16>
  %a = lqc.linear %rest, %w : (tensor<?x64xf32>, tensor<32x64xbf16>) -> tensor<?x32xf32>
  %v = lqc.get_weight @v : tensor<32x3xbf16>
  %b = lqc.linear %kept, %v : (tensor<?x3xf32>, tensor<32x3xbf16>) -> tensor<?x32xf32>
  %y = arith.addf %a, %b : tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %c: !lqc.cache<2x16x2x32xf32>) -> tensor<?x32xf32> {
  %e = lqc.get_weight @embed : tensor<32x64xbf16>
  %x = lqc.embedding %t, %e : (tensor<?xi32>, tensor<32x64xbf16>) -> tensor<?x64xf32>
  %y = func.call @layers.0(%x) : (tensor<?x64xf32>) -> tensor<?x32xf32>
  %h = lqc.get_weight @head : tensor<32x32xbf16>
  %l = lqc.linear %y, %h : (tensor<?x32xf32>, tensor<32x32xbf16>) -> tensor<?x32xf32>
  return %l : tensor<?x32xf32>
}
lqc.weight @head : tensor<32x32xbf16> = #lqc.random<seed = 4, std = 1.0 : f64>

// -----

// expected-error@+1 {{has no function @forward to schedule}}
module {}

// -----

// expected-error@+1 {{'func.func' op must take tokens, positions, slots and a cache and return the logits}}
func.func @forward(%t: tensor<?xi32>) -> tensor<?xi32> {
  return %t : tensor<?xi32>
}

// -----

// expected-error@+1 {{'func.func' op must return the logits of a linear}}
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %c: !lqc.cache<1x16x2x32xf32>) -> tensor<?xi32> {
  return %t : tensor<?xi32>
}

// -----

lqc.weight @embed : tensor<32x64xbf16> = #lqc.random<seed = 1, std = 1.0 : f64>
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %c: !lqc.cache<1x16x2x32xf32>) -> tensor<?x32xf32> {
  %e = lqc.get_weight @embed : tensor<32x64xbf16>
  %x = lqc.embedding %t, %e : (tensor<?xi32>, tensor<32x64xbf16>) -> tensor<?x64xf32>
  // expected-error@+1 {{'math.cos' op has no kernel: the CPU cannot run it}}
  %y = math.cos %x : tensor<?x64xf32>
  %l = lqc.linear %y, %e : (tensor<?x64xf32>, tensor<32x64xbf16>) -> tensor<?x32xf32>
  return %l : tensor<?x32xf32>
}

// -----

func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %c: !lqc.cache<1x16x2x32xf32>) -> tensor<?x32xf32> {
  %e = lqc.get_weight @embed : tensor<32x64xbf16>
  // expected-error@+1 {{'func.call' op must call a function with one block}}
  %x = func.call @outside(%t) : (tensor<?xi32>) -> tensor<?x64xf32>
  %l = lqc.linear %x, %e : (tensor<?x64xf32>, tensor<32x64xbf16>) -> tensor<?x32xf32>
  return %l : tensor<?x32xf32>
}
func.func private @outside(tensor<?xi32>) -> tensor<?x64xf32>
lqc.weight @embed : tensor<32x64xbf16> = #lqc.random<seed = 1, std = 1.0 : f64>
