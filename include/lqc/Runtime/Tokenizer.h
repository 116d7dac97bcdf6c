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
//        -> cut at raw added tokens       (Added, the first rawAddedCount)
//        -> the first normalizerSteps     (Steps: each changes the text)
//        -> cut at other added tokens     (Added)
//        -> the other steps, in turn      (Steps: change a piece or cut it)
//        -> look the whole word up        (Words, if IgnoreMerges)
//        -> symbols                       (ByteIds: of bytes; Characters: of
//                                          characters, unknown ones by ByteIds)
//        -> merge symbols to tokens       (Merges)
//        or, in place of these three,
//        -> cut the word into its longest pieces (Words, if WordPiece)
//        -> prefix and suffix             (Prefix, Suffix: the post-processor)
//
// There is one path for all kinds of tokenizers; what differs is in the tables.
// Llama 2, for example, is the steps Prepend "\u2581" and ReplaceText " " by
// "\u2581", Characters, and ByteIds for what is not in them; GPT-2 is one step,
// Split by its regular expression, and ByteIds alone. BERT is steps that
// replace, decompose and split, and Words.
//
// Decoding is the tokens' pieces one behind the other, without the first
// `leadingSpaces` spaces of a text.
//
// Three tables are open-addressing hash tables with linear probing, as long as
// a power of two. An entry of hash h stands in the first free place from
// h mod length on, and is found within `mergeProbes` (`wordProbes`,
// `characterProbes`) places.
//
// Worked example: the merges "a b" -> ab and "ab c" -> abc of tokens a=0 b=1
// c=2 ab=3 abc=4 are the entries {0,1,rank 0,3} and {3,2,rank 1,4}; "abcab"
// becomes 0 1 2 0 1, then 3 2 3 (all pairs of lowest rank, left to right), then
// 4 3. Merges may share a rank: then the leftmost goes first, whichever it is.
// That is how SentencePiece merges, where the rank is that of the score.
//
// WordPiece takes the longest beginning of a word that is in Words, then the
// longest beginning of the rest, before which it puts `continuation`, and so on
// (Wu et al., 2016). If nothing fits, or if the word has more characters than
// `maxWordCharacters`, the word as a whole is `unknown`. With the words un=0
// ##aff=1 ##able=2, "unaffable" becomes 0 1 2, and "unaffected" is unknown.
//
// Joins makes long words short. Without a pre-tokenizer, as in Llama 2, a whole
// text is one word. But where no merge has `a` as the last character on its
// left and `b` as the first on its right, none can reach across "ab", and the
// two sides can be merged apart, with the same result. Bit (a mod 256) * 256 +
// (b mod 256), with code points a and b, is set if one may. An empty table: the
// word must stay whole.
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
inline constexpr uint32_t kTokenizerVersion = 3;

/// How a word becomes tokens.
enum class TokenizerModel : uint32_t {
  ByteLevelBpe = 1, ///< bytes are the first symbols (GPT-2, Llama 3, Qwen 2)
  CharacterBpe = 2, ///< characters are (Llama 2, SentencePiece)
  WordPiece = 3,    ///< the longest pieces that are words (BERT)
};

/// Bytes of the longest entry of Words that WordPiece can look for: what a word
/// costs grows with their square.
inline constexpr uint32_t kMaxWordPieceBytes = 512;

/// Bits of TokenizerHeader::flags.
inline constexpr uint32_t kTokenizerIgnoreMerges = 1; ///< Words come first
inline constexpr uint32_t kTokenizerFuseUnknown = 2;  ///< a run of them is one

enum class TokenizerTable : uint32_t {
  Bytes,      ///< char: what Pieces, Words, Added and Steps point into
  Pieces,     ///< uint32_t[tokenCount + 1]: the text that token i stands for is
              ///< Bytes[p[i], p[i + 1])
  TokenFlags, ///< uint8_t[tokenCount]: kToken…
  ByteIds,    ///< int32_t[256]: token of a single byte, -1: none
  Characters, ///< CharacterEntry, hashed by characterHash
  Merges,     ///< MergeEntry, hashed by mergeHash(left, right)
  Joins,      ///< uint64_t[1024]: bits, see above; or empty
  Words,      ///< WordEntry, hashed by wordHash(text)
  Added,      ///< AddedTokenEntry, sorted by bytes within each of two groups
  Steps,      ///< TextStepEntry, applied one after the other
  Charsmap,   ///< uint32_t: the double array of a Charsmap step, or empty
  Eos,        ///< int32_t: tokens that end a text
  Prefix,     ///< int32_t: tokens put before a text
  Suffix,     ///< int32_t: tokens put behind a text
  Count
};

