// Nearest codes, with ranges that suit the inputs; and static scales of the inputs.
//
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %test_root/lqc/Inputs/check_eval.py tokens %t/ids.u16 64
// RUN: cp -r %golden/tiny-biases %t/tiny
// RUN: %lqc compile %t/tiny --compile-to=simplify -o %t/model.mlir
// RUN: %lqc calibrate %t/tiny --text %t/ids.u16 --length=64 --samples=20 -o %t/stats
// DEFINE: %{opt} = cd %t && %lqc-opt model.mlir --lqc-assign-schemes=scheme=int4-g32
//
// RUN: %{opt} --lqc-round-weights='statistics=stats sidecar=out.lqcw' --remarks-filter=lqc-round-weights -o out.mlir 2> remarks
// RUN: FileCheck %s --input-file=%t/out.mlir
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t/remarks
// CHECK: lqc.weight @model.layers.0.self_attn.q_proj.weight.int4_g32 : tensor<64x32xf32, #lqc.scheme<"int4-g32">> = #lqc.file<"out.lqcw", {{.*}}> attributes {lqc.source = "model.layers.0.self_attn.q_proj.weight"}
// REMARK: [Passed] WeightQuantized | Category:lqc-round-weights | clip=least_squares, scheme=int4-g32, weight=model.layers.0.self_attn.q_proj.weight
//
// With the full range the codes are those of lqc-quantize-weights.
// RUN: %{opt} --lqc-round-weights='statistics=stats sidecar=full.lqcw clip=none' -o full.mlir
// RUN: %lqc eval %t/full.mlir --compile-from=quantize --reference %t/tiny --text %t/ids.u16 --json > %t/full.json
// RUN: %lqc eval %t/tiny --quantize=int4-g32 --activations=f32 --reference %t/tiny --text %t/ids.u16 --json > %t/nearest.json
// RUN: diff %t/full.json %t/nearest.json
//
// RUN: cd %t && %lqc-opt out.mlir --lqc-quantize-activations='scales=static statistics=stats sidecar=ranges.lqcw' -o static.mlir
// RUN: FileCheck %s --check-prefix=STATIC --input-file=%t/static.mlir
// STATIC-DAG: lqc.weight @model.layers.0.self_attn.q_proj.weight.input_ranges : tensor<1xf32> = #lqc.file<"ranges.lqcw"
// STATIC-DAG: lqc.quantize %{{.*}}, %{{.*}} : (tensor<?x32xf32>, tensor<1xf32>) -> tensor<?x32xf32, #lqc.scheme<"static-int8-g32">>
// RUN: %lqc compile %t/static.mlir --compile-from=quantize -o %t/static
// RUN: %t/static --tokens 1,2,3 -n 2 --print-tokens
//
// RUN: not %lqc-opt %s --lqc-round-weights 2>&1 | FileCheck %s --check-prefix=OPTIONS
// RUN: not %lqc-opt %s --lqc-quantize-activations=scales=static 2>&1 | FileCheck %s --check-prefix=OPTIONS
// OPTIONS: error: needs the options statistics=FILE and sidecar=FILE

func.func @f() {
  return
}
