//===- Family.h - what a family of models says of itself --------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The importer is general; a family is a short file with two functions: the
// table of the tensors that a model needs, and the operations between them. The
// importer checks the whole table before any operation is built, so building
// cannot fail.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_SAFETENSORS_FAMILY_H
#define LQC_LIB_IMPORT_SAFETENSORS_FAMILY_H

#include "dialects/LQC/LQC.h"
#include "lqc/Import/Safetensors/ModelConfig.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace lqc {

/// One dimension of a tensor, and what config.json calls it.
struct Dimension {
  const char *name;
  int64_t size;
};

/// A tensor that the checkpoint must have.
struct TensorRule {
  std::string name;
  llvm::SmallVector<Dimension, 2> shape;
};

/// Builds a module's functions. Weights are there before.
class ModelBuilder {
public:
  ModelBuilder(mlir::ModuleOp module, const ModelConfig &config,
               int64_t contextLength);

  /// Starts a function at the end of the module, and builds in it from now on.
  mlir::func::FuncOp startFunction(llvm::StringRef name,
                                   mlir::TypeRange arguments,
                                   mlir::Type result);
  /// Ends the function that was started last.
  void finishFunction(mlir::Value result);

  /// The value of a weight, which must exist.
  mlir::Value weight(llvm::StringRef name);

  /// `input` times the transpose of @PREFIX.weight (outputs x inputs), plus
  /// @PREFIX.bias if `hasBias`.
  mlir::Value linear(mlir::Value input, const llvm::Twine &prefix,
                     bool hasBias);
  mlir::Value rmsNorm(mlir::Value input, const llvm::Twine &gain);

  /// tensor<? x columns x f32>: a row for each token of a step.
  mlir::RankedTensorType activations(int64_t columns);
  /// tensor<? x i32>: an integer for each token of a step.
  mlir::RankedTensorType tokens();
  CacheType cache();

  const ModelConfig &config;
  mlir::OpBuilder builder;
  mlir::Location loc; ///< of the function that is being built

private:
  int64_t contextLength;
  mlir::SymbolTable symbols;
};

/// The Llama family: Llama 1 to 3.x, and models with the same layers.
std::vector<TensorRule> llamaTensors(const ModelConfig &config);
void buildLlama(ModelBuilder &builder);

} // namespace lqc

#endif // LQC_LIB_IMPORT_SAFETENSORS_FAMILY_H
