//===- TextStages.cpp - normalizers and pre-tokenizers --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/TextStages.h"

#include "lib/Import/Tokenizer/BertStages.h"
#include "lqc/Support/Error.h"
#include "llvm/ADT/StringExtras.h"

using namespace lqc;
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;
using llvm::json::Array;
using llvm::json::Object;
using llvm::json::Value;
using runtime::TextStepKind;

/// All normalizers and pre-tokenizers together, as the runtime has it.
static constexpr size_t kMaxSteps = 32;
/// Bytes of a text that a step puts in.
static constexpr size_t kMaxContent = 64;

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

Error TextStageReader::addStep(std::vector<Step> &steps, Step step,
                               const Twine &field) {
  if (result.normalizer.size() + result.preTokenizer.size() == kMaxSteps)
    return fields.fail(field, "more than " + Twine(kMaxSteps) +
                                  " steps are not supported");
  if (step.content.size() > kMaxContent)
    return fields.fail(field, "must put in at most " + Twine(kMaxContent) +
                                  " bytes, got: " + Twine(step.content.size()));
  steps.push_back(std::move(step));
  return Error::success();
}

Error TextStageReader::addSteps(std::vector<Step> &steps,
                                std::vector<Step> more,
                                const Twine &fieldName) {
  std::string field = fieldName.str();
  for (Step &step : more)
    if (Error error = addStep(steps, std::move(step), field))
      return error;
  return Error::success();
}

llvm::Expected<TokenizerDescription::Step> lqc::makeSplit(StringRef regex) {
  llvm::Expected<std::string> translated = translatePattern(regex);
  if (!translated)
    return translated.takeError();
  return TokenizerDescription::Step{TextStepKind::SplitIsolated, 0,
                                    *translated};
}

Error TextStageReader::addSplit(TextStepKind kind, StringRef regex, bool invert,
                                const Twine &field) {
  llvm::Expected<Step> step = makeSplit(regex);
  if (!step)
    return fields.fail(field, llvm::toString(step.takeError()));
  step->kind = kind;
  step->flags = invert ? runtime::kStepInvert : 0;
  return addStep(result.preTokenizer, std::move(*step), field);
}

std::string lqc::literalPattern(StringRef text) {
  std::string pattern;
  for (char c : text) {
    if (llvm::isASCII(c) && !llvm::isAlnum(c) && llvm::isPrint(c))
      pattern += '\\';
    pattern += c;
  }
  return pattern;
}

/// {"Regex": …} or {"String": …}.
Error TextStageReader::readPattern(const Value *value, const std::string &field,
                                   std::string &pattern, bool &isText) {
  const Object *object;
  if (Error error = fields.asObject(value, field, object))
    return error;
  std::optional<StringRef> regex = object->getString("Regex"),
                           text = object->getString("String");
  if (regex.has_value() == text.has_value())
    return fields.fail(field, "must hold a Regex or a String");
  isText = text.has_value();
  pattern = isText ? text->str() : regex->str();
  return Error::success();
}

