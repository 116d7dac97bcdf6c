//===- LQCOpBase.td - what all lqc operations share --------*- tablegen -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_OP_BASE
#define LQC_OP_BASE

include "dialects/LQC/LQCAttributes.td"
include "dialects/LQC/LQCTypes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class LQC_Op<string mnemonic, list<Trait> traits = []>
    : Op<LQC_Dialect, mnemonic, traits>;

/// A function of tensors, written `lqc.name operands : types`.
class LQC_TensorOp<string mnemonic, list<Trait> traits = []>
    : LQC_Op<mnemonic, !listconcat([Pure], traits)> {
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

#endif // LQC_OP_BASE
