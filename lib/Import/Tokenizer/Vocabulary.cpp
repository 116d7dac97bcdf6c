//===- Vocabulary.cpp - collects tokens and merges ------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/Vocabulary.h"

#include "lqc/Support/Error.h"
#include "llvm/ADT/StringExtras.h"

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

VocabularyBuilder::VocabularyBuilder(const JsonFields &fields,
                                     int64_t vocabularySize,
                                     TokenizerDescription &result)
    : fields(&fields), vocabularySize(vocabularySize), result(result) {
  result.byteIds.fill(-1);
}

//===----------------------------------------------------------------------===//
// Ids
//===----------------------------------------------------------------------===//

Error VocabularyBuilder::checkId(int64_t number, const Twine &field) const {
  Value value(number);
  if (number < 0)
    return fields->failGot(field, "must be a token id", &value);
  if (number >= vocabularySize)
    return fields->failGot(
        field,
        "token id must be below the model's vocabulary size " +
            Twine(vocabularySize),
        &value);
  if (number >= kMaxTokens)
    return fields->failGot(field, "token id must be below " + Twine(kMaxTokens),
                           &value);
  return Error::success();
}

Error VocabularyBuilder::readId(const Value *value, const Twine &field,
                                int32_t &id) const {
  std::optional<int64_t> number = value ? value->getAsInteger() : std::nullopt;
  if (!number)
    return fields->failGot(field, "must be a token id", value);
  if (Error error = checkId(*number, field))
    return error;
  id = int32_t(*number);
  return Error::success();
}

/// Makes room for a token; false if there is one of this id.
bool VocabularyBuilder::claimId(int32_t id) {
  if (size_t(id) >= taken.size()) {
    taken.resize(size_t(id) + 1);
    result.pieces.resize(size_t(id) + 1);
  }
  if (taken[id])
    return false;
  return taken[id] = true;
}

int32_t VocabularyBuilder::find(StringRef name) const {
  auto found = ids.find(name);
  return found == ids.end() ? -1 : found->second;
}

int32_t VocabularyBuilder::idOf(StringRef content) const {
  for (const TokenizerDescription::AddedToken &token : result.added)
    if (token.content == content)
      return token.id;
  return find(content);
}

//===----------------------------------------------------------------------===//
// The model's own tokens
//===----------------------------------------------------------------------===//

Error VocabularyBuilder::addName(StringRef name, int32_t id,
                                 const Twine &field) {
  if (!claimId(id))
    return fields->fail(field, "two tokens have the id " + Twine(id));
  ids[name] = id;
  result.pieces[id].name = name.str();
  return Error::success();
}

Error VocabularyBuilder::addWord(StringRef name, int32_t id,
                                 const Twine &field) {
  if (Error error = addName(name, id, field))
    return error;
  TokenizerDescription::Piece &piece = result.pieces[id];
  if (result.model == runtime::TokenizerModel::WordPiece &&
      name.size() > runtime::kMaxWordPieceBytes)
    return fields->fail(field, "a token must be at most " +
                                   Twine(runtime::kMaxWordPieceBytes) +
                                   " bytes, got: " + Twine(name.size()));
  if (result.model != runtime::TokenizerModel::ByteLevelBpe) {
    piece.word = piece.name;
    piece.isWord = !name.empty();
    return Error::success();
  }
  std::optional<std::string> bytes = decodeByteLevel(name);
  piece.isWord = bytes && !bytes->empty();
  piece.word = bytes.value_or(piece.name);
  return Error::success();
}

Error VocabularyBuilder::readWords(const Object &vocabulary,
                                   const Twine &fieldName) {
  std::string field = fieldName.str();
  for (const auto &[key, value] : vocabulary) {
    int32_t id = 0;
    if (Error error = readId(&value, field + "[" + quote(key) + "]", id))
      return error;
    if (Error error = addWord(key, id, field))
      return error;
  }
  return Error::success();
}

Error VocabularyBuilder::findByteLevelIds(bool needsAll, const Twine &field) {
  for (size_t id = 0; id < result.pieces.size(); ++id) {
    const TokenizerDescription::Piece &piece = result.pieces[id];
    if (piece.isWord && piece.word.size() == 1)
      result.byteIds[static_cast<unsigned char>(piece.word[0])] = int32_t(id);
  }
  if (needsAll && llvm::is_contained(result.byteIds, -1))
    return fields->fail(field, "every byte must have a token when unk_token or "
                               "byte_fallback is set");
  return Error::success();
}

std::optional<unsigned char> lqc::byteOfName(StringRef name) {
  unsigned byte = 0;
  if (name.size() != 6 || !name.consume_front("<0x") ||
      !name.consume_back(">") || name.getAsInteger(16, byte))
    return std::nullopt;
  return static_cast<unsigned char>(byte);
}

void VocabularyBuilder::findByteFallbackIds() {
  for (int byte = 0; byte < 256; ++byte)
    result.byteIds[byte] =
        find("<0x" + llvm::utohexstr(byte, /*LowerCase=*/false, 2) + ">");
}

