//===- TokenizerJson.cpp - reads tokenizer.json ---------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The format of Hugging Face's `tokenizers`: one object with a field for each
// stage of the tokenizer. A stage is an object with a `type`. Every key of
// every object is either used, known to mean nothing here, or an error: a
// tokenizer that is nearly right is worse than none.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/Description.h"

#include "lqc/Support/Error.h"
#include "lqc/Support/Json.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace lqc;
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;
using llvm::json::Array;
using llvm::json::Object;
using llvm::json::Value;

/// Far above every vocabulary in use; keeps a wild id from taking all memory.
static constexpr int64_t kMaxTokens = 1 << 22;
static constexpr size_t kMaxAddedTokens = 1 << 16;
static constexpr size_t kMaxPatterns = 16;
static constexpr size_t kMaxTemplateTokens = 256;

/// The words of GPT-2 (openai/gpt-2, src/encoder.py), as `tokenizers` has them:
/// what a ByteLevel pre-tokenizer with use_regex cuts by.
static constexpr StringRef kGpt2Pattern =
    R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// A value as messages show it.
static std::string shown(const Value *value) {
  if (!value)
    return "nothing";
  if (std::optional<StringRef> string = value->getAsString())
    return quote(*string);
  return value->kind() == Value::Object  ? "an object"
         : value->kind() == Value::Array ? "an array"
                                         : llvm::formatv("{0}", *value).str();
}

static bool isNull(const Value *value) {
  return !value || value->kind() == Value::Null;
}

namespace {
class TokenizerJsonReader {
public:
  TokenizerJsonReader(StringRef path, int64_t vocabularySize)
      : path(path), vocabularySize(vocabularySize) {}

  Error read(const Value &file);

  TokenizerDescription result;

private:
  Error fail(const Twine &field, const Twine &rule) const {
    return llvm::createStringError(Twine(path) + ": " + field + ": " + rule);
  }
  Error failGot(const Twine &field, const Twine &rule,
                const Value *value) const {
    return fail(field, rule + ", got: " + shown(value));
  }

  // Small pieces of JSON.
  Error asObject(const Value *value, const Twine &field,
                 const Object *&object) const;
  Error asArray(const Value *value, const Twine &field,
                const Array *&array) const;
  Error readFlag(const Object &object, StringRef key, const Twine &field,
                 bool &flag) const;
  Error checkKeys(const Object &object, const Twine &field,
                  llvm::ArrayRef<StringRef> keys) const;
  Error readId(const Value *value, const Twine &field, int32_t &id) const;
  bool claimId(int32_t id);

  // The model.
  Error readModel(const Object &model);
  Error readVocabulary(const Object &vocabulary);
  Error readByteIds(const Object &model);
  Error readMerge(const Value &merge, const Twine &field, int32_t rank);
  Error readMerges(const Array &merges);

  // The stages around it.
  Error readAddedTokens(const Value *value);
  Error readAddedToken(const Object &token, const Twine &field);
  Error readPreTokenizer(const Value *value, const std::string &field);
  Error readByteLevel(const Object &step, const std::string &field);
  Error readSplit(const Object &step, const std::string &field);
  Error addPattern(StringRef pattern, const Twine &field);
  Error readPostProcessor(const Value *value, const std::string &field);
  Error readTemplate(const Object &processor, const std::string &field);
  Error readTemplateToken(const Object &processor, const Value *item,
                          const std::string &field, std::vector<int32_t> &ids);
  Error readDecoder(const Value *value, const std::string &field);

  std::string path;
  int64_t vocabularySize;
  llvm::StringMap<int32_t> ids; // of the model's vocabulary, as written
  llvm::StringMap<bool> addedContents;
  std::vector<bool> taken; // (pieces) ids in use
  llvm::DenseMap<std::pair<int32_t, int32_t>, size_t> mergeIndex;
  bool sawByteLevel = false;
};
} // namespace

//===----------------------------------------------------------------------===//
// Small pieces of JSON
//===----------------------------------------------------------------------===//

