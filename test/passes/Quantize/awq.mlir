// The pass alone, on a real model: the model computes what it did, and rounding it loses
// less than without.
//
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %test_root/lqc/Inputs/check_eval.py tokens %t/ids.u16 64
// RUN: cp -r %golden/tiny-biases %t/tiny
// RUN: %lqc compile %t/tiny --compile-to=simplify -o %t/model.mlir
// RUN: %lqc calibrate %t/tiny --text %t/ids.u16 --length=64 --samples=20 --keep-hessians='*' -o %t/stats
// DEFINE: %{opt} = cd %t && %lqc-opt model.mlir --lqc-assign-schemes=scheme=int4-g32
//
// RUN: %{opt} --lqc-awq='statistics=stats sidecar=out.lqcw' --remarks-filter=lqc-awq -o out.mlir 2> remarks
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t/remarks
// REMARK: [Passed] ChannelsScaled | Category:lqc-awq | error={{[0-9.e+-]+}}, exponent={{[0-9.e+-]+}}, input=model.layers.0.{{.*}}, unscaled_error={{[0-9.e+-]+}}
// RUN: FileCheck %s --input-file=%t/out.mlir
// CHECK: lqc.weight @{{.*}}.scaled : tensor<{{.*}}xf32> attributes {lqc.scheme = #lqc.scheme<"int4-g32">} {
// CHECK: lqc.scale_channels %{{.*}} axis 1
// RUN: %lqc eval %t/out.mlir --compile-from=simplify --quantize-override='*=float' --reference %t/tiny --text %t/ids.u16 --max-kl=1e-9
//
// Methods compose, each with a sidecar of its own.
// RUN: %{opt} --lqc-awq='statistics=stats sidecar=one.lqcw' --lqc-gptq='statistics=stats sidecar=two.lqcw' -o both.mlir
// RUN: FileCheck %s --check-prefix=BOTH --input-file=%t/both.mlir
// BOTH-DAG: .int4_g32 : {{.*}} = #lqc.file<"two.lqcw"
// BOTH-DAG: .input_scales : {{.*}} = #lqc.file<"one.lqcw"
// RUN: %lqc compile %t/both.mlir --compile-from=quantize -o %t/both
// RUN: %t/both --tokens 1,2,3 -n 2 --print-tokens
//
// Second moments are needed.
// RUN: %lqc calibrate %t/tiny --text %t/ids.u16 --length=64 --samples=20 -o %t/means
// RUN: %{opt} --lqc-awq='statistics=means sidecar=none.lqcw' --remarks-filter=lqc-awq -o same.mlir 2>&1 | FileCheck %s --check-prefix=MEANS --implicit-check-not=Passed
// MEANS-COUNT-8: [Missed] InputKept | {{.*}}no second moments of it are known
// RUN: not ls %t/none.lqcw
// RUN: not %lqc-opt %s --lqc-awq 2>&1 | FileCheck %s --check-prefix=OPTIONS
// OPTIONS: error: needs the options statistics=FILE and sidecar=FILE

func.func @f() {
  return
}
