//===- KernelTable.cpp - one kernel for each distinct operation -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Schedule/KernelTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace lqc;

using Units = KernelTable::KernelUnits;

/// Rows of a graph's linear that share one pass over a block of weights: their
/// activations stay in the cache meanwhile.
static constexpr int64_t kPanelRows = 64;

/// Blocks of output rows for a linear, (token, key/value head) pairs for
/// attention, panels of places for what looks through windows, tokens for the
/// rest; nothing for operations without a kernel.
static std::optional<Units> unitsOf(OperationName name, ArrayRef<Type> inputs) {
  StringRef op = name.getStringRef();
  if (op == LinearOp::getOperationName() ||
      op == IntegerLinearOp::getOperationName()) {
    int64_t outputs = cast<RankedTensorType>(inputs[1]).getDimSize(0);
    int64_t tile = packedOf(inputs[1]).getTileRows();
    // A step's rows fit one panel.
    std::optional<int64_t> rows;
    if (cast<RankedTensorType>(inputs[0]).isDynamicDim(0))
      rows = kPanelRows;
    return Units{int64_t(llvm::divideCeil(outputs, tile)), rows};
  }
  if (op == DepthwiseOp::getOperationName())
    return Units{1, kPanelRows};
  if (op == AttentionOp::getOperationName())
    return Units{cast<CacheType>(inputs[1]).getHeads(), 1};
  StringRef byRow[] = {EmbeddingOp::getOperationName(),
                       RmsNormOp::getOperationName(),
                       LayerNormOp::getOperationName(),
                       QuantizeOp::getOperationName(),
                       RotaryTableOp::getOperationName(),
                       RopeOp::getOperationName(),
                       GatedActivationOp::getOperationName(),
                       CacheAppendOp::getOperationName(),
                       arith::AddFOp::getOperationName(),
                       SplitColumnsOp::getOperationName()};
  if (llvm::is_contained(byRow, op))
    return Units{};
  return std::nullopt;
}

/// "linear_64x256_768x256_int4_g64": the operation and its matrices.
static std::string nameFor(StringRef name, ArrayRef<Type> inputs,
                           ArrayRef<Type> results) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << name;
  auto addShape = [&](Type type) {
    RankedTensorType tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || tensor.getRank() != 2)
      return;
    os << '_';
    if (!tensor.isDynamicDim(0))
      os << tensor.getDimSize(0) << 'x';
    os << tensor.getDimSize(1);
    if (SchemeAttr scheme = schemeOf(type))
      os << '_' << schemeName(scheme.getValue());
    else if (!tensor.getElementType().isF32())
      os << '_' << tensor.getElementType();
  };
  llvm::for_each(inputs, addShape);
  if (name == QuantizeOp::getOperationName().drop_front(4))
    llvm::for_each(results, addShape);
  if (name == SplitColumnsOp::getOperationName().drop_front(4))
    addShape(results.back());
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
}

KernelOp KernelTable::get(Operation *op, ArrayRef<Type> inputs,
                          ArrayRef<Type> results) {
  NamedAttrList attributes(op->getAttrs());
  if (isa<CacheAppendOp, AttentionOp>(op))
    attributes.set("layer",
                   IntegerAttr::get(IntegerType::get(op->getContext(), 64), 0));
  return create(op->getName(), inputs, results,
                attributes.getDictionary(op->getContext()), op->getLoc());
}

KernelOp KernelTable::get(StringRef mnemonic, ArrayRef<Type> inputs,
                          ArrayRef<Type> results,
                          ArrayRef<NamedAttribute> attributes, Location loc) {
  MLIRContext *context = loc.getContext();
  return create(OperationName(("lqc." + mnemonic).str(), context), inputs,
                results, DictionaryAttr::get(context, attributes), loc);
}

KernelOp KernelTable::getConvolution(PatchesOp patches, Operation *linear,
                                     ArrayRef<Type> inputs, Type result) {
  Units units = *unitsOf(linear->getName(), inputs);
  units.rows = kPanelRows;
  std::string text;
  llvm::raw_string_ostream os(text);
  os << patches->getAttrDictionary();
  return create(
      "convolution" + text, units, "convolution", inputs, result,
      linear->getLoc(), [&](OpBuilder &builder, ValueRange arguments) {
        IRMapping mapping;
        mapping.map(patches.getInput(), arguments[0]);
        for (unsigned i = 1; i < arguments.size(); ++i)
          mapping.map(linear->getOperand(i), arguments[i]);
        Operation *rows = builder.clone(*patches, mapping);
        RankedTensorType type = patches.getType();
        rows->getResult(0).setType(RankedTensorType::get(
            {ShapedType::kDynamic, type.getDimSize(1)}, type.getElementType()));
        Operation *product = builder.clone(*linear, mapping);
        product->getResult(0).setType(result);
        return product->getResults();
      });
}

KernelOp KernelTable::create(OperationName name, ArrayRef<Type> inputs,
                             ArrayRef<Type> results, DictionaryAttr attributes,
                             Location loc) {
  std::optional<Units> units = unitsOf(name, inputs);
  if (!units)
    return {};
  std::string key;
  llvm::raw_string_ostream os(key);
  os << name << attributes;
  return create(key, *units, name.stripDialect(), inputs, results, loc,
                [&](OpBuilder &builder, ValueRange arguments) {
                  OperationState state(loc, name, arguments, results,
                                       attributes.getValue());
                  return builder.create(state)->getResults();
                });
}

KernelOp KernelTable::create(
    std::string key, const KernelUnits &units, StringRef name,
    ArrayRef<Type> inputs, ArrayRef<Type> results, Location loc,
    function_ref<ValueRange(OpBuilder &, ValueRange)> buildBody) {
  llvm::raw_string_ostream os(key);
  // Results too: one input is rounded to several schemes.
  for (Type type : llvm::concat<const Type>(inputs, results))
    os << ',' << type;
  KernelOp &kernel = kernels[key];
  if (kernel)
    return kernel;

  OpBuilder builder(forward);
  kernel = KernelOp::create(
      builder, loc, nameFor(name, inputs, results), results.size(), units.units,
      units.rows ? builder.getI64IntegerAttr(*units.rows) : IntegerAttr());
  symbols.insert(kernel); // makes the name unique
  Block &block = kernel.getBody().emplaceBlock();
  for (Type type : inputs)
    block.addArgument(type, loc);
  builder.setInsertionPointToEnd(&block);
  ValueRange yielded = buildBody(builder, block.getArguments());
  for (Type type : results)
    block.addArgument(type, loc);
  YieldOp::create(builder, loc, yielded);
  return kernel;
}
