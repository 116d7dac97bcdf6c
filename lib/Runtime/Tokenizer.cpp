//===- Tokenizer.cpp - text to tokens and back, from tables ---------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes and offsets of the tables are checked once, in bind(). What a table
// holds (offsets of pieces, token ids) is checked where it is used, so that
// opening does not read the vocabulary.
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Tokenizer.h"

#include "lib/Runtime/AddedTokens.h"
#include "lib/Runtime/TextSteps.h"
#include "lib/Runtime/TokenizerBpe.h"
#include "lib/Runtime/TokenizerUtf8.h"
#include "lib/Runtime/TokenizerWords.h"

#include <algorithm>
#include <bit>

namespace lqc::runtime {

static_assert(std::endian::native == std::endian::little,
              "the tables are used in place");

/// Limits on what is walked through when a blob is opened.
static constexpr size_t kMaxAddedTokens = 1 << 16;
static constexpr size_t kMaxSpecialTokens = 256;
/// Of a text by its steps. No real tokenizer comes near: NFKC makes at most 18
/// characters of one.
static constexpr size_t kMaxGrowth = 64;

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

Tokenizer::~Tokenizer() = default;

std::unique_ptr<Tokenizer> Tokenizer::open(const void *tables, size_t bytes,
                                           std::string &error) {
  std::unique_ptr<Tokenizer> result(new Tokenizer());
  error = result->bind(tables, bytes);
  if (!error.empty()) {
    error = "tokenizer tables: " + error;
    return nullptr;
  }
  return result;
}

template <typename T>
bool Tokenizer::bindTable(TokenizerTable which,
                          std::span<const T> &table) const {
  TableRange range = header->tables[uint32_t(which)];
  uint64_t total = header->totalBytes;
  if (range.offset % 8 != 0 || range.offset > total ||
      range.count > (total - range.offset) / sizeof(T))
    return false;
  const char *begin = reinterpret_cast<const char *>(header) + range.offset;
  table = {reinterpret_cast<const T *>(begin), size_t(range.count)};
  return true;
}

static bool isHashTable(size_t places, uint32_t probes) {
  return places == 0 || (std::has_single_bit(places) && probes <= places);
}

std::string Tokenizer::checkHeader(const void *tables, size_t size) {
  if (size < sizeof(TokenizerHeader))
    return "shorter than their header";
  if (reinterpret_cast<uintptr_t>(tables) % 8 != 0)
    return "not at a multiple of 8 bytes";
  header = static_cast<const TokenizerHeader *>(tables);
  if (header->magic != kTokenizerMagic)
    return "wrong magic number";
  if (header->version != kTokenizerVersion)
    return "version " + std::to_string(header->version) + ", expected " +
           std::to_string(kTokenizerVersion);
  if (header->model < uint32_t(TokenizerModel::ByteLevelBpe) ||
      header->model > uint32_t(TokenizerModel::WordPiece))
    return "unknown model " + std::to_string(header->model);
  if (header->totalBytes != size)
    return "they should be " + std::to_string(header->totalBytes) +
           " bytes, got: " + std::to_string(size);
  if (header->tokenCount > uint32_t(INT32_MAX))
    return "too many tokens";
  return "";
}

std::string Tokenizer::checkLengths() const {
  if (pieces.size() != size_t(header->tokenCount) + 1 ||
      tokenFlags.size() != header->tokenCount || byteIds.size() != 256 ||
      (!joins.empty() && joins.size() != kJoinWords))
    return "a table has the wrong length";
  if (!isHashTable(merges.size(), header->mergeProbes) ||
      !isHashTable(words.size(), header->wordProbes) ||
      !isHashTable(characters.size(), header->characterProbes))
    return "a hash table has the wrong length";
  if (header->longestWord > kMaxWordPieceBytes)
    return "a word is too long";
  if (!text(header->continuation))
    return "the continuing prefix reaches beyond their end";
  if (eos.size() > kMaxSpecialTokens || prefix.size() > kMaxSpecialTokens ||
      suffix.size() > kMaxSpecialTokens)
    return "too many special tokens";
  return "";
}

std::string Tokenizer::bind(const void *tables, size_t size) {
  std::string error = checkHeader(tables, size);
  if (!error.empty())
    return error;
  bool fit = bindTable(TokenizerTable::Bytes, bytes) &&
             bindTable(TokenizerTable::Pieces, pieces) &&
             bindTable(TokenizerTable::TokenFlags, tokenFlags) &&
             bindTable(TokenizerTable::ByteIds, byteIds) &&
             bindTable(TokenizerTable::Characters, characters) &&
             bindTable(TokenizerTable::Merges, merges) &&
             bindTable(TokenizerTable::Joins, joins) &&
             bindTable(TokenizerTable::Words, words) &&
             bindTable(TokenizerTable::Added, added) &&
             bindTable(TokenizerTable::Steps, stepEntries) &&
             bindTable(TokenizerTable::Charsmap, charsmap) &&
             bindTable(TokenizerTable::Eos, eos) &&
             bindTable(TokenizerTable::Prefix, prefix) &&
             bindTable(TokenizerTable::Suffix, suffix);
  if (!fit)
    return "a table reaches beyond their end";
  error = checkLengths();
  if (error.empty())
    error = bindAddedTokens();
  return error.empty() ? bindSteps() : error;
}

std::optional<std::string_view> Tokenizer::text(TextEntry entry) const {
  return textAt(bytes, entry);
}

std::string Tokenizer::bindSteps() {
  if (stepEntries.size() > kMaxSteps)
    return "too many steps";
  if (header->normalizerSteps > stepEntries.size())
    return "too many normalizers";
  steps = std::make_unique<TextSteps>();
  for (const TextStepEntry &entry : stepEntries) {
    std::optional<std::string_view> pattern = text(entry.pattern),
                                    content = text(entry.content);
    if (!pattern || !content)
      return "a step reaches beyond their end";
    std::string error =
        steps->add({TextStepKind(entry.kind), entry.flags, *pattern, *content});
    if (!error.empty())
      return "step: " + error;
  }
  steps->setCharsmap(charsmap, normalizedAdded.get());
  return "";
}

std::string Tokenizer::bindAddedTokens() {
  if (added.size() > kMaxAddedTokens || header->rawAddedCount > added.size())
    return "too many added tokens";
  std::vector<std::string_view> texts;
  for (const AddedTokenEntry &token : added) {
    std::optional<std::string_view> string = text(token.text);
    if (!string)
      return "an added token reaches beyond their end";
    texts.push_back(*string);
  }
  auto middle = texts.begin() + header->rawAddedCount;
  rawAdded = std::make_unique<AddedTokenMatcher>(
      added.first(header->rawAddedCount),
      std::vector<std::string_view>(texts.begin(), middle));
  normalizedAdded = std::make_unique<AddedTokenMatcher>(
      added.subspan(header->rawAddedCount),
      std::vector<std::string_view>(middle, texts.end()));
  return "";
}

//===----------------------------------------------------------------------===//
// Questions about tokens
//===----------------------------------------------------------------------===//

std::string_view Tokenizer::piece(int32_t id) const {
  if (id < 0 || id >= tokenCount())
    return {};
  uint32_t begin = pieces[id], end = pieces[id + 1];
  if (begin > end)
    return {};
  return text({begin, end - begin}).value_or(std::string_view());
}

bool Tokenizer::isSpecial(int32_t id) const {
  return id >= 0 && id < tokenCount() && (tokenFlags[id] & kTokenSpecial);
}

bool Tokenizer::ownsSpaces(int32_t id) const {
  return id >= 0 && id < tokenCount() && (tokenFlags[id] & kTokenOwnsSpaces);
}

bool Tokenizer::isEos(int32_t id) const {
  for (int32_t token : eos)
    if (token == id)
      return true;
  return false;
}

std::optional<int32_t> Tokenizer::bos() const {
  if (header->bos < 0)
    return std::nullopt;
  return header->bos;
}

bool Tokenizer::addsBos() const {
  return !prefix.empty() && bos() == prefix[0];
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

/// One call of encode(): the text goes from stage to stage, the tokens arrive
/// in `output`.
class Tokenizer::Encoder {
public:
  Encoder(const Tokenizer &tokenizer, size_t textBytes,
          std::vector<int32_t> &output)
      : tokenizer(tokenizer), output(output), scratch(*tokenizer.steps),
        words(tokenizer.wordTable()), merger(tokenizer.bytePairTables()),
        splitter(tokenizer.wordPieceTables()), cache(textBytes),
        onWord([this](std::string_view word) { encodeWord(word); }),
        onToken([this](int32_t id) { emit(id); }) {}

  void encodeText(std::string_view text) {
    const uint32_t normalizers = tokenizer.header->normalizerSteps;
    scratch.limit = kMaxGrowth * text.size() + 4096;
    cutAtAdded(*tokenizer.rawAdded, text, true, [&](auto part, bool isFirst) {
      auto next = [&](std::string_view normal) {
        cutAtAdded(*tokenizer.normalizedAdded, normal, isFirst,
                   [&](std::string_view plain, bool first) {
                     tokenizer.steps->run(normalizers, tokenizer.steps->size(),
                                          plain, first, scratch, onWord);
                   });
      };
      tokenizer.steps->run(0, normalizers, part, isFirst, scratch, next);
    });
  }

  /// Token ids are indices for the model: none leaves here that cannot be one.
  void emit(int32_t id) {
    if (id >= 0 && id < tokenizer.tokenCount())
      output.push_back(id);
  }

private:
  /// Emits the added tokens of `text` and gives what stands between them to
  /// `next`, with whether it stands at the beginning of the whole text.
  template <typename Next>
  void cutAtAdded(const AddedTokenMatcher &matcher, std::string_view text,
                  bool isFirst, const Next &next) {
    size_t done = 0, from = 0;
    while (true) {
      AddedTokenMatcher::Match match = matcher.find(text, from);
      if (!match.token)
        break;
      from = match.end;
      if (match.token->flags & kAddedStripLeft)
        match.begin -= trailingWhiteSpace(text.substr(0, match.begin));
      if (match.token->flags & kAddedStripRight)
        match.end += leadingWhiteSpace(text.substr(match.end));
      if (done < match.begin)
        next(text.substr(done, match.begin - done), isFirst && done == 0);
      emit(match.token->id);
      done = std::max(done, match.end);
    }
    if (done < text.size())
      next(text.substr(done), isFirst && done == 0);
  }

  void encodeWord(std::string_view word) {
    if (tokenizer.joins.empty())
      return encodePart(word);
    // Cut where no merge reaches across.
    size_t begin = 0;
    uint32_t left = 0;
    for (size_t at = 0; at < word.size();) {
      size_t bytes = characterBytes(word.substr(at));
      uint32_t right = decodeUtf8(word.substr(at, bytes));
      uint32_t bit = joinBit(left, right);
      if (at && !(tokenizer.joins[bit / 64] >> bit % 64 & 1)) {
        encodePart(word.substr(begin, at - begin));
        begin = at;
      }
      left = right;
      at += bytes;
    }
    encodePart(word.substr(begin));
  }

  void encodePart(std::string_view word) {
    size_t begin = output.size();
    if (cache.lookUp(word, output))
      return;
    if (TokenizerModel(tokenizer.header->model) == TokenizerModel::WordPiece)
      splitter.split(word, onToken);
    else if (int32_t whole = words.find(word); whole >= 0)
      emit(whole);
    else
      merger.merge(word, onToken);
    cache.store(word, std::span(output).subspan(begin));
  }

  const Tokenizer &tokenizer;
  std::vector<int32_t> &output;
  TextSteps::Scratch scratch;
  const WordTable words;
  BytePairMerger merger;
  WordPieceSplitter splitter;
  WordCache cache;
  PieceSink onWord;
  BytePairMerger::Sink onToken;
};

BytePairTables Tokenizer::bytePairTables() const {
  return {TokenizerModel(header->model),
          byteIds,
          characters,
          header->characterProbes,
          merges,
          header->mergeProbes,
          header->unknown,
          bool(header->flags & kTokenizerFuseUnknown)};
}

WordTable Tokenizer::wordTable() const {
  return {words, header->wordProbes, bytes};
}

WordPieceTables Tokenizer::wordPieceTables() const {
  return {wordTable(), text(header->continuation).value_or(std::string_view()),
          header->longestWord, header->maxWordCharacters, header->unknown};
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool addSpecial,
                                       size_t limit) const {
  std::string repaired;
  if (wellFormedPrefix(text) != text.size()) {
    repaired = replaceMalformed(text);
    text = repaired;
  }
  std::vector<int32_t> output;
  output.reserve(text.size() / 3 + prefix.size() + suffix.size());
  Encoder encoder(*this, text.size(), output);
  if (addSpecial)
    for (int32_t id : prefix)
      encoder.emit(id);
  const size_t begin = output.size();
  encoder.encodeText(text);
  const size_t behind = addSpecial ? suffix.size() : 0;
  if (output.size() + behind > limit)
    output.resize(std::max(begin, limit - std::min(limit, behind)));
  if (addSpecial)
    for (int32_t id : suffix)
      encoder.emit(id);
  return output;
}

} // namespace lqc::runtime
