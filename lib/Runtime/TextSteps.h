//===- TextSteps.h - normalizers and pre-tokenizers -------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_RUNTIME_TEXTSTEPS_H
#define LQC_LIB_RUNTIME_TEXTSTEPS_H

#include "lqc/Runtime/Tokenizer.h"

#include <functional>

namespace lqc::runtime {

using PieceSink = std::function<void(std::string_view)>;

/// Longest `content` of a step that puts it into texts, and longest
/// replacement of a Charsmap, in bytes: a file cannot make texts explode.
inline constexpr size_t kMaxStepContent = 64;
inline constexpr size_t kMaxSteps = 32;

/// A list of steps, each applied to the pieces that the one before left.
class TextSteps {
public:
  /// What one thread needs.
  class Scratch {
  public:
    explicit Scratch(const TextSteps &steps);
    ~Scratch();
    Scratch(const Scratch &) = delete;
    Scratch &operator=(const Scratch &) = delete;

    /// Longest text that a step may make, in bytes: a step that makes more
    /// leaves its text as it is, so that damaged tables take no memory.
    size_t limit = SIZE_MAX;

  private:
    friend class TextSteps;
    void *matchData;
    void *matchContext;
    std::vector<std::string> buffers; ///< (steps) what each one made
  };

  TextSteps();
  ~TextSteps();

  /// Appends a step, whose texts must outlive this. Returns why it cannot be
  /// used, or "".
  std::string add(const TextStep &step);

  /// For Charsmap steps: their double array, and texts to keep as they are.
  void setCharsmap(std::span<const uint32_t> units,
                   const AddedTokenMatcher *kept);

  size_t size() const;

  /// Calls `sink` with each piece that the steps [from, to) make of `text`
  /// (well-formed UTF-8), in order. A piece is never empty and is valid until
  /// `sink` returns. `isFirst`: a text begins here.
  void run(size_t from, size_t to, std::string_view text, bool isFirst,
           Scratch &scratch, const PieceSink &sink) const;

private:
  struct Step;
  struct Match;
  struct Range;

  bool find(const Step &step, std::string_view text, size_t from,
            Scratch &scratch, Match &match) const;
  bool findText(const Step &step, std::string_view text, size_t from,
                Match &match) const;
  void change(const Step &step, std::string_view text, bool isFirst,
              Scratch &scratch, std::string &output) const;
  void replace(const Step &step, std::string_view text, Scratch &scratch,
               std::string &output) const;
  template <typename Emit>
  void cut(const Step &step, std::string_view text, Scratch &scratch,
           const Emit &emit) const;

  std::vector<Step> steps;
  std::span<const uint32_t> charsmap;
  const AddedTokenMatcher *kept = nullptr;
};

//===----------------------------------------------------------------------===//
// Changes of a text (TextChanges.cpp). Each appends to an empty `output`.
//===----------------------------------------------------------------------===//

/// A normal form of Unicode: Nfc, Nfd, Nfkc or Nfkd.
void appendNormalForm(TextStepKind form, std::string_view text,
                      std::string &output);
void appendLowercase(std::string_view text, std::string &output);
void appendWithoutAccents(std::string_view text, std::string &output);
void appendCollapsed(std::string_view text, std::string &output);

/// What SentencePiece's normalizer makes of a text: the longest prefix that the
/// double array `units` (darts-clone) knows is replaced by the text at its
/// value in `replacements`, which ends in a zero byte; other characters, and
/// what `kept` (or null) finds, stay.
void appendMapped(std::span<const uint32_t> units,
                  std::string_view replacements, const AddedTokenMatcher *kept,
                  std::string_view text, std::string &output);

} // namespace lqc::runtime

#endif // LQC_LIB_RUNTIME_TEXTSTEPS_H
