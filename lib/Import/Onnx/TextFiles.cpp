//===- TextFiles.cpp - what lies beside an ONNX file ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Onnx/TextFiles.h"

#include "dialects/LQC/LQC.h"
#include "lib/Import/Onnx/EncoderFiles.h"
#include "lib/Import/Safetensors/FieldReader.h"
#include "lib/Import/Tokenizer/TokenizerConfig.h"
#include "lqc/Import/Safetensors/Importer.h"
#include "lqc/Import/Tokenizer/Tokenizer.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace lqc;
namespace path = llvm::sys::path;
namespace fs = llvm::sys::fs;

//===----------------------------------------------------------------------===//
// Where they are
//===----------------------------------------------------------------------===//

static bool hasSafetensors(StringRef directory) {
  std::error_code code;
  for (fs::directory_iterator entry(directory, code), end;
       !code && entry != end; entry.increment(code))
    if (path::extension(entry->path()) == ".safetensors")
      return true;
  return isThere(pathIn(directory, "model.safetensors.index.json"));
}

std::string lqc::onnxFileOf(StringRef directory) {
  if (hasSafetensors(directory))
    return "";
  for (StringRef name : {"model.onnx", "onnx/model.onnx"})
    if (fs::is_regular_file(pathIn(directory, name)))
      return pathIn(directory, name);
  return "";
}

std::vector<std::string> lqc::textFiles(StringRef folder) {
  std::vector<std::string> names;
  for (StringRef name : {"config.json", "generation_config.json"})
    if (isThere(pathIn(folder, name)))
      names.push_back(name.str());
  for (StringRef name : tokenizerFiles(folder))
    if (isThere(pathIn(folder, name)))
      names.push_back(name.str());
  return names;
}

std::vector<std::string> lqc::embeddingFiles(StringRef folder) {
  std::vector<std::string> names = textFiles(folder);
  for (std::string &name : encoderFiles(folder))
    if (!llvm::is_contained(names, name))
      names.push_back(std::move(name));
  return names;
}

std::string lqc::textFolder(StringRef file) {
  StringRef parent = path::parent_path(file);
  SmallString<256> folder(parent.empty() ? "." : parent);
  if (!textFiles(folder).empty())
    return ".";
  // "model.onnx" alone may stand in a folder of that name too.
  SmallString<256> absolute(folder);
  (void)fs::make_absolute(absolute);
  path::remove_dots(absolute, /*remove_dot_dot=*/true);
  if (path::filename(absolute) != "onnx")
    return "";
  return textFiles(pathIn(folder, "..")).empty() ? "" : "..";
}

//===----------------------------------------------------------------------===//
// What they say
//===----------------------------------------------------------------------===//

namespace {
/// What config.json says of any model that takes tokens. Whatever it leaves
/// open is 0 or nothing.
struct TextConfig {
  std::string family = "onnx";
  int64_t vocabulary = 0;
  int64_t positions = 0;
  std::optional<int64_t> bos;
  SmallVector<int64_t, 2> eos;
  int64_t pad = 0;
};
} // namespace

/// A number or a list of them.
static SmallVector<int64_t, 2> readTokens(FieldReader &fields, StringRef key,
                                          int64_t last) {
  SmallVector<int64_t, 2> tokens;
  const llvm::json::Value *value = fields.get(key);
  const llvm::json::Array *list = value ? value->getAsArray() : nullptr;
  if (value && !list)
    tokens.push_back(fields.integer(key, std::nullopt, 0, last));
  if (!list)
    return tokens;
  for (const llvm::json::Value &item : *list) {
    std::optional<int64_t> token = item.getAsInteger();
    if (!token || *token < 0 || *token > last) {
      fields.fail(key, "must hold integers from 0 to " + Twine(last), value);
      break;
    }
    tokens.push_back(*token);
  }
  return tokens;
}

static llvm::Expected<TextConfig> readConfig(StringRef file) {
  TextConfig config;
  llvm::Expected<llvm::json::Object> json = readJsonObject(file);
  if (!json)
    return json.takeError();
  FieldReader fields(*json, file);
  config.family = fields.string("model_type", config.family);
  config.vocabulary = fields.integer("vocab_size", 0);
  config.positions = fields.integer("max_position_embeddings",
                                    fields.integer("n_positions", 0));
  const int64_t last =
      config.vocabulary ? config.vocabulary - 1 : int64_t(INT32_MAX);
  if (fields.get("bos_token_id"))
    config.bos = fields.integer("bos_token_id", std::nullopt, 0, last);
  config.eos = readTokens(fields, "eos_token_id", last);
  config.pad = fields.integer("pad_token_id", 0, 0, last);
  if (llvm::Error error = fields.takeError())
    return std::move(error);
  return config;
}

/// The positions to be used; 0: nobody says.
static llvm::Expected<int64_t> chooseContext(const TextConfig &config,
                                             StringRef file,
                                             std::optional<int64_t> context) {
  if (!config.positions)
    return context.value_or(0);
  return chooseContextLength(config.positions, file, context);
}

/// Sets `lqc.model` and `lqc.generation`.
static llvm::Error addModel(ModuleOp module, StringRef relative,
                            StringRef folder, TextConfig &config,
                            std::optional<int64_t> context) {
  llvm::Expected<int64_t> positions =
      chooseContext(config, pathIn(folder, "config.json"), context);
  if (!positions)
    return positions.takeError();
  llvm::Expected<std::optional<GenerationConfig>> generation =
      importGenerationConfig(module, folder,
                             config.vocabulary ? config.vocabulary
                                               : int64_t(INT32_MAX) + 1);
  if (!generation)
    return generation.takeError();
  if (*generation && (*generation)->bosToken)
    config.bos = (*generation)->bosToken;
  if (*generation && (*generation)->eosTokens)
    config.eos = *(*generation)->eosTokens;
  MLIRContext *mlirContext = module.getContext();
  module->setAttr(
      kModelAttrName,
      ModelAttr::get(mlirContext, config.family, config.vocabulary, *positions,
                     config.bos.value_or(-1),
                     DenseI64ArrayAttr::get(mlirContext, config.eos),
                     tokenizerFiles(folder).empty() ? "" : relative));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

llvm::Error lqc::importTextFiles(ModuleOp module, StringRef file,
                                 std::optional<int64_t> context) {
  func::FuncOp main = module.lookupSymbol<func::FuncOp>(kMainName);
  if (!main || llvm::none_of(main.getArgumentTypes(), isTokens))
    return llvm::Error::success();
  const std::string relative = textFolder(file);
  if (relative.empty())
    return llvm::Error::success();
  StringRef parent = path::parent_path(file);
  SmallString<256> folder(parent.empty() ? "." : parent);
  if (relative != ".")
    path::append(folder, relative);
  llvm::Expected<TextConfig> config = readConfig(pathIn(folder, "config.json"));
  if (!config)
    return config.takeError();
  if (llvm::Error error = addModel(module, relative, folder, *config, context))
    return error;
  if (tokenizerFiles(folder).empty())
    return llvm::Error::success();
  return importEncoderFiles(main, folder, {config->positions, config->pad});
}
