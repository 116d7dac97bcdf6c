//===- Passes.td - passes of the quantize phase ------------*- tablegen -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_QUANTIZE_PASSES
#define LQC_QUANTIZE_PASSES

include "mlir/Pass/PassBase.td"

def QuantizeWeightsPass : Pass<"lqc-quantize-weights", "::mlir::ModuleOp"> {
  let summary = "Rounds weights to the nearest codes of a scheme";
  let description = [{
    For each weight that is to be quantized, adds a weight whose initializer
    rounds the first one, and reads that instead. Nothing is computed here: the
    initializer runs when the bytes are wanted.

    ```mlir
    %w = lqc.get_weight @q : tensor<256x256xbf16>
    %y = lqc.linear %x, %w : (tensor<?x256xf32>, tensor<256x256xbf16>) -> tensor<?x256xf32>
    // becomes, with scheme=int4-g64
    lqc.weight @q.int4_g64 : tensor<256x256xf32, #lqc.scheme<"int4-g64">> {
      %0 = lqc.get_weight @q : tensor<256x256xbf16>
      %1 = lqc.quantize %0 : (tensor<256x256xbf16>) -> tensor<256x256xf32, #lqc.scheme<"int4-g64">>
      lqc.yield %1 : tensor<256x256xf32, #lqc.scheme<"int4-g64">>
    }
    %w = lqc.get_weight @q.int4_g64 : tensor<256x256xf32, #lqc.scheme<"int4-g64">>
    ```

    Which scheme a weight gets, the last that applies:
    1. `scheme` for the linears of decoder layers (functions with `lqc.layer`),
       `head` for other linears, `embedding` for embedding tables;
    2. the attribute `lqc.scheme = #lqc.scheme<…>` on the weight;
    3. `overrides`, in their order.

    A weight that cannot take its scheme stays as it is, with a warning that
    says why; with `strict` that is an error. Every decision is a remark of the
    category `lqc-quantize-weights`.

    Fails if an option names no scheme, if a pattern is not a glob, and if a
    pattern matches no weight that could be quantized.
  }];
  let dependentDialects = ["::lqc::LQCDialect"];
  let options = [
    Option<"scheme", "scheme", "std::string", /*default=*/"",
           "scheme of the layers' linears, as int4-g64; empty or float: as stored">,
    Option<"embedding", "embedding", "std::string", /*default=*/"",
           "scheme of embedding tables; empty or float: as stored">,
    Option<"head", "head", "std::string", /*default=*/"",
           "scheme of linears outside layers; empty or float: as stored">,
    ListOption<"overrides", "overrides", "std::string",
           "GLOB=SCHEME or GLOB=float for weights whose name matches; the last match counts">,
    Option<"clip", "clip", "::lqc::Clip", /*default=*/"::lqc::Clip::none",
           "how a group's range is chosen",
           [{::llvm::cl::values(
               clEnumValN(::lqc::Clip::none, "none", "the full range"),
               clEnumValN(::lqc::Clip::least_squares, "least_squares",
                          "the range of least squared error"))}]>,
    Option<"strict", "strict", "bool", /*default=*/"false",
           "a weight that cannot take its scheme is an error">,
  ];
}

def QuantizeActivationsPass
    : Pass<"lqc-quantize-activations", "::mlir::ModuleOp"> {
  let summary = "Rounds the inputs of linears with integer weights to int8";
  let description = [{
    So that kernels multiply integers: in front of each linear whose weight has
    levels that are integers times a constant (`intB`, `uintB`, `mxfp4`, `nvfp4`,
    `qB_k`) and whose input is plain f32, quantizes the input token by token, in
    groups of the weight's group size. A weight with one group a row
    gets groups of 64 or 32, whichever divides the row first, or else one group.
    Linears that share an input share its codes.

    ```mlir
    %y = lqc.linear %x, %w : (tensor<?x256xf32>, tensor<256x256xf32, #lqc.scheme<"int4-g64">>) -> tensor<?x256xf32>
    // becomes
    %q = lqc.quantize %x : (tensor<?x256xf32>) -> tensor<?x256xf32, #lqc.scheme<"dynamic-int8-g64">>
    %y = lqc.linear %q, %w : (tensor<?x256xf32, #lqc.scheme<"dynamic-int8-g64">>, tensor<256x256xf32, #lqc.scheme<"int4-g64">>) -> tensor<?x256xf32>
    ```

    Linears with other weights keep float inputs. Never fails.
  }];
  let dependentDialects = ["::lqc::LQCDialect"];
}

#endif // LQC_QUANTIZE_PASSES
