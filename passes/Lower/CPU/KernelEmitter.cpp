//===- KernelEmitter.cpp - writing loops and vectors briefly --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/KernelEmitter.h"

using namespace mlir;
using namespace lqc;

KernelEmitter::KernelEmitter(KernelOp kernel, TargetAttr target)
    : ImplicitLocOpBuilder(kernel.getLoc(), kernel.getContext()),
      kernel(kernel), target(target) {
  setInsertionPoint(kernel);
  Type pointer = LLVM::LLVMPointerType::get(getContext());
  Type i64 = getI64Type();
  function = func::FuncOp::create(
      *this, kernel.getSymName(),
      FunctionType::get(getContext(), {pointer, i64, i64, i64}, {}));
  Block *block = function.addEntryBlock();
  setInsertionPointToStart(block);
  arguments = block->getArgument(0);
  count = block->getArgument(1);
  begin = block->getArgument(2);
  end = block->getArgument(3);
}

void KernelEmitter::finish() {
  setInsertionPointToEnd(&function.getBody().back());
  func::ReturnOp::create(*this);
}

Operation *KernelEmitter::operation() { return operationOf(kernel); }

Operation *lqc::operationOf(KernelOp kernel) {
  Operation *op = &kernel.getBlock().front();
  while (op->hasTrait<OpTrait::ConstantLike>())
    op = op->getNextNode();
  return op;
}

Value KernelEmitter::argument(unsigned index) {
  return load(LLVM::LLVMPointerType::get(getContext()),
              address(arguments, index * 8));
}

RankedTensorType KernelEmitter::typeOf(unsigned index) {
  return cast<RankedTensorType>(kernel.getBlock().getArgument(index).getType());
}

//===----------------------------------------------------------------------===//
// Types and constants
//===----------------------------------------------------------------------===//

VectorType KernelEmitter::vectorOf(Type element, int64_t lanes) {
  return VectorType::get({lanes}, element);
}

Value KernelEmitter::constantI64(int64_t value) {
  return arith::ConstantOp::create(*this, getI64IntegerAttr(value));
}

Value KernelEmitter::constantF32(double value) {
  return splatFloat(getF32Type(), value);
}

static TypedAttr splat(Type type, Attribute element) {
  if (VectorType vector = dyn_cast<VectorType>(type))
    return DenseElementsAttr::get(vector, element);
  return cast<TypedAttr>(element);
}

Value KernelEmitter::splatInt(Type type, int64_t value) {
  Attribute element = getIntegerAttr(getElementTypeOrSelf(type), value);
  return arith::ConstantOp::create(*this, splat(type, element));
}

Value KernelEmitter::splatFloat(Type type, double value) {
  Attribute element = getFloatAttr(getElementTypeOrSelf(type), value);
  return arith::ConstantOp::create(*this, splat(type, element));
}

Value KernelEmitter::broadcast(Type type, Value scalar) {
  return vector::BroadcastOp::create(*this, type, scalar);
}

//===----------------------------------------------------------------------===//
// Integer arithmetic and memory
//===----------------------------------------------------------------------===//

Value KernelEmitter::add(Value a, Value b) {
  return createOrFold<arith::AddIOp>(a, b);
}

Value KernelEmitter::mul(Value a, int64_t b) {
  return createOrFold<arith::MulIOp>(a, constantI64(b));
}

Value KernelEmitter::address(Value base, Value bytes) {
  return LLVM::GEPOp::create(*this, base.getType(), getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{bytes});
}

Value KernelEmitter::address(Value base, int64_t bytes) {
  return bytes ? address(base, constantI64(bytes)) : base;
}

/// Buffers and packed weights promise the alignment of an element only.
static unsigned alignmentOf(Type type) {
  Type element = getElementTypeOrSelf(type);
  return isa<LLVM::LLVMPointerType>(element)
             ? 8
             : std::max(1u, element.getIntOrFloatBitWidth() / 8);
}

Value KernelEmitter::load(Type type, Value address) {
  return LLVM::LoadOp::create(*this, type, address, alignmentOf(type));
}

