//===- TextSteps.cpp - normalizers and pre-tokenizers ---------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#define PCRE2_CODE_UNIT_WIDTH 8

#include "lib/Runtime/TextSteps.h"

#include "lib/Runtime/AddedTokens.h"
#include "lib/Runtime/TokenizerUtf8.h"

#include <algorithm>
#include <pcre2.h>

namespace lqc::runtime {

/// Steps of one match before it is given up. A pattern of a real tokenizer
/// takes about one step a character.
static constexpr uint32_t kMatchLimit = 10'000'000;
/// Memory of one match (KiB) before it is given up; PCRE2's own limit is 20 GB.
static constexpr uint32_t kHeapLimit = 64 * 1024;

struct TextSteps::Step : TextStep {
  std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code;
  bool jit;
};

struct TextSteps::Match {
  size_t begin, end;
};

/// A part of a text, one or more matches or what is between them.
struct TextSteps::Range {
  size_t begin, end;
  bool isMatch;
};

static bool isCut(TextStepKind kind) {
  return kind >= TextStepKind::SplitIsolated &&
         kind <= TextStepKind::SplitMergedWithNext;
}

//===----------------------------------------------------------------------===//
// Making steps
//===----------------------------------------------------------------------===//

TextSteps::TextSteps() = default;
TextSteps::~TextSteps() = default;
size_t TextSteps::size() const { return steps.size(); }

TextSteps::Scratch::Scratch(const TextSteps &steps)
    : matchData(pcre2_match_data_create(1, nullptr)),
      matchContext(pcre2_match_context_create(nullptr)), buffers(steps.size()) {
  if (!matchContext)
    return;
  auto *context = static_cast<pcre2_match_context *>(matchContext);
  pcre2_set_match_limit(context, kMatchLimit);
  pcre2_set_heap_limit(context, kHeapLimit);
}

TextSteps::Scratch::~Scratch() {
  pcre2_match_data_free(static_cast<pcre2_match_data *>(matchData));
  pcre2_match_context_free(static_cast<pcre2_match_context *>(matchContext));
}

static pcre2_code *compilePattern(std::string_view pattern, std::string &why) {
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
    why = std::string(reinterpret_cast<char *>(message)) + " at offset " +
          std::to_string(offset);
  }
  return code;
}

std::string TextSteps::add(const TextStep &step) {
  if (steps.size() == kMaxSteps)
    return "more than " + std::to_string(kMaxSteps) + " steps";
  if (step.kind < TextStepKind::Prepend ||
      step.kind > TextStepKind::SplitMergedWithNext)
    return "unknown kind " + std::to_string(uint32_t(step.kind));
  if (step.kind != TextStepKind::Charsmap &&
      step.content.size() > kMaxStepContent)
    return "a content of more than " + std::to_string(kMaxStepContent) +
           " bytes";
  if ((step.kind == TextStepKind::ReplaceText ||
       step.kind == TextStepKind::TrimEnd) &&
      step.pattern.empty())
    return "an empty text to replace";
  for (std::string_view text : {step.pattern, step.content})
    if (step.kind != TextStepKind::Charsmap &&
        wellFormedPrefix(text) != text.size())
      return "a text that is not UTF-8";
  Step added{step, {nullptr, pcre2_code_free}, false};
  if (isCut(step.kind) || step.kind == TextStepKind::ReplacePattern) {
    std::string why;
    added.code.reset(compilePattern(step.pattern, why));
    if (!added.code)
      return why;
    // Without executable memory the interpreter does the same, slower.
    added.jit = pcre2_jit_compile(added.code.get(), PCRE2_JIT_COMPLETE) == 0;
  }
  steps.push_back(std::move(added));
  return "";
}

void TextSteps::setCharsmap(std::span<const uint32_t> units,
                            const AddedTokenMatcher *matcher) {
  charsmap = units;
  kept = matcher;
}

std::string patternError(std::string_view pattern) {
  return TextSteps().add({TextStepKind::SplitIsolated, 0, pattern, {}});
}

std::string applySteps(std::span<const TextStep> list, std::string_view text) {
  TextSteps steps;
  for (const TextStep &step : list)
    steps.add(step);
  std::string result;
  TextSteps::Scratch scratch(steps);
  scratch.limit = 64 * text.size() + 4096;
  steps.run(0, steps.size(), text, /*isFirst=*/false, scratch,
            [&](std::string_view piece) { result += piece; });
  return result;
}

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// Finds the first match of a pattern at or behind `from`; false if there is
/// none, or if PCRE2 gave up.
bool TextSteps::find(const Step &step, std::string_view text, size_t from,
                     Scratch &scratch, Match &match) const {
  auto *data = static_cast<pcre2_match_data *>(scratch.matchData);
  auto *context = static_cast<pcre2_match_context *>(scratch.matchContext);
  if (!data || !context) // out of memory
    return false;
  auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  int result = PCRE2_ERROR_JIT_STACKLIMIT;
  if (step.jit)
    result = pcre2_jit_match(step.code.get(), subject, text.size(), from, 0,
                             data, context);
  if (result == PCRE2_ERROR_JIT_STACKLIMIT)
    result = pcre2_match(step.code.get(), subject, text.size(), from,
                         PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, context);
  if (result < 0)
    return false;
  const PCRE2_SIZE *range = pcre2_get_ovector_pointer(data);
  match = {range[0], range[1]};
  // \K can move the beginning anywhere.
  return match.begin >= from && match.begin <= match.end &&
         match.end <= text.size();
}

