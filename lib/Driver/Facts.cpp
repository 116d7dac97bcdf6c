//===- Facts.cpp - what a module says of how it was made ------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/Facts.h"

#include "lqc/Import/Onnx/TextFiles.h"
#include "lqc/Runtime/PayloadCheck.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Hash.h"
#include "lqc/Support/MappedFile.h"
#include "lqc/Support/OnnxFile.h"
#include "lqc/Support/Table.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace lqc;
namespace json = llvm::json;

//===----------------------------------------------------------------------===//
// Recording
//===----------------------------------------------------------------------===//

/// Sets lqc.inputs to these hashes and those of the files with weights.
static void recordHashes(ModuleOp module, NamedAttrList hashes) {
  Builder builder(module.getContext());
  for (WeightOp weight : module.getOps<WeightOp>())
    if (FileAttr file =
            dyn_cast_or_null<FileAttr>(weight.getValue().value_or(Attribute())))
      hashes.set(file.getPath(), builder.getStringAttr(file.getHeader()));
  module->setAttr(kInputsAttrName, hashes.getDictionary(module.getContext()));
}

/// Hashes files of `directory` by their content.
static llvm::Error hashFiles(StringRef directory, ArrayRef<std::string> names,
                             MLIRContext *context, NamedAttrList &hashes) {
  for (const std::string &name : names) {
    SmallString<128> path(directory);
    llvm::sys::path::append(path, name);
    llvm::Expected<MappedFile> file = MappedFile::open(path);
    if (!file)
      return file.takeError();
    hashes.set(name, StringAttr::get(context, contentHash(file->bytes())));
  }
  return llvm::Error::success();
}

llvm::Error lqc::recordInputs(ModuleOp module, StringRef directory) {
  NamedAttrList hashes;
  if (llvm::Error error = hashFiles(directory, textFiles(directory),
                                    module.getContext(), hashes))
    return error;
  recordHashes(module, std::move(hashes));
  return llvm::Error::success();
}

llvm::Error lqc::recordGraphInput(ModuleOp module, StringRef path) {
  llvm::Expected<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  llvm::Expected<std::string> skeleton = readOnnxSkeleton(file->bytes(), path);
  if (!skeleton)
    return skeleton.takeError();
  NamedAttrList hashes;
  hashes.set(llvm::sys::path::filename(path),
             StringAttr::get(module.getContext(), onnxFingerprint(*skeleton)));
  if (module->hasAttr(kModelAttrName)) {
    StringRef parent = llvm::sys::path::parent_path(path);
    SmallString<128> folder(parent.empty() ? "." : parent);
    llvm::sys::path::append(folder, textFolder(path));
    if (llvm::Error error =
            hashFiles(folder,
                      module->hasAttr(kEncoderAttrName) ? embeddingFiles(folder)
                                                        : textFiles(folder),
                      module.getContext(), hashes))
      return error;
  }
  recordHashes(module, std::move(hashes));
  return llvm::Error::success();
}

/// How functions round activations at run time.
static StringRef activationsText(ModuleOp module) {
  StringRef text = "f32";
  module.walk([&](QuantizeOp op) {
    if (op->getParentOfType<func::FuncOp>())
      text = op.getScales() ? "static-int8" : "int8";
  });
  return text;
}

void lqc::recordQuantization(ModuleOp module, const ModelOptions &options,
                             StringRef methods, StringRef budget) {
  Builder builder(module.getContext());
  auto orFloat = [](StringRef scheme) {
    return scheme.empty() ? "float" : scheme;
  };
  auto text = [&](StringRef name, StringRef value) {
    return builder.getNamedAttr(name, builder.getStringAttr(value));
  };
  SmallVector<StringRef> overrides(options.overrides.begin(),
                                   options.overrides.end());
  module->setAttr(
      kOptionsAttrName,
      builder.getDictionaryAttr(
          {text("quantize", orFloat(options.quantize)), text("budget", budget),
           text("embedding", orFloat(options.embedding)),
           text("head", orFloat(options.head)),
           text("clip", options.clip.empty() ? "none" : options.clip),
           text("method", methods.empty() ? "none" : methods),
           text("activations", activationsText(module)),
           builder.getNamedAttr("overrides",
                                builder.getStrArrayAttr(overrides))}));
  module->setAttr(kBitsAttrName,
                  BitsReport::of(module).toAttribute(module.getContext()));
}

std::optional<BitsReport> lqc::bitsOf(ModuleOp module) {
  return BitsReport::fromAttribute(module->getAttr(kBitsAttrName));
}

