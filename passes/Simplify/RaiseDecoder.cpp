//===- RaiseDecoder.cpp - a graph with past keys and values is a decoder --===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An exported decoder takes tokens and, for each layer, the keys and values of
// the tokens before, and returns logits and the same with the new ones behind.
// @forward of LQC takes tokens, their positions and slots, and a cache. The
// pass walks back from the logits and writes @forward anew: work on rows is
// copied, attention becomes lqc.attention, and everything between (masks,
// tables, reshapes, copies of keys) is not reached and goes away.
//
// What is not recognised leaves the graph as it was.
//
//===----------------------------------------------------------------------===//

#include "passes/Simplify/DecoderMatch.h"
#include "passes/Simplify/DecoderTables.h"
#include "passes/Simplify/Passes.h"
#include "passes/Simplify/Raise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"

namespace lqc {
#define GEN_PASS_DEF_RAISEDECODERPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace lqc

using namespace mlir;
using namespace lqc;

/// Of a decoder that nobody says more of.
static constexpr int64_t kDefaultContext = 4096;

namespace {
/// Writes @forward for one graph.
class DecoderRaiser {
public:
  DecoderRaiser(func::FuncOp graph, int64_t context)
      : graph(graph), context(context), builder(graph.getContext()) {}

  /// @forward, before the graph; a sentence if the graph is no decoder.
  llvm::Expected<func::FuncOp> raise();
  int64_t vocabulary() const { return vocabularySize; }

private:
  llvm::Error findInputs();
  llvm::Error findCaches();
  void startForward();
  /// The rows of @forward that `value` of the graph is.
  llvm::Expected<Value> rows(Value value);
  llvm::Expected<Value> embedding(EmbeddingOp op);
  llvm::Expected<Value> copy(Operation *op);
  llvm::Expected<Value> attention(const MatchedAttention &found);
  llvm::Expected<Value> rope(Value input, const MatchedRope &found,
                             int64_t headDim);
  llvm::Expected<Value> rotaryTable(const MatchedRope &found);
  llvm::Error checkMask(Value mask);
  bool isTokens(Value indices);

