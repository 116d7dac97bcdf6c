//===- SizeMath.h - arithmetic on sizes, folded while importing -*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exporters compute shapes with tensors: Shape, Gather, Mul, Concat, Reshape.
// Here such numbers are either integers that are known now or values of type
// index, made of the sizes of the model's inputs. Equal computations give the
// same value, so that "are these two sizes equal" is a comparison of pointers.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_ONNX_SIZEMATH_H
#define LQC_LIB_IMPORT_ONNX_SIZEMATH_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

#include <map>
#include <optional>

namespace lqc {

/// A number of type index: an attribute if it is known.
using Size = mlir::OpFoldResult;
using Sizes = llvm::SmallVector<mlir::OpFoldResult, 4>;

/// The number, if it is known.
std::optional<int64_t> knownSize(Size size);
/// Whether both are the same number for sure.
bool isSameSize(Size a, Size b);
/// Whether the number was read from a tensor while the program runs, so that it
/// may be anything: others are computed from sizes of dimensions.
bool isRead(Size size);
/// Shape of a tensor type: what is not known is dynamic.
llvm::SmallVector<int64_t, 4> staticShape(llvm::ArrayRef<Size> sizes);

class SizeMath {
public:
  explicit SizeMath(mlir::OpBuilder &builder) : builder(builder) {}

  Size constant(int64_t value) { return builder.getIndexAttr(value); }
  Sizes constants(llvm::ArrayRef<int64_t> values);
  Size add(Size a, Size b);
  Size sub(Size a, Size b);
  Size mul(Size a, Size b);
  /// Towards zero, as ONNX divides integers; 0 if b is 0.
  Size div(Size a, Size b);
  /// With the sign of the divisor (`Mod`); 0 if b is 0.
  Size mod(Size a, Size b);
  Size max(Size a, Size b);
  Size min(Size a, Size b);
  Size product(llvm::ArrayRef<Size> sizes);
  /// The quotient of two products, if each factor of `b` is one of `a`, or
  /// both are known and it divides.
  std::optional<Size> exactQuotient(llvm::ArrayRef<Size> a,
                                    llvm::ArrayRef<Size> b);
  /// -1, 0 or 1 where the order is known now.
  std::optional<int> compare(Size a, Size b);
  /// Whether a size is made of sizes of dimensions in a way that keeps it from
  /// being negative.
  static bool isNotNegative(Size size);

  /// Notes that `check` ends the program unless the two are equal.
  void noteEqual(Size a, Size b, mlir::Operation *check);
  /// Whether that has been checked where we build now.
  bool isCheckedEqual(Size a, Size b) const;

  /// `a` if x < y (x == y), else `b`.
  Size ifLess(Size x, Size y, Size a, Size b);
  Size ifEqual(Size x, Size y, Size a, Size b);

  /// As a value, of type index.
  mlir::Value value(Size size);
  /// The size of a dimension; `dims` of a type are tensor.dim where dynamic.
  Sizes sizesOf(mlir::Value tensor);

  /// Before `op` is erased: what was made in its regions is gone then.
  void forget(mlir::Operation *op);

  mlir::Location loc() const { return place; }
  void setLoc(mlir::Location loc) { place = loc; }

private:
  enum class Kind { Add, Sub, Mul, Div, Mod, Max, Min };
  Size combine(Kind kind, Size a, Size b);
  mlir::Value build(Kind kind, mlir::Value a, mlir::Value b);
  /// A value made before, if it can be used where we build now.
  mlir::Value visible(mlir::Value value) const;

  mlir::OpBuilder &builder;
  mlir::Location place = builder.getUnknownLoc();
  std::map<std::tuple<Kind, void *, void *>, mlir::Value> known;
  std::map<int64_t, mlir::Value> literals;
  std::map<std::pair<void *, int64_t>, mlir::Value> dims;
  std::map<std::pair<const void *, const void *>, mlir::Operation *> equal;
};

} // namespace lqc

#endif // LQC_LIB_IMPORT_ONNX_SIZEMATH_H
