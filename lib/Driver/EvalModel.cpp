//===- EvalModel.cpp - a model that is to be measured ---------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/EvalModel.h"

#include "lib/Driver/Model.h"
#include "lqc/Interpreter/Interpreter.h"
#include "lqc/Runtime/PayloadFile.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Json.h"
#include "lqc/Support/TemporaryFile.h"
#include "lqc/Target/Link/PayloadWriter.h"

#include <cstring>
#include <numeric>

using namespace mlir;
using namespace lqc;

/// "message" with another hint if it is about a tokenizer: eval has no
/// --tokenizer.
static llvm::Error tokenizerError(llvm::Error error) {
  std::string message = llvm::toString(std::move(error));
  StringRef rest = message;
  if (!rest.consume_back(kNoTokenizerHint))
    return makeError("{0}", message);
  return makeError("{0}--text with token ids in a .u16 or .u32 file", rest);
}

static llvm::Expected<std::unique_ptr<runtime::Tokenizer>>
openTokenizer(StringRef name, const char *tables, size_t bytes) {
  std::string problem;
  auto tokenizer = runtime::Tokenizer::open(tables, bytes, problem);
  if (!tokenizer)
    return makeError("{0}: payload section tokenizer: {1}", name, problem);
  return std::move(tokenizer);
}

//===----------------------------------------------------------------------===//
// Executables
//===----------------------------------------------------------------------===//

namespace {
class ExecutableModel final : public EvalModel {
public:
  ExecutableModel(StringRef path, StringRef name) : path(path), name(name) {}

  llvm::Error open();
  /// Takes charge of the file at `path`.
  void own(TemporaryFile taken) { file = std::move(taken); }

  bool isProcess() const override { return true; }
  llvm::Expected<std::unique_ptr<LogitSource>>
  logits(const EvalText &text, unsigned threads) override {
    return ExecutableLogits::start(path, name, text.tokenFile, text.windows,
                                   threads);
  }

private:
  llvm::Error readInfo();

  std::string path, name;
  TemporaryFile file;
  runtime::PayloadFile payload; ///< holds the tables of the tokenizer
};
} // namespace

llvm::Error ExecutableModel::readInfo() {
  std::string_view text = payload.text(runtime::Info);
  llvm::Expected<llvm::json::Value> info =
      parseJson(StringRef(text.data(), text.size()), name);
  if (!info)
    return info.takeError();
  const llvm::json::Object *object = info->getAsObject();
  if (object && object->get("graph"))
    return makeError("{0}: must be a language model, and this is a graph "
                     "without past keys and values",
                     name);
  for (auto [key, value] : {std::pair("vocabulary", &vocabularySize),
                            std::pair("context", &contextLength)}) {
    std::optional<int64_t> found =
        object ? object->getInteger(key) : std::nullopt;
    if (!found || *found < 1)
      return makeError("{0}: payload section info: {1} must be a whole number "
                       "from 1",
                       name, key);
    *value = *found;
  }
  return llvm::Error::success();
}

