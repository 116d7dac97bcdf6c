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

def AssignSchemesPass : Pass<"lqc-assign-schemes", "::mlir::ModuleOp"> {
  let summary = "Says which scheme each weight of a layer is to get";
  let description = [{
    Writes the attribute `lqc.scheme` on the weights that linears of decoder
    layers read, for the passes that find the codes: `lqc-gptq` and, for what is
    left, `lqc-quantize-weights`.

    ```mlir
    lqc.weight @q : tensor<256x256xbf16> = #lqc.file<…>
    // becomes, with scheme=int4-g64
    lqc.weight @q : tensor<256x256xbf16> = #lqc.file<…> attributes {lqc.scheme = #lqc.scheme<"int4-g64">}
    ```

    `scheme` and `overrides` count as in `lqc-quantize-weights`, and fail in the
    same way. A weight that cannot take its scheme gets no attribute, with a
    warning that says why; with `strict` that is an error.
  }];
  let dependentDialects = ["::lqc::LQCDialect"];
  let options = [
    Option<"scheme", "scheme", "std::string", /*default=*/"",
           "scheme of the layers' linears, as int4-g64; empty or float: as stored">,
    ListOption<"overrides", "overrides", "std::string",
           "GLOB=SCHEME or GLOB=float for weights whose name matches; the last match counts">,
    Option<"strict", "strict", "bool", /*default=*/"false",
           "a weight that cannot take its scheme is an error">,
  ];
}

def GptqPass : Pass<"lqc-gptq", "::mlir::ModuleOp"> {
  let summary = "Rounds weights by what their inputs look like (GPTQ)";
  let description = [{
    For each linear of a decoder layer whose weight has the attribute
    `lqc.scheme` and of whose input the second moments are known: finds the codes
    that change the linear's outputs least (Frantar et al. 2022; the method is
    described in `lqc/Numerics/Gptq.h`). The result of the search goes to a
    sidecar; the linear reads it instead.

    ```mlir
    lqc.weight @q : tensor<256x256xbf16> = … attributes {lqc.scheme = #lqc.scheme<"int4-g64">}
    %w = lqc.get_weight @q : tensor<256x256xbf16>
    %y = lqc.linear %x, %w : (tensor<?x256xf32>, tensor<256x256xbf16>) -> tensor<?x256xf32>
    // becomes
    lqc.weight @q.int4_g64 : tensor<256x256xf32, #lqc.scheme<"int4-g64">> = #lqc.file<"model.lqcw", …> attributes {lqc.source = "q"}
    %w = lqc.get_weight @q.int4_g64 : tensor<256x256xf32, #lqc.scheme<"int4-g64">>
    ```

    In `lqc compile` the driver runs this pass on one group of linears after the
    other, with statistics of what the already rounded ones really produce. Alone,
    in `lqc-opt`, it takes statistics of the float model from a file that `lqc
    calibrate --keep-hessians` wrote; the files that weights refer to must lie
    below the folder of the `.mlir` file. Every decision is a remark of the category
    `lqc-gptq`, with the squared error of the outputs of one token.

    Fails if the statistics cannot be read or belong to another model, if a
    weight is not finite, or if a Hessian is not positive definite. A linear
    without statistics is left to `lqc-quantize-weights`, with a remark.
  }];
  let dependentDialects = ["::lqc::LQCDialect"];
  let options = [
    Option<"statistics", "statistics", "std::string", /*default=*/"",
           "file of lqc calibrate --keep-hessians (lqc-opt only)">,
    Option<"sidecar", "sidecar", "std::string", /*default=*/"",
           "file for the codes, to stand beside the output (lqc-opt only)">,
    Option<"damping", "damping", "double", /*default=*/"0.05",
           "added to the Hessian's diagonal, as a part of its mean">,
    Option<"sweeps", "sweeps", "int", /*default=*/"4",
           "rounds of descent over the groups after the paper's loop; 0: none">,
    Option<"activationOrder", "activation-order", "bool", /*default=*/"true",
           "round the most active input channels first">,
    Option<"clip", "clip", "::lqc::Clip", /*default=*/"::lqc::Clip::least_squares",
           "how a group's range is chosen",
           [{::llvm::cl::values(
               clEnumValN(::lqc::Clip::none, "none", "the full range"),
               clEnumValN(::lqc::Clip::least_squares, "least_squares",
                          "the range of least error, weighed by the Hessian"))}]>,
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
