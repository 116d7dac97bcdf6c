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

    Fails when a linear's weight is not a weight symbol.
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
  }];
  let options = [
    Option<"chunk", "chunk", "int64_t", /*default=*/"64",
           "tokens that @prefill takes at most">
  ];
  let dependentDialects = ["::lqc::LQCDialect"];
}

#endif // LQC_PASSES_SCHEDULE
