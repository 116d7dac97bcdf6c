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

def AllocateBitsPass : Pass<"lqc-allocate-bits", "::mlir::ModuleOp"> {
  let summary = "Chooses the scheme of each weight under a budget";
  let description = [{
    Gives each weight of a decoder layer's linear that has the attribute
    `lqc.sensitivities` one of the schemes that stand in it, as `lqc.scheme`, for
    the passes that find the codes. The attribute says how much each scheme loses
    (KL divergence to the float model, nats a token, of rounding this weight
    alone); `lqc compile --bits-per-weight` measures it. Losses are added up:
    with `bits-per-weight` the sum is the least that so many bits allow, with
    `max-kl` the bits are the fewest that allow this sum (see
    `lqc/Numerics/Allocation.h`).

    ```mlir
    lqc.weight @q : tensor<256x256xbf16> = #lqc.file<…> attributes {lqc.sensitivities = {"int2-g64" = 2.0e-2, "int4-g64" = 1.0e-3}}
    // becomes, with bits-per-weight=3
    lqc.weight @q : tensor<256x256xbf16> = #lqc.file<…> attributes {lqc.scheme = #lqc.scheme<"int2-g64">}
    ```

    Bits are real: codes, scales and zero points of all weights that linears of
    layers read. Weights without the attribute count with their `lqc.scheme`, or
    as they are stored. Every choice is a remark of the category
    `lqc-allocate-bits`, with the bytes and the loss.

    Fails if the budget is below what the smallest schemes take, or the least
    loss above `max-kl`; if no weight has sensitivities; if one names no scheme
    or one that the weight cannot take, or is no number of at least 0.
  }];
  let dependentDialects = ["::lqc::LQCDialect"];
  let options = [
    Option<"bitsPerWeight", "bits-per-weight", "double", /*default=*/"0",
           "bits a weight of the layers' linears, scales counted; 0: none given">,
    Option<"maxKl", "max-kl", "double", /*default=*/"0",
           "sum of losses, nats a token; 0: none given">,
  ];
}

/// Options of every pass that works with statistics.
class SearchPass<string name> : Pass<name, "::mlir::ModuleOp"> {
  let dependentDialects = ["::lqc::LQCDialect"];
  list<Option> searchOptions = [
    Option<"statistics", "statistics", "std::string", /*default=*/"",
           "file of lqc calibrate (lqc-opt only)">,
    Option<"sidecar", "sidecar", "std::string", /*default=*/"",
           "file for what is found, to stand beside the output (lqc-opt only)">,
  ];
}

def SmoothquantPass : SearchPass<"lqc-smoothquant"> {
  let summary = "Moves outliers of activations into weights (SmoothQuant)";
  let description = [{
    Channels with large activations are hard to round to int8, weights are not.
    For each input of linears whose weights have the attribute `lqc.scheme`:
    divides channel j by `s_j = max|x_j|^a / max|W_j|^(1-a)` (a = `strength`) and
    multiplies column j of every weight that reads it (Xiao et al. 2022). The
    division is folded into what produces the input: the gain of a norm, or the
    rows of the value or up projection. Nothing is rounded here.

    ```mlir
    %n = lqc.rms_norm %x, %gain {epsilon = 1.0e-5 : f32} : (tensor<?x256xf32>, tensor<256xbf16>) -> tensor<?x256xf32>
    %y = lqc.linear %n, %w : (tensor<?x256xf32>, tensor<768x256xbf16>) -> tensor<?x768xf32>
    // becomes
    lqc.weight @w.scaled : tensor<768x256xf32> attributes {lqc.scheme = …} {
      %0 = lqc.get_weight @w : tensor<768x256xbf16>
      %1 = lqc.get_weight @w.input_scales : tensor<256xf32>
      %2 = lqc.scale_channels %0, %1 axis 1 : (tensor<768x256xbf16>, tensor<256xf32>) -> tensor<768x256xf32>
      lqc.yield %2 : tensor<768x256xf32>
    }
    lqc.weight @gain.scaled : tensor<256xf32> { … }
    ```

    An input that cannot be scaled (somebody else reads it, or what produces it
    has no weight) stays, with a remark of the category `lqc-smoothquant`; so
    does one without statistics. Fails if the statistics cannot be read or
    belong to another model, if `strength` is not from 0 to 1, or if a weight is
    not finite.
  }];
  let options = !listconcat(searchOptions, [
    Option<"strength", "strength", "double", /*default=*/"0.5",
           "how much of the difficulty moves into the weights, 0 to 1">,
  ]);
}