  func::FuncOp graph;
  int64_t context;
  OpBuilder builder;
  DecoderInputs inputs; ///< one for each argument of the graph
  Value logits;         ///< of the graph, as rows
  /// Arguments with past keys and values, in order, and their layer.
  llvm::DenseMap<Value, int64_t> layerOfPast;
  int64_t vocabularySize = 0;
  func::FuncOp forward;
  llvm::DenseMap<Value, Value> done;
  llvm::DenseMap<std::pair<Value, Value>, Value> tables;
  llvm::DenseSet<Value> checkedMasks;
};
} // namespace

template <typename... Ts>
static llvm::Error because(const char *format, Ts &&...values) {
  return llvm::createStringError(
      llvm::formatv(format, std::forward<Ts>(values)...).str());
}

//===----------------------------------------------------------------------===//
// What the graph takes and gives
//===----------------------------------------------------------------------===//

static StringRef nameOf(func::FuncOp graph, unsigned argument) {
  StringAttr name = graph.getArgAttrOfType<StringAttr>(argument, "lqc.name");
  return name ? name.getValue() : "";
}

llvm::Error DecoderRaiser::findInputs() {
  for (BlockArgument argument : graph.getArguments()) {
    StringRef name = nameOf(graph, argument.getArgNumber());
    RankedTensorType type = cast<RankedTensorType>(argument.getType());
    if (type.getRank() == 4 && type.getElementType().isF32())
      inputs.push_back(DecoderInput::Past);
    else if (type.getRank() != 2 || !type.getElementType().isInteger())
      return because("input '{0}' is neither tokens nor past keys or values",
                     name);
    else if (name.contains("mask"))
      inputs.push_back(DecoderInput::Mask);
    else if (name.contains("position"))
      inputs.push_back(DecoderInput::Positions);
    else
      inputs.push_back(DecoderInput::Tokens);
  }
  if (llvm::count(inputs, DecoderInput::Tokens) != 1)
    return because("it has {0} inputs of tokens",
                   llvm::count(inputs, DecoderInput::Tokens));
  return llvm::Error::success();
}

/// Every result but one is a past input with something behind it.
llvm::Error DecoderRaiser::findCaches() {
  Operation *end = graph.getBody().front().getTerminator();
  llvm::DenseSet<Value> returned;
  for (Value result : end->getOperands()) {
    tensor::ConcatOp concat = result.getDefiningOp<tensor::ConcatOp>();
    if (concat && isa<BlockArgument>(concat.getInputs()[0])) {
      returned.insert(concat.getInputs()[0]);
      continue;
    }
    if (logits)
      return because("it has several outputs beside keys and values");
    logits = rowsOfExpanded(result);
    if (!logits)
      return because("its logits are no matrix of rows");
  }
  for (auto [argument, input] : llvm::zip(graph.getArguments(), inputs)) {
    if (input != DecoderInput::Past)
      continue;
    if (!returned.contains(argument))
      return because("input '{0}' is not returned with something behind it",
                     nameOf(graph, argument.getArgNumber()));
    int64_t layer = layerOfPast.size() / 2; // a key, a value, a key, …
    layerOfPast[argument] = layer;
  }
  if (!logits || layerOfPast.empty() || layerOfPast.size() % 2)
    return because("it has no pairs of keys and values");
  vocabularySize = cast<RankedTensorType>(logits.getType()).getDimSize(1);
  return llvm::Error::success();
}

/// @forward(tokens, positions, slots, cache), without an end.
void DecoderRaiser::startForward() {
  RankedTensorType past;
  for (auto [argument, input] : llvm::zip(graph.getArguments(), inputs))
    if (input == DecoderInput::Past)
      past = cast<RankedTensorType>(argument.getType());
  Type tokens =
      RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  Type cache = CacheType::get(builder.getContext(), layerOfPast.size() / 2,
                              context, past.getDimSize(1), past.getDimSize(3),
                              builder.getF32Type());
  builder.setInsertionPoint(graph);
  forward = func::FuncOp::create(
      builder, graph.getLoc(), kForwardName,
      builder.getFunctionType({tokens, tokens, tokens, cache},
                              logits.getType()));
  builder.setInsertionPointToStart(forward.addEntryBlock());
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Whether `indices` are the tokens, made one-dimensional and not negative.
bool DecoderRaiser::isTokens(Value indices) {
  while (Operation *op = indices.getDefiningOp()) {
    if (arith::SelectOp select = dyn_cast<arith::SelectOp>(op))
      indices = select.getFalseValue();
    else if (isa<tensor::CollapseShapeOp, arith::TruncIOp, arith::ExtSIOp>(op))
      indices = op->getOperand(0);
    else
      return false;
  }
  BlockArgument argument = dyn_cast<BlockArgument>(indices);
  return argument && argument.getOwner() == &graph.getBody().front() &&
         inputs[argument.getArgNumber()] == DecoderInput::Tokens;
}

llvm::Expected<Value> DecoderRaiser::embedding(EmbeddingOp op) {
  if (!isTokens(op.getIndices()))
    return because("it looks up something else than tokens");
  Value table = builder.clone(*op.getTable().getDefiningOp())->getResult(0);
  return EmbeddingOp::create(builder, op.getLoc(), op.getType(),
                             forward.getArgument(0), table)
      .getResult();
}

/// The same operation on rows of @forward.
llvm::Expected<Value> DecoderRaiser::copy(Operation *op) {
  IRMapping mapping;
  for (Value operand : op->getOperands()) {
    if (GetWeightOp read = operand.getDefiningOp<GetWeightOp>()) {
      mapping.map(operand, builder.clone(*read)->getResult(0));
      continue;
    }
    llvm::Expected<Value> row = rows(operand);
    if (!row)
      return row.takeError();
    mapping.map(operand, *row);
  }
  return builder.clone(*op, mapping)->getResult(0);
}

llvm::Expected<Value> DecoderRaiser::rows(Value value) {
  if (Value row = done.lookup(value))
    return row;
  Operation *op = value.getDefiningOp();
  if (!op)
    return because("an input is used as numbers");
  auto find = [&]() -> llvm::Expected<Value> {
    if (EmbeddingOp lookup = dyn_cast<EmbeddingOp>(op))
      return embedding(lookup);
    if (isa<LinearOp, RmsNormOp, LayerNormOp, GatedActivationOp, arith::AddFOp>(
            op))
      return copy(op);
    if (std::optional<MatchedAttention> found = matchAttention(value))
      return attention(*found);
    return because("{0} is no operation of a decoder on rows",
                   op->getName().getStringRef());
  };
  llvm::Expected<Value> row = find();
  if (row)
    done[value] = *row;
  return row;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

llvm::Error DecoderRaiser::checkMask(Value mask) {
  if (!mask)
    return because("its attention has no mask");
  if (!checkedMasks.insert(mask).second)
    return llvm::Error::success();
  if (std::optional<std::string> why = checkCausal(graph, mask, inputs))
    return because("{0}", *why);
  return llvm::Error::success();
}

/// One table for all layers, computed at the start.
llvm::Expected<Value> DecoderRaiser::rotaryTable(const MatchedRope &found) {
  Value &table = tables[{found.cosines, found.sines}];
  if (table)
    return table;
  llvm::Expected<std::vector<float>> frequencies =
      rotaryFrequencies(graph, found.cosines, found.sines, inputs);
  if (!frequencies)
    return frequencies.takeError();
  OpBuilder::InsertionGuard guard(builder);
  Location loc = forward.getLoc();
  const int64_t half = frequencies->size();
  RankedTensorType type = RankedTensorType::get(half, builder.getF32Type());
  builder.setInsertionPoint(forward);
  WeightOp weight = WeightOp::create(
      builder, loc, "rope.frequencies", type,
      DenseElementsAttr::get(type, ArrayRef<float>(*frequencies)));
  SymbolTable(graph->getParentOp()).insert(weight);
  builder.setInsertionPointToStart(&forward.getBody().front());
  Value numbers = GetWeightOp::create(builder, loc, type, weight.getSymName());
  table = RotaryTableOp::create(
      builder, loc,
      RankedTensorType::get({ShapedType::kDynamic, 2 * half},
                            builder.getF32Type()),
      forward.getArgument(1), numbers);
  return table;
}

llvm::Expected<Value> DecoderRaiser::rope(Value input, const MatchedRope &found,
                                          int64_t headDim) {
  llvm::Expected<Value> table = rotaryTable(found);
  if (!table)
    return table.takeError();
  return RopeOp::create(builder, forward.getLoc(), input.getType(), input,
                        *table, headDim)
      .getResult();
}

llvm::Expected<Value> DecoderRaiser::attention(const MatchedAttention &found) {
  auto keyLayer = layerOfPast.find(found.pastKeys);
  auto valueLayer = layerOfPast.find(found.pastValues);
  if (keyLayer == layerOfPast.end() || valueLayer == layerOfPast.end() ||
      keyLayer->second != valueLayer->second)
    return because("the keys and values of an attention are no pair");
  if (llvm::Error error = checkMask(found.mask))
    return std::move(error);
  SmallVector<Value, 3> heads; // queries, keys, values
  for (Value value : {found.queries, found.keys, found.values}) {
    llvm::Expected<Value> row = rows(value);
    if (!row)
      return row.takeError();
    heads.push_back(*row);
  }
  for (auto [row, matched] :
       {std::pair(&heads[0], &found.queryRope), {&heads[1], &found.keyRope}}) {
    if (!*matched)
      continue;
    llvm::Expected<Value> turned = rope(*row, **matched, found.headDim);
    if (!turned)
      return turned.takeError();
    *row = *turned;
  }
  Location loc = forward.getLoc();
  Value positions = forward.getArgument(1), slots = forward.getArgument(2);
  Value cache = forward.getArgument(3);
  CacheAppendOp::create(builder, loc, heads[1], heads[2], cache, positions,
                        slots, keyLayer->second);
  return AttentionOp::create(builder, loc, heads[0].getType(), heads[0], cache,
                             positions, slots, keyLayer->second,
                             APFloat(float(found.scale)))
      .getResult();
}

llvm::Expected<func::FuncOp> DecoderRaiser::raise() {
  if (llvm::Error error = findInputs())
    return std::move(error);
  if (llvm::Error error = findCaches())
    return std::move(error);
  startForward();
  llvm::Expected<Value> result = rows(logits);
  if (!result) {
    forward.erase();
    return result.takeError();
  }
  func::ReturnOp::create(builder, graph.getLoc(), *result);
  return forward;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// Whether the graph returns a past input with something behind it.
static bool hasPast(func::FuncOp graph) {
  Operation *end = graph.getBody().front().getTerminator();
  return llvm::any_of(end->getOperands(), [](Value result) {
    tensor::ConcatOp concat = result.getDefiningOp<tensor::ConcatOp>();
    return concat && isa<BlockArgument>(concat.getInputs()[0]) &&
           concat.getResultType().getRank() == 4;
  });
}

namespace {
struct RaiseDecoderPass
    : public lqc::impl::RaiseDecoderPassBase<RaiseDecoderPass> {
  using RaiseDecoderPassBase::RaiseDecoderPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    func::FuncOp graph = module.lookupSymbol<func::FuncOp>(kMainName);
    if (!graph || !graph.getBody().hasOneBlock() || !hasPast(graph))
      return;
    ModelAttr known = module->getAttrOfType<ModelAttr>(kModelAttrName);
    const int64_t positions = chooseContext(known);
    DecoderRaiser raiser(graph, positions);
    llvm::Expected<func::FuncOp> forward = raiser.raise();
    if (!forward) {
      std::string why = llvm::toString(forward.takeError());
      remark::missed(
          graph.getLoc(),
          remark::RemarkOpts::name("NoDecoder").category("lqc-raise-decoder"))
          << remark::reason("{0}", why);
      return;
    }
    graph.erase();
    module->removeAttr(kGraphAttrName);
    module->setAttr(kModelAttrName,
                    describe(known, raiser.vocabulary(), positions));
    if (!splitLayers(*forward))
      remark::missed(
          forward->getLoc(),
          remark::RemarkOpts::name("NoLayers").category("lqc-raise-decoder"))
          << remark::reason("its layers are no chain");
  }

private:
  int64_t chooseContext(ModelAttr known) const {
    if (context)
      return context;
    return known && known.getContextLength() ? known.getContextLength()
                                             : kDefaultContext;
  }

  /// What the importer knows of the model, with what the graph says.
  ModelAttr describe(ModelAttr known, int64_t vocabulary, int64_t positions) {
    MLIRContext *mlirContext = &getContext();
    if (known)
      return ModelAttr::get(mlirContext, known.getFamily(), vocabulary,
                            positions, known.getBos(), known.getEos(),
                            known.getTokenizer());
    return ModelAttr::get(mlirContext, "onnx", vocabulary, positions,
                          /*bos=*/-1, DenseI64ArrayAttr::get(mlirContext, {}),
                          /*tokenizer=*/"");
  }
};
} // namespace
