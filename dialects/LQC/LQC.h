//===- LQC.h - the lqc dialect ----------------------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_DIALECTS_LQC_LQC_H
#define LQC_DIALECTS_LQC_LQC_H

#include "lqc/Numerics/Packing.h"
#include "lqc/Numerics/Scheme.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/LQC/LQCDialect.h.inc"
#include "dialects/LQC/LQCEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/LQC/LQCAttributes.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/LQC/LQCTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/LQC/LQCOps.h.inc"

namespace lqc {

/// Names of the module's discardable attributes and of the entry function.
inline constexpr llvm::StringLiteral kModelAttrName = "lqc.model";
inline constexpr llvm::StringLiteral kTargetAttrName = "lqc.target";
/// A dictionary: how the model wants to be sampled.
inline constexpr llvm::StringLiteral kGenerationAttrName = "lqc.generation";
/// On a decoder layer's function: its number, counted from 0.
inline constexpr llvm::StringLiteral kLayerAttrName = "lqc.layer";
inline constexpr llvm::StringLiteral kForwardName = "forward";
/// On a module: it is a graph with the entry function @main, not a decoder.
inline constexpr llvm::StringLiteral kGraphAttrName = "lqc.graph";
inline constexpr llvm::StringLiteral kMainName = "main";
/// On a graph module after lower: {inputs = […], outputs = […]}, each a name, a
/// type ("float32") and dims (a number, a name or "?").
inline constexpr llvm::StringLiteral kGraphValuesAttrName = "lqc.graph_values";
/// On a graph module that embeds text: a dictionary of where it takes tokens and
/// gives rows, by number (-1: nowhere), and of how these become embeddings:
/// {ids, mask, positions, tokens, text, pooling, normalize, max_length, longest,
/// pad}. See EncoderDefaults in lqc/Runtime/Payload.h.
inline constexpr llvm::StringLiteral kEncoderAttrName = "lqc.encoder";
/// On arguments and results of @main; see the dialect's description.
inline constexpr llvm::StringLiteral kNameAttrName = "lqc.name";
inline constexpr llvm::StringLiteral kDimsAttrName = "lqc.dims";
inline constexpr llvm::StringLiteral kElementAttrName = "lqc.element";
/// On a weight that is the result of a search (GPTQ's codes): the name of the
/// checkpoint's weight that it stands for.
inline constexpr llvm::StringLiteral kSourceAttrName = "lqc.source";

/// True for a graph module: a program on tensors with one call.
inline bool isGraph(mlir::ModuleOp module) {
  return module->hasAttr(kGraphAttrName);
}

/// The scheme of a quantized tensor, packed or not; null for plain floats.
SchemeAttr schemeOf(mlir::Type type);

/// The byte order of a packed tensor, or null.
PackedAttr packedOf(mlir::Type type);

/// `type` with another encoding (null: none).
mlir::RankedTensorType withEncoding(mlir::RankedTensorType type,
                                    mlir::Attribute encoding);

/// `type` as quantized by `scheme`: element type f32, encoding `#lqc.scheme`.
mlir::RankedTensorType quantizedType(mlir::RankedTensorType type,
                                     SchemeAttr scheme);

/// Bytes of a weight of this type: row-major elements, the canonical bytes of a
/// quantized tensor (lqc/Numerics/QuantizedTensor.h), or packed bytes.
uint64_t weightBytes(mlir::RankedTensorType type);

/// Where the parts of one row of quantized activations are, in bytes from its
/// start: int8 codes (a multiple of 64, the tail zero), then for each group a
/// float scale, then for each group the int32 sum of its codes.
struct ActivationRow {
  int64_t scales = 0;
  int64_t sums = 0;
  int64_t bytes = 0; ///< from one row to the next, a multiple of 64
};
ActivationRow activationRow(const Scheme &scheme, int64_t columns);

} // namespace lqc

#endif // LQC_DIALECTS_LQC_LQC_H