def AwqPass : SearchPass<"lqc-awq"> {
  let summary = "Scales channels so that rounding loses least (AWQ)";
  let description = [{
    For each input of linears whose weights have the attribute `lqc.scheme` and of
    which the second moments are known: scales its channels by `s_j = (mean
    |x_j|)^a` as `lqc-smoothquant` does, with the exponent for which the weights,
    rounded to nearest, change the outputs least (Lin et al. 2023; see
    `lqc/Numerics/ChannelScales.h`). Nothing is rounded here: `lqc-gptq` or
    `lqc-round-weights` (whose clip search is the other half of the paper's
    method) come next.

    ```mlir
    lqc.weight @q.scaled : tensor<256x256xf32> attributes {lqc.scheme = #lqc.scheme<"int3-g64">} {
      %0 = lqc.get_weight @q : tensor<256x256xbf16>
      %1 = lqc.get_weight @q.input_scales : tensor<256xf32>
      %2 = lqc.scale_channels %0, %1 axis 1 : (tensor<256x256xbf16>, tensor<256xf32>) -> tensor<256x256xf32>
      lqc.yield %2 : tensor<256x256xf32>
    }
    ```

    Every decision is a remark of the category `lqc-awq`: the exponent, and the
    squared error of the outputs of one token with and without scales. Fails if
    the statistics cannot be read or belong to another model, or if a weight is
    not finite.
  }];
  let options = !listconcat(searchOptions, [
    Option<"gridPoints", "grid-points", "int", /*default=*/"20",
           "exponents that are tried, from 0 to 1">,
  ]);
}

def RoundWeightsPass : SearchPass<"lqc-round-weights"> {
  let summary = "Rounds weights to nearest, by ranges that suit their inputs";
  let description = [{
    For each linear of a decoder layer whose weight has the attribute `lqc.scheme`
    and of whose input statistics are known: rounds the weight to the nearest
    codes. `clip=least_squares` shrinks each group's range to the ratio with the
    least squared error, a column's error multiplied by the mean square of its
    input channel. The codes go to a sidecar, as those of `lqc-gptq`.

    ```mlir
    lqc.weight @q.int4_g64 : tensor<256x256xf32, #lqc.scheme<"int4-g64">> = #lqc.file<"model.lqcw", …> attributes {lqc.source = "q"}
    ```

    Every decision is a remark of the category `lqc-round-weights`. Fails if the
    statistics cannot be read or belong to another model, or if a weight is not
    finite. A linear without statistics is left to `lqc-quantize-weights`.
  }];
  let options = !listconcat(searchOptions, [
    Option<"clip", "clip", "::lqc::Clip", /*default=*/"::lqc::Clip::least_squares",
           "how a group's range is chosen",
           [{::llvm::cl::values(
               clEnumValN(::lqc::Clip::none, "none", "the full range"),
               clEnumValN(::lqc::Clip::least_squares, "least_squares",
                          "the range of least error, weighed by the input"))}]>,
  ]);
}

