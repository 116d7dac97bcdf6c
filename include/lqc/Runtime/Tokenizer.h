//===- Tokenizer.h - text to tokens and back, from tables -------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The compiler turns a tokenizer file into one flat blob of tables
// (lib/Import/Tokenizer), the runtime uses the blob in place: it starts in the
// same time whatever the size of the vocabulary.
//
// The blob is position independent and little-endian:
//
//   TokenizerHeader
//   tables, each at a multiple of 8 bytes, named by TokenizerTable
//
// Encoding goes through these stages, each of them optional:
//
//   text -> replace invalid UTF-8 by U+FFFD
//        -> cut at added tokens          (Added: raw ones, then normalized
//        ones)
//        -> cut by each pattern in turn  (Patterns: PCRE2, UTF and UCP)
//        -> merge bytes to tokens        (ByteIds, Merges; Words if
//        IgnoreMerges)
//        -> prefix and suffix            (Prefix, Suffix: the post-processor)
//
// Two tables are open-addressing hash tables with linear probing, as long as a
// power of two. An entry of hash h stands in the first free place from
// h mod length on, and is found within `mergeProbes` (`wordProbes`) places.
//
// Worked example: the merges "a b" -> ab and "ab c" -> abc of tokens a=0 b=1
// c=2 ab=3 abc=4 are the entries {0,1,rank 0,3} and {3,2,rank 1,4}; "abcab"
// becomes 0 1 2 0 1, then 3 2 3 (all pairs of lowest rank, left to right), then
// 4 3.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_TOKENIZER_H
#define LQC_RUNTIME_TOKENIZER_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lqc::runtime {

//===----------------------------------------------------------------------===//
// The blob
//===----------------------------------------------------------------------===//

inline constexpr uint64_t kTokenizerMagic =
    0x4e454b4f'5443514cULL; // "LQCTOKEN"
inline constexpr uint32_t kTokenizerVersion = 1;

/// How a word becomes tokens.
enum class TokenizerModel : uint32_t {
  ByteLevelBpe = 1, ///< bytes are the first symbols (GPT-2, Llama 3)
};

/// Bits of TokenizerHeader::flags.
inline constexpr uint32_t kTokenizerAddPrefixSpace = 1; ///< " " before a text
inline constexpr uint32_t kTokenizerIgnoreMerges = 2;   ///< Words come first

enum class TokenizerTable : uint32_t {
  Bytes,      ///< char: what Pieces, Added and Patterns point into
  Pieces,     ///< uint32_t[tokenCount + 1]: token i is Bytes[p[i], p[i + 1])
  TokenFlags, ///< uint8_t[tokenCount]: kTokenSpecial
  ByteIds,  ///< int32_t[256]: token of a single byte, -1: none (it is dropped)
  Merges,   ///< MergeEntry, hashed by mergeHash(left, right)
  Words,    ///< int32_t: token ids hashed by wordHash(piece), -1: free
  Added,    ///< AddedTokenEntry, sorted by bytes within each of two groups
  Patterns, ///< TextEntry: PCRE2 patterns, applied one after the other
  Eos,      ///< int32_t: tokens that end a text
  Prefix,   ///< int32_t: tokens put before a text
  Suffix,   ///< int32_t: tokens put behind a text
  Count
};

struct TableRange {
  uint64_t offset; ///< bytes from the start of the blob, a multiple of 8
  uint64_t count;  ///< elements
};
static_assert(sizeof(TableRange) == 16);

struct TokenizerHeader {
  uint64_t magic;         ///< kTokenizerMagic
  uint32_t version;       ///< kTokenizerVersion
  uint32_t model;         ///< TokenizerModel
  uint64_t totalBytes;    ///< of the blob
  uint32_t flags;         ///< kTokenizer…
  uint32_t tokenCount;    ///< highest token id + 1
  int32_t bos;            ///< -1: none
  uint32_t rawAddedCount; ///< entries of Added that are matched first
  uint32_t mergeProbes;   ///< longest probe sequence in Merges
  uint32_t wordProbes;    ///< longest probe sequence in Words
  TableRange tables[uint32_t(TokenizerTable::Count)];
};
static_assert(sizeof(TokenizerHeader) ==
              48 + 16 * uint32_t(TokenizerTable::Count));

/// A piece of the Bytes table.
struct TextEntry {
  uint32_t offset;
  uint32_t size; ///< bytes
};
static_assert(sizeof(TextEntry) == 8);

/// `left right` becomes `merged`; the lowest rank goes first.
struct MergeEntry {
  int32_t left; ///< -1: a free place
  int32_t right;
  int32_t rank;
  int32_t merged;
};
static_assert(sizeof(MergeEntry) == 16);

