//===- Passes.td - passes of the schedule phase ------------*- tablegen -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_SCHEDULE
#define LQC_PASSES_SCHEDULE

include "mlir/Pass/PassBase.td"

def PackWeightsPass : Pass<"lqc-pack-weights", "::mlir::ModuleOp"> {
  let summary = "choose the byte order of every matrix";
  let description = [{
    Gives each weight matrix that a linear or an embedding reads a derived
    weight in the layout that CPU kernels want (`lqc/Numerics/Packing.h`), shared
    by all its readers: a tied head and embedding stay one matrix.

    Before:
    ```mlir
    %w = lqc.get_weight @w : tensor<768x256xbf16>
    %y = lqc.linear %x, %w : (tensor<?x256xf32>, tensor<768x256xbf16>) -> tensor<?x768xf32>
    ```
    After:
    ```mlir
    lqc.weight @w.packed : tensor<768x256xbf16, #lqc.packed<16x1>> {…}
    %w = lqc.get_weight @w.packed : tensor<768x256xbf16, #lqc.packed<16x1>>
    %y = lqc.linear %x, %w : (tensor<?x256xf32>, tensor<768x256xbf16, #lqc.packed<16x1>>) -> tensor<?x768xf32>
    ```

    Fails when a linear's weight is not a weight symbol. In a graph (`lqc.graph`)
    such a linear stays as it is, and so does an embedding whose table is float.
  }];
  let dependentDialects = ["::lqc::LQCDialect"];
}

def BuildStepsPass : Pass<"lqc-build-steps", "::mlir::ModuleOp"> {
  let summary = "turn @forward into kernels and the steps @decode and @prefill";
  let description = [{
    Inlines the decoder layers into two steps, `@decode` (one token) and
    `@prefill` (up to `chunk` tokens), makes one `lqc.kernel` for each distinct
    operation, shape and scheme, and plans the arena: buffers whose lives do not
    overlap share memory. The rows after the last layer are computed only for
    the tokens whose logits are wanted.

    Before:
    ```mlir
    func.func @forward(%tokens, %positions, %slots, %cache) -> tensor<?x1024xf32> {
      …
      %y = lqc.linear %x, %w : …
    ```
    After:
    ```mlir
    lqc.kernel @linear_1x256_768(…) {…}
    lqc.step @decode(…) attributes {arena_bytes = …} {
      %x = lqc.arena_slice 0 : …
      lqc.dispatch @linear_1x256_768(%x, %w, %y) rows %count : …
    ```

    Fails on an operation that no kernel can be made of, with a note where it is.
    A graph (`lqc.graph`) has no steps and stays as it is.
  }];
  let options = [
    Option<"chunk", "chunk", "int64_t", /*default=*/"64",
           "tokens that @prefill takes at most">
  ];
  let dependentDialects = ["::lqc::LQCDialect"];
}

def DispatchModelOpsPass : Pass<"lqc-dispatch-model-ops", "::mlir::ModuleOp"> {
  let summary = "a graph's linears and norms run as kernels";
  let description = [{
    Linears of packed weights, norms, embeddings of packed tables and the
    quantization of activations become dispatches of kernels that take any number
    of rows; equal operations share one. A linear of `lqc.patches` reads them from
    the image itself if only its batch is dynamic. What else a graph consists of
    becomes loops later. A module without `lqc.graph` stays as it is.

    Before:
    ```mlir
    %y = lqc.linear %x, %w : (tensor<?x256xf32>, tensor<768x256xf32, #lqc.packed<16x1>>) -> tensor<?x768xf32>
    ```
    After:
    ```mlir
    %rows = tensor.dim %x, %c0 : tensor<?x256xf32>
    %0 = tensor.empty(%rows) : tensor<?x768xf32>
    %y = lqc.dispatch @linear_256_768x256(%x, %w, %0) rows %rows : tensor<?x256xf32>, tensor<768x256xf32, #lqc.packed<16x1>>, tensor<?x768xf32> -> tensor<?x768xf32>
    ```
  }];
  let dependentDialects = [
    "::lqc::LQCDialect", "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"
  ];
}

def FuseElementwisePass : Pass<"lqc-fuse-elementwise", "::mlir::ModuleOp"> {
  let summary = "elementwise work of a graph in few loops";
  let description = [{
    Makes a `linalg.generic` of every elementwise operation on tensors and of
    operations that move data, takes `linalg.softmax` and `tensor.concat` apart,
    and fuses what follows one another. Nothing is computed twice: a producer
    goes into its consumer only if it has no other and each element is read once.
    A module without `lqc.graph` stays as it is.

    Before:
    ```mlir
    %0 = arith.addf %x, %y : tensor<?x4xf32>
    %1 = math.exp %0 : tensor<?x4xf32>
    ```
    After:
    ```mlir
    %1 = linalg.generic {…} ins(%x, %y : …) outs(%empty : …) {
    ^bb0(%a: f32, %b: f32, %out: f32):
      %2 = arith.addf %a, %b : f32
      %3 = math.exp %2 : f32
      linalg.yield %3 : f32
    } -> tensor<?x4xf32>
    ```
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::tensor::TensorDialect"
  ];
}

def FuseEpiloguesPass : Pass<"lqc-fuse-epilogues", "::mlir::ModuleOp"> {
  let summary = "elementwise work behind a graph's linears runs in their kernels";
  let description = [{
    A `linalg.generic` that alone reads what a linear's kernel computes, element
    by element, goes into the kernel: what it makes of the sums (a residual sum,
    an activation, rounding to bytes) is done while they are in registers, and
    they are not written down. Its other operands, a vector with an element for
    each column or a matrix of the same size, become operands of the kernel;
    constants are copied into it, so kernels with different constants are
    different ones. A module without `lqc.graph` stays as it is.

    Before:
    ```mlir
    %y = lqc.dispatch @linear_256_768x256(%x, %w, %0) rows %n : …, tensor<?x768xf32> -> tensor<?x768xf32>
    %z = linalg.generic {…} ins(%y, %residual : …) outs(%1 : …) {
    ^bb0(%a: f32, %b: f32, %out: f32):
      %sum = arith.addf %a, %b : f32
      linalg.yield %sum : f32
    } -> tensor<?x768xf32>
    ```
    After:
    ```mlir
    %z = lqc.dispatch @linear_256_768x256_addf(%x, %w, %residual, %1) rows %n : …, tensor<?x768xf32> -> tensor<?x768xf32>
    ```
  }];
  let dependentDialects = [
    "::lqc::LQCDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

#endif // LQC_PASSES_SCHEDULE
