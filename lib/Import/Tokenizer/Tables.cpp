//===- Tables.cpp - lays a tokenizer's tables out -------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/Description.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cassert>

using namespace lqc;
using namespace lqc::runtime;

namespace {
/// Appends tables behind a header and writes down where they are.
class BlobWriter {
public:
  TokenizerHeader header = {};

  template <typename T>
  void append(TokenizerTable which, llvm::ArrayRef<T> table) {
    tables.resize(llvm::alignTo(tables.size(), 8));
    header.tables[uint32_t(which)] = {sizeof(header) + tables.size(),
                                      table.size()};
    const char *begin = reinterpret_cast<const char *>(table.data());
    tables.insert(tables.end(), begin, begin + table.size() * sizeof(T));
  }

  /// Puts text into the Bytes table, which is appended last.
  TextEntry addText(llvm::StringRef text) {
    TextEntry entry = {uint32_t(bytes.size()), uint32_t(text.size())};
    bytes.insert(bytes.end(), text.begin(), text.end());
    return entry;
  }

  std::vector<char> finish() {
    append(TokenizerTable::Bytes, llvm::ArrayRef<char>(bytes));
    header.totalBytes = sizeof(header) + tables.size();
    const char *begin = reinterpret_cast<const char *>(&header);
    std::vector<char> blob(begin, begin + sizeof(header));
    blob.insert(blob.end(), tables.begin(), tables.end());
    return blob;
  }

private:
  std::vector<char> tables, bytes;
};
} // namespace

/// Places of a hash table of `count` entries: at most two thirds are taken.
static size_t hashPlaces(size_t count) {
  return count == 0 ? 0 : llvm::bit_ceil(count + count / 2 + 1);
}

/// Puts `entry` into the first free place from `hash` on, and keeps the longest
/// probe sequence in `probes`.
template <typename Entry, typename IsFree>
static void insertHashed(std::vector<Entry> &table, uint64_t hash, Entry entry,
                         uint32_t &probes, IsFree isFree) {
  for (uint32_t probe = 0; probe < table.size(); ++probe) {
    Entry &place = table[(hash + probe) & (table.size() - 1)];
    if (!isFree(place))
      continue;
    place = entry;
    probes = std::max(probes, probe + 1);
    return;
  }
  assert(false && "the table has more places than entries");
}

/// Gives the places of the pieces' texts.
static std::vector<TextEntry>
appendPieces(BlobWriter &writer, const TokenizerDescription &description) {
  std::vector<TextEntry> entries;
  std::vector<uint32_t> pieces;
  std::vector<uint8_t> flags;
  uint32_t end = 0;
  for (const TokenizerDescription::Piece &piece : description.pieces) {
    TextEntry entry = writer.addText(piece.text);
    entries.push_back(entry);
    pieces.push_back(entry.offset);
    flags.push_back((piece.special ? kTokenSpecial : 0) |
                    (piece.ownsSpaces ? kTokenOwnsSpaces : 0));
    end = entry.offset + entry.size;
  }
  pieces.push_back(end);
  writer.append<uint32_t>(TokenizerTable::Pieces, pieces);
  writer.append<uint8_t>(TokenizerTable::TokenFlags, flags);
  writer.header.tokenCount = uint32_t(description.pieces.size());
  return entries;
}

static void appendMerges(BlobWriter &writer,
                         const TokenizerDescription &description) {
  std::vector<MergeEntry> table(hashPlaces(description.merges.size()),
                                MergeEntry{-1, -1, -1, -1});
  for (const TokenizerDescription::Merge &merge : description.merges)
    insertHashed(table, mergeHash(merge.left, merge.right),
                 MergeEntry{merge.left, merge.right, merge.rank, merge.merged},
                 writer.header.mergeProbes,
                 [](const MergeEntry &entry) { return entry.left < 0; });
  writer.append<MergeEntry>(TokenizerTable::Merges, table);
}

/// Where the word of `piece` stands: mostly at the end of its text.
static TextEntry placeOfWord(BlobWriter &writer,
                             const TokenizerDescription::Piece &piece,
                             TextEntry text) {
  if (!llvm::StringRef(piece.text).ends_with(piece.word))
    return writer.addText(piece.word);
  uint32_t size = uint32_t(piece.word.size());
  return {text.offset + text.size - size, size};
}

/// Whole words are looked up only by tokenizers that ignore merges for them, or
/// that have none.
static void appendWords(BlobWriter &writer,
                        const TokenizerDescription &description,
                        llvm::ArrayRef<TextEntry> texts) {
  std::vector<int32_t> ids;
  if (description.ignoreMerges ||
      description.model == TokenizerModel::WordPiece)
    for (size_t id = 0; id < description.pieces.size(); ++id)
      if (description.pieces[id].isWord)
        ids.push_back(int32_t(id));
  std::vector<WordEntry> table(hashPlaces(ids.size()), WordEntry{{0, 0}, -1});
  for (int32_t id : ids) {
    const TokenizerDescription::Piece &piece = description.pieces[id];
    TextEntry text = placeOfWord(writer, piece, texts[id]);
    if (description.model == TokenizerModel::WordPiece)
      writer.header.longestWord =
          std::max(writer.header.longestWord, text.size);
    insertHashed(table, wordHash(piece.word), WordEntry{text, id},
                 writer.header.wordProbes,
                 [](const WordEntry &entry) { return entry.id < 0; });
  }
  writer.append<WordEntry>(TokenizerTable::Words, table);
}

