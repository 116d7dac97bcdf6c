//===- Search.cpp - what passes that search work with ---------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/Search.h"

#include "lqc/Interpreter/TensorValue.h"
#include "lqc/Support/Error.h"
#include "passes/Quantize/Passes.h"
#include "passes/Quantize/SchemePolicy.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Path.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

/// The folder of the file that the module was parsed from.
static std::string folderOf(ModuleOp module) {
  FileLineColLoc place = dyn_cast<FileLineColLoc>(module.getLoc());
  StringRef folder =
      place ? llvm::sys::path::parent_path(place.getFilename()) : StringRef();
  return folder.empty() ? "." : folder.str();
}

llvm::Expected<std::unique_ptr<OwnSearch>>
OwnSearch::open(ModuleOp module, StringRef statisticsPath, StringRef sidecar) {
  if (statisticsPath.empty() || sidecar.empty())
    return makeError("needs the options statistics=FILE and sidecar=FILE");
  std::unique_ptr<OwnSearch> own(new OwnSearch());
  auto statistics = FileStatistics::open(statisticsPath, module);
  if (!statistics)
    return statistics.takeError();
  own->statistics = std::move(*statistics);
  own->weights =
      std::make_unique<WeightStore>(module, folderOf(module), /*threads=*/0);
  uint64_t linears = 0;
  module.walk([&](LinearOp) { ++linears; });
  auto results = SearchResults::create(*own->weights, sidecar,
                                       kResultsPerLinear * linears);
  if (!results)
    return results.takeError();
  own->results = std::move(*results);
  own->search.emplace(SearchContext{*own->statistics, *own->weights,
                                    *own->results, /*threads=*/0});
  return own;
}

llvm::Error
lqc::withSearch(ModuleOp module, SearchContext *given, StringRef statistics,
                StringRef sidecar,
                llvm::function_ref<llvm::Error(SearchContext &)> work) {
  if (given)
    return work(*given);
  auto own = OwnSearch::open(module, statistics, sidecar);
  if (!own)
    return own.takeError();
  if (llvm::Error error = work((*own)->context()))
    return error;
  return (*own)->finish(module);
}

SmallVector<SearchTarget> lqc::searchTargets(ModuleOp module,
                                             SymbolTable &symbols) {
  SmallVector<SearchTarget> targets;
  module.walk([&](LinearOp linear) {
    GetWeightOp read = linear.getWeight().getDefiningOp<GetWeightOp>();
    if (!read || !isInLayer(linear))
      return;
    WeightOp weight = symbols.lookup<WeightOp>(read.getWeight());
    SchemeAttr scheme = weight->getAttrOfType<SchemeAttr>(kSchemeAttrName);
    if (scheme && !weight.getTensorType().getEncoding())
      targets.push_back({linear, weight, scheme, checkpointWeight(weight)});
  });
  return targets;
}

SmallVector<TargetGroup> lqc::searchInputs(ModuleOp module,
                                           SymbolTable &symbols) {
  llvm::MapVector<Value, SmallVector<SearchTarget>> groups;
  for (SearchTarget target : searchTargets(module, symbols))
    groups[target.linear.getInput()].push_back(target);
  SmallVector<TargetGroup> result;
  for (auto &[input, targets] : groups)
    result.push_back({input, std::move(targets)});
  return result;
}

LinearOp lqc::keptPartOf(LinearOp linear) {
  if (!linear.getInput().getDefiningOp<SplitColumnsOp>())
    return {};
  for (Operation *user : linear.getResult().getUsers()) {
    if (!isa<arith::AddFOp>(user))
      continue;
    for (Value operand : user->getOperands())
      if (LinearOp other = operand.getDefiningOp<LinearOp>();
          other && other.readsKeptColumns() && !linear.readsKeptColumns())
        return other;
  }
  return {};
}

llvm::Expected<std::vector<float>> lqc::readWeight(WeightOp weight,
                                                   WeightStore &store) {
  llvm::Expected<TensorValue> value = readTensor(weight, store);
  if (!value)
    return value.takeError();
  std::vector<float> values = value->floats();
  int64_t columns = weight.getTensorType().getShape().back();
  for (auto [index, number] : llvm::enumerate(values))
    if (!std::isfinite(number))
      return makeError("weight @{0}: element [{1}, {2}] is {3}",
                       weight.getSymName(), int64_t(index) / columns,
                       int64_t(index) % columns,
                       std::isnan(number) ? "nan" : "infinite");
  return values;
}

llvm::Expected<WeightOp>
lqc::addResult(const Twine &name, RankedTensorType type,
               std::vector<char> bytes, Block::iterator place, Location loc,
               SymbolTable &symbols, SearchContext &search) {
  MLIRContext *context = type.getContext();
  OpBuilder builder(context);
  // The value is set below: a weight must have one from its first moment.
  WeightOp result =
      WeightOp::create(builder, loc, name.str(), type,
                       FileAttr::get(context, "", "", 0, bytes.size(), ""));
  symbols.insert(result, place);
  if (llvm::Error error = search.results.set(result, std::move(bytes)))
    return std::move(error);
  return result;
}

llvm::Expected<WeightOp> lqc::addVector(const Twine &name,
                                        ArrayRef<float> values, WeightOp before,
                                        SymbolTable &symbols,
                                        SearchContext &search) {
  const char *bytes = reinterpret_cast<const char *>(values.data());
  RankedTensorType type = RankedTensorType::get(
      int64_t(values.size()), Float32Type::get(before.getContext()));
  return addResult(name, type, {bytes, bytes + weightBytes(type)},
                   Block::iterator(before), before.getLoc(), symbols, search);
}

llvm::Error lqc::replaceByCodes(const SearchTarget &target,
                                const QuantizedTensor &codes,
                                SymbolTable &symbols, SearchContext &search) {
  WeightOp weight = target.weight;
  RankedTensorType type = quantizedType(weight.getTensorType(), target.scheme);
  std::vector<char> bytes = serialize(codes);
  llvm::Expected<WeightOp> result = addResult(
      quantizedName(weight, target.scheme), type, std::move(bytes),
      std::next(Block::iterator(weight)), weight.getLoc(), symbols, search);
  if (!result)
    return result.takeError();
  OpBuilder builder(weight.getContext());
  (*result)->setAttr(kSourceAttrName, builder.getStringAttr(target.source));
  LinearOp linear = target.linear;
  Operation *oldRead = linear.getWeight().getDefiningOp();
  builder.setInsertionPoint(oldRead);
  linear.getWeightMutable().assign(GetWeightOp::create(
      builder, oldRead->getLoc(), type, result->getSymName()));
  if (oldRead->use_empty())
    oldRead->erase();
  return llvm::Error::success();
}
