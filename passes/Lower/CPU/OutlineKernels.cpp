//===- OutlineKernels.cpp - loops become kernels that threads run ---------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a loop's body uses travels as words of 8 bytes in `arguments`: numbers
// as they are, a buffer as its address and what its type does not say of its
// offset, sizes and strides. Constants are copied into the kernel.
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/Graph.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace lqc;

/// Elements of work that are worth waking a thread for.
static constexpr int64_t kGrainWork = 1 << 14;

namespace {
/// Makes one kernel and its dispatch.
class Outlining {
public:
  Outlining(ModuleOp module, LoopNest nest)
      : nest(nest), module(module),
        host(nest.parallel.getLoc(), nest.parallel.getContext()),
        inside(host.getLoc(), host.getContext()) {
    host.setInsertionPoint(nest.parallel);
  }

  func::FuncOp createKernel();
  void dispatch(func::FuncOp kernel);

private:
  void passWord(Value value);
  Value takeWord(Type type);
  void passValue(Value value);
  void passBuffer(Value buffer, MemRefType type);
  void emitUnits();

  LoopNest nest;
  ModuleOp module;
  ImplicitLocOpBuilder host;   ///< before the dispatch
  ImplicitLocOpBuilder inside; ///< in the kernel
  func::FuncOp kernel;
  IRMapping mapping; ///< from the host's values to the kernel's
  SmallVector<Value> words;
};
} // namespace

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

void Outlining::passWord(Value value) { words.push_back(value); }

/// The word that was passed last, in the kernel.
Value Outlining::takeWord(Type type) {
  return loadField(inside, kernel.getArgument(0), 8 * (words.size() - 1), type);
}

void Outlining::passBuffer(Value buffer, MemRefType type) {
  Type i64 = host.getI64Type();
  passWord(alignedPointer(host, buffer));
  Value data = takeWord(words.back().getType());
  memref::ExtractStridedMetadataOp parts;
  auto partsOf = [&] {
    if (!parts)
      parts = memref::ExtractStridedMetadataOp::create(host, buffer);
    return parts;
  };
  auto pass = [&](Value part) {
    passWord(toI64(host, part));
    return takeWord(i64);
  };
  SmallVector<int64_t> staticStrides;
  int64_t staticOffset;
  (void)type.getStridesAndOffset(staticStrides, staticOffset);
  Value offset;
  if (ShapedType::isDynamic(staticOffset))
    offset = pass(partsOf().getOffset());
  SmallVector<Value> sizes, strides;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      sizes.push_back(pass(partsOf().getSizes()[i]));
  for (auto [i, stride] : llvm::enumerate(staticStrides))
    if (ShapedType::isDynamic(stride))
      strides.push_back(pass(partsOf().getStrides()[i]));
  mapping.map(buffer, buildMemRef(inside, type, data, offset, sizes, strides));
}

void Outlining::passValue(Value value) {
  if (Operation *op = value.getDefiningOp();
      op && op->hasTrait<OpTrait::ConstantLike>()) {
    mapping.map(value, inside.clone(*op)->getResult(0));
    return;
  }
  if (MemRefType type = dyn_cast<MemRefType>(value.getType()))
    return passBuffer(value, type);
  if (value.getType().isIndex()) {
    passWord(toI64(host, value));
    mapping.map(value, toIndex(inside, takeWord(inside.getI64Type())));
    return;
  }
  passWord(value);
  mapping.map(value, takeWord(value.getType()));
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

/// A loop over the units, which are numbered in row-major order.
void Outlining::emitUnits() {
  Value begin = toIndex(inside, kernel.getArgument(2));
  Value end = toIndex(inside, kernel.getArgument(3));
  Value one = arith::ConstantIndexOp::create(inside, 1);
  scf::ForOp loop = scf::ForOp::create(inside, begin, end, one);
  inside.setInsertionPointToStart(loop.getBody());
  scf::ParallelOp parallel = nest.parallel;
  Value rest = loop.getInductionVar();
  for (unsigned i = parallel.getNumLoops(); i-- > 0;) {
    Value iv = rest;
    if (i > 0) {
      Value size = mapping.lookup(parallel.getUpperBound()[i]);
      iv = inside.createOrFold<arith::RemUIOp>(rest, size);
      rest = inside.createOrFold<arith::DivUIOp>(rest, size);
    }
    mapping.map(parallel.getInductionVars()[i], iv);
  }
  for (Operation &op : parallel.getBody()->without_terminator())
    inside.clone(op, mapping);
}

func::FuncOp Outlining::createKernel() {
  inside.setInsertionPointToEnd(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(inside.getContext());
  Type i64 = inside.getI64Type();
  kernel = func::FuncOp::create(
      inside, "kernel",
      FunctionType::get(inside.getContext(), {pointer, i64, i64, i64}, {}));
  kernel->setAttr(kKernelAttrName, inside.getUnitAttr());
  inside.setInsertionPointToStart(kernel.addEntryBlock());

  llvm::SetVector<Value> used;
  getUsedValuesDefinedAbove(nest.parallel.getRegion(), used);
  used.insert_range(nest.parallel.getUpperBound().drop_front());
  for (Value value : used)
    passValue(value);
  emitUnits();
  inside.setInsertionPointToEnd(&kernel.getBody().back());
  func::ReturnOp::create(inside);
  return kernel;
}

//===----------------------------------------------------------------------===//
// The dispatch
//===----------------------------------------------------------------------===//

void Outlining::dispatch(func::FuncOp shared) {
  auto number = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(host, host.getI64IntegerAttr(value));
  };
  Value units = number(1);
  for (Value count : nest.parallel.getUpperBound())
    units = host.createOrFold<arith::MulIOp>(units, toI64(host, count));
  Value work =
      host.createOrFold<arith::MaxSIOp>(toI64(host, nest.work), number(1));
  Value grain = host.createOrFold<arith::CeilDivSIOp>(number(kGrainWork), work);
  dispatchKernel(host, nest.parallel, shared, words, number(0), units, grain);
  nest.parallel.erase();
}

//===----------------------------------------------------------------------===//
// Sharing
//===----------------------------------------------------------------------===//

func::FuncOp KernelOutliner::share(func::FuncOp kernel, StringRef name) {
  std::string text;
  llvm::raw_string_ostream os(text);
  kernel.print(os, OpPrintingFlags().useLocalScope());
  auto [entry, isNew] = kernels.try_emplace(text, kernel);
  if (!isNew) {
    kernel.erase();
    return entry->second;
  }
  unsigned &number = names[name];
  kernel.setSymName(number ? (name + "." + Twine(number)).str() : name.str());
  ++number;
  return kernel;
}

void KernelOutliner::outline(LoopNest nest, StringRef name) {
  if (!nest.parallel)
    return;
  WalkResult takesMemory = nest.parallel.walk([](Operation *op) {
    return isa<memref::AllocOp, memref::DeallocOp>(op) ? WalkResult::interrupt()
                                                       : WalkResult::advance();
  });
  if (takesMemory.wasInterrupted())
    return;
  Outlining outlining(module, nest);
  outlining.dispatch(share(outlining.createKernel(), name));
}
