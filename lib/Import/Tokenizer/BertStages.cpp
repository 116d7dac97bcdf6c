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

/// Cc without tab and line ends, Cf, Co, and U+FFFD.
static constexpr llvm::StringLiteral kControl =
    R"([\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\p{Cf}\p{Co}\x{fffd}]+)";
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
    steps.push_back(replacePattern("\\p{Mn}+", ""));
  }
  if (options.lowercase)
    steps.push_back({TextStepKind::Lowercase});
  return steps;
}

std::vector<Step> lqc::bertPreTokenizerSteps() {
  return {{TextStepKind::SplitRemoved, 0, "\\p{WSpace}+"},
          {TextStepKind::SplitIsolated, 0, kPunctuation.str()}};
}