bool TextSteps::findText(const Step &step, std::string_view text, size_t from,
                         Match &match) const {
  match.begin = text.find(step.pattern, from);
  match.end = match.begin + step.pattern.size();
  return match.begin != std::string_view::npos;
}

void TextSteps::replace(const Step &step, std::string_view text,
                        Scratch &scratch, std::string &output) const {
  size_t done = 0, from = 0;
  Match match;
  auto findNext = [&] {
    return step.code ? find(step, text, from, scratch, match)
                     : findText(step, text, from, match);
  };
  while (from <= text.size() && findNext()) {
    output.append(text, done, match.begin - done);
    output += step.content;
    done = from = match.end;
    if (match.begin == match.end)
      from += from < text.size() ? characterBytes(text.substr(from)) : 1;
  }
  output.append(text.substr(done));
}

//===----------------------------------------------------------------------===//
// Changing and cutting
//===----------------------------------------------------------------------===//

static std::string_view stripped(std::string_view text, uint32_t flags) {
  if (flags & kStepLeft)
    text.remove_prefix(leadingWhiteSpace(text));
  if (flags & kStepRight)
    text.remove_suffix(trailingWhiteSpace(text));
  return text;
}

static std::string_view trimmedEnd(std::string_view text,
                                   std::string_view suffix) {
  while (text.ends_with(suffix))
    text.remove_suffix(suffix.size());
  return text;
}

void TextSteps::change(const Step &step, std::string_view text, bool isFirst,
                       Scratch &scratch, std::string &output) const {
  output.clear();
  switch (step.kind) {
  case TextStepKind::Prepend:
  case TextStepKind::Prefix: {
    bool isThere =
        step.kind == TextStepKind::Prefix && text.starts_with(step.content);
    if (!isThere && (isFirst || !(step.flags & kStepFirst)))
      output += step.content;
    output += text;
    return;
  }
  case TextStepKind::ReplaceText:
  case TextStepKind::ReplacePattern:
    return replace(step, text, scratch, output);
  case TextStepKind::Strip:
    output = stripped(text, step.flags);
    return;
  case TextStepKind::TrimEnd:
    output = trimmedEnd(text, step.pattern);
    return;
  case TextStepKind::CollapseSpaces:
    return appendCollapsed(text, output);
  case TextStepKind::Lowercase:
    return appendLowercase(text, output);
  case TextStepKind::StripAccents:
    return appendWithoutAccents(text, output);
  case TextStepKind::Charsmap:
    return appendMapped(charsmap, step.content, kept, text, output);
  default:
    return appendNormalForm(step.kind, text, output);
  }
}

/// Calls `emit` with the pieces [begin, end) of `text`.
template <typename Emit>
void TextSteps::cut(const Step &step, std::string_view text, Scratch &scratch,
                    const Emit &emit) const {
  // What is not emitted yet: one piece may still grow.
  Range held = {0, 0, false};
  auto put = [&](size_t begin, size_t end, bool isMatch) {
    isMatch ^= bool(step.flags & kStepInvert);
    switch (step.kind) {
    case TextStepKind::SplitRemoved:
      return isMatch ? void() : emit(begin, end);
    case TextStepKind::SplitContiguous:
    case TextStepKind::SplitMergedWithPrevious:
    case TextStepKind::SplitMergedWithNext: {
      bool joins = step.kind == TextStepKind::SplitContiguous
                       ? isMatch == held.isMatch
                   : step.kind == TextStepKind::SplitMergedWithPrevious
                       ? isMatch && !held.isMatch
                       : !isMatch && held.isMatch;
      if (!joins || held.begin == held.end) {
        emit(held.begin, held.end);
        held.begin = begin;
      }
      held = {held.begin, end, isMatch};
      return;
    }
    default:
      return emit(begin, end);
    }
  };
  size_t done = 0, from = 0;
  Match match;
  while (from < text.size() && find(step, text, from, scratch, match)) {
    if (done < match.begin)
      put(done, match.begin, false);
    if (match.begin < match.end)
      put(match.begin, match.end, true);
    done = from = match.end;
    if (match.begin == match.end && from < text.size())
      from += characterBytes(text.substr(from));
  }
  if (done < text.size())
    put(done, text.size(), false);
  emit(held.begin, held.end);
}

void TextSteps::run(size_t index, size_t to, std::string_view text,
                    bool isFirst, Scratch &scratch,
                    const PieceSink &sink) const {
  if (text.empty())
    return;
  if (index == to)
    return sink(text);
  const Step &step = steps[index];
  if (!isCut(step.kind)) {
    std::string &changed = scratch.buffers[index];
    change(step, text, isFirst, scratch, changed);
    if (changed.size() <= scratch.limit)
      text = changed;
    return run(index + 1, to, text, isFirst, scratch, sink);
  }
  cut(step, text, scratch, [&](size_t begin, size_t end) {
    if (begin < end)
      run(index + 1, to, text.substr(begin, end - begin), isFirst && begin == 0,
          scratch, sink);
  });
}

} // namespace lqc::runtime
