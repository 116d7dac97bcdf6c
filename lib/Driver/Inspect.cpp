//===- Inspect.cpp - lqc inspect ------------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/Facts.h"
#include "lib/Driver/InspectOnnx.h"
#include "lib/Driver/Model.h"
#include "lqc/Import/Safetensors/Checkpoint.h"
#include "lqc/Statistics/Statistics.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Json.h"
#include "lqc/Support/Table.h"
#include "lqc/Target/Link/PayloadWriter.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace lqc;
namespace json = llvm::json;

//===----------------------------------------------------------------------===//
// Models: directories and IR
//===----------------------------------------------------------------------===//

namespace {
/// What a model would take under a scheme for its layers' linears.
struct SchemeCost {
  std::string scheme;
  double bitsPerWeight; ///< of the layers' linears
  uint64_t layerBytes;
  uint64_t allBytes;
  uint64_t kept; ///< tensors that cannot take the scheme
};
} // namespace

/// The matrices that `--quantize` covers.
static SmallVector<RankedTensorType> layerMatrices(ModuleOp module) {
  SmallVector<RankedTensorType> matrices;
  DenseSet<Attribute> seen;
  module.walk([&](LinearOp linear) {
    GetWeightOp read = linear.getWeight().getDefiningOp<GetWeightOp>();
    if (read && !linear.readsKeptColumns() &&
        linear->getParentOp()->hasAttr(kLayerAttrName) &&
        seen.insert(read.getWeightAttr()).second)
      matrices.push_back(linear.getWeight().getType());
  });
  return matrices;
}

static SchemeCost costOf(const Scheme &scheme, MLIRContext *context,
                         ArrayRef<RankedTensorType> matrices,
                         const BitsReport &bits) {
  SchemeCost cost = {schemeName(scheme), 0, 0, 0, 0};
  for (RankedTensorType type : matrices) {
    bool fits =
        !whyNotQuantizable(scheme, type.getDimSize(0), type.getDimSize(1));
    cost.kept += !fits;
    cost.layerBytes += weightBytes(
        fits ? quantizedType(type, SchemeAttr::get(context, scheme)) : type);
  }
  const WeightTotals &layers = bits.of(WeightClass::Layers);
  cost.bitsPerWeight =
      layers.elements ? 8.0 * cost.layerBytes / layers.elements : 0;
  cost.allBytes = bits.total().bytes - layers.bytes + cost.layerBytes;
  return cost;
}

/// Every scheme for weights, with groups of 64 where it has none of its own, if
/// no matrix is quantized yet.
static std::vector<SchemeCost> schemeCosts(ModuleOp module,
                                           const BitsReport &bits) {
  SmallVector<RankedTensorType> matrices = layerMatrices(module);
  std::vector<SchemeCost> costs;
  if (matrices.empty() ||
      llvm::any_of(matrices, [](Type type) { return bool(schemeOf(type)); }))
    return costs;
  for (const SchemeFamily &family : schemeTable()) {
    Scheme scheme = family.withGroup(64);
    if (!scheme.isActivation())
      costs.push_back(costOf(scheme, module.getContext(), matrices, bits));
  }
  return costs;
}

/// The cache of @forward, or null.
static CacheType cacheOf(ModuleOp module) {
  Operation *forward = module.lookupSymbol(kForwardName);
  if (!forward || forward->getNumRegions() == 0 ||
      forward->getRegion(0).empty())
    return {};
  for (Type type : forward->getRegion(0).front().getArgumentTypes())
    if (CacheType cache = dyn_cast<CacheType>(type))
      return cache;
  return {};
}

