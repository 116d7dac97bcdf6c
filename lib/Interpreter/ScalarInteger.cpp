//===- ScalarInteger.cpp - arith on integers ------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the dialect says that a program may do anything, a division ends in an
// error. A shift that leaves nothing gives 0, or the sign.
//
//===----------------------------------------------------------------------===//

#include "ScalarTables.h"

#include "lqc/Support/Error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace lqc;
using namespace mlir;

//===----------------------------------------------------------------------===//
// Divisions
//===----------------------------------------------------------------------===//

static int64_t divide(int64_t a, int64_t b) { return a / b; }
static int64_t divideDown(int64_t a, int64_t b) {
  return llvm::divideFloorSigned(a, b);
}
static int64_t divideUp(int64_t a, int64_t b) {
  return llvm::divideCeilSigned(a, b);
}
static int64_t remainder(int64_t a, int64_t b) { return a % b; }

static uint64_t divideUnsigned(uint64_t a, uint64_t b) { return a / b; }
static uint64_t divideUpUnsigned(uint64_t a, uint64_t b) {
  return a / b + (a % b != 0);
}
static uint64_t remainderUnsigned(uint64_t a, uint64_t b) { return a % b; }

/// The lowest integer by -1 is too large, and ends programs on some machines.
static llvm::Error checkDivision(int64_t a, int64_t b, unsigned bits) {
  if (b == 0)
    return makeError("divisor must not be 0");
  if (b == -1 && a == llvm::minIntN(bits))
    return makeError("quotient must be an i{0}, got: {1} / -1", bits, a);
  return llvm::Error::success();
}

template <typename Op, int64_t (*function)(int64_t, int64_t)>
static void addSignedDivision(ScalarTable &table) {
  table[Op::getOperationName()] = [](Operation *op) -> ScalarFunction {
    unsigned bits = integerBits(op->getOperand(0));
    return
        [bits](llvm::ArrayRef<const Scalar *> operands,
               llvm::ArrayRef<Scalar *> results, int64_t count) -> llvm::Error {
          for (int64_t i = 0; i < count; ++i) {
            int64_t a = signedOf(operands[0][i].integer, bits);
            int64_t b = signedOf(operands[1][i].integer, bits);
            if (llvm::Error error = checkDivision(a, b, bits))
              return error;
            results[0][i].integer = function(a, b);
          }
          return llvm::Error::success();
        };
  };
}

template <typename Op, uint64_t (*function)(uint64_t, uint64_t)>
static void addUnsignedDivision(ScalarTable &table) {
  table[Op::getOperationName()] = [](Operation *op) -> ScalarFunction {
    unsigned bits = integerBits(op->getOperand(0));
    return
        [bits](llvm::ArrayRef<const Scalar *> operands,
               llvm::ArrayRef<Scalar *> results, int64_t count) -> llvm::Error {
          for (int64_t i = 0; i < count; ++i) {
            uint64_t b = unsignedOf(operands[1][i].integer, bits);
            if (b == 0)
              return makeError("divisor must not be 0");
            results[0][i].integer =
                function(unsignedOf(operands[0][i].integer, bits), b);
          }
          return llvm::Error::success();
        };
  };
}

//===----------------------------------------------------------------------===//
// Shifts and operations with two results
//===----------------------------------------------------------------------===//

/// Adds a shift: `function(value, distance)` with distance < bits, `beyond` of
/// the value for larger distances.
template <typename Op, typename Function, typename Beyond>
static void addShift(ScalarTable &table, Function function, Beyond beyond) {
  table[Op::getOperationName()] = [=](Operation *op) -> ScalarFunction {
    unsigned bits = integerBits(op->getOperand(0));
    return [=](llvm::ArrayRef<const Scalar *> operands,
               llvm::ArrayRef<Scalar *> results, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        int64_t value = operands[0][i].integer;
        uint64_t distance = unsignedOf(operands[1][i].integer, bits);
        results[0][i].integer = distance < bits
                                    ? function(value, distance, bits)
                                    : beyond(value, bits);
      }
      return llvm::Error::success();
    };
  };
}

/// Adds a product with its high half: `Wide` is a type of 128 bits.
template <typename Op, typename Wide>
static void addExtendedProduct(ScalarTable &table) {
  table[Op::getOperationName()] = [](Operation *op) -> ScalarFunction {
    unsigned bits = integerBits(op->getOperand(0));
    return [bits](llvm::ArrayRef<const Scalar *> operands,
                  llvm::ArrayRef<Scalar *> results, int64_t count) {
      auto read = [&](int64_t value) -> Wide {
        if constexpr (std::is_same_v<Wide, __int128>)
          return signedOf(value, bits);
        return unsignedOf(value, bits);
      };
      for (int64_t i = 0; i < count; ++i) {
        Wide product =
            read(operands[0][i].integer) * read(operands[1][i].integer);
        results[0][i].integer = static_cast<int64_t>(product);
        results[1][i].integer = static_cast<int64_t>(product >> bits);
      }
      return llvm::Error::success();
    };
  };
}

