//===- BitsReport.h - what weights really cost ------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_QUANTIZE_BITSREPORT_H
#define LQC_PASSES_QUANTIZE_BITSREPORT_H

#include "dialects/LQC/LQC.h"

#include <array>
#include <map>
#include <string>

namespace lqc {

/// What a weight is for. A weight with several uses counts once, in the first
/// of these classes.
enum class WeightClass { Layers, Embedding, Head, Other };
inline constexpr int kWeightClasses = 4;

/// "layers", "embedding", "head", "other".
llvm::StringRef weightClassName(WeightClass weightClass);

/// The weights of one class.
struct WeightTotals {
  uint64_t tensors = 0;
  uint64_t elements = 0;
  /// Codes, scales, zero points, kept columns and their indices; no padding.
  uint64_t bytes = 0;
  /// Tensors of each scheme or element type: {"int4-g64", 28}.
  std::map<std::string, uint64_t> types;
  /// Elements that are kept apart from those tensors in a type of higher
  /// precision (lqc.split_columns); they count in `elements` once.
  std::map<std::string, uint64_t> kept;

  double bitsPerWeight() const {
    return elements ? 8.0 * bytes / elements : 0.0;
  }
  /// "int4-g64", or "int4-g64 (20), bf16 (8)", or "int3-g64, 1.2 % kept in
  /// bf16".
  std::string typesText() const;
};

/// What the weights of a model cost, by their types alone. Rotary frequencies
/// are no weights here: they follow from the configuration.
struct BitsReport {
  /// Of a module at the model level. Only weights that functions read count,
  /// not those that initializers read.
  static BitsReport of(mlir::ModuleOp module);

  /// As an attribute of a module, for phases that no longer know; and back. A
  /// malformed attribute gives nothing.
  mlir::DictionaryAttr toAttribute(mlir::MLIRContext *context) const;
  static std::optional<BitsReport> fromAttribute(mlir::Attribute attribute);

  const WeightTotals &of(WeightClass weightClass) const {
    return classes[int(weightClass)];
  }
  WeightTotals total() const;

  std::array<WeightTotals, kWeightClasses> classes;
  /// Numbers in the checkpoint: a matrix that is stored plain for one use and
  /// quantized for another counts once.
  uint64_t parameters = 0;
  /// The head reads the embedding's table, so it costs nothing more.
  bool headIsEmbedding = false;
};

} // namespace lqc

#endif // LQC_PASSES_QUANTIZE_BITSREPORT_H
