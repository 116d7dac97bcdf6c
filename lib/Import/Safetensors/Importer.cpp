//===- Importer.cpp - a checkpoint becomes a module -----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Safetensors/Importer.h"

#include "lib/Import/Safetensors/Family.h"
#include "lqc/Import/Safetensors/Checkpoint.h"
#include "lqc/Import/Tokenizer/Tokenizer.h"
#include "lqc/Support/Error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace lqc;

/// Contexts longer than this are asked for explicitly: a cache takes memory for
/// every position.
static constexpr int64_t kDefaultContext = 4096;

//===----------------------------------------------------------------------===//
// Tensors that the family's table asks for
//===----------------------------------------------------------------------===//

static Type elementType(MLIRContext *context, StorageType type) {
  switch (type) {
  case StorageType::F32:
    return Float32Type::get(context);
  case StorageType::F16:
    return Float16Type::get(context);
  case StorageType::BF16:
    return BFloat16Type::get(context);
  default:
    return {};
  }
}

/// "1024x256".
static std::string shapeText(ArrayRef<int64_t> shape) {
  return llvm::join(
      llvm::map_range(shape, [](int64_t size) { return std::to_string(size); }),
      "x");
}

/// "[vocab_size, hidden_size] = 1024x256".
static std::string ruleText(const TensorRule &rule) {
  std::string names;
  SmallVector<int64_t> sizes;
  for (const Dimension &dimension : rule.shape) {
    names += (names.empty() ? "" : ", ") + std::string(dimension.name);
    sizes.push_back(dimension.size);
  }
  return "[" + names + "] = " + shapeText(sizes);
}

static llvm::Error checkTensor(const Checkpoint &checkpoint,
                               const CheckpointTensor &tensor,
                               const TensorRule &rule, Type element) {
  const std::string &file = checkpoint.fileOf(tensor).path;
  bool fits = llvm::equal(
      tensor.shape, llvm::map_range(rule.shape, [](const Dimension &dimension) {
        return dimension.size;
      }));
  if (!fits)
    return makeError("{0}: tensor {1}: shape must be {2}, got: {3}", file,
                     quote(tensor.name), ruleText(rule),
                     tensor.shape.empty() ? "a scalar"
                                          : shapeText(tensor.shape));
  if (!element)
    return makeError("{0}: tensor {1}: dtype must be F32, F16 or BF16, got: "
                     "{2}",
                     file, quote(tensor.name), storageTypeName(tensor.type));
  return llvm::Error::success();
}

static llvm::Error addWeight(OpBuilder &builder, const Checkpoint &checkpoint,
                             const TensorRule &rule) {
  const CheckpointTensor *tensor = checkpoint.find(rule.name);
  if (!tensor)
    return makeError("{0}: tensor {1}: must be in the checkpoint, got: {2} "
                     "tensors without it",
                     checkpoint.directory(), quote(rule.name),
                     checkpoint.tensors().size());
  Type element = elementType(builder.getContext(), tensor->type);
  if (llvm::Error error = checkTensor(checkpoint, *tensor, rule, element))
    return error;
  const CheckpointFile &file = checkpoint.fileOf(*tensor);
  FileAttr place =
      FileAttr::get(builder.getContext(), file.name, tensor->name,
                    tensor->offset, tensor->bytes, file.headerHash);
  WeightOp::create(builder, NameLoc::get(builder.getStringAttr(rule.name)),
                   rule.name, RankedTensorType::get(tensor->shape, element),
                   place);
  return llvm::Error::success();
}

/// @rope.frequencies: small, computed, the same for all layers.
static void addFrequencies(OpBuilder &builder, const ModelConfig &config) {
  std::vector<float> frequencies = ropeFrequencies(config);
  RankedTensorType type =
      RankedTensorType::get(frequencies.size(), builder.getF32Type());
  WeightOp::create(builder,
                   NameLoc::get(builder.getStringAttr("rope.frequencies")),
                   "rope.frequencies", type,
                   DenseElementsAttr::get(type, ArrayRef<float>(frequencies)));
}

/// Tensors that checkpoints carry although the config makes them redundant.
static bool isRedundant(StringRef name, const ModelConfig &config) {
  return name.ends_with("rotary_emb.inv_freq") ||
         (config.tiedEmbeddings && name == "lm_head.weight");
}

