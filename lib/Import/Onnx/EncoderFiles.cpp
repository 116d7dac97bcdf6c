//===- EncoderFiles.cpp - what makes embeddings of an encoder -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/EncoderFiles.h"

#include "dialects/LQC/LQC.h"
#include "lib/Import/Safetensors/FieldReader.h"
#include "lib/Import/Tokenizer/TokenizerConfig.h"
#include "lqc/Support/MappedFile.h"

#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace lqc;

/// modules.json is a list.
static llvm::Expected<llvm::json::Value> readJsonFile(StringRef file) {
  llvm::Expected<MappedFile> contents = MappedFile::open(file);
  if (!contents)
    return contents.takeError();
  return parseJson(contents->text(), file);
}

//===----------------------------------------------------------------------===//
// The graph
//===----------------------------------------------------------------------===//

namespace {
/// Inputs and outputs by number; -1: there is none.
struct EncoderGraph {
  int64_t ids = -1, mask = -1, positions = -1;
  int64_t tokens = -1, text = -1;
  /// `text` is all that sentence-transformers makes, and not a layer of BERT's.
  bool textIsSentence = false;
};
} // namespace

bool lqc::isTokens(Type type) {
  RankedTensorType tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 2 &&
         (tensor.getElementType().isInteger(64) ||
          tensor.getElementType().isInteger(32));
}

static bool findInputs(func::FuncOp main, EncoderGraph &graph) {
  for (BlockArgument argument : main.getArguments()) {
    const int64_t number = argument.getArgNumber();
    StringAttr name = main.getArgAttrOfType<StringAttr>(number, kNameAttrName);
    if (!name || !isTokens(argument.getType()))
      return false;
    if (name == "input_ids")
      graph.ids = number;
    else if (name == "attention_mask")
      graph.mask = number;
    else if (name == "position_ids")
      graph.positions = number;
    else if (name != "token_type_ids")
      return false;
  }
  if (graph.ids < 0)
    return false;
  // Shorter texts than a fixed size can only be told by the mask.
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(main.getArgumentTypes()[graph.ids]).getShape();
  const bool isFixed = !ShapedType::isDynamic(shape[1]) ||
                       (!ShapedType::isDynamic(shape[0]) && shape[0] != 1);
  return (graph.mask >= 0 || !isFixed) && shape[0] && shape[1];
}

static bool findOutputs(func::FuncOp main, EncoderGraph &graph) {
  for (auto [i, type] : llvm::enumerate(main.getResultTypes())) {
    StringAttr name = main.getResultAttrOfType<StringAttr>(i, kNameAttrName);
    RankedTensorType tensor = dyn_cast<RankedTensorType>(type);
    if (!name || !tensor || !isa<FloatType>(tensor.getElementType()))
      continue;
    const bool isSentence = name == "sentence_embedding";
    if (tensor.getRank() == 3 &&
        (name == "last_hidden_state" || name == "token_embeddings"))
      graph.tokens = i;
    if (tensor.getRank() == 2 &&
        (isSentence || (name == "pooler_output" && !graph.textIsSentence))) {
      graph.text = i;
      graph.textIsSentence = isSentence;
    }
  }
  return graph.tokens >= 0 || graph.text >= 0;
}

//===----------------------------------------------------------------------===//
// sentence-transformers
//===----------------------------------------------------------------------===//

namespace {
/// How rows become an embedding.
struct Embedding {
  StringRef pooling = "mean";
  bool normalize = true;
  int64_t maxLength = 0;
  std::string problem; ///< what is asked for and not done, or ""
};
} // namespace

static const StringRef kLengthFiles[] = {
    "sentence_bert_config.json", "sentence_roberta_config.json",
    "sentence_distilbert_config.json", "sentence_xlm-roberta_config.json"};

/// The first that is there, or "".
static StringRef lengthFile(StringRef folder) {
  for (StringRef name : kLengthFiles)
    if (isThere(pathIn(folder, name)))
      return name;
  return "";
}

std::vector<std::string> lqc::encoderFiles(StringRef folder) {
  std::vector<std::string> names;
  for (StringRef name :
       {StringRef("modules.json"), StringRef("1_Pooling/config.json"),
        lengthFile(folder), StringRef("tokenizer_config.json")})
    if (!name.empty() && isThere(pathIn(folder, name)))
      names.push_back(name.str());
  return names;
}

/// Newer files name the mode, older ones have a switch for each.
static llvm::Error readPooling(StringRef file, Embedding &embedding) {
  llvm::Expected<llvm::json::Object> json = readJsonObject(file);
  if (!json)
    return json.takeError();
  FieldReader fields(*json, file);
  std::vector<std::string> modes;
  if (fields.get("pooling_mode"))
    modes.push_back(fields.string("pooling_mode", ""));
  else
    for (StringRef mode :
         {"cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens",
          "weightedmean_tokens", "lasttoken"})
      if (fields.boolean(("pooling_mode_" + mode).str(), false))
        modes.push_back(mode.str());
  if (llvm::Error error = fields.takeError())
    return error;
  const std::string mode = modes.size() == 1 ? modes.front() : "";
  if (mode == "mean" || mode == "mean_tokens")
    embedding.pooling = "mean";
  else if (mode == "cls" || mode == "cls_token")
    embedding.pooling = "cls";
  else
    embedding.problem = (file + ": pooling must be mean or cls, got: " +
                         (modes.empty() ? "none" : llvm::join(modes, ", ")))
                            .str();
  return llvm::Error::success();
}