void KernelEmitter::store(Value value, Value address) {
  LLVM::StoreOp::create(*this, value, address, alignmentOf(value.getType()));
}

Value KernelEmitter::laneMask(int64_t lanes) {
  SmallVector<bool> bits(kLanes, false);
  std::fill_n(bits.begin(), lanes, true);
  return arith::ConstantOp::create(
      *this, DenseElementsAttr::get(vectorOf(getI1Type()), bits));
}

Value KernelEmitter::loadLanes(Type element, Value address, int64_t lanes) {
  VectorType type = vectorOf(element);
  if (lanes == kLanes)
    return load(type, address);
  Value zero = arith::ConstantOp::create(*this, getZeroAttr(type));
  return LLVM::MaskedLoadOp::create(*this, type, address, laneMask(lanes), zero,
                                    alignmentOf(type));
}

void KernelEmitter::storeLanes(Value vector, Value address, int64_t lanes) {
  if (lanes == kLanes)
    return store(vector, address);
  LLVM::MaskedStoreOp::create(*this, vector, address, laneMask(lanes),
                              alignmentOf(vector.getType()));
}

Value KernelEmitter::toF32(Value value) {
  Type type = value.getType();
  if (getElementTypeOrSelf(type).isF32())
    return value;
  Type wide = getF32Type();
  if (VectorType vector = dyn_cast<VectorType>(type))
    wide = vectorOf(wide, vector.getNumElements());
  if (getElementTypeOrSelf(type).isF16())
    return arith::ExtFOp::create(*this, wide, value);
  // bf16 is the upper half of an f32.
  auto sameShape = [&](Type element) -> Type {
    if (VectorType vector = dyn_cast<VectorType>(type))
      return vectorOf(element, vector.getNumElements());
    return element;
  };
  Type i32 = sameShape(getI32Type());
  Value bits = arith::BitcastOp::create(*this, sameShape(getI16Type()), value);
  bits = arith::ExtUIOp::create(*this, i32, bits);
  bits = arith::ShLIOp::create(*this, bits, splatInt(i32, 16));
  return arith::BitcastOp::create(*this, wide, bits);
}

Value KernelEmitter::loadIndex(Value base, Value index) {
  Value value = load(getI32Type(), address(base, mul(index, 4)));
  return arith::ExtSIOp::create(*this, getI64Type(), value);
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void KernelEmitter::loop(Value from, Value to, int64_t step,
                         function_ref<void(Value)> body) {
  loop(from, to, step, {}, [&](Value index, ValueRange) {
    body(index);
    return Values();
  });
}

KernelEmitter::Values
KernelEmitter::loop(Value from, Value to, int64_t step, ValueRange initial,
                    function_ref<Values(Value, ValueRange)> body) {
  scf::ForOp loop =
      scf::ForOp::create(*this, from, to, constantI64(step), initial);
  OpBuilder::InsertionGuard guard(*this);
  Block *block = loop.getBody();
  // Without carried values the builder has written the terminator already.
  if (!block->empty())
    block->getTerminator()->erase();
  setInsertionPointToEnd(block);
  Values results = body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(*this, results);
  return Values(loop.getResults());
}

void KernelEmitter::forColumns(int64_t columns,
                               function_ref<void(Value, int64_t)> body) {
  forColumns(columns, {}, [&](Value column, int64_t lanes, ValueRange) {
    body(column, lanes);
    return Values();
  });
}

KernelEmitter::Values KernelEmitter::forColumns(
    int64_t columns, ValueRange initial,
    function_ref<Values(Value, int64_t, ValueRange)> body) {
  int64_t tail = columns % kLanes, main = columns - tail;
  Values values(initial);
  if (main)
    values = loop(constantI64(0), constantI64(main), kLanes, values,
                  [&](Value column, ValueRange carried) {
                    return body(column, kLanes, carried);
                  });
  return tail ? body(constantI64(main), tail, values) : values;
}

CacheGeometry::CacheGeometry(CacheType cache) {
  row = cache.getHeadDim() * 4;
  head = row * cache.getPositions();
  values = head * cache.getHeads();
  layer = 2 * values;
  slot = layer * cache.getLayers();
}
