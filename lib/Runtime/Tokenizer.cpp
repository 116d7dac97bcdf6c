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

#include "lib/Runtime/PreTokenizer.h"
#include "lib/Runtime/TokenizerBpe.h"
#include "lib/Runtime/TokenizerUtf8.h"

#include <algorithm>
#include <bit>

namespace lqc::runtime {

static_assert(std::endian::native == std::endian::little,
              "the tables are used in place");

/// Limits on what is walked through when a blob is opened.
static constexpr size_t kMaxPatterns = 16;
static constexpr size_t kMaxAddedTokens = 1 << 16;
static constexpr size_t kMaxSpecialTokens = 256;

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

std::string Tokenizer::bind(const void *tables, size_t size) {
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
  if (TokenizerModel(header->model) != TokenizerModel::ByteLevelBpe)
    return "unknown model " + std::to_string(header->model);
  if (header->totalBytes != size)
    return "they should be " + std::to_string(header->totalBytes) +
           " bytes, got: " + std::to_string(size);
  if (header->tokenCount > uint32_t(INT32_MAX))
    return "too many tokens";

  bool fit = bindTable(TokenizerTable::Bytes, bytes) &&
             bindTable(TokenizerTable::Pieces, pieces) &&
             bindTable(TokenizerTable::TokenFlags, tokenFlags) &&
             bindTable(TokenizerTable::ByteIds, byteIds) &&
             bindTable(TokenizerTable::Merges, merges) &&
             bindTable(TokenizerTable::Words, words) &&
             bindTable(TokenizerTable::Added, added) &&
             bindTable(TokenizerTable::Patterns, patterns) &&
             bindTable(TokenizerTable::Eos, eos) &&
             bindTable(TokenizerTable::Prefix, prefix) &&
             bindTable(TokenizerTable::Suffix, suffix);
  if (!fit)
    return "a table reaches beyond their end";
  if (pieces.size() != size_t(header->tokenCount) + 1 ||
      tokenFlags.size() != header->tokenCount || byteIds.size() != 256)
    return "a table has the wrong length";
  if (!isHashTable(merges.size(), header->mergeProbes) ||
      !isHashTable(words.size(), header->wordProbes))
    return "a hash table has the wrong length";
  if (eos.size() > kMaxSpecialTokens || prefix.size() > kMaxSpecialTokens ||
      suffix.size() > kMaxSpecialTokens)
    return "too many special tokens";
  std::string error = bindPatterns();
  return error.empty() ? bindAddedTokens() : error;
}

std::optional<std::string_view> Tokenizer::text(TextEntry entry) const {
  if (entry.offset > bytes.size() || entry.size > bytes.size() - entry.offset)
    return std::nullopt;
  return std::string_view(bytes.data() + entry.offset, entry.size);
}

std::string Tokenizer::bindPatterns() {
  if (patterns.size() > kMaxPatterns)
    return "too many patterns";
  preTokenizer = std::make_unique<PreTokenizer>();
  for (TextEntry entry : patterns) {
    std::optional<std::string_view> pattern = text(entry);
    if (!pattern)
      return "a pattern reaches beyond their end";
    std::string error = preTokenizer->add(*pattern);
    if (!error.empty())
      return "pattern: " + error;
  }
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
  Encoder(const Tokenizer &tokenizer, std::vector<int32_t> &output)
      : tokenizer(tokenizer), output(output), scratch(*tokenizer.preTokenizer),
        merger(tokenizer.byteIds, tokenizer.merges,
               tokenizer.header->mergeProbes),
        onWord([this](std::string_view word) { encodeWord(word); }) {}

  void encodeText(std::string_view text) {
    cutAtAdded(*tokenizer.rawAdded, text, [&](std::string_view rest) {
      cutAtAdded(*tokenizer.normalizedAdded, rest,
                 [&](std::string_view plain) { encodePlain(plain); });
    });
  }

  /// Token ids are indices for the model: none leaves here that cannot be one.
  void emit(int32_t id) {
    if (id >= 0 && id < tokenizer.tokenCount())
      output.push_back(id);
  }

private:
  /// Emits the added tokens of `text` and gives what stands between them to
  /// `next`.
  void cutAtAdded(const AddedTokenMatcher &matcher, std::string_view text,
                  const PieceSink &next) {
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
        next(text.substr(done, match.begin - done));
      emit(match.token->id);
      done = std::max(done, match.end);
    }
    if (done < text.size())
      next(text.substr(done));
  }

  void encodePlain(std::string_view text) {
    bool addSpace = tokenizer.header->flags & kTokenizerAddPrefixSpace;
    if (!addSpace || text.starts_with(' '))
      return tokenizer.preTokenizer->split(text, scratch, onWord);
    std::string spaced(" ");
    spaced += text;
    tokenizer.preTokenizer->split(spaced, scratch, onWord);
  }

  void encodeWord(std::string_view word) {
    size_t begin = output.size();
    if (cache.lookUp(word, output))
      return;
    int32_t whole = tokenizer.findWord(word);
    if (whole >= 0)
      emit(whole);
    else
      merger.merge(word, [this](int32_t id) { emit(id); });
    cache.store(word, std::span(output).subspan(begin));
  }

  const Tokenizer &tokenizer;
  std::vector<int32_t> &output;
  PreTokenizer::Scratch scratch;
  BytePairMerger merger;
  WordCache cache;
  PieceSink onWord;
};

/// The token that is `word` as a whole, or -1. The table is there only for
/// tokenizers that look whole words up before they merge.
int32_t Tokenizer::findWord(std::string_view word) const {
  if (words.empty())
    return -1;
  uint64_t place = wordHash(word);
  for (uint32_t probe = 0; probe < header->wordProbes; ++probe) {
    int32_t id = words[(place + probe) & (words.size() - 1)];
    if (id < 0)
      return -1;
    if (piece(id) == word)
      return id;
  }
  return -1;
}

std::vector<int32_t> Tokenizer::encode(std::string_view text,
                                       bool addSpecial) const {
  std::string repaired;
  if (wellFormedPrefix(text) != text.size()) {
    repaired = replaceMalformed(text);
    text = repaired;
  }
  std::vector<int32_t> output;
  output.reserve(text.size() / 3 + prefix.size() + suffix.size());
  Encoder encoder(*this, output);
  if (addSpecial)
    for (int32_t id : prefix)
      encoder.emit(id);
  encoder.encodeText(text);
  if (addSpecial)
    for (int32_t id : suffix)
      encoder.emit(id);
  return output;
}

} // namespace lqc::runtime
