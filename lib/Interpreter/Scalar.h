//===- Scalar.h - operations on single numbers ------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An operation of arith or math is defined once, on numbers. From that follows
// what it means on tensors (UpstreamArith.cpp) and in the bodies of linalg
// operations (ScalarRegion.h). Functions work on many numbers at once, because
// finding the function takes longer than one addition.
//
// A function computes in double, without rounding or wrapping to the type of
// its result: roundScalars() does that, in one place.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_INTERPRETER_SCALAR_H
#define LQC_LIB_INTERPRETER_SCALAR_H

#include "Convert.h"

#include "lqc/Interpreter/TensorValue.h"

#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

#include <functional>

namespace lqc {

/// One element: its type says which of the two it is.
union Scalar {
  double number;
  int64_t integer; ///< see wrapInteger()
};

/// What the elements of a type are: floats of a format, or integers.
struct ScalarType {
  std::optional<FloatFormat> format;
  unsigned bits = 0; ///< of integers
};

/// The elements of a float, integer or index type or of a tensor of them.
llvm::Expected<ScalarType> scalarTypeOf(mlir::Type type);

/// Rounds or wraps to what the type can hold.
void roundScalars(Scalar *scalars, int64_t count, ScalarType type);

/// Elements [first, first + count) of a tensor.
void loadScalars(const TensorValue &tensor, int64_t first, int64_t count,
                 Scalar *scalars);
Scalar scalarAt(const TensorValue &tensor, int64_t index);

/// The elements of a tensor that is being made.
class ElementsBuilder {
public:
  /// All elements are 0.
  ElementsBuilder(ScalarType type, int64_t count);
  /// All elements are those of `tensor`, which has the type.
  ElementsBuilder(ScalarType type, const TensorValue &tensor);

  /// `scalar` is one that the type can hold.
  void set(int64_t index, Scalar scalar);
  Scalar get(int64_t index) const;
  /// The tensor; to be called once.
  TensorValue take(TensorValue::Shape shape);

private:
  ScalarType type;
  std::vector<float> floats; ///< one of the three is used
  std::vector<double> doubles;
  std::vector<int64_t> integers;
};

/// results[r][i] from operands[0][i], operands[1][i] … for all i < count. An
/// error is a rule that numbers break: "divisor must not be 0".
using ScalarFunction =
    std::function<llvm::Error(llvm::ArrayRef<const Scalar *> operands,
                              llvm::ArrayRef<Scalar *> results, int64_t count)>;

/// The function of an operation, which has types and attributes.
using MakeScalarFunction = std::function<ScalarFunction(mlir::Operation *)>;
using ScalarTable = llvm::StringMap<MakeScalarFunction>;

void addFloatScalars(ScalarTable &table);
void addIntegerScalars(ScalarTable &table);
void addMathScalars(ScalarTable &table);
void addConversionScalars(ScalarTable &table);

/// All operations that are defined on single numbers, by name.
const ScalarTable &scalarTable();

} // namespace lqc

#endif // LQC_LIB_INTERPRETER_SCALAR_H