Error TokenizerJsonReader::asObject(const Value *value, const Twine &field,
                                    const Object *&object) const {
  object = value ? value->getAsObject() : nullptr;
  return object ? Error::success() : failGot(field, "must be an object", value);
}

Error TokenizerJsonReader::asArray(const Value *value, const Twine &field,
                                   const Array *&array) const {
  array = value ? value->getAsArray() : nullptr;
  return array ? Error::success() : failGot(field, "must be an array", value);
}

/// Reads a boolean; `flag` keeps its value if there is none.
Error TokenizerJsonReader::readFlag(const Object &object, StringRef key,
                                    const Twine &field, bool &flag) const {
  const Value *value = object.get(key);
  if (isNull(value))
    return Error::success();
  std::optional<bool> boolean = value->getAsBoolean();
  if (!boolean)
    return failGot(field + "." + key, "must be true or false", value);
  flag = *boolean;
  return Error::success();
}

Error TokenizerJsonReader::checkKeys(const Object &object, const Twine &field,
                                     llvm::ArrayRef<StringRef> keys) const {
  for (const auto &entry : object)
    if (!llvm::is_contained(keys, StringRef(entry.first)))
      return fail(field, "key " + quote(entry.first) + " is not known");
  return Error::success();
}

/// Reads a token id that the model has a row for.
Error TokenizerJsonReader::readId(const Value *value, const Twine &field,
                                  int32_t &id) const {
  std::optional<int64_t> number = value ? value->getAsInteger() : std::nullopt;
  if (!number || *number < 0)
    return failGot(field, "must be a token id", value);
  if (*number >= vocabularySize)
    return failGot(field,
                   "token id must be below the model's vocabulary size " +
                       Twine(vocabularySize),
                   value);
  if (*number >= kMaxTokens)
    return failGot(field, "token id must be below " + Twine(kMaxTokens), value);
  id = int32_t(*number);
  return Error::success();
}

/// Makes room for a token; false if there is one of this id.
bool TokenizerJsonReader::claimId(int32_t id) {
  if (size_t(id) >= taken.size()) {
    taken.resize(size_t(id) + 1);
    result.pieces.resize(size_t(id) + 1);
  }
  if (taken[id])
    return false;
  return taken[id] = true;
}

//===----------------------------------------------------------------------===//
// The model
//===----------------------------------------------------------------------===//

Error TokenizerJsonReader::readVocabulary(const Object &vocabulary) {
  for (const auto &[key, value] : vocabulary) {
    StringRef text = key;
    int32_t id = 0;
    if (Error error = readId(&value, "model.vocab[" + quote(text) + "]", id))
      return error;
    if (!claimId(id))
      return fail("model.vocab", "two tokens have the id " + Twine(id));
    ids[text] = id;
    std::optional<std::string> bytes = decodeByteLevel(text);
    result.pieces[id].isWord = bytes && !bytes->empty();
    result.pieces[id].bytes = bytes ? *bytes : text.str();
  }
  return Error::success();
}

/// Finds the tokens of single bytes. Like `tokenizers`, drops a byte that has
/// none, but refuses to guess where a replacement is asked for.
Error TokenizerJsonReader::readByteIds(const Object &model) {
  result.byteIds.fill(-1);
  for (size_t id = 0; id < result.pieces.size(); ++id) {
    const TokenizerDescription::Piece &piece = result.pieces[id];
    if (piece.isWord && piece.bytes.size() == 1)
      result.byteIds[static_cast<unsigned char>(piece.bytes[0])] = int32_t(id);
  }
  bool fallback = false;
  if (Error error = readFlag(model, "byte_fallback", "model", fallback))
    return error;
  bool complete = !llvm::is_contained(result.byteIds, -1);
  if (!complete && (fallback || !isNull(model.get("unk_token"))))
    return fail("model.vocab", "every byte must have a token when unk_token "
                               "or byte_fallback is set");
  return Error::success();
}

