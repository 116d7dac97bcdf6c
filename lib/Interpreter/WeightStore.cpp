//===- WeightStore.cpp - the only way to a weight's bytes -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Interpreter/WeightStore.h"

#include "Machine.h"
#include "RowSource.h"
#include "Scalar.h"
#include "SplitColumns.h"

#include "lqc/Interpreter/SearchResults.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Parallel.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace lqc;
using namespace mlir;

/// Bytes given to a sink at once, where they are in memory already.
static constexpr size_t kPieceBytes = 4 << 20;
/// Operations and weights between a weight and what it is made of.
static constexpr unsigned kMaxDepth = 500;

namespace lqc {

/// What the store knows, and how it computes the rest.
class WeightEvaluator {
public:
  WeightEvaluator(ModuleOp module, std::string root, unsigned threads)
      : module(module), files(std::move(root)),
        threads(threads ? threads : hardwareThreads()) {}

  llvm::Expected<WeightBytes> get(WeightOp weight);
  llvm::Error stream(WeightOp weight, WeightStore::Sink sink);
  WeightOp find(llvm::StringRef name);
  void clear();

  llvm::StringRef root() const { return files.rootFolder(); }

  /// By the names of their tensors.
  llvm::StringMap<WeightBytes> pending;

private:
  /// The sources of the values of initializers, while one weight is streamed.
  using Sources = llvm::DenseMap<Value, RowSourcePtr>;

  llvm::Expected<WeightBytes> valueBytes(WeightOp weight);
  llvm::Expected<WeightBytes> compute(WeightOp weight);
  llvm::Error streamValue(WeightOp weight, WeightStore::Sink sink);
  llvm::Error streamInitializer(WeightOp weight, WeightStore::Sink sink);

  llvm::Expected<RowSourcePtr> sourceOfValue(WeightOp weight);
  llvm::Expected<RowSourcePtr> sourceOf(Value value, Sources &sources);
  llvm::Expected<RowSourcePtr> makeSource(Value value, Sources &sources);
  llvm::Expected<RowSourcePtr> sourceOf(GetWeightOp op, Sources &sources);
  llvm::Expected<RowSourcePtr> sourceOf(QuantizeOp op, Sources &sources);
  llvm::Expected<RowSourcePtr> sourceOf(AssembleOp op, Sources &sources);
  llvm::Expected<RowSourcePtr> sourceOf(ScaleChannelsOp op, Sources &sources);
  llvm::Expected<RowSourcePtr> sourceOf(tensor::ExtractSliceOp op,
                                        Sources &sources);
  llvm::Expected<RowSourcePtr> sourceOf(tensor::ConcatOp op, Sources &sources);
  llvm::Expected<RowSourcePtr> sourceOf(SplitColumnsOp op, bool isKept,
                                        Sources &sources);
  llvm::Expected<RowSourcePtr> wholeSource(Value value);
  llvm::Expected<TensorValue> evaluateWhole(Value value);

  /// A language model with a weight that is not finite is damaged. In a graph
  /// it may be a constant: a mask of minus infinity.
  bool mustBeFinite() const { return !isGraph(module); }

  int64_t &usesLeft(WeightOp weight);
  llvm::Expected<WeightBytes> consume(WeightOp weight);

  ModuleOp module;
  WeightFiles files;
  const unsigned threads;
  std::unique_ptr<SymbolTable> symbols;
  /// Uses by initializers that have not been evaluated yet.
  llvm::DenseMap<Operation *, int64_t> uses;
  bool hasCountedUses = false;
  /// Weights with an initializer that others still want.
  llvm::DenseMap<Operation *, WeightBytes> kept;
  /// Weights whose initializer is being evaluated.
  llvm::SmallPtrSet<Operation *, 8> active;
  unsigned depth = 0; ///< of sourceOf
};

} // namespace lqc

static std::string nameOf(WeightOp weight) {
  return ("weight @" + weight.getSymName()).str();
}

