//===- Passes.td - passes of the simplify phase ------------*- tablegen -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_SIMPLIFY_PASSES
#define LQC_SIMPLIFY_PASSES

include "mlir/Pass/PassBase.td"

def ShareWeightsPass : Pass<"lqc-share-weights", "::mlir::ModuleOp"> {
  let summary = "Makes weights with the same value one weight";
  let description = [{
    Two weights of one type whose values, or initializers, are equal become the
    first of them, so that their bytes are stored and read once. Equal means the
    same place in the same file; bytes are not read.

    ```mlir
    lqc.weight @a : tensor<4xf32> = dense<1.0> : tensor<4xf32>
    lqc.weight @b : tensor<4xf32> = dense<1.0> : tensor<4xf32>
    // lqc.get_weight @b  becomes  lqc.get_weight @a
    ```

    `#lqc.random` counts as equal when seed and deviation are. Never fails.
  }];
}

def DropUnusedWeightsPass : Pass<"lqc-drop-unused-weights", "::mlir::ModuleOp"> {
  let summary = "Erases weights that nothing reads";
  let description = [{
    A weight is used if a function, kernel or step gets it, or the initializer
    of a used weight does. Runs after passes that replace weights, so that what
    they replaced takes no place in the executable.

    ```mlir
    lqc.weight @a : tensor<4xf32> = dense<1.0> : tensor<4xf32>
    // erased if there is no  lqc.get_weight @a
    ```

    Never fails.
  }];
}

def RaisePass : Pass<"lqc-raise", "::mlir::ModuleOp"> {
  let summary = "Recognises lqc operations in decomposed graphs";
  let description = [{
    Graphs from ONNX consist of upstream operations. This pass finds in them
    what quantization and kernels know by name:

    * `linalg.matmul` with a weight, and the sum with a bias: `lqc.linear`;
      columns of a linear, if nothing reads all of them: linears of their own
    * convolutions with a weight: `lqc.patches` and `lqc.linear`, with channels
      last; the transposes around them move down until two meet
    * products and convolutions of bytes less a zero point with 8-bit weights:
      `lqc.integer_linear`, or `lqc.depthwise` if channels stay apart; what comes
      of the zero point is a bias
    * means, differences, roots and products of rows: `lqc.rms_norm`,
      `lqc.layer_norm`
    * rows that are looked up in a weight: `lqc.embedding`
    * the product of `g / (1 + exp(-g))` with another branch:
      `lqc.gated_activation`

    Leading dimensions that are only counted become one, the rows, and reshapes
    between move down until they meet. Constants that a linear or a norm reads
    become weights.

    Before:
    ```mlir
    %w = lqc.get_weight @w : tensor<256x768xf32>
    %0 = linalg.matmul ins(%x, %w : …) outs(%zero : …) -> tensor<?x768xf32>
    %1 = linalg.broadcast ins(%b : tensor<768xf32>) outs(…) dimensions = [0]
    %y = arith.addf %0, %1 : tensor<?x768xf32>
    ```
    After:
    ```mlir
    %w = lqc.get_weight @w.transposed : tensor<768x256xf32>
    %y = lqc.linear %x, %w, %b : (…) -> tensor<?x768xf32>
    ```

    What is not recognised stays as it is. Never fails.
  }];
  let dependentDialects = ["::lqc::LQCDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect"];
}

def RaiseDecoderPass : Pass<"lqc-raise-decoder", "::mlir::ModuleOp"> {
  let summary = "Makes a graph with past keys and values a decoder";
  let description = [{
    A graph that takes tokens and past keys and values, and returns logits and
    the same with new ones behind, becomes `@forward` on a cache, as the importer
    of checkpoints makes it: one function for each layer, `lqc.rope`,
    `lqc.cache_append` and `lqc.attention`. Runs after `lqc-raise`.

    Before:
    ```mlir
    func.func @main(%ids: tensor<?x?xi64> {lqc.name = "input_ids"}, %mask: …,
                    %k: tensor<?x2x?x16xf32>, %v: tensor<?x2x?x16xf32>) -> (tensor<?x?x64xf32>, …) {
      …
      %present = tensor.concat dim(2) %k, %keys : …
      …
      return %logits, %present, %presentv : …
    ```
    After:
    ```mlir
    func.func @forward(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %slots: tensor<?xi32>, %cache: !lqc.cache<2x4096x2x16xf32>) -> tensor<?x64xf32> {
      %0 = lqc.embedding %tokens, %table : …
      %1 = call @layers.0(%0, %rotary, %positions, %slots, %cache) : …
    ```

    Masks and rotary tables are recognised by their numbers: the interpreter runs
    what computes them on short sequences. The mask must be causal, the tables
    cosines and sines of position times frequency. A graph that is something
    else stays as it is, and a remark says why. Never fails.
  }];
  let options = [
    Option<"context", "context", "int64_t", "0",
           "Positions in a slot of the cache; 0: those of lqc.model, or 4096 if "
           "it says none">];
  let dependentDialects = ["::lqc::LQCDialect", "::mlir::arith::ArithDialect"];
}

#endif // LQC_SIMPLIFY_PASSES