static ScalarFunction makeAddWithCarry(Operation *op) {
  unsigned bits = integerBits(op->getOperand(0));
  return [=](llvm::ArrayRef<const Scalar *> operands,
             llvm::ArrayRef<Scalar *> results, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      uint64_t a = unsignedOf(operands[0][i].integer, bits);
      uint64_t sum =
          unsignedOf(a + unsignedOf(operands[1][i].integer, bits), bits);
      results[0][i].integer = sum;
      results[1][i].integer = sum < a;
    }
    return llvm::Error::success();
  };
}

//===----------------------------------------------------------------------===//
// Comparisons
//===----------------------------------------------------------------------===//

static bool compare(arith::CmpIPredicate predicate, int64_t a, int64_t b) {
  uint64_t x = a, y = b; // sign-extended both: the order is the same
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return a == b;
  case arith::CmpIPredicate::ne:
    return a != b;
  case arith::CmpIPredicate::slt:
    return a < b;
  case arith::CmpIPredicate::sle:
    return a <= b;
  case arith::CmpIPredicate::sgt:
    return a > b;
  case arith::CmpIPredicate::sge:
    return a >= b;
  case arith::CmpIPredicate::ult:
    return x < y;
  case arith::CmpIPredicate::ule:
    return x <= y;
  case arith::CmpIPredicate::ugt:
    return x > y;
  case arith::CmpIPredicate::uge:
    return x >= y;
  }
  llvm_unreachable("all predicates are listed");
}

static ScalarFunction makeCompare(Operation *op) {
  arith::CmpIPredicate predicate = cast<arith::CmpIOp>(op).getPredicate();
  unsigned bits = integerBits(op->getOperand(0));
  return [=](llvm::ArrayRef<const Scalar *> operands,
             llvm::ArrayRef<Scalar *> results, int64_t count) {
    for (int64_t i = 0; i < count; ++i)
      results[0][i].integer =
          compare(predicate, signedOf(operands[0][i].integer, bits),
                  signedOf(operands[1][i].integer, bits));
    return llvm::Error::success();
  };
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static void addShifts(ScalarTable &table) {
  auto zero = [](int64_t, unsigned) -> int64_t { return 0; };
  addShift<arith::ShLIOp>(
      table,
      [](uint64_t value, uint64_t distance, unsigned) -> int64_t {
        return value << distance;
      },
      zero);
  addShift<arith::ShRUIOp>(
      table,
      [](int64_t value, uint64_t distance, unsigned bits) -> int64_t {
        return unsignedOf(value, bits) >> distance;
      },
      zero);
  addShift<arith::ShRSIOp>(
      table,
      [](int64_t value, uint64_t distance, unsigned bits) {
        return signedOf(value, bits) >> distance;
      },
      [](int64_t value, unsigned bits) -> int64_t {
        return signedOf(value, bits) < 0 ? -1 : 0;
      });
}

void lqc::addIntegerScalars(ScalarTable &table) {
  using U = uint64_t;
  using I = int64_t;
  addIntegers<arith::AddIOp, U>(table, [](U a, U b) { return a + b; });
  addIntegers<arith::SubIOp, U>(table, [](U a, U b) { return a - b; });
  addIntegers<arith::MulIOp, U>(table, [](U a, U b) { return a * b; });
  addIntegers<arith::AndIOp, U>(table, [](U a, U b) { return a & b; });
  addIntegers<arith::OrIOp, U>(table, [](U a, U b) { return a | b; });
  addIntegers<arith::XOrIOp, U>(table, [](U a, U b) { return a ^ b; });
  addIntegers<arith::MaxSIOp, I>(table, [](I a, I b) { return a > b ? a : b; });
  addIntegers<arith::MinSIOp, I>(table, [](I a, I b) { return a < b ? a : b; });
  addIntegers<arith::MaxUIOp, U>(table, [](U a, U b) { return a > b ? a : b; });
  addIntegers<arith::MinUIOp, U>(table, [](U a, U b) { return a < b ? a : b; });
  addSignedDivision<arith::DivSIOp, divide>(table);
  addSignedDivision<arith::FloorDivSIOp, divideDown>(table);
  addSignedDivision<arith::CeilDivSIOp, divideUp>(table);
  addSignedDivision<arith::RemSIOp, remainder>(table);
  addUnsignedDivision<arith::DivUIOp, divideUnsigned>(table);
  addUnsignedDivision<arith::CeilDivUIOp, divideUpUnsigned>(table);
  addUnsignedDivision<arith::RemUIOp, remainderUnsigned>(table);
  addShifts(table);
  addExtendedProduct<arith::MulSIExtendedOp, __int128>(table);
  addExtendedProduct<arith::MulUIExtendedOp, unsigned __int128>(table);
  table[arith::AddUIExtendedOp::getOperationName()] = makeAddWithCarry;
  table[arith::CmpIOp::getOperationName()] = makeCompare;
}
