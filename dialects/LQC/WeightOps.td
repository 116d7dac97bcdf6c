//===- WeightOps.td - weights and their small programs -----*- tablegen -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_WEIGHT_OPS
#define LQC_WEIGHT_OPS

include "dialects/LQC/LQCOpBase.td"

def LQC_WeightOp : LQC_Op<"weight", [
    Symbol, IsolatedFromAbove, SingleBlock, NoRegionArguments]> {
  let summary = "names a weight and says where its bytes come from";
  let description = [{
    A weight is a symbol, so that the IR of a large model stays small. Its bytes
    come from one of
    * `#lqc.file<…>`: a place in a safetensors file;
    * `dense<…>` or `#lqc.random<…>`: for tests and benchmarks;
    * an initializer: a small program on other weights, for what is cheap to
      compute again (slices, merges, rounding to nearest, packing).

    ```mlir
    lqc.weight @q : tensor<256x256xbf16> = #lqc.file<"model.safetensors", tensor = "q", offset = 640, bytes = 131072, header = "…">
    lqc.weight @gain : tensor<4xf32> = dense<1.0> : tensor<4xf32>
    lqc.weight @q.int4 : tensor<256x256xf32, #lqc.scheme<"int4-g64">> {
      %0 = lqc.get_weight @q : tensor<256x256xbf16>
      %1 = lqc.quantize %0 : (tensor<256x256xbf16>) -> tensor<256x256xf32, #lqc.scheme<"int4-g64">>
      lqc.yield %1 : tensor<256x256xf32, #lqc.scheme<"int4-g64">>
    }
    ```

    **Constraints**
    * C1: exactly one of a value and an initializer is given
    * C2: the type has static dimensions
    * C3: a file's `bytes` are what the type takes
    * C4: a dense value has the weight's type; `#lqc.random` makes f32, f16 or
      bf16 tensors without an encoding
    * C5: the initializer yields one value of the weight's type
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       TypeAttrOf<AnyRankedTensor>:$type,
                       OptionalAttr<AnyAttr>:$value);
  let regions = (region MaxSizedRegion<1>:$initializer);
  let assemblyFormat = [{
    $sym_name `:` $type (`=` $value^)? attr-dict-with-keyword ($initializer^)?
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() {
      return ::llvm::cast<::mlir::RankedTensorType>(getType());
    }
    /// The yielded value of the initializer, or null.
    ::mlir::Value getYielded();
    static ::llvm::StringRef getDefaultDialect() { return "lqc"; }
  }];
}

def LQC_GetWeightOp : LQC_Op<"get_weight", [
    Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "the value of a weight";
  let description = [{
    ```mlir
    %w = lqc.get_weight @q : tensor<256x256xbf16>
    ```

    **Constraints**
    * C1: the symbol names an `lqc.weight`
    * C2: the result has the weight's type
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
}

def LQC_YieldOp : LQC_Op<"yield", [
    Pure, Terminator, ParentOneOf<["WeightOp", "KernelOp"]>]> {
  let summary = "ends an initializer or a kernel with its results";
  let description = [{
    ```mlir
    lqc.yield %0 : tensor<256x256xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

def LQC_QuantizeOp : LQC_TensorOp<"quantize"> {
  let summary = "rounds a matrix to the codes of a scheme";
  let description = [{
    The result's encoding names the scheme; `lqc/Numerics/Grid.h` defines the
    rounding. `clip = least_squares` shrinks each group's range to the ratio
    (1.00, 0.95, … 0.40) with the least squared error. On weights it runs at
    compile time, on activations at run time. A scheme of static activations
    takes its scales, one for each group of columns, as a second operand (0
    counts as 1): `q = clamp(roundeven(x / scale), -127, 127)`.

    ```mlir
    %q = lqc.quantize %w : (tensor<256x256xbf16>) -> tensor<256x256xf32, #lqc.scheme<"int4-g64">>
    %p = lqc.quantize %x, %scales : (tensor<?x256xf32>, tensor<4xf32>) -> tensor<?x256xf32, #lqc.scheme<"static-int8-g64">>
    ```

    **Constraints**
    * C1: the result is the operand's shape with a `#lqc.scheme` encoding
    * C2: the operand has no encoding
    * C3: `scales` is given if and only if the scheme is one of static
      activations; it has one f32 element a group
  }];
  let arguments = (ins LQC_Matrix:$input, Optional<LQC_Vector>:$scales,
                       DefaultValuedAttr<LQC_Clip, "::lqc::Clip::none">:$clip);
  let results = (outs LQC_Activations:$result);
  let hasVerifier = 1;
}

def LQC_AssembleOp : LQC_TensorOp<"assemble"> {
  let summary = "a quantized matrix of codes that another program chose";
  let description = [{
    Codes and scales of a file, taken as they are: nothing is rounded. A row of
    codes is a stream of the scheme's bits, lowest first, and begins with a byte;
    so is a row of zero points. Scales lie row by row, one for each group,
    whatever the operand's shape.

    ```mlir
    %w = lqc.assemble %codes, %scales, %zeros : (tensor<256x8x16xi8>, tensor<2048xf32>, tensor<256x4xi8>) -> tensor<256x256xf32, #lqc.scheme<"uint4-g32-f32">>
    ```

    **Constraints**
    * C1: the result has a scheme `intB` or `uintB`, with scales in fp16 or f32
    * C2: the codes are bytes, as many as the result's rows take; their first
      dimension is the rows
    * C3: there is one scale a group, of a float type that the scheme's format
      holds
    * C4: there are zero points if and only if the scheme has them, and they are
      bytes, as many as the rows take
  }];
  let arguments = (ins AnyRankedTensor:$codes, AnyRankedTensor:$scales,
                       Optional<AnyRankedTensor>:$zeros);
  let results = (outs LQC_Matrix:$result);
  let hasVerifier = 1;
}

def LQC_DequantizeOp : LQC_TensorOp<"dequantize"> {
  let summary = "the values that codes stand for";
  let description = [{
    `(code - zero point) * scale` for every element. A consumer that takes
    quantized operands itself (`lqc.linear`) absorbs it.

    ```mlir
    %x = lqc.dequantize %q : (tensor<256x256xf32, #lqc.scheme<"int4-g64">>) -> tensor<256x256xf32>
    ```

    **Constraints**
    * C1: the operand has a `#lqc.scheme` encoding
    * C2: the result is the operand's shape without an encoding
  }];
  let arguments = (ins LQC_Activations:$input);
  let results = (outs LQC_Activations:$result);
  let hasVerifier = 1;
}

def LQC_ScaleChannelsOp : LQC_Op<"scale_channels", [Pure]> {
  let summary = "multiplies each row or column of a weight by a number";
  let description = [{
    `axis = 0`: `result[i, j] = input[i, j] * factors[i]`; `axis = 1`:
    `result[i, j] = input[i, j] * factors[j]`. A vector has axis 0 alone. This
    is how methods that scale channels (AWQ, SmoothQuant) move them from an
    input into the weights that read it. Rows of a quantized matrix are scaled
    by their scales, rounded to the scheme's format; the codes stay.

    ```mlir
    %a = lqc.scale_channels %w, %s axis 1 : (tensor<768x256xbf16>, tensor<256xf32>) -> tensor<768x256xf32>
    %b = lqc.scale_channels %gain, %s axis 0 : (tensor<256xbf16>, tensor<256xf32>) -> tensor<256xf32>
    %c = lqc.scale_channels %q, %r axis 0 : (tensor<768x256xf32, #lqc.scheme<"int4-g64">>, tensor<768xf32>) -> tensor<768x256xf32, #lqc.scheme<"int4-g64">>
    ```

    **Constraints**
    * C1: the axis is one of the input's
    * C2: there is one factor a row or column, as the axis says
    * C3: the result is the input's shape in f32, with its scheme
    * C4: a quantized input is scaled by rows, and its scheme has scales in fp16
      or f32 (not `mxfp4`)
  }];
  let arguments = (ins AnyTypeOf<[LQC_Matrix, LQC_Vector]>:$input,
                       LQC_Vector:$factors, I64Attr:$axis);
  let results = (outs AnyTypeOf<[LQC_Matrix, LQC_Vector]>:$result);
  let assemblyFormat = [{
    $input `,` $factors `axis` $axis attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def LQC_PackOp : LQC_TensorOp<"pack"> {
  let summary = "puts a weight's bytes in the order that a kernel reads";
  let description = [{
    Changes bytes, never values: the result's encoding is `#lqc.packed` with the
    operand's scheme.

    ```mlir
    %p = lqc.pack %q : (tensor<256x256xf32, #lqc.scheme<"int4-g64">>) -> tensor<256x256xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g64">>>
    ```

    **Constraints**
    * C1: the result is the operand's shape and element type with a
      `#lqc.packed` encoding
    * C2: the encoding's scheme is the operand's
  }];
  let arguments = (ins LQC_Matrix:$input);
  let results = (outs LQC_Matrix:$result);
  let hasVerifier = 1;
}

#endif // LQC_WEIGHT_OPS