llvm::Error ExecutableModel::open() {
  llvm::Expected<std::optional<PayloadContents>> contents =
      readPayloadFooter(path);
  if (!contents)
    return contents.takeError();
  if (!*contents)
    return makeError("{0}: a model must be a Hugging Face directory, a .mlir "
                     "file or an executable made by lqc",
                     name);
  std::string problem;
  if (!payload.open(path.c_str(), problem))
    return makeError("{0}: {1}", name, problem);
  if (llvm::Error error = readInfo())
    return error;
  if (!payload.bytes(runtime::TokenizerTables))
    return llvm::Error::success();
  auto tokenizer = openTokenizer(name, payload.data(runtime::TokenizerTables),
                                 payload.bytes(runtime::TokenizerTables));
  if (!tokenizer)
    return tokenizer.takeError();
  modelTokenizer = std::move(*tokenizer);
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<EvalModel>> lqc::openExecutable(StringRef path,
                                                               StringRef name) {
  auto model = std::make_unique<ExecutableModel>(path, name);
  if (llvm::Error error = model->open())
    return std::move(error);
  return std::move(model);
}

llvm::Expected<std::unique_ptr<EvalModel>>
lqc::compileForEval(CompileOptions options, bool wantsTokenizer) {
  llvm::Expected<TemporaryFile> file = TemporaryFile::create("lqc-eval");
  if (!file)
    return file.takeError();
  options.output = file->name();
  options.tokenizer = wantsTokenizer ? "" : "none";
  if (llvm::Error error = compile(options, llvm::nulls()))
    return tokenizerError(std::move(error));
  auto model = std::make_unique<ExecutableModel>(file->name(), options.model);
  model->own(std::move(*file));
  if (llvm::Error error = model->open())
    return std::move(error);
  return std::move(model);
}

//===----------------------------------------------------------------------===//
// The interpreter
//===----------------------------------------------------------------------===//

namespace {
/// Feeds the windows of a text to an interpreter, as many tokens at a time as
/// rows are asked for.
class InterpreterLogits final : public LogitSource {
public:
  InterpreterLogits(StringRef name, Interpreter &interpreter,
                    int64_t vocabulary, const EvalText &text)
      : modelName(name), interpreter(interpreter), vocabulary(vocabulary),
        text(text) {}

  StringRef name() const override { return modelName; }
  llvm::Error read(MutableArrayRef<float> rows) override;

private:
  /// Feeds `count` tokens; the logits of all.
  llvm::Expected<std::vector<float>> feed(int64_t count);

  std::string modelName;
  Interpreter &interpreter;
  const int64_t vocabulary;
  const EvalText &text;
  int64_t window = 0;
  int64_t fed = 0; ///< tokens of this window
};

class InterpretedModel final : public EvalModel {
public:
  InterpretedModel(const ModelOptions &options, unsigned threads)
      : options(options), session(threads, options.remarks) {}

  llvm::Error prepare(bool wantsTokenizer);
  bool isProcess() const override { return false; }
  llvm::Expected<std::unique_ptr<LogitSource>> logits(const EvalText &text,
                                                      unsigned) override {
    interpreter->reset();
    return std::make_unique<InterpreterLogits>(options.model, *interpreter,
                                               vocabularySize, text);
  }

private:
  llvm::Error prepareTokenizer();

  ModelOptions options;
  Session session;
  Model model;
  std::unique_ptr<WeightStore> weights;
  std::unique_ptr<Interpreter> interpreter;
  std::vector<char> tables; ///< of the tokenizer
};
} // namespace

llvm::Expected<std::vector<float>> InterpreterLogits::feed(int64_t count) {
  std::vector<int32_t> positions(count), slots(count, 0), outputs(count);
  std::iota(positions.begin(), positions.end(), int32_t(fed));
  std::iota(outputs.begin(), outputs.end(), 0);
  ArrayRef<int32_t> tokens =
      ArrayRef(text.tokens).slice(text.windows.begin(window) + fed, count);
  return interpreter.step(tokens, positions, slots, outputs);
}

llvm::Error InterpreterLogits::read(MutableArrayRef<float> rows) {
  const int64_t count = rows.size() / vocabulary;
  llvm::Expected<std::vector<float>> logits = feed(count);
  if (!logits)
    return prefixError(modelName, logits.takeError());
  if (logits->size() != rows.size())
    return makeError("{0}: a row must have {1} logits, the vocabulary of {2}, "
                     "got: {3}",
                     modelName, vocabulary, kModelAttrName,
                     logits->size() / count);
  std::memcpy(rows.data(), logits->data(), rows.size() * sizeof(float));
  fed += count;
  if (fed < text.windows.fed(window))
    return llvm::Error::success();
  interpreter.reset();
  fed = 0;
  ++window;
  return llvm::Error::success();
}

llvm::Error InterpretedModel::prepareTokenizer() {
  llvm::Expected<std::optional<std::vector<char>>> built =
      buildTokenizer(model, options.model);
  if (!built)
    return tokenizerError(
        errorWithHint(llvm::toString(built.takeError()), kNoTokenizerHint));
  if (!*built)
    return llvm::Error::success();
  tables = std::move(**built);
  auto tokenizer = openTokenizer(options.model, tables.data(), tables.size());
  if (!tokenizer)
    return tokenizer.takeError();
  modelTokenizer = std::move(*tokenizer);
  return llvm::Error::success();
}

llvm::Error InterpretedModel::prepare(bool wantsTokenizer) {
  llvm::Expected<Plan> plan = makeInterpretPlan(session, options);
  if (!plan)
    return plan.takeError();
  llvm::Expected<Model> loaded = loadModel(session, options, *plan);
  if (!loaded)
    return loaded.takeError();
  model = std::move(*loaded);
  for (const PhaseInfo &info : phases())
    if (info.isPresent && plan->runs(info.phase))
      if (llvm::Error error =
              runPhase(session, model, info.phase, *plan, options))
        return error;
  // Simplify finds out that a graph is a language model.
  llvm::Expected<ModelAttr> attribute = modelAttribute(model, options.model);
  if (!attribute)
    return attribute.takeError();
  vocabularySize = attribute->getVocabulary();
  contextLength = attribute->getContextLength();
  if (wantsTokenizer)
    if (llvm::Error error = prepareTokenizer())
      return error;
  weights = std::make_unique<WeightStore>(*model.module, model.root,
                                          session.threads());
  interpreter =
      std::make_unique<Interpreter>(*model.module, *weights, session.threads());
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<EvalModel>>
lqc::interpretForEval(const ModelOptions &options, bool wantsTokenizer) {
  llvm::Expected<unsigned> threads = parseThreads(options.threads);
  if (!threads)
    return threads.takeError();
  auto model = std::make_unique<InterpretedModel>(options, *threads);
  if (llvm::Error error = model->prepare(wantsTokenizer))
    return std::move(error);
  return std::move(model);
}