/// Takes one number of the dictionary; false if it is of another kind.
template <typename T, typename AttrT>
static bool takeNumber(DictionaryAttr values, StringRef name, T &number) {
  Attribute value = values.get(name);
  if (!value)
    return true;
  AttrT typed = dyn_cast<AttrT>(value);
  if (!typed)
    return false;
  if constexpr (std::is_same_v<AttrT, FloatAttr>)
    number = typed.getValueAsDouble();
  else
    number = typed.getValue().getLimitedValue();
  return true;
}

llvm::Expected<runtime::GenerationDefaults> lqc::generationOf(ModuleOp module) {
  runtime::GenerationDefaults result;
  Attribute attribute = module->getAttr(kGenerationAttrName);
  if (!attribute)
    return result;
  DictionaryAttr values = dyn_cast<DictionaryAttr>(attribute);
  auto real = [&](StringRef name, double &number) {
    return takeNumber<double, FloatAttr>(values, name, number);
  };
  auto whole = [&](StringRef name, int64_t &number) {
    return takeNumber<int64_t, IntegerAttr>(values, name, number);
  };
  if (!values || !real("temperature", result.temperature) ||
      !real("top_p", result.topP) || !real("min_p", result.minP) ||
      !real("repeat_penalty", result.repeatPenalty) ||
      !whole("top_k", result.topK) || !whole("max_new_tokens", result.count))
    return makeError("{0} must be a dictionary of numbers",
                     kGenerationAttrName);
  std::string problem = runtime::generationProblem(result);
  if (!problem.empty())
    return makeError("{0}: {1}", kGenerationAttrName, problem);
  return result;
}

/// Takes the words and switches of lqc.encoder; false if they are none.
static bool takeEmbedding(DictionaryAttr values,
                          runtime::EncoderDefaults &encoder) {
  StringAttr pooling = values.getAs<StringAttr>("pooling");
  BoolAttr normalize = values.getAs<BoolAttr>("normalize");
  if (!pooling || !normalize)
    return false;
  encoder.normalize = normalize.getValue();
  for (runtime::Pooling mode :
       {runtime::Pooling::None, runtime::Pooling::Mean, runtime::Pooling::Cls})
    if (pooling == runtime::poolingName(mode)) {
      encoder.pooling = int64_t(mode);
      return true;
    }
  return false;
}

