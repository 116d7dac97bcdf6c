//===- TokenizerBpe.cpp - byte-pair merging of one word -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/TokenizerBpe.h"

#include "lib/Runtime/TokenizerUtf8.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace lqc::runtime {

/// Up to this many tokens, scanning for the lowest rank beats a heap.
static constexpr size_t kShortWord = 48;
static constexpr int32_t kNoRank = INT32_MAX;
static constexpr size_t kNoSymbol = SIZE_MAX;

const MergeEntry *BytePairMerger::find(int32_t left, int32_t right) const {
  std::span<const MergeEntry> merges = tables.merges;
  if (merges.empty())
    return nullptr;
  uint64_t place = mergeHash(left, right);
  for (uint32_t probe = 0; probe < tables.mergeProbes; ++probe) {
    const MergeEntry &entry = merges[(place + probe) & (merges.size() - 1)];
    if (entry.left < 0)
      return nullptr;
    if (entry.left == left && entry.right == right)
      return &entry;
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// The first tokens
//===----------------------------------------------------------------------===//

int32_t BytePairMerger::findCharacter(uint32_t codePoint) const {
  std::span<const CharacterEntry> characters = tables.characters;
  if (characters.empty())
    return -1;
  uint64_t place = characterHash(codePoint);
  for (uint32_t probe = 0; probe < tables.characterProbes; ++probe) {
    CharacterEntry entry =
        characters[(place + probe) & (characters.size() - 1)];
    if (entry.id < 0)
      return -1;
    if (entry.codePoint == codePoint)
      return entry.id;
  }
  return -1;
}

void BytePairMerger::addBytes(std::string_view word) {
  for (unsigned char byte : word)
    if (int32_t id = tables.byteIds[byte]; id >= 0)
      first.push_back(id);
}

/// A character's bytes as tokens, if each of them has one.
bool BytePairMerger::addByteTokens(std::string_view character) {
  for (unsigned char byte : character)
    if (tables.byteIds[byte] < 0)
      return false;
  addBytes(character);
  return true;
}

/// As Hugging Face's `tokenizers` does it (models/bpe/model.rs, merge_word):
/// an unknown token waits for what ends its run, and bytes do not.
void BytePairMerger::addCharacters(std::string_view word) {
  bool waiting = false;
  auto flush = [&] {
    if (waiting)
      first.push_back(tables.unknown);
    waiting = false;
  };
  while (!word.empty()) {
    size_t bytes = characterBytes(word);
    std::string_view character = word.substr(0, bytes);
    word.remove_prefix(bytes);
    int32_t id = findCharacter(decodeUtf8(character));
    if (id >= 0) {
      flush();
      first.push_back(id);
    } else if (!addByteTokens(character) && tables.unknown >= 0) {
      if (!tables.fuseUnknown)
        flush();
      waiting = true;
    }
  }
  flush();
}

void BytePairMerger::merge(std::string_view word, const Sink &sink) {
  first.clear();
  if (tables.model == TokenizerModel::ByteLevelBpe)
    addBytes(word);
  else
    addCharacters(word);
  if (first.size() <= kShortWord)
    mergeShort(sink);
  else
    mergeLong(sink);
}

//===----------------------------------------------------------------------===//
// Short words: a plain array
//===----------------------------------------------------------------------===//

void BytePairMerger::setPair(size_t position) {
  ShortSymbol &symbol = shortWord[position];
  symbol.rank = kNoRank;
  if (position + 1 == shortWord.size())
    return;
  if (const MergeEntry *entry = find(symbol.id, shortWord[position + 1].id)) {
    symbol.rank = entry->rank;
    symbol.merged = entry->merged;
  }
}

void BytePairMerger::mergeShort(const Sink &sink) {
  shortWord.clear();
  for (int32_t id : first)
    shortWord.push_back({id, kNoRank, 0});
  for (size_t i = 0; i < shortWord.size(); ++i)
    setPair(i);
  while (shortWord.size() > 1) {
    auto best = std::min_element(
        shortWord.begin(), shortWord.end(),
        [](ShortSymbol a, ShortSymbol b) { return a.rank < b.rank; });
    // A damaged table may give the last token a rank: it has no neighbour.
    if (best->rank == kNoRank || best + 1 == shortWord.end())
      break;
    best->id = best->merged;
    size_t position = best - shortWord.begin();
    shortWord.erase(best + 1);
    setPair(position);
    if (position > 0)
      setPair(position - 1);
  }
  for (const ShortSymbol &symbol : shortWord)
    sink(symbol.id);
}

//===----------------------------------------------------------------------===//
// Long words: a linked list and a heap of candidates
//===----------------------------------------------------------------------===//

void BytePairMerger::addCandidate(size_t position) {
  size_t next = symbols[position].next;
  if (next == kNoSymbol)
    return;
  if (const MergeEntry *entry = find(symbols[position].id, symbols[next].id))
    heap.push_back({entry->rank, entry->merged, position});
}

void BytePairMerger::mergeLong(const Sink &sink) {
  // The heap's top is its greatest element.
  auto later = [](const Candidate &a, const Candidate &b) {
    return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
  };
  auto push = [&](size_t position) {
    size_t before = heap.size();
    addCandidate(position);
    if (heap.size() != before)
      std::push_heap(heap.begin(), heap.end(), later);
  };
  symbols.clear();
  for (int32_t id : first) // the first one's `previous` is kNoSymbol
    symbols.push_back({id, symbols.size() - 1, symbols.size() + 1});
  symbols.back().next = kNoSymbol;
  heap.clear();
  for (size_t i = 0; i < symbols.size(); ++i)
    addCandidate(i);
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    Candidate top = heap.back();
    heap.pop_back();
    Symbol &left = symbols[top.position];
    if (left.id < 0 || left.next == kNoSymbol)
      continue;
    Symbol &right = symbols[left.next];
    // One of the two may have been merged with another since.
    const MergeEntry *entry = find(left.id, right.id);
    if (!entry || entry->rank != top.rank || entry->merged != top.merged)
      continue;
    left.id = entry->merged;
    left.next = right.next;
    right.id = -1;
    if (left.next != kNoSymbol)
      symbols[left.next].previous = top.position;
    push(top.position);
    if (left.previous != kNoSymbol)
      push(left.previous);
  }
  for (size_t i = 0; i != kNoSymbol; i = symbols[i].next)
    sink(symbols[i].id);
}

//===----------------------------------------------------------------------===//
// WordCache
//===----------------------------------------------------------------------===//

WordCache::WordCache(size_t textBytes)
    : places(std::bit_ceil(std::clamp<size_t>(textBytes / 8, 16, 1 << 14))),
      entries(static_cast<Entry *>(std::calloc(places, sizeof(Entry)))) {}

WordCache::~WordCache() { std::free(entries); }

bool WordCache::lookUp(std::string_view word,
                       std::vector<int32_t> &output) const {
  if (!entries || word.size() > sizeof(Entry::text))
    return false;
  const Entry &entry = place(word);
  if (std::string_view(entry.text, entry.bytes) != word)
    return false;
  output.insert(output.end(), entry.ids, entry.ids + entry.count);
  return true;
}

void WordCache::store(std::string_view word, std::span<const int32_t> ids) {
  if (!entries || word.size() > sizeof(Entry::text) ||
      ids.size() > std::size(entries->ids))
    return;
  Entry &entry = place(word);
  entry.bytes = uint8_t(word.size());
  entry.count = uint8_t(ids.size());
  std::memcpy(entry.text, word.data(), word.size());
  std::copy(ids.begin(), ids.end(), entry.ids);
}

} // namespace lqc::runtime
