// Channels move between weights, and the model computes what it did.
//
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %test_root/lqc/Inputs/check_eval.py tokens %t/ids.u16 64
// RUN: cp -r %golden/tiny-biases %t/tiny
// RUN: %lqc compile %t/tiny --compile-to=simplify -o %t/model.mlir
// RUN: %lqc calibrate %t/tiny --text %t/ids.u16 --length=64 --samples=20 -o %t/stats
// DEFINE: %{opt} = cd %t && %lqc-opt model.mlir --lqc-assign-schemes=scheme=int4-g32
//
// All kinds of producers: a norm, values behind grouped queries (their bias too), the up
// projection.
// RUN: %{opt} --lqc-smoothquant='statistics=stats sidecar=out.lqcw' --remarks-filter=lqc-smoothquant -o out.mlir 2> remarks
// RUN: FileCheck %s --input-file=%t/out.mlir
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t/remarks --implicit-check-not=Missed
// CHECK-DAG: lqc.weight @model.layers.0.self_attn.q_proj.weight.input_scales : tensor<32xf32> = #lqc.file<"out.lqcw"
// CHECK-DAG: lqc.weight @model.layers.0.self_attn.q_proj.weight.scaled : tensor<64x32xf32> attributes {lqc.scheme = #lqc.scheme<"int4-g32">} {
// CHECK-DAG: lqc.weight @model.layers.0.input_layernorm.weight.scaled : tensor<32xf32> {
// CHECK-DAG: lqc.weight @model.layers.0.self_attn.v_proj.bias.scaled : tensor<32xf32> {
// CHECK-DAG: lqc.weight @model.layers.0.mlp.up_proj.weight.scaled.scaled : tensor<{{.*}}xf32> attributes {lqc.scheme = #lqc.scheme<"int4-g32">} {
// CHECK-DAG: lqc.scale_channels %{{.*}} axis 0 : (tensor<32x32xf32>, tensor<32xf32>) -> tensor<32x32xf32>
// REMARK-COUNT-8: [Passed] ChannelsScaled | Category:lqc-smoothquant | input={{.*}}, peak={{[0-9.e+-]+}}, peak_now={{[0-9.e+-]+}}
// RUN: %lqc eval %t/out.mlir --compile-from=simplify --quantize-override='*=float' --reference %t/tiny --text %t/ids.u16 --max-kl=1e-9
//
// What is rounded already cannot be scaled, and says so.
// RUN: cd %t && %lqc-opt out.mlir --lqc-quantize-weights=scheme=int4-g32 -o codes.mlir
// RUN: cd %t && %lqc-opt codes.mlir --lqc-smoothquant='statistics=stats sidecar=none.lqcw' -o - | FileCheck %s --check-prefix=CODES --implicit-check-not=scaled.scaled.scaled
// CODES: func.func
// RUN: not ls %t/none.lqcw
//
// Options.
// RUN: cd %t && not %lqc-opt model.mlir --lqc-assign-schemes=scheme=int4-g32 --lqc-smoothquant='statistics=stats sidecar=no.lqcw strength=2' 2>&1 | FileCheck %s --check-prefix=STRENGTH
// STRENGTH: error: strength must be from 0 to 1, got: 2
// RUN: not %lqc-opt %s --lqc-smoothquant 2>&1 | FileCheck %s --check-prefix=OPTIONS
// OPTIONS: error: needs the options statistics=FILE and sidecar=FILE

func.func @f() {
  return
}