llvm::Expected<std::optional<runtime::EncoderDefaults>>
lqc::encoderOf(ModuleOp module) {
  Attribute attribute = module->getAttr(kEncoderAttrName);
  if (!attribute)
    return std::nullopt;
  runtime::EncoderDefaults result;
  DictionaryAttr values = dyn_cast<DictionaryAttr>(attribute);
  bool isWhole = values && takeEmbedding(values, result);
  for (auto [name, number] : {std::pair("ids", &result.ids),
                              {"mask", &result.mask},
                              {"positions", &result.positions},
                              {"tokens", &result.tokens},
                              {"text", &result.text},
                              {"max_length", &result.maxLength},
                              {"longest", &result.longest},
                              {"pad", &result.pad}}) {
    IntegerAttr value = isWhole ? values.getAs<IntegerAttr>(name) : nullptr;
    isWhole = value && value.getType().isInteger(64);
    if (isWhole)
      *number = value.getInt();
  }
  if (!isWhole)
    return makeError("{0} must be a dictionary of ids, mask, positions, "
                     "tokens, text, pooling, normalize, max_length, longest "
                     "and pad",
                     kEncoderAttrName);
  std::string problem = runtime::encoderProblem(result, INT32_MAX, INT32_MAX);
  if (!problem.empty())
    return makeError("{0}: {1}", kEncoderAttrName, problem);
  return result;
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static std::vector<std::string> bitsRow(StringRef name,
                                        const WeightTotals &totals) {
  return {name.str(),
          std::to_string(totals.tensors),
          formatCount(totals.elements),
          totals.typesText(),
          formatFixed(totals.bitsPerWeight(), 3),
          formatBytes(totals.bytes)};
}

void lqc::printBits(const BitsReport &bits, llvm::raw_ostream &out) {
  Table table({"weights", "tensors", "count", "type", "bits/weight", "size"});
  for (int i = 0; i < kWeightClasses; ++i) {
    WeightClass weightClass = WeightClass(i);
    if (bits.of(weightClass).tensors)
      table.addRow(bitsRow(weightClassName(weightClass), bits.of(weightClass)));
    else if (weightClass == WeightClass::Head && bits.headIsEmbedding)
      table.addRow({"head", "0", "0", "the embedding", "-", "-"});
  }
  table.addRule();
  table.addRow(bitsRow("all", bits.total()));
  table.print(out);
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static json::Object totalsJson(const WeightTotals &totals) {
  json::Object types, kept;
  for (const auto &[name, count] : totals.types)
    types[name] = count;
  for (const auto &[name, count] : totals.kept)
    kept[name] = count;
  return json::Object{
      {"tensors", totals.tensors}, {"weights", totals.elements},
      {"bytes", totals.bytes},     {"bits_per_weight", totals.bitsPerWeight()},
      {"types", std::move(types)}, {"kept", std::move(kept)}};
}

json::Object lqc::bitsJson(const BitsReport &bits) {
  json::Object result;
  for (int i = 0; i < kWeightClasses; ++i)
    result[weightClassName(WeightClass(i))] = totalsJson(bits.classes[i]);
  result["head_is_embedding"] = bits.headIsEmbedding;
  return result;
}

static json::Value toJson(Attribute attribute) {
  if (StringAttr text = dyn_cast<StringAttr>(attribute))
    return json::Value(json::fixUTF8(text.getValue()));
  if (BoolAttr flag = dyn_cast<BoolAttr>(attribute))
    return flag.getValue();
  if (IntegerAttr number = dyn_cast<IntegerAttr>(attribute))
    return int64_t(number.getValue().getSExtValue());
  if (DictionaryAttr entries = dyn_cast<DictionaryAttr>(attribute)) {
    json::Object object;
    for (NamedAttribute entry : entries)
      object[json::fixUTF8(entry.getName().strref())] =
          toJson(entry.getValue());
    return object;
  }
  if (ArrayAttr elements = dyn_cast<ArrayAttr>(attribute)) {
    json::Array array;
    for (Attribute element : elements)
      array.push_back(toJson(element));
    return array;
  }
  return nullptr;
}

/// What only language models have.
static void addGeneration(const runtime::GenerationDefaults &generation,
                          json::Object &info) {
  info["cache"] = "f32";
  info["generation"] =
      json::Object{{"temperature", generation.temperature},
                   {"top_k", generation.topK},
                   {"top_p", generation.topP},
                   {"min_p", generation.minP},
                   {"repeat_penalty", generation.repeatPenalty},
                   {"max_new_tokens", generation.count}};
}

/// What a graph says of itself: `lqc.graph`, its inputs and its outputs.
static void addGraph(ModuleOp module, json::Object &info) {
  info["graph"] = toJson(module->getAttr(kGraphAttrName));
  if (Attribute values = module->getAttr(kGraphValuesAttrName))
    info["values"] = toJson(values);
  if (Attribute encoder = module->getAttr(kEncoderAttrName))
    info["encoder"] = toJson(encoder);
}

std::string lqc::infoJson(ModuleOp module, uint64_t weightsBytes,
                          const runtime::GenerationDefaults &generation,
                          const Measurement *measured) {
  json::Object info{{"lqc", LQC_VERSION}, {"weights_bytes", weightsBytes}};
  if (isGraph(module))
    addGraph(module, info);
  else
    addGeneration(generation, info);
  if (ModelAttr model = module->getAttrOfType<ModelAttr>(kModelAttrName)) {
    info["family"] = json::fixUTF8(model.getFamily());
    if (model.getVocabulary()) // of a graph, it need not be known
      info["vocabulary"] = model.getVocabulary();
    if (model.getContextLength())
      info["context"] = model.getContextLength();
  }
  if (TargetAttr target = module->getAttrOfType<TargetAttr>(kTargetAttrName)) {
    info["cpu"] = json::fixUTF8(target.getCpu());
    info["features"] = json::fixUTF8(target.getFeatures());
  }
  if (DictionaryAttr options =
          module->getAttrOfType<DictionaryAttr>(kOptionsAttrName))
    for (NamedAttribute option : options)
      info[json::fixUTF8(option.getName().strref())] =
          toJson(option.getValue());
  if (Attribute inputs = module->getAttr(kInputsAttrName))
    info["inputs"] = toJson(inputs);
  if (std::optional<BitsReport> bits = bitsOf(module)) {
    info["parameters"] = bits->parameters;
    info["bits_per_weight"] = bits->of(WeightClass::Layers).bitsPerWeight();
    info["bits_per_weight_total"] = bits->total().bitsPerWeight();
    info["weights"] = bitsJson(*bits);
  }
  if (measured) {
    json::Object quality = qualityJson(*measured);
    quality["text"] = measured->textHash;
    info["quality"] = std::move(quality);
  }
  std::string text;
  llvm::raw_string_ostream(text)
      << llvm::formatv("{0:2}", json::Value(std::move(info))) << "\n";
  return text;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static StringRef optionText(ModuleOp module, StringRef name) {
  DictionaryAttr options =
      module->getAttrOfType<DictionaryAttr>(kOptionsAttrName);
  StringAttr text = options ? options.getAs<StringAttr>(name) : StringAttr();
  return text ? text.getValue() : "unknown";
}

/// "budget max-kl=0.01, " if there was one.
static std::string budgetPrefix(ModuleOp module) {
  StringRef budget = optionText(module, "budget");
  bool isNone = budget == "none" || budget == "unknown";
  return isNone ? "" : ("budget " + budget + ", ").str();
}

/// "greedy, repeat penalty 1, at most 256 tokens"
static std::string
generationText(const runtime::GenerationDefaults &generation) {
  std::string text;
  llvm::raw_string_ostream out(text);
  auto real = [](double value) { return llvm::format("%.10g", value); };
  if (generation.temperature == 0)
    out << "greedy";
  else
    out << "temperature " << real(generation.temperature) << ", top-k "
        << generation.topK << ", top-p " << real(generation.topP) << ", min-p "
        << real(generation.minP);
  out << ", repeat penalty " << real(generation.repeatPenalty) << ", at most "
      << generation.count << " tokens";
  return text;
}

/// "input:       x: float32[batch, 784]" for each of a list.
static void printValues(StringRef title, ArrayAttr values,
                        llvm::raw_ostream &out) {
  for (DictionaryAttr value : values.getAsRange<DictionaryAttr>()) {
    out << llvm::left_justify(title, 13)
        << value.getAs<StringAttr>("name").getValue() << ": "
        << value.getAs<StringAttr>("type").getValue() << "[";
    llvm::interleaveComma(value.getAs<ArrayAttr>("dims"), out,
                          [&](Attribute dim) {
                            if (StringAttr text = dyn_cast<StringAttr>(dim))
                              out << text.getValue();
                            else
                              out << cast<IntegerAttr>(dim).getInt();
                          });
    out << "]\n";
  }
}

static void printGraph(ModuleOp module, llvm::raw_ostream &out) {
  DictionaryAttr graph = module->getAttrOfType<DictionaryAttr>(kGraphAttrName);
  for (NamedAttribute entry : graph)
    if (StringAttr text = dyn_cast<StringAttr>(entry.getValue()))
      out << llvm::left_justify((entry.getName().strref() + ":").str(), 13)
          << text.getValue() << "\n";
  DictionaryAttr values =
      module->getAttrOfType<DictionaryAttr>(kGraphValuesAttrName);
  if (!values)
    return;
  printValues("input:", values.getAs<ArrayAttr>("inputs"), out);
  printValues("output:", values.getAs<ArrayAttr>("outputs"), out);
}

std::string lqc::encoderText(const runtime::EncoderDefaults &encoder) {
  const runtime::Pooling pooling = runtime::Pooling(encoder.pooling);
  std::string text =
      pooling == runtime::Pooling::None
          ? "as the graph gives them"
          : std::string(runtime::poolingName(pooling)) + " of the tokens";
  text += encoder.normalize ? ", normalised, " : ", not normalised, ";
  return text +
         (encoder.maxLength
              ? "at most " + std::to_string(encoder.maxLength) + " tokens"
              : "of any length");
}

std::string lqc::summaryText(ModuleOp module, uint64_t weightsBytes,
                             const runtime::GenerationDefaults &generation,
                             const runtime::EncoderDefaults *encoder,
                             const Measurement *measured) {
  std::string text;
  llvm::raw_string_ostream out(text);
  std::optional<BitsReport> bits = bitsOf(module);
  if (isGraph(module))
    printGraph(module, out);
  if (encoder)
    out << "embeddings:  " << encoderText(*encoder) << "\n";
  if (ModelAttr model = module->getAttrOfType<ModelAttr>(kModelAttrName)) {
    out << "model:       " << model.getFamily();
    if (bits)
      out << ", " << formatCount(bits->parameters) << " parameters";
    out << "\n";
    if (model.getVocabulary()) // of a graph, it need not be known
      out << "vocabulary:  " << model.getVocabulary() << "\n";
    if (model.getContextLength())
      out << "context:     " << model.getContextLength() << "\n";
  }
  if (module->hasAttr(kOptionsAttrName))
    out << "quantize:    " << optionText(module, "quantize") << " ("
        << budgetPrefix(module) << "embedding "
        << optionText(module, "embedding") << ", head "
        << optionText(module, "head") << ", clip " << optionText(module, "clip")
        << ", method " << optionText(module, "method")
        << ")\nactivations: " << optionText(module, "activations")
        << (isGraph(module) ? "\n" : ", cache f32\n");
  if (TargetAttr target = module->getAttrOfType<TargetAttr>(kTargetAttrName))
    out << "cpu:         " << target.getCpu() << "\n";
  if (!isGraph(module))
    out << "generation:  " << generationText(generation) << "\n";
  out << "weights:     " << formatBytes(weightsBytes) << "\n"
      << "compiler:    lqc " << LQC_VERSION << "\n";
  if (bits) {
    out << "\n";
    printBits(*bits, out);
  }
  if (measured) {
    out << "\nmeasured on the text with hash "
        << StringRef(measured->textHash).take_front(16) << "…:\n";
    printQuality(*measured, out);
  }
  return text;
}
