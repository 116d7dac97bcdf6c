//===- SchemePolicy.h - which weight gets which scheme ----------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_QUANTIZE_SCHEMEPOLICY_H
#define LQC_PASSES_QUANTIZE_SCHEMEPOLICY_H

#include "dialects/LQC/LQC.h"

#include "llvm/Support/GlobPattern.h"

namespace lqc {

/// A place where a weight is read that could be quantized.
struct WeightUse {
  mlir::OpOperand *operand;
  WeightOp weight;
  SchemeAttr scheme; ///< what the place asks for; null: as stored
};

/// Decides which weight gets which scheme, the last that applies:
/// 1. the scheme of its kind: linear of a layer, other linear, embedding table;
/// 2. the attribute `lqc.scheme` of the weight;
/// 3. overrides, in their order.
class SchemePolicy {
public:
  /// Reads the texts of options. Failures are emitted on `module`.
  mlir::LogicalResult parse(mlir::ModuleOp module, llvm::StringRef layers,
                            llvm::StringRef embedding, llvm::StringRef head,
                            llvm::ArrayRef<std::string> overrides);

  /// Every read of a plain weight by a linear or an embedding, with its scheme.
  /// `category` is that of the remark about matrices that are no weights.
  llvm::SmallVector<WeightUse> findUses(mlir::ModuleOp module,
                                        mlir::SymbolTable &symbols,
                                        llvm::StringRef category);

  /// Whether an override decides about the weight.
  bool isOverridden(WeightOp weight) const;

  /// Fails if an override has matched no weight: a typing mistake.
  mlir::LogicalResult checkOverrides(mlir::ModuleOp module) const;

private:
  /// GLOB=SCHEME.
  struct Override {
    std::string text;
    llvm::GlobPattern pattern;
    SchemeAttr scheme; ///< null: as stored
    bool matched = false;
  };

  mlir::LogicalResult parseOverride(mlir::ModuleOp module,
                                    llvm::StringRef text);
  SchemeAttr preferred(WeightOp weight, SchemeAttr scheme);

  SchemeAttr layerScheme, headScheme, embeddingScheme;
  std::vector<Override> overrides;
};

/// Whether `op` is in a decoder layer (a function with `lqc.layer`). A graph is
/// all layers: which of its linears is the head cannot be seen.
bool isInLayer(mlir::Operation *op);

/// Whether `weight` can take `scheme`. If not, a remark and a warning say why,
/// or with `strict` an error, and the result is a failure.
mlir::FailureOr<bool> checkFit(WeightOp weight, SchemeAttr scheme, bool strict,
                               llvm::StringRef category);

/// "q" and int4-g64 make "q.int4_g64", which needs no quotes in the IR.
std::string quantizedName(WeightOp weight, SchemeAttr scheme);

} // namespace lqc

#endif // LQC_PASSES_QUANTIZE_SCHEMEPOLICY_H
