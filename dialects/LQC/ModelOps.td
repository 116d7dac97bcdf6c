//===- ModelOps.td - the operations of a decoder -----------*- tablegen -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_MODEL_OPS
#define LQC_MODEL_OPS

include "dialects/LQC/LQCOpBase.td"

def LQC_EmbeddingOp : LQC_TensorOp<"embedding"> {
  let summary = "looks up rows of a table";
  let description = [{
    `result[t, :] = table[indices[t], :]`, as float32. Also picks the rows whose
    logits are wanted.

    ```mlir
    %x = lqc.embedding %tokens, %table : (tensor<?xi32>, tensor<1024x256xbf16>) -> tensor<?x256xf32>
    ```

    **Constraints**
    * C1: the result has one row an index
    * C2: the result's rows are as long as the table's
  }];
  let arguments = (ins LQC_Tokens:$indices, LQC_Matrix:$table);
  let results = (outs LQC_Activations:$result);
  let hasVerifier = 1;
}

def LQC_LinearOp : LQC_TensorOp<"linear"> {
  let summary = "multiplies activations by a weight matrix";
  let description = [{
    `result[t, o] = sum_i input[t, i] * weight[o, i] (+ bias[o])`, in float32 on
    the values that the operands' encodings stand for. An input with a dynamic
    integer scheme makes kernels multiply integers.

    ```mlir
    %y = lqc.linear %x, %w : (tensor<?x256xf32>, tensor<768x256xf32, #lqc.scheme<"int4-g64">>) -> tensor<?x768xf32>
    ```

    **Constraints**
    * C1: input rows are as long as weight rows
    * C2: the result has one row an input row and one column a weight row
    * C3: the bias has one element a weight row
    * C4: a quantized input has a scheme of activations and goes with a quantized
      weight whose levels are integers times a constant (`intB`, `uintB`,
      `mxfp4`, `nvfp4`, `qB_k`; not `nf4`, `fp4`, `fp8`), and one group size
      divides the other
  }];
  let arguments = (ins LQC_Activations:$input, LQC_Matrix:$weight,
                       Optional<LQC_Vector>:$bias);
  let results = (outs LQC_Activations:$result);
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    /// Whether the input is the columns that a split keeps: the linear is then
    /// the part of another one that is not to be quantized.
    bool readsKeptColumns();
  }];
}

def LQC_IntegerLinearOp : LQC_TensorOp<"integer_linear"> {
  let summary = "multiplies rows of bytes by a matrix of codes, exactly";
  let description = [{
    `result[t, o] = sum_i input[t, i] * code(weight[o, i]) (+ bias[o])`, in 32-bit
    integers. The bytes of the input count from 0 to 255, the codes of the weight
    from -128 to 127; its scales are left to who reads the result. This is what
    models that were quantized before (ONNX's QDQ, QLinear and Integer operators)
    consist of.

    ```mlir
    %y = lqc.integer_linear %x, %w : (tensor<?x64xi8>, tensor<96x64xf32, #lqc.scheme<"int8-g0-f32">>) -> tensor<?x96xi32>
    ```

    **Constraints**
    * C1: the weight has a scheme `int8` with one scale a row
    * C2: input rows are as long as weight rows
    * C3: the result has one row an input row and one column a weight row
    * C4: the bias has one element a weight row
  }];
  let arguments = (ins 2DTensorOf<[I8]>:$input, LQC_Matrix:$weight,
                       Optional<1DTensorOf<[I32]>>:$bias);
  let results = (outs 2DTensorOf<[I32]>:$result);
  let hasVerifier = 1;
}

def LQC_SplitColumnsOp : LQC_TensorOp<"split_columns", [
    TypesMatchWith<"rest has the input's type", "input", "rest", "$_self">]> {
  let summary = "sets some columns apart";
  let description = [{
    `rest` is the input with zeros in the columns `indices`, `kept` is those
    columns side by side, rounded to its own element type. Of activations it
    sets the salient channels apart, of a weight the columns that multiply them:

    `x W^T = rest(x) rest(W)^T + kept(x) kept(W)^T`

    so that the second product may be kept in higher precision whatever the
    scheme of the first, and outliers do not count when `rest` is rounded.

    ```mlir
    %rest, %kept = lqc.split_columns %x, %columns : (tensor<?x256xf32>, tensor<3xi32>) -> (tensor<?x256xf32>, tensor<?x3xf32>)
    %0 = lqc.linear %rest, %w : (tensor<?x256xf32>, tensor<768x256xf32, #lqc.scheme<"int4-g64">>) -> tensor<?x768xf32>
    %1 = lqc.linear %kept, %v : (tensor<?x3xf32>, tensor<768x3xbf16>) -> tensor<?x768xf32>
    %y = arith.addf %0, %1 : tensor<?x768xf32>
    ```

    The indices ascend; this is checked where their values are read.

    **Constraints**
    * C1: the input has no encoding, and neither has what is kept
    * C2: there is at least one index, and not more than columns
    * C3: what is kept has the input's rows and one column an index
  }];
  let arguments = (ins LQC_Matrix:$input, LQC_ColumnIndices:$indices);
  let results = (outs LQC_Matrix:$rest, LQC_Matrix:$kept);
  let hasVerifier = 1;
}

def LQC_PatchesOp : LQC_TensorOp<"patches"> {
  let summary = "what a convolution's window sees, place by place";
  let description = [{
    The input is a batch of images, sequences or volumes with their channels last.
    Each place of the window becomes a row: the elements under the window, channels
    innermost. A convolution is a linear of these rows:

    `result[(b, p), (k, c)] = input[b, p * strides + k * dilations, c]`

    There is no padding: an input that needs some is padded before.

    ```mlir
    %rows = lqc.patches %x {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<?x34x34x16xf32>) -> tensor<?x144xf32>
    ```

    **Constraints**
    * C1: kernel, strides and dilations have a positive number for each position
    * C2: the result has the input's element type and a column for each channel of
      each place of the kernel
    * C3: the result has a row for each place of the window in each of the batch
  }];
  let arguments = (ins AnyRankedTensor:$input, DenseI64ArrayAttr:$kernel,
                       DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$dilations);
  let results = (outs AnyRankedTensor:$result);
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Places of the window along position `d`; dynamic if the input's size is.
    int64_t getPlaces(unsigned d);
  }];
}

