//===- DecoderLayers.cpp - each layer of a decoder is a function ----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/DecoderMatch.h"

#include "dialects/LQC/LQC.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace lqc;

namespace {
/// The operations between the residual stream before a layer and after it.
struct Layer {
  Value begin, end;
  llvm::SetVector<Operation *> ops; ///< in the order of the block
};
} // namespace

/// What a norm, if there is one, takes.
static Value beforeNorm(Value value) {
  Operation *op = value.getDefiningOp();
  return isa_and_nonnull<RmsNormOp, LayerNormOp>(op) ? op->getOperand(0)
                                                     : value;
}

/// The residual stream that the queries are made of.
static Value streamBefore(AttentionOp attention) {
  Value queries = attention.getQueries();
  if (RopeOp rope = queries.getDefiningOp<RopeOp>())
    queries = rope.getInput();
  LinearOp linear = queries.getDefiningOp<LinearOp>();
  return linear ? beforeNorm(linear.getInput()) : Value();
}

/// Attention by its layer; empty if layers do not follow each other.
static SmallVector<AttentionOp> findAttentions(Block &block) {
  SmallVector<AttentionOp> found;
  for (AttentionOp attention : block.getOps<AttentionOp>()) {
    if (attention.getLayer() != found.size())
      return {};
    found.push_back(attention);
  }
  return found;
}

/// Adds what `value` is computed from, up to the layer's begin and what all
/// layers share.
static void collect(Value value, Layer &layer,
                    llvm::DenseSet<Operation *> &ops) {
  Operation *op = value.getDefiningOp();
  if (value == layer.begin || !op || isa<RotaryTableOp>(op) ||
      !ops.insert(op).second)
    return;
  for (Value operand : op->getOperands())
    collect(operand, layer, ops);
}

/// Whether nothing but `layer.end` is used outside.
static bool isClosed(const Layer &layer) {
  for (Operation *op : layer.ops) {
    if (isa<EmbeddingOp>(op))
      return false;
    for (Value result : op->getResults())
      for (Operation *user : result.getUsers())
        if (result != layer.end && !layer.ops.contains(user))
          return false;
  }
  return true;
}

static Layer makeLayer(Value begin, Value end, int64_t number, Block &block) {
  Layer layer{begin, end, {}};
  llvm::DenseSet<Operation *> ops;
  collect(end, layer, ops);
  for (CacheAppendOp append : block.getOps<CacheAppendOp>()) {
    if (append.getLayer() != uint64_t(number))
      continue;
    ops.insert(append);
    collect(append.getKeys(), layer, ops);
    collect(append.getValues(), layer, ops);
  }
  for (Operation &op : block)
    if (ops.contains(&op))
      layer.ops.insert(&op);
  return layer;
}

/// What the layer reads from outside: the stream, then what all layers share
/// (the rotary table), then arguments of @forward in their order.
static SmallVector<Value> capturedBy(const Layer &layer) {
  llvm::SetVector<Value> shared, arguments;
  for (Operation *op : layer.ops)
    for (Value operand : op->getOperands()) {
      if (operand == layer.begin || layer.ops.contains(operand.getDefiningOp()))
        continue;
      (isa<BlockArgument>(operand) ? arguments : shared).insert(operand);
    }
  SmallVector<Value> captured = {layer.begin};
  llvm::append_range(captured, shared);
  SmallVector<Value> sorted = arguments.takeVector();
  llvm::sort(sorted, [](Value a, Value b) {
    return cast<BlockArgument>(a).getArgNumber() <
           cast<BlockArgument>(b).getArgNumber();
  });
  llvm::append_range(captured, sorted);
  return captured;
}

/// Moves the layer into a function of its own, called in its place.
static void outline(const Layer &layer, int64_t number, func::FuncOp forward) {
  SmallVector<Value> captured = capturedBy(layer);
  OpBuilder builder(forward.getContext());
  builder.setInsertionPointToEnd(forward->getBlock());
  std::string name = ("layers." + Twine(number)).str();
  Location loc = NameLoc::get(builder.getStringAttr(name));
  func::FuncOp function = func::FuncOp::create(
      builder, loc, name,
      builder.getFunctionType(TypeRange(ValueRange(captured)),
                              layer.end.getType()));
  function.setPrivate();
  function->setAttr(kLayerAttrName, builder.getI64IntegerAttr(number));
  builder.setInsertionPointToStart(function.addEntryBlock());
  IRMapping mapping;
  for (auto [value, argument] : llvm::zip(captured, function.getArguments()))
    mapping.map(value, argument);
  for (Operation *op : layer.ops)
    builder.clone(*op, mapping);
  func::ReturnOp::create(builder, loc, mapping.lookup(layer.end));

  builder.setInsertionPointAfter(layer.end.getDefiningOp());
  func::CallOp call = func::CallOp::create(builder, loc, function, captured);
  Value end = layer.end;
  end.replaceAllUsesWith(call.getResult(0));
  for (Operation *op : llvm::reverse(layer.ops))
    op->erase();
}

bool lqc::splitLayers(func::FuncOp forward) {
  Block &block = forward.getBody().front();
  SmallVector<AttentionOp> attentions = findAttentions(block);
  LinearOp head =
      block.getTerminator()->getOperand(0).getDefiningOp<LinearOp>();
  if (attentions.empty() || !head)
    return false;
  SmallVector<Value> stream;
  for (AttentionOp attention : attentions)
    stream.push_back(streamBefore(attention));
  stream.push_back(beforeNorm(head.getInput()));
  if (llvm::is_contained(stream, Value()))
    return false;
  SmallVector<Layer> layers;
  for (size_t i = 0; i < attentions.size(); ++i) {
    layers.push_back(makeLayer(stream[i], stream[i + 1], i, block));
    if (!isClosed(layers.back()))
      return false;
  }
  // From the last, because a layer's begin is the end of the one before.
  for (size_t i = layers.size(); i-- > 0;)
    outline(layers[i], i, forward);
  return true;
}