/// A token that is found in the text as it stands, before anything else.
struct AddedTokenEntry {
  TextEntry text;
  int32_t id;
  uint32_t flags; ///< kAdded…
};
static_assert(sizeof(AddedTokenEntry) == 16);

inline constexpr uint8_t kTokenSpecial = 1; ///< control token, not text

inline constexpr uint32_t kAddedStripLeft = 1;  ///< eats white space before it
inline constexpr uint32_t kAddedStripRight = 2; ///< eats white space behind it

/// Place of a pair of tokens in the Merges table.
inline uint64_t mergeHash(int32_t left, int32_t right) {
  uint64_t pair = uint64_t(uint32_t(left)) << 32 | uint32_t(right);
  return pair * 0x9e3779b97f4a7c15ULL >> 32;
}

/// Place of a piece's bytes in the Words table.
inline uint64_t wordHash(std::string_view text) {
  uint64_t state = text.size();
  while (!text.empty()) {
    uint64_t word = 0;
    size_t bytes = text.size() < 8 ? text.size() : 8;
    std::memcpy(&word, text.data(), bytes);
    state = (state ^ word) * 0x9e3779b97f4a7c15ULL;
    state ^= state >> 29;
    text.remove_prefix(bytes);
  }
  return state;
}

/// Why `pattern` (PCRE2 syntax) cannot cut texts, or "".
std::string patternError(std::string_view pattern);

//===----------------------------------------------------------------------===//
// Encoding and decoding
//===----------------------------------------------------------------------===//

class AddedTokenMatcher;
class PreTokenizer;

/// A tokenizer over a blob of tables. Immutable: threads may share one.
class Tokenizer {
public:
  /// Uses the `bytes` bytes at `tables` (8-byte aligned, which must outlive the
  /// result) in place. Returns null and says why in `error` if they are not a
  /// whole blob of this version.
  static std::unique_ptr<Tokenizer> open(const void *tables, size_t bytes,
                                         std::string &error);
  ~Tokenizer();

  /// Tokens of `text`. Added tokens in the text are recognised; bytes that are
  /// not UTF-8 count as U+FFFD, one for each maximal subpart (Unicode, 3.9).
  /// With `addSpecial`, between the post-processor's prefix and suffix. A
  /// pattern that runs into PCRE2's match limit leaves the rest of its piece
  /// in one.
  std::vector<int32_t> encode(std::string_view text, bool addSpecial) const;

  /// Raw bytes of a token, perhaps a part of a character; "" if there is no
  /// such token.
  std::string_view piece(int32_t id) const;

  /// True for control tokens such as <|eos|>, which are not text.
  bool isSpecial(int32_t id) const;
  bool isEos(int32_t id) const;
  std::optional<int32_t> bos() const;
  /// True if encode(text, true) begins with bos().
  bool addsBos() const;
  /// Highest token id + 1. The model's vocabulary may be larger (padding).
  int32_t tokenCount() const { return int32_t(header->tokenCount); }

private:
  class Encoder;

  Tokenizer() = default;
  std::string bind(const void *tables, size_t bytes);
  std::string bindPatterns();
  std::string bindAddedTokens();
  std::optional<std::string_view> text(TextEntry entry) const;
  template <typename T>
  bool bindTable(TokenizerTable which, std::span<const T> &table) const;
  int32_t findWord(std::string_view word) const;

  const TokenizerHeader *header = nullptr;
  std::span<const char> bytes;
  std::span<const uint32_t> pieces;    // (tokenCount + 1)
  std::span<const uint8_t> tokenFlags; // (tokenCount)
  std::span<const int32_t> byteIds;    // (256)
  std::span<const MergeEntry> merges;  // (power of two) or empty
  std::span<const int32_t> words;      // (power of two) or empty
  std::span<const AddedTokenEntry> added;
  std::span<const TextEntry> patterns;
  std::span<const int32_t> eos, prefix, suffix;
  std::unique_ptr<PreTokenizer> preTokenizer;
  std::unique_ptr<AddedTokenMatcher> rawAdded, normalizedAdded;
};

/// Turns tokens into UTF-8 text as they come. Never cuts a character: the
/// bytes of an incomplete one wait for the next token. Bytes that cannot become
/// UTF-8 turn into U+FFFD, one for each maximal subpart.
class TextStream {
public:
  /// `keepSpecial`: control tokens are written too.
  explicit TextStream(const Tokenizer &tokenizer, bool keepSpecial = false);

  /// The text that is complete with this token; valid until the next call.
  std::string_view push(int32_t id);
  /// What is left at the end of a text; valid until the next call.
  std::string_view flush();

private:
  void append(unsigned char byte);

  const Tokenizer &tokenizer;
  bool keepSpecial;
  std::string output;
  char pending[4]; // an incomplete character
  size_t pendingBytes = 0;
};

} // namespace lqc::runtime

#endif // LQC_RUNTIME_TOKENIZER_H
