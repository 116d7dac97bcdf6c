//===- Tables.cpp - lays a tokenizer's tables out -------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/Description.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/bit.h"
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

static void appendPieces(BlobWriter &writer,
                         const TokenizerDescription &description) {
  std::vector<uint32_t> pieces;
  std::vector<uint8_t> flags;
  uint32_t end = 0;
  for (const TokenizerDescription::Piece &piece : description.pieces) {
    TextEntry entry = writer.addText(piece.bytes);
    pieces.push_back(entry.offset);
    flags.push_back(piece.special ? kTokenSpecial : 0);
    end = entry.offset + entry.size;
  }
  pieces.push_back(end);
  writer.append<uint32_t>(TokenizerTable::Pieces, pieces);
  writer.append<uint8_t>(TokenizerTable::TokenFlags, flags);
  writer.header.tokenCount = uint32_t(description.pieces.size());
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

/// Whole words are looked up only by tokenizers that ignore merges for them.
static void appendWords(BlobWriter &writer,
                        const TokenizerDescription &description) {
  std::vector<int32_t> ids;
  if (description.ignoreMerges)
    for (size_t id = 0; id < description.pieces.size(); ++id)
      if (description.pieces[id].isWord)
        ids.push_back(int32_t(id));
  std::vector<int32_t> table(hashPlaces(ids.size()), -1);
  for (int32_t id : ids)
    insertHashed(table, wordHash(description.pieces[id].bytes), id,
                 writer.header.wordProbes, [](int32_t id) { return id < 0; });
  writer.append<int32_t>(TokenizerTable::Words, table);
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
  if (description.addPrefixSpace)
    writer.header.flags |= kTokenizerAddPrefixSpace;
  if (description.ignoreMerges)
    writer.header.flags |= kTokenizerIgnoreMerges;
  writer.header.bos = description.bos.value_or(-1);

  appendPieces(writer, description);
  writer.append<int32_t>(TokenizerTable::ByteIds, description.byteIds);
  appendMerges(writer, description);
  appendWords(writer, description);
  appendAdded(writer, description);
  std::vector<TextEntry> patterns;
  for (const std::string &pattern : description.patterns)
    patterns.push_back(writer.addText(pattern));
  writer.append<TextEntry>(TokenizerTable::Patterns, patterns);
  writer.append<int32_t>(TokenizerTable::Eos, description.eos);
  writer.append<int32_t>(TokenizerTable::Prefix, description.prefix);
  writer.append<int32_t>(TokenizerTable::Suffix, description.suffix);
  return writer.finish();
}
