// RUN: %lqc-opt %s | %lqc-opt | FileCheck %s
// RUN: %lqc-opt %s --emit-bytecode | %lqc-opt | FileCheck %s

// CHECK: lqc.model = #lqc.model<"llama", vocabulary = 1024, context = 512, bos = 0, eos = [1, 2], tokenizer = ".">
// CHECK-SAME: lqc.target = #lqc.target<cpu = "znver3", features = "+avx2,+fma,+f16c">
module attributes {
  lqc.model = #lqc.model<"llama", vocabulary = 1024, context = 512, bos = 0, eos = [1, 2], tokenizer = ".">,
  lqc.target = #lqc.target<cpu = "znver3", features = "+avx2,+fma,+f16c">
} {}
