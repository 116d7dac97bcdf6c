//===- PreTokenizer.cpp - cuts text into words ----------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#define PCRE2_CODE_UNIT_WIDTH 8

#include "lib/Runtime/PreTokenizer.h"

#include "lib/Runtime/TokenizerUtf8.h"

#include <algorithm>
#include <pcre2.h>

namespace lqc::runtime {

/// Steps of one match before it is given up. A pattern of a real tokenizer
/// takes about one step a character.
static constexpr uint32_t kMatchLimit = 10'000'000;

struct PreTokenizer::Pattern {
  std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code;
  bool jit;
};

struct PreTokenizer::Match {
  size_t begin, end;
};

PreTokenizer::PreTokenizer() = default;
PreTokenizer::~PreTokenizer() = default;

PreTokenizer::Scratch::Scratch(const PreTokenizer &)
    : matchData(pcre2_match_data_create(1, nullptr)),
      matchContext(pcre2_match_context_create(nullptr)) {
  if (matchContext)
    pcre2_set_match_limit(static_cast<pcre2_match_context *>(matchContext),
                          kMatchLimit);
}

PreTokenizer::Scratch::~Scratch() {
  pcre2_match_data_free(static_cast<pcre2_match_data *>(matchData));
  pcre2_match_context_free(static_cast<pcre2_match_context *>(matchContext));
}

std::string PreTokenizer::add(std::string_view pattern) {
  // A piece must start and end at a character: \C would break that.
  uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code *code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()),
                    pattern.size(), options, &error, &offset, nullptr);
  if (!code) {
    unsigned char message[256] = {};
    pcre2_get_error_message(error, message, sizeof(message));
    return std::string(reinterpret_cast<char *>(message)) + " at offset " +
           std::to_string(offset);
  }
  // Without executable memory the interpreter does the same, slower.
  bool jit = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
  patterns.push_back({{code, pcre2_code_free}, jit});
  return "";
}

std::string patternError(std::string_view pattern) {
  return PreTokenizer().add(pattern);
}

/// Finds the first match at or behind `from`; false if there is none, or if
/// PCRE2 gave up.
bool PreTokenizer::find(const Pattern &pattern, std::string_view text,
                        size_t from, Scratch &scratch, Match &match) {
  auto *data = static_cast<pcre2_match_data *>(scratch.matchData);
  auto *context = static_cast<pcre2_match_context *>(scratch.matchContext);
  if (!data || !context) // out of memory
    return false;
  auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  int result = PCRE2_ERROR_JIT_STACKLIMIT;
  if (pattern.jit)
    result = pcre2_jit_match(pattern.code.get(), subject, text.size(), from, 0,
                             data, context);
  if (result == PCRE2_ERROR_JIT_STACKLIMIT)
    result = pcre2_match(pattern.code.get(), subject, text.size(), from,
                         PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, context);
  if (result < 0)
    return false;
  const PCRE2_SIZE *range = pcre2_get_ovector_pointer(data);
  match = {range[0], range[1]};
  // \K can move the beginning anywhere.
  return match.begin >= from && match.begin <= match.end &&
         match.end <= text.size();
}

void PreTokenizer::splitFrom(size_t index, std::string_view text,
                             Scratch &scratch, const PieceSink &sink) const {
  auto emit = [&](size_t begin, size_t end) {
    if (begin < end)
      splitFrom(index + 1, text.substr(begin, end - begin), scratch, sink);
  };
  if (index == patterns.size())
    return sink(text);
  size_t done = 0, from = 0;
  Match match;
  while (from < text.size() &&
         find(patterns[index], text, from, scratch, match)) {
    emit(done, match.begin);
    emit(match.begin, match.end);
    done = from = match.end;
    bool empty = match.begin == match.end;
    if (empty && from < text.size())
      from += firstUtf8Unit(text.substr(from)).bytes;
  }
  emit(done, text.size());
}

void PreTokenizer::split(std::string_view text, Scratch &scratch,
                         const PieceSink &sink) const {
  if (!text.empty())
    splitFrom(0, text, scratch, sink);
}

//===----------------------------------------------------------------------===//
// AddedTokenMatcher
//===----------------------------------------------------------------------===//

AddedTokenMatcher::AddedTokenMatcher(std::span<const AddedTokenEntry> tokens,
                                     std::vector<std::string_view> texts)
    : tokens(tokens), texts(std::move(texts)) {
  for (std::string_view text : this->texts)
    if (!text.empty())
      startsToken[static_cast<unsigned char>(text[0])] = true;
}

/// Narrows the sorted tokens byte by byte to those that `text` goes on with;
/// the last one that ended on the way is the longest.
const AddedTokenEntry *AddedTokenMatcher::longestAt(std::string_view text,
                                                    size_t &bytes) const {
  const AddedTokenEntry *best = nullptr;
  auto low = texts.begin(), high = texts.end();
  for (size_t depth = 0; depth < text.size() && low != high; ++depth) {
    unsigned char wanted = text[depth];
    auto byteAt = [&](std::string_view token) {
      return token.size() > depth
                 ? int(static_cast<unsigned char>(token[depth]))
                 : -1;
    };
    low = std::partition_point(low, high, [&](std::string_view token) {
      return byteAt(token) < wanted;
    });
    high = std::partition_point(low, high, [&](std::string_view token) {
      return byteAt(token) <= wanted;
    });
    if (low == high || low->size() != depth + 1)
      continue;
    best = &tokens[low - texts.begin()];
    bytes = depth + 1;
  }
  return best;
}

AddedTokenMatcher::Match AddedTokenMatcher::find(std::string_view text,
                                                 size_t from) const {
  if (texts.empty())
    return {text.size(), text.size(), nullptr};
  for (size_t at = from; at < text.size(); ++at) {
    if (!startsToken[static_cast<unsigned char>(text[at])])
      continue;
    size_t bytes = 0;
    if (const AddedTokenEntry *token = longestAt(text.substr(at), bytes))
      return {at, at + bytes, token};
  }
  return {text.size(), text.size(), nullptr};
}

} // namespace lqc::runtime