struct TableRange {
  uint64_t offset; ///< bytes from the start of the blob, a multiple of 8
  uint64_t count;  ///< elements
};
static_assert(sizeof(TableRange) == 16);

/// A piece of the Bytes table.
struct TextEntry {
  uint32_t offset;
  uint32_t size; ///< bytes
};
static_assert(sizeof(TextEntry) == 8);

struct TokenizerHeader {
  uint64_t magic;           ///< kTokenizerMagic
  uint32_t version;         ///< kTokenizerVersion
  uint32_t model;           ///< TokenizerModel
  uint64_t totalBytes;      ///< of the blob
  uint32_t flags;           ///< kTokenizer…
  uint32_t tokenCount;      ///< highest token id + 1
  int32_t bos;              ///< -1: none
  uint32_t rawAddedCount;   ///< entries of Added that are matched first
  uint32_t mergeProbes;     ///< longest probe sequence in Merges
  uint32_t wordProbes;      ///< longest probe sequence in Words
  uint32_t characterProbes; ///< longest probe sequence in Characters
  uint32_t normalizerSteps; ///< entries of Steps that come before Added
  int32_t unknown;          ///< for a symbol without token; -1: it is dropped
  uint32_t leadingSpaces;   ///< that decoding drops at the beginning of a text
  TextEntry continuation;   ///< WordPiece: before what continues a word
  uint32_t longestWord;     ///< WordPiece: bytes of the longest of Words
  uint32_t maxWordCharacters; ///< WordPiece: a longer word is unknown
  TableRange tables[uint32_t(TokenizerTable::Count)];
};
static_assert(sizeof(TokenizerHeader) ==
              80 + 16 * uint32_t(TokenizerTable::Count));

/// `left right` becomes `merged`; the lowest rank goes first.
struct MergeEntry {
  int32_t left; ///< -1: a free place
  int32_t right;
  int32_t rank;
  int32_t merged;
};
static_assert(sizeof(MergeEntry) == 16);

/// A character that is a token.
struct CharacterEntry {
  uint32_t codePoint;
  int32_t id; ///< -1: a free place
};
static_assert(sizeof(CharacterEntry) == 8);

/// A word that is a token as a whole.
struct WordEntry {
  TextEntry text;
  int32_t id; ///< -1: a free place
};
static_assert(sizeof(WordEntry) == 12);

/// What a step does with a text, or with each piece of it.
enum class TextStepKind : uint32_t {
  // These change it.
  Prepend = 1,    ///< `content` before it, unless it is empty; with
                  ///< kStepFirst only where the text begins
  ReplaceText,    ///< `content` for each `pattern`, as it stands
  ReplacePattern, ///< `content` for each match of `pattern`
  Strip,          ///< white space away, at kStepLeft and kStepRight
  TrimEnd,        ///< each `pattern` at the end away
  CollapseSpaces, ///< one U+0020 for a run of them; none at the ends
  Nfc,            ///< the normal forms of Unicode
  Nfd,
  Nfkc,
  Nfkd,
  Lowercase,
  StripAccents, ///< combining marks away
  Charsmap,     ///< SentencePiece's replacements; `content` holds their texts
  Prefix,       ///< as Prepend, but not before a text that begins so
  // These cut it: by the matches of `pattern` and what is between them (with
  // kStepInvert the other way round).
  SplitIsolated,           ///< each one is a piece
  SplitRemoved,            ///< matches go
  SplitContiguous,         ///< matches side by side are one piece
  SplitMergedWithPrevious, ///< a match goes with what is before it
  SplitMergedWithNext,     ///< a match goes with what is behind it
};

struct TextStepEntry {
  uint32_t kind;  ///< TextStepKind
  uint32_t flags; ///< kStep…
  TextEntry pattern, content;
};
static_assert(sizeof(TextStepEntry) == 24);

inline constexpr uint32_t kStepLeft = 1;
inline constexpr uint32_t kStepRight = 2;
inline constexpr uint32_t kStepFirst = 4;
inline constexpr uint32_t kStepInvert = 8;

/// A token that is found in the text as it stands, before anything else.
struct AddedTokenEntry {
  TextEntry text;
  int32_t id;
  uint32_t flags; ///< kAdded…
};
static_assert(sizeof(AddedTokenEntry) == 16);

inline constexpr uint8_t kTokenSpecial = 1;    ///< control token, not text
inline constexpr uint8_t kTokenOwnsSpaces = 2; ///< they are never dropped

inline constexpr uint32_t kAddedStripLeft = 1;  ///< eats white space before it
inline constexpr uint32_t kAddedStripRight = 2; ///< eats white space behind it

