//===- OutputStages.cpp - post-processors and decoders --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/OutputStages.h"

#include "lqc/Support/Error.h"

using namespace lqc;
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;
using llvm::json::Array;
using llvm::json::Object;
using llvm::json::Value;

static constexpr size_t kMaxTemplateTokens = 256;

//===----------------------------------------------------------------------===//
// Post-processors
//===----------------------------------------------------------------------===//

/// Appends the ids of one {"SpecialToken": {"id": NAME}} of a template.
Error OutputStageReader::readTemplateToken(const Object &processor,
                                           const Value *item,
                                           const std::string &field,
                                           const VocabularyBuilder &vocabulary,
                                           std::vector<int32_t> &ids) {
  const Object *token;
  if (Error error = fields.asObject(item, field, token))
    return error;
  std::optional<StringRef> name = token->getString("id");
  const Object *tokens = processor.getObject("special_tokens");
  const Object *entry = tokens && name ? tokens->getObject(*name) : nullptr;
  const Array *list = entry ? entry->getArray("ids") : nullptr;
  if (!list)
    return fields.failGot(field, "must be one of special_tokens",
                          token->get("id"));
  for (const Value &value : *list) {
    int32_t id = 0;
    if (Error error = vocabulary.readId(&value, field + ".ids", id))
      return error;
    if (!vocabulary.hasToken(id))
      return fields.failGot(field + ".ids", "must be a token's id", &value);
    ids.push_back(id);
  }
  if (ids.size() > kMaxTemplateTokens)
    return fields.fail(field, "more than " + Twine(kMaxTemplateTokens) +
                                  " tokens are not supported");
  return Error::success();
}

Error OutputStageReader::readTemplate(const Object &processor,
                                      const std::string &field,
                                      const VocabularyBuilder &vocabulary) {
  if (Error error = fields.checkKeys(
          processor, field, {"type", "single", "pair", "special_tokens"}))
    return error;
  const Array *items;
  if (Error error =
          fields.asArray(processor.get("single"), field + ".single", items))
    return error;
  std::vector<int32_t> before, behind;
  int sequences = 0;
  for (size_t i = 0; i < items->size(); ++i) {
    std::string itemField = field + ".single[" + std::to_string(i) + "]";
    const Object *item;
    if (Error error = fields.asObject(&(*items)[i], itemField, item))
      return error;
    if (item->get("Sequence")) {
      ++sequences;
      continue;
    }
    if (Error error =
            readTemplateToken(processor, item->get("SpecialToken"), itemField,
                              vocabulary, sequences ? behind : before))
      return error;
  }
  if (sequences != 1)
    return fields.fail(field + ".single",
                       "must hold one Sequence, got: " + Twine(sequences));
  return addEnds(before, behind, field);
}

/// A later processor works on what an earlier one made.
Error OutputStageReader::addEnds(llvm::ArrayRef<int32_t> before,
                                 llvm::ArrayRef<int32_t> behind,
                                 const std::string &field) {
  result.prefix.insert(result.prefix.begin(), before.begin(), before.end());
  result.suffix.insert(result.suffix.end(), behind.begin(), behind.end());
  if (std::max(result.prefix.size(), result.suffix.size()) > kMaxTemplateTokens)
    return fields.fail(field, "more than " + Twine(kMaxTemplateTokens) +
                                  " tokens are not supported");
  return Error::success();
}

/// A token with its id: ["[CLS]", 101].
Error OutputStageReader::readEnd(const Value *value, const std::string &field,
                                 const VocabularyBuilder &vocabulary,
                                 std::vector<int32_t> &ids) {
  const Array *pair = value ? value->getAsArray() : nullptr;
  if (!pair || pair->size() != 2 || !(*pair)[0].getAsString())
    return fields.failGot(field, "must be a token and its id", value);
  int32_t id = 0;
  if (Error error = vocabulary.readId(&(*pair)[1], field + "[1]", id))
    return error;
  if (!vocabulary.hasToken(id))
    return fields.failGot(field + "[1]", "must be a token's id", &(*pair)[1]);
  ids.push_back(id);
  return Error::success();
}

/// BertProcessing, and RobertaProcessing, whose flags are about offsets.
Error OutputStageReader::readEnds(const Object &processor,
                                  const std::string &field,
                                  const VocabularyBuilder &vocabulary) {
  if (Error error = fields.checkKeys(
          processor, field,
          {"type", "sep", "cls", "trim_offsets", "add_prefix_space"}))
    return error;
  std::vector<int32_t> before, behind;
  if (Error error =
          readEnd(processor.get("cls"), field + ".cls", vocabulary, before))
    return error;
  if (Error error =
          readEnd(processor.get("sep"), field + ".sep", vocabulary, behind))
    return error;
  return addEnds(before, behind, field);
}