static json::Object modelJson(ModuleOp module, const BitsReport &bits) {
  json::Object result{
      {"parameters", bits.parameters},
      {"bits_per_weight", bits.of(WeightClass::Layers).bitsPerWeight()},
      {"bits_per_weight_total", bits.total().bitsPerWeight()},
      {"weights", bitsJson(bits)}};
  if (ModelAttr model = module->getAttrOfType<ModelAttr>(kModelAttrName)) {
    result["family"] = json::fixUTF8(model.getFamily());
    result["vocabulary"] = model.getVocabulary();
    result["context"] = model.getContextLength();
  }
  if (CacheType cache = cacheOf(module)) {
    result["layers"] = cache.getLayers();
    result["cache_bytes"] = cache.getSlotBytes();
  }
  json::Array schemes;
  for (const SchemeCost &cost : schemeCosts(module, bits))
    schemes.push_back(json::Object{{"scheme", cost.scheme},
                                   {"bits_per_weight", cost.bitsPerWeight},
                                   {"layer_bytes", cost.layerBytes},
                                   {"bytes", cost.allBytes},
                                   {"tensors_kept", cost.kept}});
  result["schemes"] = std::move(schemes);
  return result;
}

static void printSchemes(ModuleOp module, const BitsReport &bits,
                         llvm::raw_ostream &out) {
  std::vector<SchemeCost> costs = schemeCosts(module, bits);
  if (costs.empty())
    return;
  Table table({"--quantize", "bits/weight", "layers", "all weights",
               "stay as they are"});
  table.addRow({"as stored",
                formatFixed(bits.of(WeightClass::Layers).bitsPerWeight(), 3),
                formatBytes(bits.of(WeightClass::Layers).bytes),
                formatBytes(bits.total().bytes), "-"});
  for (const SchemeCost &cost : costs)
    table.addRow({cost.scheme, formatFixed(cost.bitsPerWeight, 3),
                  formatBytes(cost.layerBytes), formatBytes(cost.allBytes),
                  cost.kept ? std::to_string(cost.kept) + " tensors" : "-"});
  out << "\n";
  table.print(out);
}

static void printModel(ModuleOp module, const BitsReport &bits,
                       llvm::raw_ostream &out) {
  if (ModelAttr model = module->getAttrOfType<ModelAttr>(kModelAttrName))
    out << "model:      " << model.getFamily() << ", "
        << formatCount(bits.parameters) << " parameters\n"
        << "vocabulary: " << model.getVocabulary() << "\n"
        << "context:    " << model.getContextLength() << "\n";
  if (CacheType cache = cacheOf(module))
    out << "layers:     " << cache.getLayers() << "\n"
        << "cache:      " << formatBytes(cache.getSlotBytes())
        << " for a full context\n";
  out << "\n";
  printBits(bits, out);
  printSchemes(module, bits, out);
}

/// Which operations a module has, for IR whose weights say nothing any more.
static void printOperations(ModuleOp module, llvm::raw_ostream &out) {
  std::map<std::string, uint64_t> counts;
  module.walk(
      [&](Operation *op) { ++counts[op->getName().getStringRef().str()]; });
  counts.erase("builtin.module");
  Table table({"operation", "count"});
  for (const auto &[name, count] : counts)
    table.addRow({name, std::to_string(count)});
  table.print(out);
}

static void inspectModule(ModuleOp module, const InspectOptions &options,
                          llvm::raw_ostream &out) {
  bool atModelLevel = module.lookupSymbol(kForwardName) != nullptr;
  std::optional<BitsReport> recorded = bitsOf(module);
  BitsReport bits =
      atModelLevel || !recorded ? BitsReport::of(module) : *recorded;
  if (options.json)
    return printJson(modelJson(module, bits), out);
  printModel(module, bits, out);
  if (atModelLevel)
    return;
  out << "\n";
  printOperations(module, out);
}