/// The code points of the first and the last character of `text`, which is
/// UTF-8 and not empty.
static std::pair<uint32_t, uint32_t> endsOf(llvm::StringRef text) {
  auto decodeAt = [&](size_t at) {
    const auto *begin = reinterpret_cast<const llvm::UTF8 *>(text.data()) + at;
    llvm::UTF32 character = 0;
    llvm::convertUTF8Sequence(&begin,
                              reinterpret_cast<const llvm::UTF8 *>(text.end()),
                              &character, llvm::lenientConversion);
    return uint32_t(character);
  };
  size_t last = text.size() - 1;
  while (last > 0 && (text[last] & 0xc0) == 0x80)
    --last;
  return {decodeAt(0), decodeAt(last)};
}

static bool isOneCharacter(llvm::StringRef text) {
  return llvm::getNumBytesForUTF8(text[0]) == text.size();
}

static void appendCharacters(BlobWriter &writer,
                             const TokenizerDescription &description) {
  std::vector<CharacterEntry> entries;
  if (description.model == TokenizerModel::CharacterBpe)
    for (size_t id = 0; id < description.pieces.size(); ++id)
      if (const auto &piece = description.pieces[id];
          piece.isWord && isOneCharacter(piece.word))
        entries.push_back({endsOf(piece.word).first, int32_t(id)});
  std::vector<CharacterEntry> table(hashPlaces(entries.size()),
                                    CharacterEntry{0, -1});
  for (CharacterEntry entry : entries)
    insertHashed(table, characterHash(entry.codePoint), entry,
                 writer.header.characterProbes,
                 [](const CharacterEntry &entry) { return entry.id < 0; });
  writer.append<CharacterEntry>(TokenizerTable::Characters, table);
}

/// True if words may be cut where no merge reaches across: if nothing else
/// looks at the whole word, merged tokens stand for their own characters, and
/// each character becomes tokens of its own (unknown ones may be fused, or
/// dropped so that their neighbours meet).
static bool canCutWords(const TokenizerDescription &description) {
  if (description.model != TokenizerModel::CharacterBpe ||
      description.ignoreMerges || llvm::is_contained(description.byteIds, -1))
    return false;
  llvm::DenseSet<int32_t> others(description.byteIds.begin(),
                                 description.byteIds.end());
  return llvm::none_of(description.merges, [&](const auto &merge) {
    return others.contains(merge.left) || others.contains(merge.right);
  });
}

static void appendJoins(BlobWriter &writer,
                        const TokenizerDescription &description) {
  std::vector<uint64_t> table;
  if (canCutWords(description)) {
    table.resize(kJoinWords);
    for (const TokenizerDescription::Merge &merge : description.merges) {
      uint32_t left = endsOf(description.pieces[merge.left].word).second;
      uint32_t right = endsOf(description.pieces[merge.right].word).first;
      uint32_t bit = joinBit(left, right);
      table[bit / 64] |= uint64_t(1) << bit % 64;
    }
  }
  writer.append<uint64_t>(TokenizerTable::Joins, table);
}

static void appendSteps(BlobWriter &writer,
                        const TokenizerDescription &description) {
  std::vector<TextStepEntry> table;
  for (const auto *steps : {&description.normalizer, &description.preTokenizer})
    for (const TokenizerDescription::Step &step : *steps)
      table.push_back({uint32_t(step.kind), step.flags,
                       writer.addText(step.pattern),
                       writer.addText(step.content)});
  writer.header.normalizerSteps = uint32_t(description.normalizer.size());
  writer.append<TextStepEntry>(TokenizerTable::Steps, table);
  writer.append<uint32_t>(TokenizerTable::Charsmap, description.charsmap);
}

static void appendAdded(BlobWriter &writer,
                        const TokenizerDescription &description) {
  std::vector<TokenizerDescription::AddedToken> added = description.added;
  std::sort(added.begin(), added.end(), [](const auto &a, const auto &b) {
    return std::pair(a.normalized, llvm::StringRef(a.content)) <
           std::pair(b.normalized, llvm::StringRef(b.content));
  });
  std::vector<AddedTokenEntry> table;
  for (const TokenizerDescription::AddedToken &token : added) {
    table.push_back({writer.addText(token.content), token.id, token.flags});
    if (!token.normalized)
      ++writer.header.rawAddedCount;
  }
  writer.append<AddedTokenEntry>(TokenizerTable::Added, table);
}

std::vector<char>
lqc::writeTokenizerTables(const TokenizerDescription &description) {
  BlobWriter writer;
  writer.header.magic = kTokenizerMagic;
  writer.header.version = kTokenizerVersion;
  writer.header.model = uint32_t(description.model);
  if (description.ignoreMerges)
    writer.header.flags |= kTokenizerIgnoreMerges;
  if (description.fuseUnknown)
    writer.header.flags |= kTokenizerFuseUnknown;
  writer.header.bos = description.bos.value_or(-1);
  writer.header.unknown = description.unknown.value_or(-1);
  writer.header.leadingSpaces = description.leadingSpaces;
  writer.header.continuation = writer.addText(description.continuation);
  writer.header.maxWordCharacters = description.maxWordCharacters;

  std::vector<TextEntry> texts = appendPieces(writer, description);
  writer.append<int32_t>(TokenizerTable::ByteIds, description.byteIds);
  appendCharacters(writer, description);
  appendMerges(writer, description);
  appendJoins(writer, description);
  appendWords(writer, description, texts);
  appendAdded(writer, description);
  appendSteps(writer, description);
  writer.append<int32_t>(TokenizerTable::Eos, description.eos);
  writer.append<int32_t>(TokenizerTable::Prefix, description.prefix);
  writer.append<int32_t>(TokenizerTable::Suffix, description.suffix);
  return writer.finish();
}
