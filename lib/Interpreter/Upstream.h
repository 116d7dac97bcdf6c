//===- Upstream.h - what upstream tensor operations share -------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_INTERPRETER_UPSTREAM_H
#define LQC_LIB_INTERPRETER_UPSTREAM_H

#include "Machine.h"

#include "mlir/IR/OpDefinition.h"

namespace lqc {

/// The values of constants and of operands that are integers.
TensorValue::Shape evaluateSizes(llvm::ArrayRef<mlir::OpFoldResult> mixed,
                                 const Frame &frame);

/// The shape of a type whose dynamic sizes are operands.
TensorValue::Shape evaluateShape(mlir::RankedTensorType type,
                                 mlir::ValueRange dynamicSizes,
                                 const Frame &frame);

/// Refuses sizes of a tensor that are negative or too large to be meant.
llvm::Error checkSizes(mlir::Operation *op, llvm::ArrayRef<int64_t> sizes);

/// The elements of a tensor as a vector of floats, doubles or int64_t.
template <typename Elements>
const Elements &elementsOf(const TensorValue &value) {
  if constexpr (std::is_same_v<Elements, std::vector<int64_t>>)
    return value.integers();
  else if constexpr (std::is_same_v<Elements, std::vector<double>>)
    return value.doubles();
  else
    return value.floats();
}

/// The tensor with the shape and `change(elements of source)`, a vector of the
/// same type.
template <typename Change>
TensorValue changed(const TensorValue &source, TensorValue::Shape shape,
                    Change change) {
  if (source.kind() == TensorValue::Kind::Integer)
    return TensorValue::ofIntegers(std::move(shape), change(source.integers()));
  if (source.kind() == TensorValue::Kind::Double)
    return TensorValue::ofDoubles(std::move(shape), change(source.doubles()));
  return TensorValue::ofFloats(std::move(shape), change(source.floats()));
}

} // namespace lqc

#endif // LQC_LIB_INTERPRETER_UPSTREAM_H
