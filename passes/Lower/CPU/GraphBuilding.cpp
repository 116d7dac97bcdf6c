//===- GraphBuilding.cpp - what the passes that lower graphs share --------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/Graph.h"

#include "lqc/Runtime/Graph.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

#include <cstddef>

using namespace mlir;
using namespace lqc;

LLVM::LLVMFuncOp lqc::runtimeFunction(ModuleOp module, StringRef name,
                                      Type result, ArrayRef<Type> arguments) {
  if (LLVM::LLVMFuncOp found = module.lookupSymbol<LLVM::LLVMFuncOp>(name))
    return found;
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  return LLVM::LLVMFuncOp::create(
      builder, module.getLoc(), name,
      LLVM::LLVMFunctionType::get(result, arguments));
}

Value lqc::callContext(Operation *op) {
  return op->getParentOfType<func::FuncOp>().getArgument(0);
}

Value lqc::loadField(ImplicitLocOpBuilder &b, Value base, int64_t offset,
                     Type type) {
  Value address = LLVM::GEPOp::create(
      b, base.getType(), b.getI8Type(), base,
      ArrayRef<LLVM::GEPArg>{LLVM::GEPArg(int32_t(offset))});
  return LLVM::LoadOp::create(b, type, address);
}

Value lqc::stackWords(Operation *op, int64_t count) {
  Block &entry =
      op->getParentOfType<FunctionOpInterface>().getFunctionBody().front();
  ImplicitLocOpBuilder b(op->getLoc(), op->getContext());
  b.setInsertionPointToStart(&entry);
  Value size = LLVM::ConstantOp::create(
      b, b.getI64Type(), b.getI64IntegerAttr(std::max<int64_t>(1, count)));
  return LLVM::AllocaOp::create(b, LLVM::LLVMPointerType::get(b.getContext()),
                                b.getI64Type(), size);
}

void lqc::dispatchKernel(ImplicitLocOpBuilder &b, Operation *op,
                         func::FuncOp kernel, ValueRange words, Value count,
                         Value units, Value grain) {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Type i64 = b.getI64Type();
  Value arguments = stackWords(op, words.size());
  for (auto [i, word] : llvm::enumerate(words)) {
    Value place =
        LLVM::GEPOp::create(b, pointer, i64, arguments,
                            ArrayRef<LLVM::GEPArg>{LLVM::GEPArg(int32_t(i))});
    LLVM::StoreOp::create(b, word, place);
  }
  Value pool =
      loadField(b, callContext(op), offsetof(lqc_graph_call, pool), pointer);
  Value function = func::ConstantOp::create(b, kernel.getFunctionType(),
                                            kernel.getSymName());
  function =
      UnrealizedConversionCastOp::create(b, pointer, function).getResult(0);
  LLVM::CallOp::create(
      b,
      runtimeFunction(op->getParentOfType<ModuleOp>(), "lqc_dispatch",
                      LLVM::LLVMVoidType::get(b.getContext()),
                      {pointer, pointer, pointer, i64, i64, i64}),
      ValueRange{pool, function, arguments, count, units, grain});
}

Value lqc::alignedPointer(ImplicitLocOpBuilder &b, Value memref) {
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, memref);
  Value number = arith::IndexCastOp::create(b, b.getI64Type(), address);
  return LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext()),
                                  number);
}

Value lqc::toI64(ImplicitLocOpBuilder &b, Value index) {
  return b.createOrFold<arith::IndexCastOp>(b.getI64Type(), index);
}

Value lqc::toIndex(ImplicitLocOpBuilder &b, Value number) {
  return b.createOrFold<arith::IndexCastOp>(b.getIndexType(), number);
}

/// The type that memrefs of `type` have in LLVM.
static Type descriptorType(MemRefType type) {
  MLIRContext *context = type.getContext();
  Type pointer = LLVM::LLVMPointerType::get(context);
  Type i64 = IntegerType::get(context, 64);
  SmallVector<Type> fields = {pointer, pointer, i64};
  if (type.getRank())
    fields.append(2, LLVM::LLVMArrayType::get(i64, type.getRank()));
  return LLVM::LLVMStructType::getLiteral(context, fields);
}

Value lqc::buildMemRef(ImplicitLocOpBuilder &b, MemRefType type, Value data,
                       Value offset, ValueRange sizes, ValueRange strides) {
  SmallVector<int64_t> staticStrides;
  int64_t staticOffset;
  LogicalResult isStrided =
      type.getStridesAndOffset(staticStrides, staticOffset);
  assert(succeeded(isStrided) && "lowering makes strided memrefs only");
  (void)isStrided;
  Value descriptor = LLVM::PoisonOp::create(b, descriptorType(type));
  auto insert = [&](Value value, ArrayRef<int64_t> place) {
    descriptor = LLVM::InsertValueOp::create(b, descriptor, value, place);
  };
  auto constant = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(b, b.getI64Type(),
                                    b.getI64IntegerAttr(value));
  };
  insert(data, {0});
  insert(data, {1});
  insert(ShapedType::isDynamic(staticOffset) ? offset : constant(staticOffset),
         {2});
  for (int64_t i = 0; i < type.getRank(); ++i) {
    bool isDynamic = type.isDynamicDim(i);
    insert(isDynamic ? sizes.front() : constant(type.getDimSize(i)), {3, i});
    if (isDynamic)
      sizes = sizes.drop_front();
    isDynamic = ShapedType::isDynamic(staticStrides[i]);
    insert(isDynamic ? strides.front() : constant(staticStrides[i]), {4, i});
    if (isDynamic)
      strides = strides.drop_front();
  }
  return UnrealizedConversionCastOp::create(b, type, descriptor).getResult(0);
}

Value lqc::buildContiguous(ImplicitLocOpBuilder &b, MemRefType type, Value data,
                           ValueRange sizes) {
  // Strides from the last dimension on; those behind a dynamic size are not
  // in the type.
  SmallVector<Value> allSizes(type.getRank()), strides;
  unsigned next = 0;
  for (int64_t i = 0; i < type.getRank(); ++i)
    allSizes[i] =
        type.isDynamicDim(i)
            ? sizes[next++]
            : Value(LLVM::ConstantOp::create(
                  b, b.getI64Type(), b.getI64IntegerAttr(type.getDimSize(i))));
  SmallVector<int64_t> staticStrides;
  int64_t offset;
  (void)type.getStridesAndOffset(staticStrides, offset);
  Value stride =
      LLVM::ConstantOp::create(b, b.getI64Type(), b.getI64IntegerAttr(1));
  for (int64_t i = type.getRank() - 1; i >= 0; --i) {
    if (ShapedType::isDynamic(staticStrides[i]))
      strides.insert(strides.begin(), stride);
    stride = LLVM::MulOp::create(b, stride, allSizes[i]);
  }
  return buildMemRef(b, type, data, /*offset=*/{}, sizes, strides);
}