static WeightBytes ownedBytes(std::vector<char> bytes) {
  auto owner = std::make_shared<std::vector<char>>(std::move(bytes));
  return {*owner, owner};
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

WeightOp WeightEvaluator::find(llvm::StringRef name) {
  if (!symbols)
    symbols = std::make_unique<SymbolTable>(module);
  return symbols->lookup<WeightOp>(name);
}

void WeightEvaluator::clear() {
  symbols.reset();
  uses.clear();
  hasCountedUses = false;
  kept.clear();
}

int64_t &WeightEvaluator::usesLeft(WeightOp weight) {
  if (!hasCountedUses) {
    hasCountedUses = true;
    for (WeightOp user : module.getOps<WeightOp>())
      user.getInitializer().walk([&](GetWeightOp op) {
        if (WeightOp used = find(op.getWeight()))
          ++uses[used];
      });
  }
  return uses[weight];
}

//===----------------------------------------------------------------------===//
// Weights that are given by a value
//===----------------------------------------------------------------------===//

/// A byte for each bit, which MLIR may hold in another way.
static std::vector<char> bytesOfBits(DenseElementsAttr dense) {
  std::vector<char> bytes;
  for (bool bit : dense.getValues<bool>())
    bytes.push_back(bit);
  return bytes;
}

static llvm::Expected<WeightBytes> denseBytes(WeightOp weight,
                                              DenseElementsAttr dense) {
  RankedTensorType type = weight.getTensorType();
  if (schemeOf(type) || packedOf(type))
    return makeError("{0}: a dense value must be plain", nameOf(weight));
  if (llvm::Expected<ScalarType> scalar = scalarTypeOf(type); !scalar)
    return prefixError(nameOf(weight), scalar.takeError());
  if (type.getElementType().isInteger(1))
    return ownedBytes(bytesOfBits(dense));
  if (!dense.isSplat())
    return WeightBytes{dense.getRawData(), nullptr};
  std::vector<char> bytes;
  bytes.reserve(weightBytes(type));
  for (int64_t i = 0, count = type.getNumElements(); i < count; ++i)
    bytes.insert(bytes.end(), dense.getRawData().begin(),
                 dense.getRawData().end());
  return ownedBytes(std::move(bytes));
}

/// The place of a weight's bytes in a file, or null.
static FileAttr fileOf(WeightOp weight) {
  FileAttr place = dyn_cast<FileAttr>(*weight.getValue());
  return place && !isPending(place) ? place : FileAttr();
}

/// The bytes of a weight that is given by a file or dense value.
llvm::Expected<WeightBytes> WeightEvaluator::valueBytes(WeightOp weight) {
  FileAttr given = dyn_cast<FileAttr>(*weight.getValue());
  if (given && isPending(given)) {
    auto found = pending.find(given.getTensor());
    if (found == pending.end())
      return makeError("{0}: its bytes were never written to a file",
                       nameOf(weight));
    return found->second;
  }
  if (FileAttr place = fileOf(weight)) {
    llvm::Expected<std::shared_ptr<const WeightFile>> file = files.open(place);
    if (!file)
      return file.takeError();
    return WeightBytes{
        (*file)->contents.bytes().slice(place.getOffset(), place.getBytes()),
        *file};
  }
  return denseBytes(weight, cast<DenseElementsAttr>(*weight.getValue()));
}

/// The rows of a weight that is given by a value and not packed.
llvm::Expected<RowSourcePtr> WeightEvaluator::sourceOfValue(WeightOp weight) {
  RankedTensorType type = weight.getTensorType();
  if (RandomAttr random = dyn_cast<RandomAttr>(*weight.getValue()))
    return randomSource(type, random);
  llvm::Expected<WeightBytes> bytes = valueBytes(weight);
  if (!bytes)
    return bytes.takeError();
  std::shared_ptr<const WeightFile> file;
  if (fileOf(weight))
    file = std::static_pointer_cast<const WeightFile>(bytes->owner);
  return memorySource(type, std::move(*bytes), std::move(file));
}

//===----------------------------------------------------------------------===//
// Values of initializers, row by row
//===----------------------------------------------------------------------===//

llvm::Expected<RowSourcePtr> WeightEvaluator::sourceOf(Value value,
                                                       Sources &sources) {
  if (RowSourcePtr known = sources.lookup(value))
    return known;
  // Chains of programs are followed by recursion.
  llvm::SaveAndRestore deeper(depth, depth + 1);
  if (depth > kMaxDepth)
    return makeError("{0}: initializers must not be nested over {1} deep",
                     nameOf(value.getDefiningOp()->getParentOfType<WeightOp>()),
                     kMaxDepth);
  llvm::Expected<RowSourcePtr> source = makeSource(value, sources);
  if (source)
    sources[value] = *source;
  return source;
}

llvm::Expected<RowSourcePtr> WeightEvaluator::makeSource(Value value,
                                                         Sources &sources) {
  Operation *op = value.getDefiningOp();
  if (GetWeightOp get = dyn_cast<GetWeightOp>(op))
    return sourceOf(get, sources);
  if (QuantizeOp quantize = dyn_cast<QuantizeOp>(op);
      quantize && !quantize.getScales())
    return sourceOf(quantize, sources);
  if (AssembleOp assembled = dyn_cast<AssembleOp>(op))
    return sourceOf(assembled, sources);
  if (ScaleChannelsOp scale = dyn_cast<ScaleChannelsOp>(op))
    return sourceOf(scale, sources);
  if (tensor::ExtractSliceOp slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return sourceOf(slice, sources);
  if (tensor::ConcatOp concat = dyn_cast<tensor::ConcatOp>(op))
    return sourceOf(concat, sources);
  if (SplitColumnsOp split = dyn_cast<SplitColumnsOp>(op))
    return sourceOf(split, value == split.getKept(), sources);
  DequantizeOp dequantize = dyn_cast<DequantizeOp>(op);
  if (!dequantize)
    return wholeSource(value);
  llvm::Expected<RowSourcePtr> input = sourceOf(dequantize.getInput(), sources);
  if (!input)
    return input.takeError();
  return dequantizeSource(dequantize.getType(), std::move(*input));
}

llvm::Expected<RowSourcePtr> WeightEvaluator::sourceOf(GetWeightOp op,
                                                       Sources &sources) {
  WeightOp weight = find(op.getWeight());
  if (!weight)
    return opError(op, "no weight is called @{0}", op.getWeight());
  if (packedOf(op.getType()))
    return opError(op, "packed weights cannot be taken apart");
  if (weight.getValue())
    return sourceOfValue(weight);
  // The last user of an initializer runs it as a part of its own.
  Value yielded = weight.getYielded();
  if (usesLeft(weight) <= 1 && !kept.contains(weight) &&
      active.insert(weight).second) {
    llvm::scope_exit leave([&] { active.erase(weight); });
    usesLeft(weight) = 0;
    return sourceOf(yielded, sources);
  }
  llvm::Expected<WeightBytes> bytes = consume(weight);
  if (!bytes)
    return bytes.takeError();
  return memorySource(weight.getTensorType(), std::move(*bytes));
}

llvm::Expected<RowSourcePtr> WeightEvaluator::sourceOf(QuantizeOp op,
                                                       Sources &sources) {
  llvm::Expected<RowSourcePtr> input = sourceOf(op.getInput(), sources);
  if (!input)
    return input.takeError();
  // What went wrong is found in the weight as stored, if that is what we see.
  GetWeightOp stored = op.getInput().getDefiningOp<GetWeightOp>();
  std::string name = stored ? ("weight @" + stored.getWeight()).str()
                            : nameOf(op->getParentOfType<WeightOp>());
  ClipSearch clip = op.getClip() == Clip::least_squares
                        ? ClipSearch::LeastSquares
                        : ClipSearch::None;
  return quantizeSource(op.getType(), std::move(*input), clip, std::move(name));
}

/// Scales and zero points, a small part of it all, are kept whole.
llvm::Expected<RowSourcePtr> WeightEvaluator::sourceOf(AssembleOp op,
                                                       Sources &sources) {
  llvm::Expected<RowSourcePtr> codes = sourceOf(op.getCodes(), sources);
  if (!codes)
    return codes.takeError();
  llvm::Expected<TensorValue> scales = evaluateWhole(op.getScales());
  if (!scales)
    return scales.takeError();
  std::vector<char> zeros;
  if (op.getZeros()) {
    llvm::Expected<TensorValue> found = evaluateWhole(op.getZeros());
    if (!found)
      return found.takeError();
    zeros.assign(found->integers().begin(), found->integers().end());
  }
  return assembleSource(op.getType(), std::move(*codes), scales->floats(),
                        std::move(zeros),
                        nameOf(op->getParentOfType<WeightOp>()));
}

llvm::Expected<RowSourcePtr> WeightEvaluator::sourceOf(ScaleChannelsOp op,
                                                       Sources &sources) {
  llvm::Expected<RowSourcePtr> input = sourceOf(op.getInput(), sources);
  if (!input)
    return input.takeError();
  llvm::Expected<TensorValue> factors = evaluateWhole(op.getFactors());
  if (!factors)
    return factors.takeError();
  return scaleChannelsSource(cast<RankedTensorType>(op.getType()),
                             std::move(*input), factors->floats(), op.getAxis(),
                             nameOf(op->getParentOfType<WeightOp>()));
}

/// Whether a slice is a block of whole rows, or of a plain matrix.
static bool isBlock(tensor::ExtractSliceOp op) {
  RankedTensorType from = op.getSourceType(), to = op.getType();
  auto allEqual = [](llvm::ArrayRef<int64_t> values, int64_t expected) {
    return llvm::all_of(values, [&](int64_t v) { return v == expected; });
  };
  if (to.getRank() != from.getRank() || to.getRank() == 0 ||
      !allEqual(op.getStaticStrides(), 1) ||
      llvm::any_of(op.getStaticOffsets(), ShapedType::isDynamic) ||
      llvm::any_of(op.getStaticSizes(), ShapedType::isDynamic))
    return false;
  bool isWholeRows = from.getShape().drop_front() == to.getShape().drop_front();
  return isWholeRows || (from.getRank() == 2 && !schemeOf(from));
}

llvm::Expected<RowSourcePtr>
WeightEvaluator::sourceOf(tensor::ExtractSliceOp op, Sources &sources) {
  if (!isBlock(op))
    return wholeSource(op);
  llvm::ArrayRef<int64_t> offsets = op.getStaticOffsets();
  for (auto [d, offset] : llvm::enumerate(offsets))
    if (offset < 0 ||
        offset + op.getType().getDimSize(d) > op.getSourceType().getDimSize(d))
      return opError(op, "the slice must lie within the tensor");
  llvm::Expected<RowSourcePtr> input = sourceOf(op.getSource(), sources);
  if (!input)
    return input.takeError();
  return sliceSource(op.getType(), std::move(*input), offsets[0],
                     offsets.size() > 1 ? offsets[1] : 0);
}

llvm::Expected<RowSourcePtr> WeightEvaluator::sourceOf(tensor::ConcatOp op,
                                                       Sources &sources) {
  RankedTensorType type = op.getResultType();
  SchemeAttr scheme = schemeOf(type);
  bool isSameKind = llvm::all_of(op.getInputs(), [&](Value input) {
    return schemeOf(input.getType()) == scheme;
  });
  bool isColumns = op.getDim() == 1 && type.getRank() == 2 && !scheme;
  if (!isSameKind || (op.getDim() != 0 && !isColumns))
    return wholeSource(op);
  std::vector<RowSourcePtr> inputs;
  for (Value value : op.getInputs()) {
    llvm::Expected<RowSourcePtr> input = sourceOf(value, sources);
    if (!input)
      return input.takeError();
    inputs.push_back(std::move(*input));
  }
  return isColumns ? concatColumnsSource(type, std::move(inputs))
                   : concatRowsSource(type, std::move(inputs));
}

llvm::Expected<RowSourcePtr>
WeightEvaluator::sourceOf(SplitColumnsOp op, bool isKept, Sources &sources) {
  llvm::Expected<TensorValue> indices = evaluateWhole(op.getIndices());
  if (!indices)
    return indices.takeError();
  int64_t columns = op.getInput().getType().getDimSize(1);
  if (llvm::Error error = checkColumnIndices(indices->integers(), columns))
    return opError(op, "{0}", llvm::toString(std::move(error)));
  llvm::Expected<RowSourcePtr> input = sourceOf(op.getInput(), sources);
  if (!input)
    return input.takeError();
  return splitSource(isKept ? op.getKept().getType() : op.getRest().getType(),
                     std::move(*input), indices->integers(), isKept);
}

//===----------------------------------------------------------------------===//
// Values of initializers, whole
//===----------------------------------------------------------------------===//

llvm::Expected<TensorValue> WeightEvaluator::evaluateWhole(Value value) {
  bool isOfWeight = false; // the error is, and says so itself
  Machine machine(
      module, [&](llvm::StringRef name) { return find(name); },
      [&](WeightOp weight) {
        llvm::Expected<WeightBytes> bytes = consume(weight);
        isOfWeight |= !bytes;
        return bytes;
      },
      /*keepsWeights=*/false, threads, /*slots=*/0);
  llvm::Expected<TensorValue> result = machine.evaluate(value);
  if (result || isOfWeight)
    return result;
  WeightOp parent = value.getDefiningOp()->getParentOfType<WeightOp>();
  return prefixError(nameOf(parent), result.takeError());
}

llvm::Expected<RowSourcePtr> WeightEvaluator::wholeSource(Value value) {
  llvm::Expected<TensorValue> result = evaluateWhole(value);
  if (!result)
    return result.takeError();
  RankedTensorType type = cast<RankedTensorType>(value.getType());
  if (result->kind() == TensorValue::Kind::Quantized)
    return codesSource(type, result->quantized());
  llvm::Expected<std::vector<char>> bytes = bytesFromTensor(*result, type);
  if (!bytes)
    return bytes.takeError();
  return memorySource(type, ownedBytes(std::move(*bytes)));
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// All bytes of a weight that is not in memory.
llvm::Expected<WeightBytes> WeightEvaluator::compute(WeightOp weight) {
  std::vector<char> bytes;
  bytes.reserve(weightBytes(weight.getTensorType()));
  auto append = [&](llvm::ArrayRef<char> piece) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return llvm::Error::success();
  };
  llvm::Error error = weight.getValue() ? streamValue(weight, append)
                                        : streamInitializer(weight, append);
  if (error)
    return std::move(error);
  return ownedBytes(std::move(bytes));
}

llvm::Expected<WeightBytes> WeightEvaluator::get(WeightOp weight) {
  if (weight.getValue() && !isa<RandomAttr>(*weight.getValue()))
    return valueBytes(weight);
  auto known = kept.find(weight);
  if (known != kept.end())
    return known->second;
  llvm::Expected<WeightBytes> bytes = compute(weight);
  if (bytes && !weight.getValue() && usesLeft(weight) > 0)
    kept[weight] = *bytes;
  return bytes;
}

/// The bytes of a weight for one use in an initializer.
llvm::Expected<WeightBytes> WeightEvaluator::consume(WeightOp weight) {
  int64_t &left = usesLeft(weight);
  left = std::max<int64_t>(0, left - 1);
  llvm::Expected<WeightBytes> bytes = get(weight);
  if (usesLeft(weight) == 0)
    kept.erase(weight);
  return bytes;
}

static llvm::Error giveBytes(llvm::ArrayRef<char> bytes,
                             WeightStore::Sink sink) {
  for (; !bytes.empty();
       bytes = bytes.drop_front(std::min(kPieceBytes, bytes.size())))
    if (llvm::Error error =
            sink(bytes.take_front(std::min(kPieceBytes, bytes.size()))))
      return error;
  return llvm::Error::success();
}

llvm::Error WeightEvaluator::streamValue(WeightOp weight,
                                         WeightStore::Sink sink) {
  RankedTensorType type = weight.getTensorType();
  if (!type.getEncoding()) {
    llvm::Expected<RowSourcePtr> source = sourceOfValue(weight);
    if (!source)
      return source.takeError();
    return streamRows(**source, type, nameOf(weight), mustBeFinite(), threads,
                      sink);
  }
  llvm::Expected<WeightBytes> bytes = valueBytes(weight);
  if (!bytes)
    return bytes.takeError();
  if (llvm::Error error = giveBytes(bytes->bytes, sink))
    return error;
  if (FileAttr place = fileOf(weight))
    std::static_pointer_cast<const WeightFile>(bytes->owner)
        ->contents.dropPages(place.getOffset(), place.getBytes());
  return llvm::Error::success();
}

llvm::Error WeightEvaluator::streamInitializer(WeightOp weight,
                                               WeightStore::Sink sink) {
  if (!active.insert(weight).second)
    return makeError("{0}: its initializer must not depend on itself",
                     nameOf(weight));
  llvm::scope_exit leave([&] { active.erase(weight); });
  RankedTensorType type = weight.getTensorType();
  Value value = weight.getYielded();
  PackOp pack = value.getDefiningOp<PackOp>();
  if (packedOf(type) && !pack) {
    llvm::Expected<TensorValue> result = evaluateWhole(value);
    if (!result)
      return result.takeError();
    llvm::Expected<std::vector<char>> bytes = bytesFromTensor(*result, type);
    return bytes ? giveBytes(*bytes, sink) : bytes.takeError();
  }
  Sources sources;
  llvm::Expected<RowSourcePtr> source =
      sourceOf(pack ? pack.getInput() : value, sources);
  if (!source)
    return source.takeError();
  return streamRows(**source, type, nameOf(weight), mustBeFinite(), threads,
                    sink);
}

llvm::Error WeightEvaluator::stream(WeightOp weight, WeightStore::Sink sink) {
  if (weight.getValue())
    return streamValue(weight, sink);
  if (usesLeft(weight) == 0 && !kept.contains(weight))
    return streamInitializer(weight, sink);
  llvm::Expected<WeightBytes> bytes = get(weight);
  return bytes ? giveBytes(bytes->bytes, sink) : bytes.takeError();
}

//===----------------------------------------------------------------------===//
// WeightStore
//===----------------------------------------------------------------------===//

WeightStore::WeightStore(ModuleOp module, std::string root, unsigned threads)
    : evaluator(std::make_unique<WeightEvaluator>(module, std::move(root),
                                                  threads)) {}
WeightStore::~WeightStore() = default;

llvm::Expected<WeightBytes> WeightStore::get(WeightOp weight) {
  return evaluator->get(weight);
}

llvm::Error WeightStore::stream(WeightOp weight, Sink sink) {
  return evaluator->stream(weight, sink);
}

WeightOp WeightStore::find(llvm::StringRef name) {
  return evaluator->find(name);
}

void WeightStore::provide(llvm::StringRef hash, std::vector<char> bytes) {
  evaluator->pending[hash] = ownedBytes(std::move(bytes));
}

void WeightStore::withdrawAll() { evaluator->pending.clear(); }

void WeightStore::clear() { evaluator->clear(); }

llvm::StringRef WeightStore::root() const { return evaluator->root(); }

llvm::Expected<TensorValue> lqc::readTensor(WeightOp weight,
                                            WeightStore &store) {
  llvm::Expected<WeightBytes> bytes = store.get(weight);
  if (!bytes)
    return bytes.takeError();
  llvm::Expected<TensorValue> value =
      tensorFromBytes(bytes->bytes, weight.getTensorType());
  if (!value)
    return prefixError(nameOf(weight), value.takeError());
  return value;
}
