//===- LQCAttributes.td - attributes of the lqc dialect ----*- tablegen -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_ATTRIBUTES
#define LQC_ATTRIBUTES

include "dialects/LQC/LQCDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/TensorEncoding.td"
include "mlir/Interfaces/DataLayoutInterfaces.td"

class LQC_Attr<string name, string mnemonic_, list<Trait> traits = []>
    : AttrDef<LQC_Dialect, name, traits> {
  let mnemonic = mnemonic_;
}

//===----------------------------------------------------------------------===//
// Encodings of tensors
//===----------------------------------------------------------------------===//

def LQC_SchemeAttr : LQC_Attr<"Scheme", "scheme", [
    DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "what the numbers of a quantized tensor mean";
  let description = [{
    The encoding of a quantized matrix. Wraps one row of the table of schemes in
    `lqc/Numerics/Scheme.h`, written by its name:

    ```mlir
    tensor<768x256xf32, #lqc.scheme<"int4-g64">>
    ```

    **Constraints**
    * C1: the tensor has rank 2 and element type f32 (what the codes stand for)
    * C2: the row length is static and a multiple of the group size
  }];
  let parameters = (ins "::lqc::Scheme":$value);
  let hasCustomAssemblyFormat = 1;
}

def LQC_PackedAttr : LQC_Attr<"Packed", "packed", [
    DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "a matrix in the byte order that a kernel reads";
  let description = [{
    The encoding of a matrix whose bytes are laid out as
    `lqc/Numerics/Packing.h` describes: blocks of `tileRows` rows, `tileColumns`
    columns side by side. With a scheme the matrix is quantized as well.

    ```mlir
    tensor<768x256xf32, #lqc.packed<16x4, #lqc.scheme<"int4-g64">>>
    tensor<1024x256xbf16, #lqc.packed<16x1>>
    ```

    **Constraints**
    * C1: the tensor has rank 2 and static dimensions
    * C2: the scheme, if there is one, accepts the tensor
    * C3: the tile is 16x1 without a scheme and 16x4 with one
  }];
  let parameters = (ins "int64_t":$tileRows, "int64_t":$tileColumns,
                        OptionalParameter<"::lqc::SchemeAttr">:$scheme);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    ::lqc::Layout getLayout() const { return {getTileRows(), getTileColumns()}; }
  }];
}

//===----------------------------------------------------------------------===//
// Where the bytes of a weight are
//===----------------------------------------------------------------------===//

def LQC_FileAttr : LQC_Attr<"File", "file"> {
  let summary = "a place in a file with weights";
  let description = [{
    The source of a weight's bytes: `bytes` bytes at `offset` of `path`, which is
    relative to the folder of the `.mlir` file (in memory: to the checkpoint's).
    `header` identifies the file: a changed file is an error, never a silently
    different model. It is

    * of a safetensors file, the content hash of the header;
    * of an ONNX file, `onnx-` and the hash of all of it but the numbers;
    * of ONNX's external data, `data-` and a hash of its size and of samples.

    ```mlir
    #lqc.file<"model.safetensors", tensor = "model.norm.weight", offset = 6824, bytes = 512, header = "5ad0c1f3…">
    ```
  }];
  let parameters = (ins StringRefParameter<>:$path, StringRefParameter<>:$tensor,
                        "uint64_t":$offset, "uint64_t":$bytes,
                        StringRefParameter<>:$header);
  let assemblyFormat = [{
    `<` $path `,` `tensor` `=` $tensor `,` `offset` `=` $offset `,`
        `bytes` `=` $bytes `,` `header` `=` $header `>`
  }];
}

def LQC_RandomAttr : LQC_Attr<"Random", "random"> {
  let summary = "reproducible normal numbers, for tests and benchmarks";
  let description = [{
    The source of a weight whose elements are drawn from a normal distribution
    of mean 0 and standard deviation `std`, the same on every machine.

    ```mlir
    lqc.weight @w : tensor<64x64xf32> = #lqc.random<seed = 1, std = 2.0e-2 : f64>
    ```
  }];
  let parameters = (ins "uint64_t":$seed, "::mlir::FloatAttr":$std);
  let assemblyFormat = "`<` `seed` `=` $seed `,` `std` `=` $std `>`";
}

//===----------------------------------------------------------------------===//
// Facts about the module
//===----------------------------------------------------------------------===//

def LQC_ModelAttr : LQC_Attr<"Model", "model"> {
  let summary = "what kind of model the module is";
  let description = [{
    The module attribute `lqc.model`, written by the importers: the family, the
    size of the vocabulary, the context length, the end-of-sequence tokens and
    the folder with the tokenizer (relative like `#lqc.file`; empty: none).

    ```mlir
    #lqc.model<"llama", vocabulary = 1024, context = 512, bos = 0, eos = [1], tokenizer = ".">
    ```
  }];
  let parameters = (ins StringRefParameter<>:$family, "int64_t":$vocabulary,
                        "int64_t":$contextLength, "int64_t":$bos,
                        "::mlir::DenseI64ArrayAttr":$eos,
                        StringRefParameter<>:$tokenizer);
  let assemblyFormat = [{
    `<` $family `,` `vocabulary` `=` $vocabulary `,` `context` `=` $contextLength `,`
        `bos` `=` $bos `,` `eos` `=` $eos `,`
        `tokenizer` `=` $tokenizer `>`
  }];
}

def LQC_TargetAttr : LQC_Attr<"Target", "target", [
    DeclareAttrInterfaceMethods<DLTIQueryInterface>]> {
  let summary = "the machine that kernels are made for";
  let description = [{
    The module attribute `lqc.target`, set before `schedule`: an LLVM CPU name
    and its feature string. It answers DLTI queries for `"cpu"` and
    `"features"`.

    ```mlir
    #lqc.target<cpu = "znver3", features = "+avx2,+fma,+f16c">
    ```
  }];
  let parameters = (ins StringRefParameter<>:$cpu,
                        StringRefParameter<>:$features);
  let assemblyFormat = [{
    `<` `cpu` `=` $cpu `,` `features` `=` $features `>`
  }];
  let extraClassDeclaration = [{
    /// True if the feature string turns `name` on.
    bool has(::llvm::StringRef name) const;
  }];
}

//===----------------------------------------------------------------------===//
// Enums
//===----------------------------------------------------------------------===//

def LQC_ActivationKind : I32EnumAttr<"ActivationKind", "function of a gate", [
    I32EnumAttrCase<"silu", 0>,
    I32EnumAttrCase<"gelu_tanh", 1>]> {
  let cppNamespace = "::lqc";
}

def LQC_Clip : I32EnumAttr<"Clip", "how a group's range is chosen", [
    I32EnumAttrCase<"none", 0>,
    I32EnumAttrCase<"least_squares", 1>]> {
  let cppNamespace = "::lqc";
}

#endif // LQC_ATTRIBUTES
