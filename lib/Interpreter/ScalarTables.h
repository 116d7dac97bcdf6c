//===- ScalarTables.h - to write tables of scalar functions -----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each template takes a function of one, two or three numbers and adds it to a
// table as that of an operation.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_INTERPRETER_SCALARTABLES_H
#define LQC_LIB_INTERPRETER_SCALARTABLES_H

#include "Scalar.h"
#include "Types.h"

#include <type_traits>

namespace lqc {

/// An integer of `bits` bits, held as wrapInteger() says, without its sign.
inline uint64_t unsignedOf(int64_t value, unsigned bits) {
  return bits >= 64 ? value : value & ((uint64_t(1) << bits) - 1);
}

/// The same with its sign: one bit that is set means -1.
inline int64_t signedOf(int64_t value, unsigned bits) {
  return bits == 1 ? -value : value;
}

/// The bits of an integer value, which the verifier has looked at.
inline unsigned integerBits(mlir::Value value) {
  return integerBitsOf(value.getType()).value_or(64);
}

/// result(i) = function(read(operand 0, i), read(operand 1, i) …).
template <typename Number, typename Function, typename Read, typename Write>
void forEachScalar(Function function, llvm::ArrayRef<const Scalar *> operands,
                   int64_t count, Read read, Write write) {
  for (int64_t i = 0; i < count; ++i) {
    if constexpr (std::is_invocable_v<Function, Number>)
      write(i, function(read(operands[0][i])));
    else if constexpr (std::is_invocable_v<Function, Number, Number>)
      write(i, function(read(operands[0][i]), read(operands[1][i])));
    else
      write(i, function(read(operands[0][i]), read(operands[1][i]),
                        read(operands[2][i])));
  }
}

/// Adds `Op` with a function of doubles that gives a double, or a bool.
template <typename Op, typename Function>
void addNumbers(ScalarTable &table, Function function) {
  table[Op::getOperationName()] = [=](mlir::Operation *) -> ScalarFunction {
    return [=](llvm::ArrayRef<const Scalar *> operands,
               llvm::ArrayRef<Scalar *> results, int64_t count) {
      forEachScalar<double>(
          function, operands, count, [](Scalar s) { return s.number; },
          [&](int64_t i, auto value) {
            if constexpr (std::is_same_v<decltype(value), bool>)
              results[0][i].integer = value;
            else
              results[0][i].number = value;
          });
      return llvm::Error::success();
    };
  };
}

/// Adds `Op` with a function of integers, all of the width of the first
/// operand: int64_t with sign, uint64_t without.
template <typename Op, typename Integer, typename Function>
void addIntegers(ScalarTable &table, Function function) {
  table[Op::getOperationName()] = [=](mlir::Operation *op) -> ScalarFunction {
    unsigned bits = integerBits(op->getOperand(0));
    return [=](llvm::ArrayRef<const Scalar *> operands,
               llvm::ArrayRef<Scalar *> results, int64_t count) {
      auto read = [&](Scalar s) -> Integer {
        if constexpr (std::is_signed_v<Integer>)
          return signedOf(s.integer, bits);
        return unsignedOf(s.integer, bits);
      };
      forEachScalar<Integer>(
          function, operands, count, read,
          [&](int64_t i, int64_t value) { results[0][i].integer = value; });
      return llvm::Error::success();
    };
  };
}

} // namespace lqc

#endif // LQC_LIB_INTERPRETER_SCALARTABLES_H