def ProtectSalientPass : SearchPass<"lqc-protect-salient"> {
  let summary = "Keeps the input channels whose rounding hurts most";
  let description = [{
    For each input that linears of a decoder layer read whose weights have the
    attribute `lqc.scheme`: chooses the `percent` of its channels whose weights
    lose most when they are rounded, sets them apart, and keeps them in 16 bits.
    What a channel loses is the expected squared error that its rounding alone
    makes in the outputs, summed over the readers:

    `sum_readers |w_i - round_to_nearest(w)_i|^2 E[x_i^2]`

    So outliers of the input count (LLM.int8(), Dettmers et al. 2022), and so do
    weights that the scheme cannot hold (SpQR, Dettmers et al. 2023). Readers of
    one input share the choice, and the split.

    ```mlir
    lqc.weight @q : tensor<256x256xbf16> = … attributes {lqc.scheme = #lqc.scheme<"int4-g64">}
    %w = lqc.get_weight @q : tensor<256x256xbf16>
    %y = lqc.linear %x, %w : (tensor<?x256xf32>, tensor<256x256xbf16>) -> tensor<?x256xf32>
    // becomes, with percent=1
    lqc.weight @q.columns : tensor<3xi32> = #lqc.file<"model.lqcw", …>
    lqc.weight @q.rest : tensor<256x256xbf16> attributes {lqc.scheme = #lqc.scheme<"int4-g64">} {
      %0 = lqc.get_weight @q : tensor<256x256xbf16>
      %1 = lqc.get_weight @q.columns : tensor<3xi32>
      %rest, %kept = lqc.split_columns %0, %1 : (tensor<256x256xbf16>, tensor<3xi32>) -> (tensor<256x256xbf16>, tensor<256x3xbf16>)
      lqc.yield %rest : tensor<256x256xbf16>
    }
    lqc.weight @q.kept : tensor<256x3xbf16> { … lqc.yield %kept : tensor<256x3xbf16> }
    %i = lqc.get_weight @q.columns : tensor<3xi32>
    %rest, %kept = lqc.split_columns %x, %i : (tensor<?x256xf32>, tensor<3xi32>) -> (tensor<?x256xf32>, tensor<?x3xf32>)
    %w = lqc.get_weight @q.rest : tensor<256x256xbf16>
    %0 = lqc.linear %rest, %w : (tensor<?x256xf32>, tensor<256x256xbf16>) -> tensor<?x256xf32>
    %v = lqc.get_weight @q.kept : tensor<256x3xbf16>
    %1 = lqc.linear %kept, %v : (tensor<?x3xf32>, tensor<256x3xbf16>) -> tensor<?x256xf32>
    %y = arith.addf %0, %1 : tensor<?x256xf32>
    ```

    The number of channels is the next whole one, 1 at least. What rounds the
    rest comes behind: `lqc-gptq`, which fits the kept columns to the rounded
    ones, or `lqc-round-weights`. Statistics of a linear behind a split are
    those of the split's input. Every decision is a remark of the category
    `lqc-protect-salient`, with the part of the expected error that the kept
    channels had.

    Needs `statistics` and a `sidecar` as `lqc-gptq` does, but no Hessians. Fails
    if the statistics cannot be read or belong to another model, if a weight is
    not finite, or if `percent` is not above 0 and at most 50. A linear without
    statistics or without `lqc.scheme` stays as it is, with a remark.
  }];
  let dependentDialects = ["::lqc::LQCDialect", "::mlir::arith::ArithDialect"];
  let options = !listconcat(searchOptions, [
    Option<"percent", "percent", "double", /*default=*/"1.0",
           "of the channels of each input">,
  ]);
}

def GptqPass : SearchPass<"lqc-gptq"> {
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

    Behind `lqc-protect-salient` the kept columns take back what rounding the
    others does wrong (`lqc/Numerics/KeptColumns.h`); they go to the sidecar too.

    Fails if the statistics cannot be read or belong to another model, if a
    weight is not finite, or if a Hessian is not positive definite. A linear
    without statistics is left to `lqc-quantize-weights`, with a remark.
  }];
  let options = !listconcat(searchOptions, [
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
  ]);
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

    With `scales=static` the scales are fixed: the largest magnitude that the
    statistics have seen in the group, over 127, in a sidecar. They save the
    search for the largest value at run time, and suffer from outliers
    (`lqc-smoothquant`).

    ```mlir
    %s = lqc.get_weight @q.input_ranges : tensor<4xf32>
    %q = lqc.quantize %x, %s : (tensor<?x256xf32>, tensor<4xf32>) -> tensor<?x256xf32, #lqc.scheme<"static-int8-g64">>
    ```

    Linears with other weights keep float inputs, and so do, with static scales,
    those without statistics. Fails only if statistics cannot be read or belong
    to another model.
  }];
  let dependentDialects = ["::lqc::LQCDialect"];
  let options = [
    Option<"scales", "scales", "::lqc::ActivationScales",
           /*default=*/"::lqc::ActivationScales::Dynamic", "where scales come from",
           [{::llvm::cl::values(
               clEnumValN(::lqc::ActivationScales::Dynamic, "dynamic",
                          "from the values themselves, token by token"),
               clEnumValN(::lqc::ActivationScales::Static, "static",
                          "from statistics"))}]>,
    Option<"statistics", "statistics", "std::string", /*default=*/"",
           "file of lqc calibrate, for static scales (lqc-opt only)">,
    Option<"sidecar", "sidecar", "std::string", /*default=*/"",
           "file for static scales, to stand beside the output (lqc-opt only)">,
  ];
}

#endif // LQC_QUANTIZE_PASSES
