//===- LQCTypes.td - types of the lqc dialect --------------*- tablegen -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_TYPES
#define LQC_TYPES

include "dialects/LQC/LQCDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/CommonTypeConstraints.td"

class LQC_Type<string name, string mnemonic_> : TypeDef<LQC_Dialect, name> {
  let mnemonic = mnemonic_;
}

def LQC_CacheType : LQC_Type<"Cache", "cache"> {
  let summary = "handle of a model's key/value cache";
  let description = [{
    The keys and values of every decoder layer, for a number of sequences
    ("slots") that is chosen at run time. A handle, not a value: operations that
    take it read or write the memory behind it.

    ```mlir
    !lqc.cache<4x512x2x64xf32>  // layers x positions x key/value heads x head dim
    ```

    **Constraints**
    * C1: all four dimensions are positive
    * C2: the element type is f32
  }];
  let parameters = (ins "int64_t":$layers, "int64_t":$positions,
                        "int64_t":$heads, "int64_t":$headDim,
                        "::mlir::Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Bytes that one slot takes: keys and values of all layers.
    uint64_t getSlotBytes() const;
  }];
}

def LQC_BufferType : LQC_Type<"Buffer", "buffer"> {
  let summary = "a piece of memory that holds a tensor";
  let description = [{
    What steps pass to kernels: a slice of the arena, or an input or output of
    the step. A kernel sees it as the tensor type inside.

    ```mlir
    !lqc.buffer<tensor<64x256xf32>>
    ```

    **Constraints**
    * C1: the tensor has static dimensions
  }];
  let parameters = (ins "::mlir::RankedTensorType":$tensor);
  let assemblyFormat = "`<` $tensor `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Bytes of the tensor in memory: row-major elements, or rows of quantized
    /// activations (see activationRow()).
    uint64_t getBytes() const;
  }];
}

/// Token ids, positions, cache slots: one integer a token.
def LQC_Tokens : 1DTensorOf<[I32]>;
/// Columns of a matrix: how many there are is known when compiling.
def LQC_ColumnIndices : RankedTensorOf<
    [I32], [HasStaticShapePred, HasAnyRankOfPred<[1]>], "static 1D tensor">;
/// Activations: tokens x features.
def LQC_Activations : 2DTensorOf<[F32]>;
/// Any float matrix, quantized or not.
def LQC_Matrix : 2DTensorOf<[F32, F16, BF16]>;
/// A gain, bias or table of frequencies.
def LQC_Vector : 1DTensorOf<[F32, F16, BF16]>;

#endif // LQC_TYPES