Error TextStageReader::readSequence(
    const Object &step, StringRef key, const std::string &field,
    Error (TextStageReader::*read)(const Value *, const std::string &)) {
  const Array *steps;
  std::string list = field + "." + key.str();
  if (Error error = fields.checkKeys(step, field, {"type", key}))
    return error;
  if (Error error = fields.asArray(step.get(key), list, steps))
    return error;
  for (size_t i = 0; i < steps->size(); ++i)
    if (Error error =
            (this->*read)(&(*steps)[i], list + "[" + std::to_string(i) + "]"))
      return error;
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Normalizers
//===----------------------------------------------------------------------===//

Error TextStageReader::readReplace(const Object &step,
                                   const std::string &field) {
  if (Error error =
          fields.checkKeys(step, field, {"type", "pattern", "content"}))
    return error;
  std::string pattern;
  bool isText = false;
  StringRef content;
  if (Error error =
          readPattern(step.get("pattern"), field + ".pattern", pattern, isText))
    return error;
  if (Error error =
          fields.asString(step.get("content"), field + ".content", content))
    return error;
  if (isText && pattern.empty())
    return fields.fail(field + ".pattern.String", "must not be empty");
  Step change = {TextStepKind::ReplaceText, 0, pattern, content.str()};
  if (!isText) {
    llvm::Expected<std::string> translated = translatePattern(pattern);
    if (!translated)
      return fields.fail(field + ".pattern.Regex",
                         llvm::toString(translated.takeError()));
    change = {TextStepKind::ReplacePattern, 0, *translated, content.str()};
  }
  return addStep(result.normalizer, std::move(change), field);
}

/// Normalizers with at most a flag or a text.
Error TextStageReader::readChange(StringRef type, const Object &step,
                                  const std::string &field) {
  static constexpr std::pair<StringRef, TextStepKind> kKinds[] = {
      {"NFC", TextStepKind::Nfc},
      {"NFD", TextStepKind::Nfd},
      {"NFKC", TextStepKind::Nfkc},
      {"NFKD", TextStepKind::Nfkd},
      {"Lowercase", TextStepKind::Lowercase},
      {"StripAccents", TextStepKind::StripAccents},
      {"Strip", TextStepKind::Strip},
      {"Prepend", TextStepKind::Prepend}};
  const auto *found = llvm::find_if(
      kKinds, [&](const auto &kind) { return kind.first == type; });
  if (found == std::end(kKinds))
    return fields.failGot(field + ".type",
                          "must be NFC, NFD, NFKC, NFKD, Lowercase, "
                          "StripAccents, Strip, Prepend, Replace, "
                          "BertNormalizer or Sequence",
                          step.get("type"));
  Step change = {found->second};
  llvm::SmallVector<StringRef> keys = {"type"};
  if (change.kind == TextStepKind::Prepend)
    keys.push_back("prepend");
  if (change.kind == TextStepKind::Strip)
    keys.append({"strip_left", "strip_right"});
  if (Error error = fields.checkKeys(step, field, keys))
    return error;
  bool left = true, right = true;
  for (auto [key, flag] :
       {std::pair("strip_left", &left), std::pair("strip_right", &right)})
    if (Error error = fields.readFlag(step, key, field, *flag))
      return error;
  StringRef content;
  if (change.kind == TextStepKind::Prepend)
    if (Error error =
            fields.asString(step.get("prepend"), field + ".prepend", content))
      return error;
  change.content = content.str();
  if (change.kind == TextStepKind::Strip)
    change.flags =
        (left ? runtime::kStepLeft : 0) | (right ? runtime::kStepRight : 0);
  return addStep(result.normalizer, std::move(change), field);
}

Error TextStageReader::readBertNormalizer(const Object &step,
                                          const std::string &field) {
  if (Error error =
          fields.checkKeys(step, field,
                           {"type", "clean_text", "handle_chinese_chars",
                            "strip_accents", "lowercase"}))
    return error;
  BertNormalizer options;
  for (auto [key, flag] :
       {std::pair("clean_text", &options.cleanText),
        std::pair("handle_chinese_chars", &options.spaceIdeographs),
        std::pair("lowercase", &options.lowercase)})
    if (Error error = fields.readFlag(step, key, field, *flag))
      return error;
  options.stripAccents = options.lowercase;
  if (Error error =
          fields.readFlag(step, "strip_accents", field, options.stripAccents))
    return error;
  return addSteps(result.normalizer, bertNormalizerSteps(options), field);
}

Error TextStageReader::readNormalizer(const Value *value,
                                      const std::string &field) {
  if (isNull(value))
    return Error::success();
  const Object *step;
  if (Error error = fields.asObject(value, field, step))
    return error;
  StringRef type = step->getString("type").value_or("");
  if (type == "Replace")
    return readReplace(*step, field);
  if (type == "BertNormalizer")
    return readBertNormalizer(*step, field);
  if (type == "Sequence")
    return readSequence(*step, "normalizers", field,
                        &TextStageReader::readNormalizer);
  return readChange(type, *step, field);
}

//===----------------------------------------------------------------------===//
// Pre-tokenizers
//===----------------------------------------------------------------------===//

Error TextStageReader::readByteLevel(const Object &step,
                                     const std::string &field) {
  if (Error error = fields.checkKeys(
          step, field,
          {"type", "add_prefix_space", "trim_offsets", "use_regex"}))
    return error;
  bool useRegex = true; // older files do not have it
  bool addSpace = false;
  if (Error error = fields.readFlag(step, "use_regex", field, useRegex))
    return error;
  if (Error error = fields.readFlag(step, "add_prefix_space", field, addSpace))
    return error;
  if (addSpace)
    if (Error error = addStep(result.preTokenizer,
                              {TextStepKind::Prefix, 0, "", " "}, field))
      return error;
  sawByteLevel = true;
  return useRegex ? addSplit(TextStepKind::SplitIsolated, kGpt2Pattern,
                             /*invert=*/false, field)
                  : Error::success();
}

/// prepend_scheme, or add_prefix_space in older files.
Error TextStageReader::readScheme(const Object &step, const std::string &field,
                                  StringRef &scheme) {
  bool addSpace = true;
  if (Error error = fields.readFlag(step, "add_prefix_space", field, addSpace))
    return error;
  const Value *value = step.get("prepend_scheme");
  scheme = addSpace ? "always" : "never";
  if (isNull(value))
    return Error::success();
  scheme = value->getAsString().value_or("");
  if (scheme != "always" && scheme != "first" && scheme != "never")
    return fields.failGot(field + ".prepend_scheme",
                          "must be 'always', 'first' or 'never'", value);
  if (!addSpace && scheme != "never")
    return fields.failGot(field + ".prepend_scheme",
                          "must be 'never' when add_prefix_space is false",
                          value);
  return Error::success();
}

Error TextStageReader::readMetaspace(const Object &step,
                                     const std::string &field) {
  if (Error error =
          fields.checkKeys(step, field,
                           {"type", "replacement", "str_rep",
                            "add_prefix_space", "prepend_scheme", "split"}))
    return error;
  StringRef replacement, scheme;
  bool split = true;
  if (Error error = fields.asString(step.get("replacement"),
                                    field + ".replacement", replacement))
    return error;
  if (replacement.empty())
    return fields.fail(field + ".replacement", "must not be empty");
  if (Error error = readScheme(step, field, scheme))
    return error;
  if (Error error = fields.readFlag(step, "split", field, split))
    return error;
  if (Error error = addStep(
          result.preTokenizer,
          {TextStepKind::ReplaceText, 0, " ", replacement.str()}, field))
    return error;
  uint32_t first = scheme == "first" ? runtime::kStepFirst : 0;
  if (scheme != "never")
    if (Error error = addStep(
            result.preTokenizer,
            {TextStepKind::Prefix, first, "", replacement.str()}, field))
      return error;
  return split ? addSplit(TextStepKind::SplitMergedWithNext,
                          literalPattern(replacement), /*invert=*/false, field)
               : Error::success();
}

Error TextStageReader::readBehavior(const Value *value,
                                    const std::string &field,
                                    TextStepKind &kind) {
  static constexpr std::pair<StringRef, TextStepKind> kBehaviors[] = {
      {"Isolated", TextStepKind::SplitIsolated},
      {"Removed", TextStepKind::SplitRemoved},
      {"Contiguous", TextStepKind::SplitContiguous},
      {"MergedWithPrevious", TextStepKind::SplitMergedWithPrevious},
      {"MergedWithNext", TextStepKind::SplitMergedWithNext}};
  std::optional<StringRef> name = value ? value->getAsString() : std::nullopt;
  for (auto [behavior, step] : kBehaviors)
    if (name == behavior) {
      kind = step;
      return Error::success();
    }
  return fields.failGot(field + ".behavior",
                        "must be Isolated, Removed, Contiguous, "
                        "MergedWithPrevious or MergedWithNext",
                        value);
}

Error TextStageReader::readSplit(const Object &step, const std::string &field) {
  if (Error error = fields.checkKeys(step, field,
                                     {"type", "pattern", "behavior", "invert"}))
    return error;
  TextStepKind kind;
  if (Error error = readBehavior(step.get("behavior"), field, kind))
    return error;
  bool invert = false, isText = false;
  if (Error error = fields.readFlag(step, "invert", field, invert))
    return error;
  std::string pattern;
  if (Error error =
          readPattern(step.get("pattern"), field + ".pattern", pattern, isText))
    return error;
  if (isText)
    return addSplit(kind, literalPattern(pattern), invert,
                    field + ".pattern.String");
  return addSplit(kind, pattern, invert, field + ".pattern.Regex");
}

/// Pre-tokenizers that are a split by a fixed class of characters.
Error TextStageReader::readSimpleSplit(StringRef type, const Object &step,
                                       const std::string &field) {
  if (type == "WhitespaceSplit") {
    if (Error error = fields.checkKeys(step, field, {"type"}))
      return error;
    return addSplit(TextStepKind::SplitRemoved, "\\s", false, field);
  }
  if (type == "Digits") {
    bool individual = false;
    if (Error error =
            fields.checkKeys(step, field, {"type", "individual_digits"}))
      return error;
    if (Error error =
            fields.readFlag(step, "individual_digits", field, individual))
      return error;
    return addSplit(TextStepKind::SplitIsolated,
                    individual ? "\\p{N}" : "\\p{N}+", false, field);
  }
  if (type == "CharDelimiterSplit") {
    StringRef delimiter;
    if (Error error = fields.checkKeys(step, field, {"type", "delimiter"}))
      return error;
    if (Error error = fields.asString(step.get("delimiter"),
                                      field + ".delimiter", delimiter))
      return error;
    return addSplit(TextStepKind::SplitRemoved, literalPattern(delimiter),
                    false, field);
  }
  TextStepKind kind = TextStepKind::SplitIsolated;
  if (Error error = fields.checkKeys(step, field, {"type", "behavior"}))
    return error;
  if (step.get("behavior"))
    if (Error error = readBehavior(step.get("behavior"), field, kind))
      return error;
  return addSplit(kind, kPunctuation, false, field);
}

Error TextStageReader::readPreTokenizer(const Value *value,
                                        const std::string &field) {
  if (isNull(value))
    return Error::success();
  const Object *step;
  if (Error error = fields.asObject(value, field, step))
    return error;
  StringRef type = step->getString("type").value_or("");
  if (sawByteLevel)
    return fields.fail(field, "nothing may come behind ByteLevel, got: " +
                                  quote(type));
  if (type == "ByteLevel")
    return readByteLevel(*step, field);
  if (type == "Metaspace")
    return readMetaspace(*step, field);
  if (type == "Split")
    return readSplit(*step, field);
  if (type == "Digits" || type == "Punctuation" || type == "WhitespaceSplit" ||
      type == "CharDelimiterSplit")
    return readSimpleSplit(type, *step, field);
  if (type == "BertPreTokenizer") {
    if (Error error = fields.checkKeys(*step, field, {"type"}))
      return error;
    return addSteps(result.preTokenizer, bertPreTokenizerSteps(), field);
  }
  if (type == "Sequence")
    return readSequence(*step, "pretokenizers", field,
                        &TextStageReader::readPreTokenizer);
  return fields.failGot(field + ".type",
                        "must be ByteLevel, Metaspace, Split, Digits, "
                        "Punctuation, WhitespaceSplit, CharDelimiterSplit, "
                        "BertPreTokenizer or Sequence",
                        step->get("type"));
}