static llvm::Error inspectModel(const InspectOptions &options,
                                llvm::raw_ostream &out) {
  Session session(/*threads=*/1, /*showRemarks=*/false);
  ModelOptions modelOptions;
  modelOptions.model = options.path;
  Plan plan;
  findModel(options.path, llvm::sys::fs::is_directory(options.path), plan);
  llvm::Expected<Model> model = loadModel(session, modelOptions, plan);
  if (!model)
    return model.takeError();
  inspectModule(*model->module, options, out);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Single files
//===----------------------------------------------------------------------===//

static json::Object tensorJson(const CheckpointTensor &tensor) {
  return json::Object{{"name", json::fixUTF8(tensor.name)},
                      {"dtype", storageTypeName(tensor.type)},
                      {"shape", json::Array(tensor.shape)},
                      {"bytes", tensor.bytes}};
}

static std::string shapeText(ArrayRef<int64_t> shape) {
  std::string text;
  for (int64_t size : shape)
    text += (text.empty() ? "" : "x") + std::to_string(size);
  return text.empty() ? "scalar" : text;
}

namespace {
/// The summary of one input of linears.
struct InputSummary {
  explicit InputSummary(const InputStatistics &input);

  double meanAbs = 0; ///< over channels
  float maxAbs = 0;
  double peak = 1;    ///< largest channel maximum, over their mean
  int64_t unseen = 0; ///< channels that were never anything but zero
};
} // namespace

InputSummary::InputSummary(const InputStatistics &input) {
  double sumOfMaxima = 0;
  for (int64_t c = 0; c < input.columns; ++c) {
    meanAbs += input.sumAbs[c] / double(input.tokens * input.columns);
    maxAbs = std::max(maxAbs, input.maxAbs[c]);
    sumOfMaxima += input.maxAbs[c];
    unseen += input.maxAbs[c] == 0;
  }
  if (sumOfMaxima > 0)
    peak = maxAbs * double(input.columns) / sumOfMaxima;
}

static void printStatistics(const StatisticsTable &table,
                            llvm::raw_ostream &out) {
  const CalibrationRecord &calibration = table.calibration;
  out << "statistics:  " << table.inputs.size() << " inputs of "
      << table.readers.size() << " linears\n"
      << "model:       " << table.model << "\n"
      << "calibration: " << calibration.samples;
  if (calibration.length) // a language model
    out << " windows of " << calibration.length << " tokens, seed "
        << calibration.seed << ", text ";
  else
    out << " samples, seed " << calibration.seed << ", data ";
  out << calibration.text << "\n\n";
  Table rows({"input", "channels", calibration.length ? "tokens" : "rows",
              "mean |x|", "max |x|", "peak", "unseen", "Hessian"});
  for (const auto &[name, input] : table.inputs) {
    InputSummary summary(input);
    rows.addRow({name, std::to_string(input.columns),
                 std::to_string(input.tokens), formatFixed(summary.meanAbs, 4),
                 formatFixed(summary.maxAbs, 3), formatFixed(summary.peak, 1),
                 std::to_string(summary.unseen),
                 input.gram.empty() ? "-" : "kept"});
  }
  rows.print(out);
  out << "\npeak: the largest channel's maximum over the mean of all; outliers "
         "have a high one\n";
}

static json::Object statisticsJson(const StatisticsTable &table) {
  json::Array inputs;
  for (const auto &[name, input] : table.inputs) {
    InputSummary summary(input);
    inputs.push_back(json::Object{{"input", json::fixUTF8(name)},
                                  {"channels", input.columns},
                                  {"tokens", input.tokens},
                                  {"mean_abs", summary.meanAbs},
                                  {"max_abs", summary.maxAbs},
                                  {"peak", summary.peak},
                                  {"unseen", summary.unseen},
                                  {"hessian", !input.gram.empty()}});
  }
  const CalibrationRecord &calibration = table.calibration;
  return json::Object{{"model", json::fixUTF8(table.model)},
                      {"text", json::fixUTF8(calibration.text)},
                      {"samples", calibration.samples},
                      {"length", calibration.length},
                      {"seed", calibration.seed},
                      {"linears", int64_t(table.readers.size())},
                      {"inputs", std::move(inputs)}};
}

static llvm::Error inspectStatistics(const InspectOptions &options,
                                     llvm::raw_ostream &out) {
  llvm::Expected<StatisticsTable> table = readStatistics(options.path);
  if (!table)
    return table.takeError();
  if (options.json)
    printJson(statisticsJson(*table), out);
  else
    printStatistics(*table, out);
  return llvm::Error::success();
}

static llvm::Error inspectSafetensors(const InspectOptions &options,
                                      llvm::raw_ostream &out) {
  llvm::Expected<Checkpoint> checkpoint = Checkpoint::open(options.path);
  if (!checkpoint)
    return checkpoint.takeError();
  if (isStatistics(checkpoint->files().front().metadata))
    return inspectStatistics(options, out);
  uint64_t elements = 0, bytes = 0;
  json::Array tensors;
  Table table({"tensor", "dtype", "shape", "size"});
  for (const CheckpointTensor &tensor : checkpoint->tensors()) {
    elements += tensor.elements();
    bytes += tensor.bytes;
    tensors.push_back(tensorJson(tensor));
    std::string name = quote(tensor.name);
    table.addRow({name.substr(1, name.size() - 2),
                  storageTypeName(tensor.type).str(), shapeText(tensor.shape),
                  formatBytes(tensor.bytes)});
  }
  if (options.json) {
    printJson(json::Object{{"parameters", elements},
                           {"bytes", bytes},
                           {"tensors", std::move(tensors)}},
              out);
    return llvm::Error::success();
  }
  out << "safetensors: " << checkpoint->tensors().size() << " tensors, "
      << formatCount(elements) << " numbers, " << formatBytes(bytes) << "\n\n";
  table.print(out);
  return llvm::Error::success();
}

static llvm::Error inspectExecutable(const InspectOptions &options,
                                     llvm::raw_ostream &out) {
  llvm::Expected<std::optional<PayloadContents>> contents =
      readPayloadFooter(options.path);
  if (!contents)
    return contents.takeError();
  if (!*contents)
    return makeError("{0}: must be a checkpoint directory, a .safetensors, "
                     ".onnx or .mlir file or an executable made by lqc",
                     options.path);
  const PayloadContents &payload = **contents;
  if (!options.json) {
    out << payload.summary;
    out << "\nfile:        " << formatBytes(payload.footer.fileBytes) << "\n";
    return llvm::Error::success();
  }
  llvm::Expected<json::Value> info = parseJson(payload.info, options.path);
  if (!info)
    return info.takeError();
  json::Object *object = info->getAsObject();
  if (!object)
    return makeError("{0}: payload section info: must be a JSON object",
                     options.path);
  (*object)["file_bytes"] = payload.footer.fileBytes;
  printJson(std::move(*object), out);
  return llvm::Error::success();
}

/// Whether a file begins as safetensors do, whatever it is called.
static bool looksLikeSafetensors(StringRef path) {
  auto file = llvm::MemoryBuffer::getFileSlice(path, /*MapSize=*/9,
                                               /*Offset=*/0);
  return file && (*file)->getBufferSize() == 9 &&
         (*file)->getBuffer().back() == '{';
}

llvm::Error lqc::inspect(const InspectOptions &options,
                         llvm::raw_ostream &out) {
  if (options.onnxOperators) {
    inspectOnnxOperators(options.json, out);
    return llvm::Error::success();
  }
  llvm::sys::fs::file_status status;
  if (std::error_code code = llvm::sys::fs::status(options.path, status))
    return errorWithHint(
        options.path + ": " + code.message(),
        "the path of a checkpoint, a .safetensors, .onnx or .mlir "
        "file or an executable");
  StringRef ending = llvm::sys::path::extension(options.path);
  Plan plan;
  findModel(options.path, llvm::sys::fs::is_directory(status), plan);
  if (plan.isOnnx)
    return inspectOnnx(plan.onnxFile, options.json, out);
  if (llvm::sys::fs::is_directory(status) || ending == ".mlir" ||
      ending == ".mlirbc")
    return inspectModel(options, out);
  if (ending == ".safetensors" || ending == ".lqcw" ||
      looksLikeSafetensors(options.path))
    return inspectSafetensors(options, out);
  return inspectExecutable(options, out);
}
