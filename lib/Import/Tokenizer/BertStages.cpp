//===- BertStages.cpp - the stages around WordPiece, as steps -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Tokenizer/BertStages.h"

using namespace lqc;
using runtime::TextStepKind;
using Step = TokenizerDescription::Step;

// Categories are those of Unicode 8, as in kPunctuation: (?!...) is what PCRE2
// has beyond it. The test WordPiece.CharactersAreAsInTokenizers tells what a
// later PCRE2 adds.

/// Cc without tab and line ends, Cf, Co, and U+FFFD.
static constexpr llvm::StringLiteral kControl =
    R"((?:(?![\x{890}-\x{8e2}\x{110cd}\x{13430}-\x{13438}]))"
    R"([\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\p{Cf}\p{Co}\x{fffd}])+)";
/// Mn.
static constexpr llvm::StringLiteral kMark =
    R"((?:(?![\x{7fd}\x{898}-\x{8e1}\x{9fe}\x{afa}-\x{aff}\x{b55})"
    R"(\x{c04}-\x{c3c}\x{d00}\x{d3b}-\x{d3c}\x{d81}\x{eba}\x{180f}-\x{1886})"
    R"(\x{1abf}-\x{1ace}\x{1df6}-\x{1dfb}\x{a82c}\x{a8c5}\x{a8ff}\x{a9bd})"
    R"(\x{10d24}-\x{10f85}\x{11070}-\x{11074}\x{110c2}\x{111c9}\x{111cf})"
    R"(\x{1123e}\x{1133b}\x{11438}-\x{1145e}\x{1182f}-\x{11ef4}\x{16f4f})"
    R"(\x{16fe4}\x{1cf00}-\x{1cf46}\x{1e000}-\x{1e2ef}\x{1e944}-\x{1e94a}])"
    R"()\p{Mn}|\x{1734})+)";
static constexpr llvm::StringLiteral kOtherSpace = R"([^\P{WSpace} ])";
/// The blocks that `tokenizers` has; the list of extension E begins late there.
static constexpr llvm::StringLiteral kIdeograph =
    R"([\x{3400}-\x{4dbf}\x{4e00}-\x{9fff}\x{f900}-\x{faff})"
    R"(\x{20000}-\x{2a6df}\x{2a700}-\x{2b81f}\x{2b920}-\x{2ceaf})"
    R"(\x{2f800}-\x{2fa1f}])";

static Step replacePattern(const llvm::Twine &pattern, llvm::StringRef by) {
  return {TextStepKind::ReplacePattern, 0, pattern.str(), by.str()};
}

std::vector<Step> lqc::bertNormalizerSteps(const BertNormalizer &options) {
  std::vector<Step> steps;
  if (options.cleanText) {
    steps.push_back(replacePattern(kControl, ""));
    steps.push_back(replacePattern(kOtherSpace, " "));
  }
  if (options.spaceIdeographs) {
    // Two steps: between two of them there are two spaces, as added tokens
    // that went the same way have them.
    steps.push_back(replacePattern("(?=" + kIdeograph + ")", " "));
    steps.push_back(replacePattern("(?<=" + kIdeograph + ")", " "));
  }
  if (options.stripAccents) {
    steps.push_back({TextStepKind::Nfd});
    steps.push_back(replacePattern(kMark, ""));
  }
  if (options.lowercase)
    steps.push_back({TextStepKind::Lowercase});
  return steps;
}

std::vector<Step> lqc::bertPreTokenizerSteps() {
  return {{TextStepKind::SplitRemoved, 0, "\\p{WSpace}+"},
          {TextStepKind::SplitIsolated, 0, kPunctuation.str()}};
}