Error OutputStageReader::readPostProcessor(
    const Value *value, const std::string &field,
    const VocabularyBuilder &vocabulary) {
  if (isNull(value))
    return Error::success();
  const Object *processor;
  if (Error error = fields.asObject(value, field, processor))
    return error;
  StringRef type = processor->getString("type").value_or("");
  if (type == "ByteLevel") // moves offsets, which nobody asks for
    return Error::success();
  if (type == "TemplateProcessing")
    return readTemplate(*processor, field, vocabulary);
  if (type == "BertProcessing" || type == "RobertaProcessing")
    return readEnds(*processor, field, vocabulary);
  if (type != "Sequence")
    return fields.failGot(field + ".type",
                          "must be ByteLevel, TemplateProcessing, "
                          "BertProcessing, RobertaProcessing or Sequence",
                          processor->get("type"));
  const Array *list;
  if (Error error = fields.asArray(processor->get("processors"),
                                   field + ".processors", list))
    return error;
  for (size_t i = 0; i < list->size(); ++i)
    if (Error error = readPostProcessor(
            &(*list)[i], field + ".processors[" + std::to_string(i) + "]",
            vocabulary))
      return error;
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Decoders
//===----------------------------------------------------------------------===//

Error OutputStageReader::readDecoderReplace(const Object &decoder,
                                            const std::string &field,
                                            TokenDecoding &decoding) {
  if (Error error =
          fields.checkKeys(decoder, field, {"type", "pattern", "content"}))
    return error;
  const Object *pattern = decoder.getObject("pattern");
  std::optional<StringRef> from =
      pattern ? pattern->getString("String") : std::nullopt;
  StringRef to;
  if (!from || from->empty())
    return fields.fail(field + ".pattern",
                       "must hold a String that is not empty");
  if (Error error =
          fields.asString(decoder.get("content"), field + ".content", to))
    return error;
  if (isFused || decoding.byteFallback)
    return fields.fail(field, "Replace must come before ByteFallback and Fuse");
  decoding.replacements.emplace_back(from->str(), to.str());
  return Error::success();
}

Error OutputStageReader::readDecoderWordPiece(const Object &decoder,
                                              const std::string &field,
                                              TokenDecoding &decoding) {
  if (Error error =
          fields.checkKeys(decoder, field, {"type", "prefix", "cleanup"}))
    return error;
  StringRef prefix;
  if (Error error =
          fields.asString(decoder.get("prefix"), field + ".prefix", prefix))
    return error;
  if (isInSequence)
    return fields.fail(field, "WordPiece must be the only decoder");
  decoding.continuation = prefix.str();
  decoding.cleansUp = true;
  result.leadingSpaces = 1;
  return fields.readFlag(decoder, "cleanup", field, decoding.cleansUp);
}

/// Spaces at the beginning of the whole text: behind Fuse.
Error OutputStageReader::readDecoderStrip(const Object &decoder,
                                          const std::string &field) {
  if (Error error = fields.checkKeys(decoder, field,
                                     {"type", "content", "start", "stop"}))
    return error;
  if (decoder.getString("content") != StringRef(" "))
    return fields.failGot(field + ".content", "must be ' '",
                          decoder.get("content"));
  std::optional<int64_t> start = decoder.getInteger("start");
  if (!start || *start < 0 || *start > UINT32_MAX)
    return fields.failGot(field + ".start", "must be a number of spaces",
                          decoder.get("start"));
  if (decoder.getInteger("stop") != 0)
    return fields.failGot(field + ".stop", "must be 0", decoder.get("stop"));
  if (!isFused)
    return fields.fail(field, "Strip must come behind Fuse");
  result.leadingSpaces = uint32_t(*start);
  return Error::success();
}

Error OutputStageReader::readDecoder(const Value *value,
                                     const std::string &field,
                                     TokenDecoding &decoding) {
  const Object *decoder;
  if (Error error = fields.asObject(value, field, decoder))
    return error;
  StringRef type = decoder->getString("type").value_or("");
  if (type == "ByteLevel") {
    decoding.byteLevel = true;
    return Error::success();
  }
  if (type == "ByteFallback") {
    decoding.byteFallback = true;
    return Error::success();
  }
  if (type == "Fuse") {
    isFused = true;
    return Error::success();
  }
  if (type == "Replace")
    return readDecoderReplace(*decoder, field, decoding);
  if (type == "Strip")
    return readDecoderStrip(*decoder, field);
  if (type == "WordPiece")
    return readDecoderWordPiece(*decoder, field, decoding);
  if (type == "Metaspace") {
    StringRef replacement = decoder->getString("replacement").value_or("");
    if (replacement.empty())
      return fields.failGot(field + ".replacement",
                            "must be a string that is not empty",
                            decoder->get("replacement"));
    decoding.replacements.emplace_back(replacement.str(), " ");
    bool adds = decoder->getString("prepend_scheme") != StringRef("never") &&
                decoder->getBoolean("add_prefix_space").value_or(true);
    result.leadingSpaces = adds ? 1 : 0;
    return Error::success();
  }
  if (type != "Sequence")
    return fields.failGot(field + ".type",
                          "must be ByteLevel, Metaspace, Replace, "
                          "ByteFallback, Fuse, Strip, WordPiece or Sequence",
                          decoder->get("type"));
  const Array *list;
  if (Error error =
          fields.asArray(decoder->get("decoders"), field + ".decoders", list))
    return error;
  isInSequence = true;
  for (size_t i = 0; i < list->size(); ++i)
    if (Error error = readDecoder(
            &(*list)[i], field + ".decoders[" + std::to_string(i) + "]",
            decoding))
      return error;
  return Error::success();
}
