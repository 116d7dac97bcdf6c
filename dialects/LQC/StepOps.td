//===- StepOps.td - kernels, steps and their arena ---------*- tablegen -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_STEP_OPS
#define LQC_STEP_OPS

include "dialects/LQC/LQCOpBase.td"

class LQC_BodyOp<string mnemonic, list<Trait> traits = []>
    : LQC_Op<mnemonic, !listconcat([Symbol, IsolatedFromAbove, SingleBlock,
                                    HasParent<"::mlir::ModuleOp">], traits)> {
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

def LQC_KernelOp : LQC_BodyOp<"kernel"> {
  let summary = "a function in destination-passing form, called by steps";
  let description = [{
    One distinct operation, shape and scheme; every layer that needs it calls
    the same kernel. The last `destinations` arguments say where the yielded
    tensors are stored; they may be read as well. Only the first rows of tensors
    with a row a token are valid, as many as the dispatch says.

    A kernel's work is cut into `units` that may run on different threads in any
    order: that many in all, or, with `unit_rows`, that many for each so many
    valid rows.

    ```mlir
    lqc.kernel @linear(%x: tensor<1x256xf32>, %w: tensor<768x256xbf16, #lqc.packed<16x1>>, %out: tensor<1x768xf32>) attributes {destinations = 1 : i64, units = 48 : i64} {
      %y = lqc.linear %x, %w : (tensor<1x256xf32>, tensor<768x256xbf16, #lqc.packed<16x1>>) -> tensor<1x768xf32>
      lqc.yield %y : tensor<1x768xf32>
    }
    ```

    **Constraints**
    * C1: there are at least `destinations` arguments
    * C2: the yielded types are those of the destinations
    * C3: units and unit_rows are positive
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$destinations,
                       I64Attr:$units, OptionalAttr<I64Attr>:$unit_rows);
  let regions = (region SizedRegion<1>:$body);
  let extraClassDeclaration = [{
    ::mlir::Block &getBlock() { return getBody().front(); }
    ::llvm::ArrayRef<::mlir::BlockArgument> getInputs() {
      return getBlock().getArguments().drop_back(getDestinations());
    }
    ::llvm::ArrayRef<::mlir::BlockArgument> getOutputs() {
      return getBlock().getArguments().take_back(getDestinations());
    }
  }];
}

def LQC_StepOp : LQC_BodyOp<"step", [NoTerminator]> {
  let summary = "one step of a model, as a straight list of dispatches";
  let description = [{
    `@decode` takes one token, `@prefill` up to a fixed chunk. The arguments are
    those of `lqc_step` (`lqc/Runtime/Model.h`): tokens, positions, slots and the
    rows whose logits are wanted (buffers), the logits (a buffer), the cache, and
    the numbers of tokens and of wanted rows. `arena_bytes` is the scratch memory
    it needs.

    ```mlir
    lqc.step @decode(%tokens: !lqc.buffer<tensor<1xi32>>, %positions: !lqc.buffer<tensor<1xi32>>, %slots: !lqc.buffer<tensor<1xi32>>, %outputs: !lqc.buffer<tensor<1xi32>>, %logits: !lqc.buffer<tensor<1x1024xf32>>, %cache: !lqc.cache<4x512x2x64xf32>, %count: index, %output_count: index) attributes {arena_bytes = 1024 : i64} {
      %x = lqc.arena_slice 0 : !lqc.buffer<tensor<1x256xf32>>
      %w = lqc.get_weight @embed.packed : tensor<1024x256xbf16, #lqc.packed<16x1>>
      lqc.dispatch @embedding(%tokens, %w, %x) rows %count : !lqc.buffer<tensor<1xi32>>, tensor<1024x256xbf16, #lqc.packed<16x1>>, !lqc.buffer<tensor<1x256xf32>>
    }
    ```

    **Constraints**
    * C1: the arguments have the kinds listed above
    * C2: the body has only `lqc.get_weight`, `lqc.arena_slice`,
      `lqc.cache_layer` and `lqc.dispatch`
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$arena_bytes);
  let regions = (region SizedRegion<1>:$body);
  let extraClassDeclaration = [{
    ::mlir::Block &getBlock() { return getBody().front(); }
    /// The arguments, in order.
    enum Argument { Tokens, Positions, Slots, Outputs, Logits, Cache, Count,
                    OutputCount, ArgumentCount };
    ::mlir::BlockArgument getStepArgument(Argument argument) {
      return getBlock().getArgument(argument);
    }
  }];
}

def LQC_ArenaSliceOp : LQC_Op<"arena_slice", [Pure]> {
  let summary = "a buffer at a fixed offset of the step's arena";
  let description = [{
    ```mlir
    %x = lqc.arena_slice 4096 : !lqc.buffer<tensor<1x256xf32>>
    ```

    **Constraints**
    * C1: the offset is a multiple of 64
    * C2: the slice ends within the step's `arena_bytes`
  }];
  let arguments = (ins I64Attr:$offset);
  let results = (outs LQC_BufferType:$result);
  let assemblyFormat = "$offset attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def LQC_CacheLayerOp : LQC_Op<"cache_layer", [
    Pure, TypesMatchWith<"result has the cache's type", "cache", "result",
                         "$_self">]> {
  let summary = "the cache as seen from one layer";
  let description = [{
    A handle whose layer 0 is layer `layer` of the operand, so that one kernel
    serves every layer. Slots lie as far apart as before; only layer 0 of the
    result may be used.

    ```mlir
    %c3 = lqc.cache_layer %cache[3] : !lqc.cache<4x512x2x64xf32>
    ```

    **Constraints**
    * C1: the layer is one of the cache's
  }];
  let arguments = (ins LQC_CacheType:$cache, I64Attr:$layer);
  let results = (outs LQC_CacheType:$result);
  let assemblyFormat = "$cache `[` $layer `]` attr-dict `:` type($cache)";
  let hasVerifier = 1;
}

def LQC_DispatchOp : LQC_Op<"dispatch", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "runs a kernel on all threads";
  let description = [{
    Calls the kernel with the buffers, weights and cache given; `rows` is the
    number of valid rows. Returns when every unit of work is done.

    ```mlir
    lqc.dispatch @linear(%x, %w, %y) rows %count : !lqc.buffer<tensor<1x256xf32>>, tensor<768x256xbf16, #lqc.packed<16x1>>, !lqc.buffer<tensor<1x768xf32>>
    ```

    In a graph the operands are tensors, later memrefs. On tensors the
    destinations are places to write to, and the results are what is there then.
    Quantized activations are rows of bytes (`activationRow` in
    `dialects/LQC/LQC.h`).

    ```mlir
    %y = lqc.dispatch @linear(%x, %w, %empty) rows %count : tensor<?x256xf32>, tensor<768x256xbf16, #lqc.packed<16x1>>, tensor<?x768xf32> -> tensor<?x768xf32>
    ```

    **Constraints**
    * C1: the symbol names an `lqc.kernel`
    * C2: operands match the kernel's arguments: a buffer as the tensor inside,
      a memref as the tensor of its shape, any number of rows where the kernel's
      is `?`, bytes where the kernel's tensor is quantized or packed
    * C3: the results, if there are any, have the types of the destinations
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Index:$rows,
                       Variadic<AnyType>:$operands_);
  let results = (outs Variadic<AnyRankedTensor>:$destinations);
  let assemblyFormat = [{
    $kernel `(` $operands_ `)` `rows` $rows attr-dict `:` type($operands_)
    (`->` type($destinations)^)?
  }];
}

#endif // LQC_STEP_OPS
