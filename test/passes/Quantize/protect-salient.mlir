// The pass alone, on a real model, with statistics from a file; no Hessians.
//
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %test_root/lqc/Inputs/check_eval.py tokens %t/ids.u16 64
// RUN: cp -r %golden/tiny-biases %t/tiny
// RUN: %lqc compile %t/tiny --compile-to=simplify -o %t/model.mlir
// RUN: %lqc calibrate %t/tiny --text %t/ids.u16 --length=64 --samples=20 -o %t/stats.safetensors
// RUN: cd %t && %lqc-opt model.mlir --lqc-assign-schemes=scheme=int4-g32 --lqc-protect-salient='statistics=stats.safetensors sidecar=columns.lqcw percent=10' --remarks-filter=lqc-protect-salient -o split.mlir 2> remarks
// RUN: FileCheck %s --input-file=%t/split.mlir
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t/remarks
//
// Weights: 10 % of 32 channels are 4.
// CHECK: lqc.weight @model.layers.0.self_attn.q_proj.weight.rest : tensor<64x32x[[TYPE:.+]]> attributes {lqc.scheme = #lqc.scheme<"int4-g32">} {
// CHECK-NEXT: %[[W:.+]] = lqc.get_weight @model.layers.0.self_attn.q_proj.weight :
// CHECK-NEXT: %[[I:.+]] = lqc.get_weight @model.layers.0.self_attn.q_proj.weight.columns :
// CHECK-NEXT: %[[REST:.+]], %{{.+}} = lqc.split_columns %[[W]], %[[I]] : (tensor<64x32x[[TYPE]]>, tensor<4xi32>) -> (tensor<64x32x[[TYPE]]>, tensor<64x4xbf16>)
// CHECK-NEXT: lqc.yield %[[REST]]
// CHECK: lqc.weight @model.layers.0.self_attn.q_proj.weight.kept : tensor<64x4xbf16> {
// CHECK: %{{.+}}, %[[KEPT:.+]] = lqc.split_columns
// CHECK-NEXT: lqc.yield %[[KEPT]]
// CHECK: lqc.weight @model.layers.0.self_attn.q_proj.weight.columns : tensor<4xi32> = #lqc.file<"columns.lqcw", tensor = "{{[0-9a-f]+}}", offset = {{[0-9]+}}, bytes = 16, header = "{{[0-9a-f]+}}">
//
// One split for three linears; the biases stay where they were.
// CHECK: func.func {{.*}}@layers.0(
// CHECK: %[[R:.+]], %[[K:.+]] = lqc.split_columns %{{.+}}, %{{.+}} : (tensor<?x32xf32>, tensor<4xi32>) -> (tensor<?x32xf32>, tensor<?x4xf32>)
// CHECK: %[[A:.+]] = lqc.linear %[[R]], %{{.+}}, %{{.+}} : (tensor<?x32xf32>, tensor<64x32x
// CHECK: %[[B:.+]] = lqc.linear %[[K]], %{{.+}} : (tensor<?x4xf32>, tensor<64x4xbf16>) -> tensor<?x64xf32>
// CHECK: arith.addf %[[A]], %[[B]] : tensor<?x64xf32>
// CHECK: lqc.linear %[[R]],
// CHECK: lqc.linear %[[K]],
// CHECK: lqc.linear %[[R]],
// CHECK: lqc.linear %[[K]],
// The next input.
// CHECK: lqc.split_columns
// REMARK: [Passed] ColumnsKept | Category:lqc-protect-salient | columns=4, of=32, readers=3, share_of_error={{[0-9.e+-]+}}, weight=model.layers.0.self_attn.q_proj.weight
// REMARK: columns=7, of=64, readers=1, {{.*}}weight=model.layers.0.self_attn.o_proj.weight
//
// The channels are those that lose most: 3 of 32, or these and 3 others of 64.
// RUN: %python %S/Inputs/columns.py louder %t/stats.safetensors %t/loud.safetensors 3 17 30
// RUN: cd %t && %lqc-opt model.mlir --lqc-assign-schemes=scheme=int4-g32 --lqc-protect-salient='statistics=loud.safetensors sidecar=loud.lqcw percent=9' -o loud.mlir
// RUN: %python %S/Inputs/columns.py print %t/loud.lqcw > %t/columns
// RUN: FileCheck %s --check-prefix=COLUMNS --input-file=%t/columns
// COLUMNS: [3, 17, 30]
// RUN: not grep -vE '\b3, (.*, )?17, (.*, )?30\b' %t/columns
//
// What it wrote is compiled like any other model, rounded to nearest …
// RUN: %lqc compile %t/split.mlir --compile-from=simplify --quantize=int4-g32 --activations=f32 -o %t/nearest | FileCheck %s --check-prefix=TABLE
// TABLE: layers {{ *}}14 {{.*}} int4-g32, 12 % kept in bf16
// RUN: %t/nearest --tokens 1,2,3 -n 2 --print-tokens
//
// … or by GPTQ, which fits the kept columns to its codes: the statistics are
// those of the model before the split.
// RUN: %lqc calibrate %t/tiny --text %t/ids.u16 --length=64 --samples=20 --keep-hessians='*' -o %t/hessians.safetensors
// RUN: cd %t && %lqc-opt split.mlir --lqc-gptq='statistics=hessians.safetensors sidecar=codes.lqcw' -o both.mlir
// RUN: FileCheck %s --check-prefix=BOTH --input-file=%t/both.mlir
// BOTH: lqc.weight @model.layers.0.self_attn.q_proj.weight.rest.int4_g32 : {{.*}} = #lqc.file<"codes.lqcw", {{.*}} attributes {lqc.source = "model.layers.0.self_attn.q_proj.weight"}
// BOTH: lqc.weight @model.layers.0.self_attn.q_proj.weight.kept : tensor<64x4xbf16> = #lqc.file<"codes.lqcw", {{.*}} attributes {lqc.source = "model.layers.0.self_attn.q_proj.weight"}
// BOTH: lqc.weight @model.layers.0.self_attn.q_proj.weight.columns : tensor<4xi32> = #lqc.file<"columns.lqcw"
// RUN: %lqc compile %t/both.mlir --compile-from=simplify --activations=f32 -o %t/both | FileCheck %s --check-prefix=TABLE
// RUN: %t/both --tokens 1,2,3 -n 2 --print-tokens
//
// The driver's walk finds the linears behind splits too, each once.
// RUN: %lqc compile %t/split.mlir --compile-from=simplify --quantize=int4-g32 --method=gptq --calibrate=%t/ids.u16 --length=64 --samples=20 -o %t/walked | FileCheck %s --check-prefix=TABLE
//
// A linear that stays float is not split, and splitting twice is once.
// RUN: cd %t && %lqc-opt model.mlir --lqc-assign-schemes='scheme=int4-g32 overrides=*.o_proj.weight=float' --lqc-protect-salient='statistics=stats.safetensors sidecar=some.lqcw' --remarks-filter=lqc-protect-salient -o some.mlir 2> some.remarks
// RUN: FileCheck %s --check-prefix=FLOAT --input-file=%t/some.remarks
// FLOAT: [Missed] LinearKept | Category:lqc-protect-salient | Reason="its weight is not to be rounded", weight=model.layers.0.self_attn.o_proj.weight
// RUN: not grep o_proj.weight.rest %t/some.mlir
// RUN: cd %t && %lqc-opt split.mlir --lqc-protect-salient='statistics=stats.safetensors sidecar=twice.lqcw' -o twice.mlir
// RUN: cmp %t/split.mlir %t/twice.mlir
//
// Indices that are no columns, in IR that somebody wrote.
// RUN: sed 's/^lqc.weight/  lqc.weight/; s/  lqc.weight @model.layers.0.self_attn.q_proj.weight.columns : .*/  lqc.weight @model.layers.0.self_attn.q_proj.weight.columns : tensor<4xi32> = dense<[1, 2, 3, 32]> : tensor<4xi32>/' %t/split.mlir > %t/damaged.mlir
// RUN: not %lqc compile %t/damaged.mlir --compile-from=simplify -o %t/damaged 2>&1 | FileCheck %s --check-prefix=DAMAGED
// DAMAGED: lqc: error: weight @model.layers.0.self_attn.q_proj.weight.columns: column indices must ascend and be below 32, got: 32 at element 3
// RUN: not ls %t/damaged
//
// Options and statistics that do not fit.
// RUN: not %lqc-opt %s --lqc-protect-salient 2>&1 | FileCheck %s --check-prefix=OPTIONS
// OPTIONS: error: needs the options statistics=FILE and sidecar=FILE
// RUN: cd %t && not %lqc-opt model.mlir --lqc-protect-salient='statistics=stats.safetensors sidecar=no.lqcw percent=0' 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: percent must be above 0 and at most 50, got: 0.00
// RUN: cd %t && not %lqc-opt model.mlir --lqc-protect-salient='statistics=stats.safetensors sidecar=no.lqcw percent=50.5' 2>&1 | FileCheck %s --check-prefix=MOST
// MOST: error: percent must be above 0 and at most 50, got: 50.50
// RUN: not %lqc-opt %s --lqc-protect-salient='statistics=%t/stats.safetensors sidecar=%t/no.lqcw' 2>&1 | FileCheck %s --check-prefix=STALE
// STALE: error: {{.*}}stats.safetensors: statistics are stale
// RUN: not ls %t/no.lqcw

lqc.weight @up : tensor<96x64xbf16> = #lqc.random<seed = 1, std = 1.0 : f64> attributes {lqc.scheme = #lqc.scheme<"int4-g32">}
func.func @layer(%x: tensor<?x64xf32>) -> tensor<?x96xf32> attributes {lqc.layer = 0 : i64} {
  %up = lqc.get_weight @up : tensor<96x64xbf16>
  %0 = lqc.linear %x, %up : (tensor<?x64xf32>, tensor<96x64xbf16>) -> tensor<?x96xf32>
  return %0 : tensor<?x96xf32>
}
