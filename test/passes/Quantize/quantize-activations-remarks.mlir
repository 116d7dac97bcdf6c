// RUN: %lqc-opt %s --lqc-quantize-activations --remarks-filter=lqc-quantize-activations --verify-diagnostics

func.func @f(%x: tensor<?x64xf32>, %w: tensor<32x64xf32, #lqc.scheme<"int4-g32">>) {
  // expected-remark @+1 {{[Passed] ActivationQuantized | Category:lqc-quantize-activations | columns=64, scheme=dynamic-int8-g32}}
  %0 = lqc.linear %x, %w : (tensor<?x64xf32>, tensor<32x64xf32, #lqc.scheme<"int4-g32">>) -> tensor<?x32xf32>
  return
}