Error TokenizerJsonReader::readMerge(const Value &merge, const Twine &field,
                                     int32_t rank) {
  StringRef left, right;
  if (std::optional<StringRef> text = merge.getAsString()) {
    std::tie(left, right) = text->split(' ');
    if (left.empty() || right.empty() || right.contains(' '))
      return failGot(field, "must be two tokens with a space between", &merge);
  } else {
    const Array *pair = merge.getAsArray();
    if (!pair || pair->size() != 2 || !(*pair)[0].getAsString() ||
        !(*pair)[1].getAsString())
      return failGot(field, "must be two tokens", &merge);
    left = *(*pair)[0].getAsString();
    right = *(*pair)[1].getAsString();
  }
  int32_t parts[3];
  std::string merged = (left + right).str();
  StringRef names[3] = {left, right, merged};
  for (int i = 0; i < 3; ++i) {
    auto found = ids.find(names[i]);
    if (found == ids.end())
      return fail(field, "must be made of tokens of model.vocab, got: " +
                             quote(names[i]));
    parts[i] = found->second;
  }
  auto [place, isNew] =
      mergeIndex.try_emplace({parts[0], parts[1]}, result.merges.size());
  TokenizerDescription::Merge entry = {parts[0], parts[1], rank, parts[2]};
  if (isNew)
    result.merges.push_back(entry);
  else // like `tokenizers`: the last one counts
    result.merges[place->second] = entry;
  return Error::success();
}

Error TokenizerJsonReader::readMerges(const Array &merges) {
  int32_t rank = 0;
  for (size_t i = 0; i < merges.size(); ++i) {
    std::optional<StringRef> text = merges[i].getAsString();
    if (text && text->starts_with("#version")) // the first line of merges.txt
      continue;
    if (Error error =
            readMerge(merges[i], "model.merges[" + Twine(i) + "]", rank++))
      return error;
  }
  return Error::success();
}

Error TokenizerJsonReader::readModel(const Object &model) {
  if (Error error = checkKeys(
          model, "model",
          {"type", "dropout", "unk_token", "continuing_subword_prefix",
           "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges",
           "vocab", "merges"}))
    return error;
  const Value *dropout = model.get("dropout");
  if (!isNull(dropout) && dropout->getAsNumber() != 0.0)
    return failGot("model.dropout", "must be null", dropout);
  for (StringRef key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const Value *value = model.get(key);
    if (!isNull(value) && value->getAsString() != StringRef(""))
      return failGot("model." + key, "must be null", value);
  }
  if (Error error =
          readFlag(model, "ignore_merges", "model", result.ignoreMerges))
    return error;
  const Object *vocabulary;
  if (Error error = asObject(model.get("vocab"), "model.vocab", vocabulary))
    return error;
  if (Error error = readVocabulary(*vocabulary))
    return error;
  if (Error error = readByteIds(model))
    return error;
  const Array *merges;
  if (Error error = asArray(model.get("merges"), "model.merges", merges))
    return error;
  return readMerges(*merges);
}

//===----------------------------------------------------------------------===//
// Added tokens
//===----------------------------------------------------------------------===//