def LQC_DepthwiseOp : LQC_TensorOp<"depthwise"> {
  let summary = "a convolution of bytes that leaves channels apart, exactly";
  let description = [{
    The input is as that of `lqc.patches`, in bytes from 0 to 255; the weight has a
    row for each place of the kernel and a code from -128 to 127 for each channel.
    Each place of the window becomes a row, in 32-bit integers:

    `result[(b, p), c] = sum_k input[b, p * strides + k * dilations, c] * weight[k, c] (+ bias[c])`

    There is no padding: an input that needs some is padded before.

    ```mlir
    %y = lqc.depthwise %x, %w {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<?x34x34x16xi8>, tensor<9x16xi8>) -> tensor<?x16xi32>
    ```

    **Constraints**
    * C1: kernel, strides and dilations have a positive number for each position
    * C2: the weight has a row for each place of the kernel and a column for each
      channel
    * C3: the result has a row for each place of the window in each of the batch,
      and a column for each channel
    * C4: the bias has one element a channel
  }];
  let arguments = (ins RankedTensorOf<[I8]>:$input, 2DTensorOf<[I8]>:$weight,
                       Optional<1DTensorOf<[I32]>>:$bias,
                       DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$dilations);
  let results = (outs 2DTensorOf<[I32]>:$result);
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Places of the window along position `d`; dynamic if the input's size is.
    int64_t getPlaces(unsigned d);
  }];
}

def LQC_RmsNormOp : LQC_TensorOp<"rms_norm", [
    TypesMatchWith<"result has the input's type", "input", "result", "$_self">]> {
  let summary = "root-mean-square normalization of rows";
  let description = [{
    `result[t, i] = input[t, i] / sqrt(mean_i(input[t, i]^2) + epsilon) * gain[i]`
    (Zhang and Sennrich 2019).

    ```mlir
    %h = lqc.rms_norm %x, %gain {epsilon = 1.0e-5 : f32} : (tensor<?x256xf32>, tensor<256xbf16>) -> tensor<?x256xf32>
    ```

    **Constraints**
    * C1: the gain has one element an input column
    * C2: epsilon is positive and finite
  }];
  let arguments = (ins LQC_Activations:$input, LQC_Vector:$gain, F32Attr:$epsilon);
  let results = (outs LQC_Activations:$result);
  let hasVerifier = 1;
}

def LQC_LayerNormOp : LQC_TensorOp<"layer_norm", [
    TypesMatchWith<"result has the input's type", "input", "result", "$_self">]> {
  let summary = "normalization of rows to mean 0 and variance 1";
  let description = [{
    `result[t, i] = (input[t, i] - m) / sqrt(v + epsilon) * gain[i] + bias[i]`,
    where m is the mean of row t and v the mean of `(input[t, i] - m)^2`
    (Ba et al. 2016). Without a bias nothing is added.

    ```mlir
    %h = lqc.layer_norm %x, %gain, %bias {epsilon = 1.0e-12 : f32} : (tensor<?x384xf32>, tensor<384xf32>, tensor<384xf32>) -> tensor<?x384xf32>
    ```

    **Constraints**
    * C1: gain and bias have one element an input column
    * C2: epsilon is positive and finite
  }];
  let arguments = (ins LQC_Activations:$input, LQC_Vector:$gain,
                       Optional<LQC_Vector>:$bias, F32Attr:$epsilon);
  let results = (outs LQC_Activations:$result);
  let hasVerifier = 1;
}

def LQC_RotaryTableOp : LQC_TensorOp<"rotary_table"> {
  let summary = "cosines and sines of the positions' angles";
  let description = [{
    Row t holds `cos(positions[t] * frequencies[i])` for every i, then the sines.
    Computed once a step and shared by all layers. Every kind of RoPE scaling is
    a choice of frequencies, made by the importer.

    ```mlir
    %r = lqc.rotary_table %positions, %frequencies : (tensor<?xi32>, tensor<32xf32>) -> tensor<?x64xf32>
    ```

    **Constraints**
    * C1: the result has one row a position and two columns a frequency
  }];
  let arguments = (ins LQC_Tokens:$positions, LQC_Vector:$frequencies);
  let results = (outs LQC_Activations:$result);
  let hasVerifier = 1;
}