Error VocabularyBuilder::addMerge(StringRef left, StringRef right, int32_t rank,
                                  const Twine &field) {
  if (left.empty() || right.empty())
    return fields->fail(field, "must be two tokens that are not empty");
  int32_t parts[3];
  std::string merged = (left + right).str();
  StringRef names[3] = {left, right, merged};
  for (int i = 0; i < 3; ++i) {
    parts[i] = find(names[i]);
    if (parts[i] < 0)
      return fields->fail(field,
                          "must be made of tokens of model.vocab, got: " +
                              quote(names[i]));
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

//===----------------------------------------------------------------------===//
// Added tokens
//===----------------------------------------------------------------------===//

Error VocabularyBuilder::addToken(TokenizerDescription::AddedToken token,
                                  bool special, const Twine &fieldName) {
  std::string field = fieldName.str();
  Value content(token.content), id(token.id);
  if (result.added.size() == kMaxAddedTokens)
    return fields->fail(field, "must be at most " + Twine(kMaxAddedTokens) +
                                   " tokens");
  if (!addedContents.try_emplace(token.content, true).second)
    return fields->failGot(field + ".content", "must be there once", &content);
  int32_t known = find(token.content);
  if (known >= 0 && known != token.id)
    return fields->failGot(field + ".id",
                           "must be as in model.vocab, " + Twine(known), &id);
  if (known < 0) {
    if (!claimId(token.id))
      return fields->failGot(field + ".id", "must not be another token's", &id);
    result.pieces[token.id].name = token.content;
  }
  result.pieces[token.id].special = special;
  result.added.push_back(std::move(token));
  return Error::success();
}

Error VocabularyBuilder::readAddedToken(const Object &object, const Value *id,
                                        const Twine &fieldName) {
  std::string field = fieldName.str();
  if (Error error =
          fields->checkKeys(object, field,
                            {"id", "content", "single_word", "lstrip", "rstrip",
                             "normalized", "special", "__type"}))
    return error;
  std::optional<StringRef> content = object.getString("content");
  if (!content || content->empty())
    return fields->failGot(field + ".content",
                           "must be a string that is not empty",
                           object.get("content"));
  TokenizerDescription::AddedToken added = {content->str(), 0, false, 0};
  if (Error error = readId(id ? id : object.get("id"), field + ".id", added.id))
    return error;
  bool singleWord = false, left = false, right = false, special = false;
  const std::pair<StringRef, bool *> flags[] = {
      {"single_word", &singleWord},
      {"lstrip", &left},
      {"rstrip", &right},
      {"special", &special},
      {"normalized", &added.normalized}};
  for (auto [key, flag] : flags)
    if (Error error = fields->readFlag(object, key, field, *flag))
      return error;
  if (singleWord)
    return fields->fail(field + ".single_word", "must be false, got: true");
  added.flags = (left ? runtime::kAddedStripLeft : 0) |
                (right ? runtime::kAddedStripRight : 0);
  return addToken(std::move(added), special, field);
}

Error VocabularyBuilder::readAddedTokens(const Value *list,
                                         const Twine &fieldName) {
  if (isNull(list))
    return Error::success();
  std::string name = fieldName.str();
  const Array *tokens;
  if (Error error = fields->asArray(list, name, tokens))
    return error;
  for (size_t i = 0; i < tokens->size(); ++i) {
    std::string field = name + "[" + std::to_string(i) + "]";
    const Object *token;
    if (Error error = fields->asObject(&(*tokens)[i], field, token))
      return error;
    if (Error error = readAddedToken(*token, nullptr, field))
      return error;
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// The end
//===----------------------------------------------------------------------===//

/// As the WordPiece decoder of `tokenizers` has it (decoders/wordpiece.rs),
/// each token for itself. There a token that continues a word keeps its prefix
/// where a text begins; no encoded text begins so.
static std::string wordPieceText(StringRef name,
                                 const TokenDecoding &decoding) {
  static constexpr std::pair<StringRef, StringRef> kCleanUp[] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  std::string text = name.consume_front(*decoding.continuation)
                         ? name.str()
                         : " " + name.str();
  if (decoding.cleansUp)
    for (auto [from, to] : kCleanUp)
      text = llvm::join(llvm::split(text, from), to);
  return text;
}

static std::string textOf(StringRef name, const TokenDecoding &decoding) {
  if (decoding.byteLevel)
    return decodeByteLevel(name).value_or(name.str());
  if (std::optional<unsigned char> byte = byteOfName(name))
    if (decoding.byteFallback)
      return std::string(1, char(*byte));
  if (decoding.continuation)
    return wordPieceText(name, decoding);
  std::string text = name.str();
  for (const auto &[from, to] : decoding.replacements)
    text = llvm::join(llvm::split(text, from), to);
  return text;
}

void VocabularyBuilder::finish(const TokenDecoding &decoding) {
  for (TokenizerDescription::Piece &piece : result.pieces)
    if (!piece.name.empty()) // there is such a token
      piece.text = textOf(piece.name, decoding);
  std::vector<runtime::TextStep> steps;
  for (const TokenizerDescription::Step &step : result.normalizer)
    steps.push_back({step.kind, step.flags, step.pattern, step.content});
  for (TokenizerDescription::AddedToken &token : result.added) {
    if (!token.normalized)
      continue;
    // It stands for what it is found as: with U+2581 before it, say.
    token.content = runtime::applySteps(steps, token.content);
    result.pieces[token.id].text = textOf(token.content, decoding);
  }
  llvm::erase_if(result.added,
                 [](const auto &token) { return token.content.empty(); });
}