Error TokenizerJsonReader::readAddedToken(const Object &token,
                                          const Twine &fieldName) {
  std::string field = fieldName.str();
  if (Error error = checkKeys(token, field,
                              {"id", "content", "single_word", "lstrip",
                               "rstrip", "normalized", "special"}))
    return error;
  std::optional<StringRef> content = token.getString("content");
  if (!content || content->empty())
    return failGot(field + ".content", "must be a string that is not empty",
                   token.get("content"));
  TokenizerDescription::AddedToken added = {content->str(), 0, false, 0};
  if (Error error = readId(token.get("id"), field + ".id", added.id))
    return error;
  bool singleWord = false, left = false, right = false, special = false;
  const std::pair<StringRef, bool *> flags[] = {
      {"single_word", &singleWord},
      {"lstrip", &left},
      {"rstrip", &right},
      {"special", &special},
      {"normalized", &added.normalized}};
  for (auto [key, flag] : flags)
    if (Error error = readFlag(token, key, field, *flag))
      return error;
  if (singleWord)
    return fail(field + ".single_word", "must be false, got: true");
  added.flags = (left ? runtime::kAddedStripLeft : 0) |
                (right ? runtime::kAddedStripRight : 0);

  if (!addedContents.try_emplace(*content, true).second)
    return failGot(field + ".content", "must be there once",
                   token.get("content"));
  auto known = ids.find(*content);
  if (known != ids.end() && known->second != added.id)
    return failGot(field + ".id",
                   "must be as in model.vocab, " + Twine(known->second),
                   token.get("id"));
  if (known == ids.end()) {
    if (!claimId(added.id))
      return failGot(field + ".id", "must not be another token's",
                     token.get("id"));
    std::optional<std::string> bytes = decodeByteLevel(*content);
    result.pieces[added.id].bytes = bytes ? *bytes : content->str();
  }
  result.pieces[added.id].special = special;
  result.added.push_back(std::move(added));
  return Error::success();
}

