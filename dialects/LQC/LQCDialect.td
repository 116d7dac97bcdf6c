//===- LQCDialect.td - the lqc dialect ---------------------*- tablegen -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_DIALECT
#define LQC_DIALECT

include "mlir/IR/OpBase.td"

def LQC_Dialect : Dialect {
  let name = "lqc";
  let cppNamespace = "::lqc";
  let summary = "Language models, from checkpoint to kernels";
  let description = [{
    The `lqc` dialect names what quantization, caching, routing and fusion need
    a name for, and leaves the rest (elementwise work, shapes, control flow) to
    upstream dialects.

    It is used at two levels:

    * **model level** (after `import`, `simplify`, `prune`, `quantize`):
      functions over tensors with one dynamic dimension, the tokens of a step.
      Weights are symbols (`lqc.weight`), the key/value cache is a handle with
      memory effects (`!lqc.cache`), every decoder layer is a `func.func`.
    * **step level** (after `schedule`): `lqc.kernel`s in destination-passing
      form and `lqc.step`s, straight lists of `lqc.dispatch` over a planned
      arena.

    A module that is no decoder is a **graph module**: it has the attribute
    `lqc.graph` (a dictionary of what is known of it: `name`, `producer`, …) and
    one `func.func @main` on tensors of static rank, in upstream dialects but for
    the operations above. Arguments and results of `@main` have

    * `lqc.name`: the name by which the user knows them
    * `lqc.dims`: a name for each dimension, `""` for none; dimensions of one
      name are of one size
    * `lqc.element`: the element type if the signless type does not tell:
      `"uint8"`, `"uint16"`, `"uint32"` or `"uint64"`

    ```mlir
    module attributes {lqc.graph = {name = "classifier"}} {
      func.func @main(%x: tensor<?x784xf32> {lqc.name = "image", lqc.dims = ["batch", ""]}) -> (tensor<?x10xf32> {lqc.name = "scores", lqc.dims = ["batch", ""]}) {…}
    }
    ```

    One with the attribute `lqc.encoder` makes embeddings of text. It is a
    dictionary of the numbers of `@main`'s arguments for tokens (`ids`, `mask`,
    `positions`) and of its results for rows (`tokens`: of each token, `text`: of
    each text), -1 for none, and of how rows become an embedding: `pooling`
    (`"mean"`, `"cls"`, `"none"`), `normalize`, `max_length` and `longest` (the
    tokens of a text, and the most that the model can take; 0: any number), `pad`.

    What can only be known when the graph runs is a `cf.assert`; its text is the
    one line that the executable ends with.

    A tensor's *encoding* says how its numbers are held: none for plain floats,
    `#lqc.scheme` for quantized values, `#lqc.packed` for the byte order that a
    kernel reads. An operation's meaning never depends on an encoding: it works
    on the values that the encoding stands for.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let hasOperationAttrVerify = 1;
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerTypes();
  }];
}

#endif // LQC_DIALECT