/// Which modules there are, in order.
static llvm::Error readModules(StringRef folder, Embedding &embedding) {
  const std::string file = pathIn(folder, "modules.json");
  std::string poolingFile = pathIn(folder, "1_Pooling/config.json");
  if (isThere(file)) {
    llvm::Expected<llvm::json::Value> json = readJsonFile(file);
    if (!json)
      return json.takeError();
    const llvm::json::Array *modules = json->getAsArray();
    if (!modules)
      return makeError("{0}: modules must be a list, got: {1}", file,
                       describeJson(&*json));
    embedding.normalize = false;
    for (const llvm::json::Value &item : *modules) {
      const llvm::json::Object *module = item.getAsObject();
      std::optional<StringRef> type =
          module ? module->getString("type") : std::nullopt;
      if (!type)
        return makeError("{0}: a module must have a type, got: {1}", file,
                         describeJson(&item));
      StringRef name = type->substr(type->rfind('.') + 1);
      embedding.normalize |= name == "Normalize";
      if (name == "Pooling")
        poolingFile = pathIn(
            pathIn(folder, module->getString("path").value_or("1_Pooling")),
            "config.json");
      else if (name != "Transformer" && name != "Normalize")
        embedding.problem = file +
                            ": a module must be Transformer, Pooling or "
                            "Normalize, got: " +
                            quote(*type);
    }
  }
  return isThere(poolingFile) ? readPooling(poolingFile, embedding)
                              : llvm::Error::success();
}

/// The length of texts that the model was trained with.
static llvm::Error readLength(StringRef folder, Embedding &embedding) {
  StringRef name = lengthFile(folder);
  if (name.empty())
    return llvm::Error::success();
  const std::string file = pathIn(folder, name);
  llvm::Expected<llvm::json::Object> json = readJsonObject(file);
  if (!json)
    return json.takeError();
  FieldReader fields(*json, file);
  embedding.maxLength = fields.integer("max_seq_length", 0);
  if (fields.boolean("do_lower_case", false))
    embedding.problem = file + ": do_lower_case must be false: a tokenizer "
                               "says itself what it does with capitals";
  return fields.takeError();
}

/// model_max_length of the tokenizer, which may be a huge number for none.
static llvm::Expected<int64_t> readTokenizerLength(StringRef folder,
                                                   Embedding &embedding) {
  const std::string file = pathIn(folder, "tokenizer_config.json");
  llvm::Expected<llvm::json::Object> json = readJsonObject(file);
  if (!json)
    return json.takeError();
  if (json->getString("truncation_side") == StringRef("left"))
    embedding.problem = file + ": truncation_side must be right, for texts "
                               "that are too long lose their end, got: 'left'";
  std::optional<double> length = json->getNumber("model_max_length");
  return length && *length >= 1 && *length <= INT32_MAX ? int64_t(*length) : 0;
}

//===----------------------------------------------------------------------===//
// The attribute
//===----------------------------------------------------------------------===//

/// The lesser of two, where 0 is any number.
static int64_t lesser(int64_t a, int64_t b) {
  return a && b ? std::min(a, b) : std::max(a, b);
}

static DictionaryAttr describe(Builder b, const EncoderGraph &graph,
                               const Embedding &embedding, int64_t longest,
                               int64_t pad) {
  auto number = [&](StringRef name, int64_t value) {
    return b.getNamedAttr(name, b.getI64IntegerAttr(value));
  };
  return b.getDictionaryAttr(
      {number("ids", graph.ids), number("mask", graph.mask),
       number("positions", graph.positions), number("tokens", graph.tokens),
       number("text", graph.text),
       b.getNamedAttr("pooling", b.getStringAttr(embedding.pooling)),
       b.getNamedAttr("normalize", b.getBoolAttr(embedding.normalize)),
       number("max_length", lesser(embedding.maxLength, longest)),
       number("longest", longest), number("pad", pad)});
}

llvm::Error lqc::importEncoderFiles(func::FuncOp main, StringRef folder,
                                    const EncoderConfig &config) {
  EncoderGraph graph;
  if (!findInputs(main, graph) || !findOutputs(main, graph))
    return llvm::Error::success();
  Embedding embedding;
  if (llvm::Error error = readLength(folder, embedding))
    return error;
  // What gives a row for a text has done the rest of it.
  const bool isPooled = graph.textIsSentence || graph.tokens < 0;
  if (!isPooled)
    if (llvm::Error error = readModules(folder, embedding))
      return error;
  if (isPooled) {
    embedding.pooling = "none";
    embedding.normalize = false;
  }
  llvm::Expected<int64_t> tokenizerLength =
      readTokenizerLength(folder, embedding);
  if (!tokenizerLength)
    return tokenizerLength.takeError();
  if (!embedding.problem.empty()) {
    mlir::emitWarning(main.getLoc())
        << embedding.problem << "; the executable takes tensors and not text";
    return llvm::Error::success();
  }
  Operation *module = main->getParentOp();
  module->setAttr(kEncoderAttrName,
                  describe(Builder(main.getContext()), graph, embedding,
                           lesser(config.positions, *tokenizerLength),
                           config.pad));
  return llvm::Error::success();
}