/// One warning for all tensors that nothing asked for: a checkpoint of another
/// architecture shows itself by them.
static void reportUnused(ModuleOp module, const Checkpoint &checkpoint,
                         const ModelConfig &config,
                         ArrayRef<TensorRule> rules) {
  llvm::StringSet<> used;
  for (const TensorRule &rule : rules)
    used.insert(rule.name);
  SmallVector<StringRef> unused;
  for (const CheckpointTensor &tensor : checkpoint.tensors())
    if (!used.contains(tensor.name) && !isRedundant(tensor.name, config))
      unused.push_back(tensor.name);
  if (unused.empty())
    return;
  InFlightDiagnostic warning = mlir::emitWarning(module.getLoc());
  warning << checkpoint.directory() << ": " << unused.size()
          << (unused.size() == 1 ? " tensor is" : " tensors are")
          << " not part of the model and left out: ";
  llvm::interleaveComma(ArrayRef(unused).take_front(3), warning,
                        [&](StringRef name) { warning << quote(name); });
  if (unused.size() > 3)
    warning << ", …";
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

llvm::Expected<int64_t>
lqc::chooseContextLength(int64_t maxPositions, StringRef configPath,
                         std::optional<int64_t> context) {
  if (!context)
    return std::min(maxPositions, kDefaultContext);
  if (*context < 1 || *context > maxPositions)
    return makeError("{0}: the context must be 1 to max_position_embeddings = "
                     "{1}, got: {2}",
                     configPath, maxPositions, *context);
  return *context;
}

static ModelAttr modelAttribute(MLIRContext *context, const ModelConfig &config,
                                int64_t contextLength, StringRef directory) {
  return ModelAttr::get(context, modelFamilyName(config.family),
                        config.vocabulary, contextLength,
                        config.bosToken.value_or(-1),
                        DenseI64ArrayAttr::get(context, config.eosTokens),
                        tokenizerFiles(directory).empty() ? "" : ".");
}

llvm::Expected<std::optional<GenerationConfig>>
lqc::importGenerationConfig(ModuleOp module, StringRef directory,
                            int64_t vocabulary) {
  SmallString<128> path(directory);
  llvm::sys::path::append(path, "generation_config.json");
  if (!llvm::sys::fs::exists(path))
    return std::nullopt;
  llvm::Expected<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  llvm::Expected<GenerationConfig> generation =
      parseGenerationConfig(file->text(), path, vocabulary);
  if (!generation)
    return generation.takeError();
  if (!generation->ignored.empty())
    mlir::emitWarning(module.getLoc())
        << path
        << ": not done and left out: " << llvm::join(generation->ignored, ", ");
  Builder b(module.getContext());
  const runtime::GenerationDefaults &defaults = generation->defaults;
  auto real = [&](StringRef name, double value) {
    return b.getNamedAttr(name, b.getF64FloatAttr(value));
  };
  module->setAttr(
      kGenerationAttrName,
      b.getDictionaryAttr(
          {real("temperature", defaults.temperature),
           real("top_p", defaults.topP), real("min_p", defaults.minP),
           real("repeat_penalty", defaults.repeatPenalty),
           b.getNamedAttr("top_k", b.getI64IntegerAttr(defaults.topK)),
           b.getNamedAttr("max_new_tokens",
                          b.getI64IntegerAttr(defaults.count))}));
  return std::move(*generation);
}

/// Special tokens of generation_config.json come before those of config.json.
static llvm::Error addGeneration(ModuleOp module, StringRef directory,
                                 ModelConfig &config) {
  llvm::Expected<std::optional<GenerationConfig>> generation =
      importGenerationConfig(module, directory, config.vocabulary);
  if (!generation || !*generation)
    return generation.takeError();
  if ((*generation)->bosToken)
    config.bosToken = (*generation)->bosToken;
  if ((*generation)->eosTokens)
    config.eosTokens = *(*generation)->eosTokens;
  return llvm::Error::success();
}

static std::vector<TensorRule> tensorRules(const ModelConfig &config) {
  switch (config.family) {
  case ModelFamily::Llama:
    return llamaTensors(config);
  }
  llvm_unreachable("every family has a table");
}

static void buildFunctions(ModelBuilder &builder) {
  switch (builder.config.family) {
  case ModelFamily::Llama:
    return buildLlama(builder);
  }
}

llvm::Expected<OwningOpRef<ModuleOp>>
lqc::importSafetensors(MLIRContext *context, StringRef directory,
                       const ImportOptions &options) {
  context->loadDialect<LQCDialect, func::FuncDialect, arith::ArithDialect>();
  SmallString<128> configPath(directory);
  llvm::sys::path::append(configPath, "config.json");
  llvm::Expected<ModelConfig> config = readModelConfig(configPath);
  if (!config)
    return config.takeError();
  llvm::Expected<int64_t> contextLength =
      chooseContextLength(config->maxPositions, configPath, options.context);
  if (!contextLength)
    return contextLength.takeError();
  llvm::Expected<Checkpoint> checkpoint = Checkpoint::open(directory);
  if (!checkpoint)
    return checkpoint.takeError();

  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(context));
  if (llvm::Error error = addGeneration(*module, directory, *config))
    return error;
  (*module)->setAttr(kModelAttrName, modelAttribute(context, *config,
                                                    *contextLength, directory));
  OpBuilder weights = OpBuilder::atBlockEnd(module->getBody());
  std::vector<TensorRule> rules = tensorRules(*config);
  for (const TensorRule &rule : rules)
    if (llvm::Error error = addWeight(weights, *checkpoint, rule))
      return error;
  addFrequencies(weights, *config);
  ModelBuilder functions(*module, *config, *contextLength);
  buildFunctions(functions);
  if (failed(verify(*module)))
    return makeError("{0}: the imported module must be valid", directory);
  reportUnused(*module, *checkpoint, *config, rules);
  return module;
}