/// Place of a pair of tokens in the Merges table.
inline uint64_t mergeHash(int32_t left, int32_t right) {
  uint64_t pair = uint64_t(uint32_t(left)) << 32 | uint32_t(right);
  return pair * 0x9e3779b97f4a7c15ULL >> 32;
}

/// Place of a character in the Characters table.
inline uint64_t characterHash(uint32_t codePoint) {
  return codePoint * 0x9e3779b97f4a7c15ULL >> 40;
}

/// Length of the Joins table.
inline constexpr size_t kJoinWords = 65536 / 64;

/// Bit of two neighbouring characters in the Joins table.
inline uint32_t joinBit(uint32_t left, uint32_t right) {
  return (left & 255) << 8 | (right & 255);
}

/// Place of a word in the Words table.
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

/// A step with its texts.
struct TextStep {
  TextStepKind kind;
  uint32_t flags = 0;
  std::string_view pattern = {}, content = {}; ///< patterns: PCRE2 syntax
};

/// Why `pattern` (PCRE2 syntax) cannot be matched with texts, or "".
std::string patternError(std::string_view pattern);

/// `text` (well-formed UTF-8) after `steps`, which change it and don't cut it.
std::string applySteps(std::span<const TextStep> steps, std::string_view text);

//===----------------------------------------------------------------------===//
// Encoding and decoding
//===----------------------------------------------------------------------===//

class AddedTokenMatcher;
class TextSteps;
struct BytePairTables;
struct WordTable;
struct WordPieceTables;

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
  /// pattern that runs into PCRE2's match limit matches nothing more in its
  /// piece. At most `limit` tokens: those of the text's end are left out, the
  /// special ones never.
  std::vector<int32_t> encode(std::string_view text, bool addSpecial,
                              size_t limit = SIZE_MAX) const;
  /// How many tokens the post-processor adds.
  size_t specialCount() const { return prefix.size() + suffix.size(); }

  /// Raw bytes of a token, perhaps a part of a character; "" if there is no
  /// such token.
  std::string_view piece(int32_t id) const;

  /// True for control tokens such as <|eos|>, which are not text.
  bool isSpecial(int32_t id) const;
  bool isEos(int32_t id) const;
  /// True if the spaces that the token begins with stay at the beginning of a
  /// text too.
  bool ownsSpaces(int32_t id) const;
  std::optional<int32_t> bos() const;
  /// True if encode(text, true) begins with bos().
  bool addsBos() const;
  /// Highest token id + 1. The model's vocabulary may be larger (padding).
  int32_t tokenCount() const { return int32_t(header->tokenCount); }
  /// Spaces that decoding drops at the beginning of a text.
  uint32_t leadingSpaces() const { return header->leadingSpaces; }

private:
  class Encoder;

  Tokenizer() = default;
  std::string bind(const void *tables, size_t bytes);
  std::string checkHeader(const void *tables, size_t bytes);
  std::string checkLengths() const;
  std::string bindSteps();
  std::string bindAddedTokens();
  std::optional<std::string_view> text(TextEntry entry) const;
  template <typename T>
  bool bindTable(TokenizerTable which, std::span<const T> &table) const;
  WordTable wordTable() const;
  BytePairTables bytePairTables() const;
  WordPieceTables wordPieceTables() const;

  const TokenizerHeader *header = nullptr;
  std::span<const char> bytes;
  std::span<const uint32_t> pieces;           // (tokenCount + 1)
  std::span<const uint8_t> tokenFlags;        // (tokenCount)
  std::span<const int32_t> byteIds;           // (256)
  std::span<const CharacterEntry> characters; // (power of two) or empty
  std::span<const MergeEntry> merges;         // (power of two) or empty
  std::span<const uint64_t> joins;            // (1024) or empty
  std::span<const WordEntry> words;           // (power of two) or empty
  std::span<const AddedTokenEntry> added;
  std::span<const TextStepEntry> stepEntries;
  std::span<const uint32_t> charsmap;
  std::span<const int32_t> eos, prefix, suffix;
  std::unique_ptr<TextSteps> steps;
  std::unique_ptr<AddedTokenMatcher> rawAdded, normalizedAdded;
};

/// Turns tokens into UTF-8 text as they come. Never cuts a character: the
/// bytes of an incomplete one wait for the next token. Bytes that cannot become
/// UTF-8 turn into U+FFFD, one for each maximal subpart. The spaces that the
/// tokenizer puts before a text are dropped once, at its beginning: to continue
/// a text, push its tokens first.
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
  uint32_t spacesToDrop;
};

} // namespace lqc::runtime

#endif // LQC_RUNTIME_TOKENIZER_H
