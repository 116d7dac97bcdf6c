// The pass alone, on a real model, with statistics from a file.
//
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %test_root/lqc/Inputs/check_eval.py tokens %t/ids.u16 64
// RUN: cp -r %golden/tiny-biases %t/tiny
// RUN: %lqc compile %t/tiny --compile-to=simplify -o %t/model.mlir
// RUN: %lqc calibrate %t/tiny --text %t/ids.u16 --length=64 --samples=20 --keep-hessians='*' -o %t/stats.safetensors
// RUN: cd %t && %lqc-opt model.mlir --lqc-assign-schemes=scheme=int4-g32 --lqc-gptq='statistics=stats.safetensors sidecar=out.lqcw' --remarks-filter=lqc-gptq -o out.mlir 2> remarks
// RUN: FileCheck %s --input-file=%t/out.mlir
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t/remarks
//
// CHECK: lqc.weight @model.layers.0.self_attn.q_proj.weight.int4_g32 : tensor<64x32xf32, #lqc.scheme<"int4-g32">> = #lqc.file<"out.lqcw", tensor = "{{[0-9a-f]+}}", offset = {{[0-9]+}}, bytes = 1152, header = "{{[0-9a-f]+}}"> attributes {lqc.source = "model.layers.0.self_attn.q_proj.weight"}
// CHECK: %[[Q:.*]] = lqc.get_weight @model.layers.0.self_attn.q_proj.weight.int4_g32
// CHECK: lqc.linear %{{.*}}, %[[Q]]
// REMARK: [Passed] WeightQuantized | Category:lqc-gptq | error={{[0-9.e+-]+}}, scheme=int4-g32, tokens=1280, weight=model.layers.0.self_attn.q_proj.weight
//
// What it wrote is compiled like any other model.
// RUN: %lqc compile %t/out.mlir --compile-from=simplify --activations=f32 -o %t/model | FileCheck %s --check-prefix=TABLE
// TABLE: layers {{.*}} int4-g32 {{ *}}4.500
// RUN: %t/model --tokens 1,2,3 -n 2 --print-tokens
//
// Statistics of another model, and options that are missing.
// RUN: not %lqc-opt %s --lqc-gptq 2>&1 | FileCheck %s --check-prefix=OPTIONS
// OPTIONS: error: needs the options statistics=FILE and sidecar=FILE
// RUN: not %lqc-opt %s --lqc-gptq='statistics=%t/stats.safetensors sidecar=%t/no.lqcw' 2>&1 | FileCheck %s --check-prefix=STALE
// STALE: error: {{.*}}stats.safetensors: statistics are stale: they were taken on another model (fingerprint '{{[0-9a-f]+}}', expected {{[0-9a-f]+}}); run lqc calibrate again
// RUN: not ls %t/no.lqcw

lqc.weight @up : tensor<96x64xbf16> = #lqc.random<seed = 1, std = 1.0 : f64> attributes {lqc.scheme = #lqc.scheme<"int4-g32">}
func.func @layer(%x: tensor<?x64xf32>) -> tensor<?x96xf32> attributes {lqc.layer = 0 : i64} {
  %up = lqc.get_weight @up : tensor<96x64xbf16>
  %0 = lqc.linear %x, %up : (tensor<?x64xf32>, tensor<96x64xbf16>) -> tensor<?x96xf32>
  return %0 : tensor<?x96xf32>
}