Error TokenizerJsonReader::readAddedTokens(const Value *value) {
  if (isNull(value))
    return Error::success();
  const Array *tokens;
  if (Error error = asArray(value, "added_tokens", tokens))
    return error;
  if (tokens->size() > kMaxAddedTokens)
    return fail("added_tokens", "must be at most " + Twine(kMaxAddedTokens) +
                                    ", got: " + Twine(tokens->size()));
  for (size_t i = 0; i < tokens->size(); ++i) {
    std::string field = "added_tokens[" + std::to_string(i) + "]";
    const Object *token;
    if (Error error = asObject(&(*tokens)[i], field, token))
      return error;
    if (Error error = readAddedToken(*token, field))
      return error;
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Pre-tokenizer
//===----------------------------------------------------------------------===//

Error TokenizerJsonReader::addPattern(StringRef pattern, const Twine &field) {
  if (result.patterns.size() == kMaxPatterns)
    return fail(field, "more than " + Twine(kMaxPatterns) +
                           " patterns are not supported");
  llvm::Expected<std::string> translated = translatePattern(pattern);
  if (!translated)
    return fail(field, llvm::toString(translated.takeError()));
  result.patterns.push_back(*translated);
  return Error::success();
}

Error TokenizerJsonReader::readByteLevel(const Object &step,
                                         const std::string &field) {
  if (Error error =
          checkKeys(step, field,
                    {"type", "add_prefix_space", "trim_offsets", "use_regex"}))
    return error;
  bool useRegex = true; // older files do not have it
  if (Error error = readFlag(step, "use_regex", field, useRegex))
    return error;
  if (Error error =
          readFlag(step, "add_prefix_space", field, result.addPrefixSpace))
    return error;
  // The space would go before every piece.
  if (result.addPrefixSpace && !result.patterns.empty())
    return fail(field + ".add_prefix_space",
                "must be false behind another pre-tokenizer, got: true");
  sawByteLevel = true;
  return useRegex ? addPattern(kGpt2Pattern, field) : Error::success();
}

/// A regular expression that matches `text` literally.
static std::string literalPattern(StringRef text) {
  std::string pattern;
  for (char c : text) {
    if (llvm::isASCII(c) && !llvm::isAlnum(c) && llvm::isPrint(c))
      pattern += '\\';
    pattern += c;
  }
  return pattern;
}

Error TokenizerJsonReader::readSplit(const Object &step,
                                     const std::string &field) {
  if (Error error =
          checkKeys(step, field, {"type", "pattern", "behavior", "invert"}))
    return error;
  if (step.getString("behavior") != StringRef("Isolated"))
    return failGot(field + ".behavior", "must be 'Isolated'",
                   step.get("behavior"));
  // Isolated pieces are the same either way round, so `invert` says nothing.
  const Object *pattern;
  if (Error error = asObject(step.get("pattern"), field + ".pattern", pattern))
    return error;
  if (std::optional<StringRef> regex = pattern->getString("Regex"))
    return addPattern(*regex, field + ".pattern.Regex");
  if (std::optional<StringRef> text = pattern->getString("String"))
    return addPattern(literalPattern(*text), field + ".pattern.String");
  return fail(field + ".pattern", "must hold a Regex or a String");
}

Error TokenizerJsonReader::readPreTokenizer(const Value *value,
                                            const std::string &field) {
  const Object *step;
  if (Error error = asObject(value, field, step))
    return error;
  StringRef type = step->getString("type").value_or("");
  if (sawByteLevel)
    return fail(field,
                "nothing may come behind ByteLevel, got: " + quote(type));
  if (type == "ByteLevel")
    return readByteLevel(*step, field);
  if (type == "Split")
    return readSplit(*step, field);
  if (type == "Digits") {
    bool individual = false;
    if (Error error = checkKeys(*step, field, {"type", "individual_digits"}))
      return error;
    if (Error error = readFlag(*step, "individual_digits", field, individual))
      return error;
    return addPattern(individual ? "\\p{N}" : "\\p{N}+", field);
  }
  if (type != "Sequence")
    return failGot(field + ".type",
                   "must be ByteLevel, Split, Digits or Sequence",
                   step->get("type"));
  const Array *steps;
  if (Error error = checkKeys(*step, field, {"type", "pretokenizers"}))
    return error;
  if (Error error =
          asArray(step->get("pretokenizers"), field + ".pretokenizers", steps))
    return error;
  for (size_t i = 0; i < steps->size(); ++i)
    if (Error error = readPreTokenizer(
            &(*steps)[i], field + ".pretokenizers[" + std::to_string(i) + "]"))
      return error;
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Post-processor and decoder
//===----------------------------------------------------------------------===//

/// Appends the ids of one {"SpecialToken": {"id": NAME}} of a template.
Error TokenizerJsonReader::readTemplateToken(const Object &processor,
                                             const Value *item,
                                             const std::string &field,
                                             std::vector<int32_t> &ids) {
  const Object *token;
  if (Error error = asObject(item, field, token))
    return error;
  std::optional<StringRef> name = token->getString("id");
  const Object *tokens = processor.getObject("special_tokens");
  const Object *entry = tokens && name ? tokens->getObject(*name) : nullptr;
  const Array *list = entry ? entry->getArray("ids") : nullptr;
  if (!list)
    return failGot(field, "must be one of special_tokens", token->get("id"));
  for (const Value &value : *list) {
    int32_t id = 0;
    if (Error error = readId(&value, field + ".ids", id))
      return error;
    if (size_t(id) >= taken.size() || !taken[id])
      return failGot(field + ".ids", "must be a token's id", &value);
    ids.push_back(id);
  }
  if (ids.size() > kMaxTemplateTokens)
    return fail(field, "more than " + Twine(kMaxTemplateTokens) +
                           " tokens are not supported");
  return Error::success();
}

Error TokenizerJsonReader::readTemplate(const Object &processor,
                                        const std::string &field) {
  if (Error error = checkKeys(processor, field,
                              {"type", "single", "pair", "special_tokens"}))
    return error;
  const Array *items;
  if (Error error = asArray(processor.get("single"), field + ".single", items))
    return error;
  std::vector<int32_t> before, behind;
  int sequences = 0;
  for (size_t i = 0; i < items->size(); ++i) {
    std::string itemField = field + ".single[" + std::to_string(i) + "]";
    const Object *item;
    if (Error error = asObject(&(*items)[i], itemField, item))
      return error;
    if (item->get("Sequence")) {
      ++sequences;
      continue;
    }
    if (Error error = readTemplateToken(processor, item->get("SpecialToken"),
                                        itemField, sequences ? behind : before))
      return error;
  }
  if (sequences != 1)
    return fail(field + ".single",
                "must hold one Sequence, got: " + Twine(sequences));
  // A later processor works on what an earlier one made.
  result.prefix.insert(result.prefix.begin(), before.begin(), before.end());
  result.suffix.insert(result.suffix.end(), behind.begin(), behind.end());
  if (std::max(result.prefix.size(), result.suffix.size()) > kMaxTemplateTokens)
    return fail(field, "more than " + Twine(kMaxTemplateTokens) +
                           " tokens are not supported");
  return Error::success();
}

Error TokenizerJsonReader::readPostProcessor(const Value *value,
                                             const std::string &field) {
  if (isNull(value))
    return Error::success();
  const Object *processor;
  if (Error error = asObject(value, field, processor))
    return error;
  StringRef type = processor->getString("type").value_or("");
  if (type == "ByteLevel") // moves offsets, which nobody asks for
    return Error::success();
  if (type == "TemplateProcessing")
    return readTemplate(*processor, field);
  if (type != "Sequence")
    return failGot(field + ".type",
                   "must be ByteLevel, TemplateProcessing or Sequence",
                   processor->get("type"));
  const Array *list;
  if (Error error =
          asArray(processor->get("processors"), field + ".processors", list))
    return error;
  for (size_t i = 0; i < list->size(); ++i)
    if (Error error = readPostProcessor(
            &(*list)[i], field + ".processors[" + std::to_string(i) + "]"))
      return error;
  return Error::success();
}

Error TokenizerJsonReader::readDecoder(const Value *value,
                                       const std::string &field) {
  const Object *decoder;
  if (Error error = asObject(value, field, decoder))
    return error;
  StringRef type = decoder->getString("type").value_or("");
  if (type == "ByteLevel")
    return Error::success();
  const Array *list = decoder->getArray("decoders");
  if (type == "Sequence" && list && list->size() == 1)
    return readDecoder(&list->front(), field + ".decoders[0]");
  return failGot(field + ".type", "must be ByteLevel", decoder->get("type"));
}

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

Error TokenizerJsonReader::read(const Value &file) {
  const Object *root;
  if (Error error = asObject(&file, "the file", root))
    return error;
  if (Error error = checkKeys(*root, "the file",
                              {"version", "truncation", "padding",
                               "added_tokens", "normalizer", "pre_tokenizer",
                               "post_processor", "decoder", "model"}))
    return error;
  const Value *version = root->get("version");
  if (version && version->getAsString() != StringRef("1.0"))
    return failGot("version", "must be '1.0'", version);
  const Object *model;
  if (Error error = asObject(root->get("model"), "model", model))
    return error;
  // First what says which kind of tokenizer this is. Files of 2019 and 2020
  // have no type; only BPE has merges.
  const Value *type = model->get("type");
  if (type && type->getAsString() != StringRef("BPE"))
    return failGot("model.type", "must be 'BPE'", type);
  const Value *normalizer = root->get("normalizer");
  if (!isNull(normalizer)) {
    const Object *object = normalizer->getAsObject();
    return failGot("normalizer", "must be null",
                   object && object->get("type") ? object->get("type")
                                                 : normalizer);
  }
  if (Error error =
          readPreTokenizer(root->get("pre_tokenizer"), "pre_tokenizer"))
    return error;
  if (!sawByteLevel)
    return fail("pre_tokenizer", "must end in ByteLevel");
  if (Error error = readDecoder(root->get("decoder"), "decoder"))
    return error;
  if (Error error = readModel(*model))
    return error;
  if (Error error = readAddedTokens(root->get("added_tokens")))
    return error;
  return readPostProcessor(root->get("post_processor"), "post_processor");
}

llvm::Expected<TokenizerDescription>
lqc::readTokenizerJson(StringRef text, StringRef path, int64_t vocabularySize) {
  llvm::Expected<Value> file = parseJson(text, path);
  if (!file)
    return file.takeError();
  TokenizerJsonReader reader(path, vocabularySize);
  if (Error error = reader.read(*file))
    return std::move(error);
  return std::move(reader.result);
}