def LQC_RopeOp : LQC_TensorOp<"rope", [
    TypesMatchWith<"result has the input's type", "input", "result", "$_self">]> {
  let summary = "rotary position embedding of every head";
  let description = [{
    Each row of the input is a run of heads of `head_dim` elements. With h =
    head_dim / 2 and (c, s) from the table, element i < h of a head becomes
    `x[i] c[i] - x[i+h] s[i]` and element i + h becomes `x[i+h] c[i] + x[i] s[i]`
    (Su et al. 2021, in the half-split order of Hugging Face checkpoints).

    ```mlir
    %q1 = lqc.rope %q, %r {head_dim = 64 : i64} : (tensor<?x256xf32>, tensor<?x64xf32>) -> tensor<?x256xf32>
    ```

    **Constraints**
    * C1: head_dim is positive, even and divides the input's columns
    * C2: the table has head_dim columns
  }];
  let arguments = (ins LQC_Activations:$input, LQC_Activations:$table,
                       I64Attr:$head_dim);
  let results = (outs LQC_Activations:$result);
  let hasVerifier = 1;
}

def LQC_GatedActivationOp : LQC_TensorOp<"gated_activation", [
    AllTypesMatch<["gate", "up", "result"]>]> {
  let summary = "function of a gate, times the other branch";
  let description = [{
    `result = f(gate) * up`, elementwise, with f = `silu`: `g / (1 + exp(-g))`,
    or `gelu_tanh`: `g/2 (1 + tanh(sqrt(2/pi) (g + 0.044715 g^3)))`
    (Shazeer 2020).

    ```mlir
    %h = lqc.gated_activation %gate, %up {kind = 0 : i32} : (tensor<?x768xf32>, tensor<?x768xf32>) -> tensor<?x768xf32>
    ```
  }];
  let arguments = (ins LQC_Activations:$gate, LQC_Activations:$up,
                       LQC_ActivationKind:$kind);
  let results = (outs LQC_Activations:$result);
  let assemblyFormat = [{
    $kind $gate `,` $up attr-dict `:` type($result)
  }];
}

def LQC_CacheAppendOp : LQC_Op<"cache_append"> {
  let summary = "stores the step's keys and values";
  let description = [{
    Writes row t of `keys` and `values` to position `positions[t]` of slot
    `slots[t]` in one layer of the cache.

    ```mlir
    lqc.cache_append %k, %v, %cache[0] at %positions, %slots : tensor<?x128xf32>, tensor<?xi32>, !lqc.cache<4x512x2x64xf32>
    ```

    **Constraints**
    * C1: rows are heads x head dim of the cache
    * C2: the layer is one of the cache's
  }];
  let arguments = (ins LQC_Activations:$keys, LQC_Activations:$values,
                       Arg<LQC_CacheType, "", [MemWrite]>:$cache,
                       LQC_Tokens:$positions, LQC_Tokens:$slots,
                       I64Attr:$layer);
  let assemblyFormat = [{
    $keys `,` $values `,` $cache `[` $layer `]` `at` $positions `,` $slots
    attr-dict `:` custom<SameType>(type($keys), type($values)) `,`
    custom<SameType>(type($positions), type($slots)) `,` type($cache)
  }];
  let hasVerifier = 1;
}

def LQC_AttentionOp : LQC_Op<"attention"> {
  let summary = "causal attention over one layer of the cache";
  let description = [{
    Row t of `queries` is a run of heads. Query head h reads key/value head
    `h / (query heads / key/value heads)` (grouped-query attention, Ainslie et
    al. 2023) of slot `slots[t]`, at positions 0 to `positions[t]`:
    `softmax(scale * q . k) v`.

    ```mlir
    %a = lqc.attention %q, %cache[0] at %positions, %slots scale 1.25e-01 : tensor<?x256xf32>, tensor<?xi32>, !lqc.cache<4x512x2x64xf32>
    ```

    **Constraints**
    * C1: the row length is a multiple of the cache's heads x head dim
    * C2: the layer is one of the cache's
    * C3: scale is finite and positive
  }];
  let arguments = (ins LQC_Activations:$queries,
                       Arg<LQC_CacheType, "", [MemRead]>:$cache,
                       LQC_Tokens:$positions, LQC_Tokens:$slots,
                       I64Attr:$layer, F32Attr:$scale);
  let results = (outs LQC_Activations:$result);
  let assemblyFormat = [{
    $queries `,` $cache `[` $layer `]` `at` $positions `,` $slots `scale` $scale
    attr-dict `:` custom<SameType>(type($queries), type($result)) `,`
    custom<SameType>(type($positions), type($slots)) `,` type($cache)
  }];
  let hasVerifier = 1;
}

#endif // LQC_MODEL_OPS
