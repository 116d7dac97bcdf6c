//===- Passes.h - passes of the quantize phase ------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_QUANTIZE_PASSES_H
#define LQC_PASSES_QUANTIZE_PASSES_H

#include "dialects/LQC/LQC.h"
#include "passes/Quantize/SearchMethods.h"

#include "mlir/Pass/Pass.h"

namespace lqc {

/// Where the scales of quantized activations come from.
enum class ActivationScales { Dynamic, Static };

#define GEN_PASS_DECL
#include "passes/Quantize/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Quantize/Passes.h.inc"

/// On a weight: the scheme it is to get. See lqc-quantize-weights.
inline constexpr llvm::StringLiteral kSchemeAttrName = "lqc.scheme";

/// What activations in front of quantized weights are rounded to.
enum class ActivationType { F32, Int8, StaticInt8 };

struct SearchContext;

/// Choices of the quantize phase.
struct QuantizeOptions {
  /// Run before the rest, on the linears of layers, in this order.
  llvm::SmallVector<SearchStep> methods;
  QuantizeWeightsPassOptions weights;
  ActivationType activations = ActivationType::Int8;

  bool uses(SearchMethod method) const {
    return llvm::any_of(
        methods, [&](const SearchStep &step) { return step.method == method; });
  }
  /// Whether anything has to be known about the inputs of linears.
  bool needsStatistics() const {
    return !methods.empty() || activations == ActivationType::StaticInt8;
  }
  /// Whether second moments have to be known, too.
  bool needsGram() const {
    return uses(SearchMethod::Awq) || uses(SearchMethod::Gptq);
  }
};

/// Appends the quantize phase.
void buildQuantizePipeline(mlir::OpPassManager &manager,
                           const QuantizeOptions &options);

/// Appends what says which weight of a layer gets which scheme, for the
/// methods.
void buildSchemeAssignment(mlir::OpPassManager &manager,
                           const QuantizeOptions &options);

/// Appends the methods, for the linears that `search` has statistics of, and
/// the rounding of their inputs. The quantize phase does what they leave.
void buildSearchPipeline(mlir::OpPassManager &manager,
                         const QuantizeOptions &options, SearchContext &search);

/// Reads the name of a scheme that weights can take; empty and "float" are no
/// scheme (a null attribute). Errors are one clause: "no scheme is called …".
llvm::Expected<SchemeAttr> parseWeightScheme(mlir::MLIRContext *context,
                                             llvm::StringRef name);

} // namespace lqc

#endif // LQC_PASSES_QUANTIZE_PASSES_H
