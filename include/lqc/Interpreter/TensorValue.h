//===- TensorValue.h - a tensor as the interpreter holds it -----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_INTERPRETER_TENSORVALUE_H
#define LQC_INTERPRETER_TENSORVALUE_H

#include "lqc/Numerics/QuantizedTensor.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/SmallVector.h"

#include <memory>
#include <vector>

namespace lqc {

/// A tensor or scalar (rank 0): float32 numbers (f16, bf16 and 8-bit floats are
/// held exactly as float32), float64 numbers, integers (i1 as 0 or 1, i2 to i64
/// and index sign-extended, as int64), or the codes of a quantized matrix.
/// Elements are row-major. Copies share the elements, which never change.
class TensorValue {
public:
  enum class Kind : uint8_t { Float, Double, Integer, Quantized };
  using Shape = llvm::SmallVector<int64_t, 4>;

  /// The float32 scalar 0.
  TensorValue() : TensorValue(ofFloats({}, {0.0f})) {}

  /// `values` has as many elements as the shape.
  static TensorValue ofFloats(Shape shape, std::vector<float> values);
  static TensorValue ofDoubles(Shape shape, std::vector<double> values);
  static TensorValue ofIntegers(Shape shape, std::vector<int64_t> values);
  static TensorValue ofQuantized(QuantizedTensor tensor);

  Kind kind() const { return form; }
  llvm::ArrayRef<int64_t> shape() const { return sizes; }
  int64_t elements() const;

  /// The numbers of a tensor that holds no integers, as float32. Codes are
  /// dequantized and float64 numbers rounded once, when somebody first asks.
  const std::vector<float> &floats() const;
  /// The elements of a float64 tensor.
  const std::vector<double> &doubles() const;
  /// The elements of an integer tensor.
  const std::vector<int64_t> &integers() const;
  /// The codes of a quantized tensor.
  const QuantizedTensor &quantized() const;

  /// The same elements in another shape of as many; of codes, their numbers.
  TensorValue reshaped(Shape shape) const;

private:
  struct Storage {
    std::vector<float> floats;
    std::vector<double> doubles;
    std::vector<int64_t> integers;
    QuantizedTensor quantized;
  };

  TensorValue(Kind form, Shape sizes, Storage storage);

  Kind form;
  Shape sizes;
  std::shared_ptr<Storage> storage;
};

/// The value that `bytes`, laid out as weightBytes() of the lqc dialect says
/// for `type`, stand for: plain elements row-major and little-endian, those of
/// less than 8 bits in a byte each. Errors (to be prefixed with the tensor's
/// name): an element type that the interpreter does not hold, bytes that are no
/// quantized tensor.
llvm::Expected<TensorValue> tensorFromBytes(llvm::ArrayRef<char> bytes,
                                            mlir::RankedTensorType type);

/// The inverse: floats are rounded to the type's format, codes serialized or
/// packed. Errors: the value has another shape or no codes.
llvm::Expected<std::vector<char>> bytesFromTensor(const TensorValue &value,
                                                  mlir::RankedTensorType type);

} // namespace lqc

#endif // LQC_INTERPRETER_TENSORVALUE_H
