//===- Quality.h - how well a model predicts, how near another --*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Three figures say what quantization cost, each a mean over all predictions of
// all windows (lqc/Runtime/Windows.h), computed in double from float32 logits:
//
//   perplexity    exp(mean of -ln p(the token that came))
//   KL divergence mean of sum_v p(v) ln(p(v) / q(v)), in nats a token, p the
//                 reference's and q the candidate's distribution over the
//                 vocabulary; also its 99th percentile, the smallest value that
//                 is not exceeded by at least 99 % of the tokens
//   top-1         the part of the tokens for which both find the same token
//                 likeliest (of equals the lowest id, as greedy decoding does)
//
// The intervals are 95 % confidence intervals of the means: what another text
// of the same kind and length would give. Tokens of one window are correlated,
// so windows, not tokens, are the independent observations. With S_b the sum
// and n_b the number of values in block b, m = sum S_b / sum n_b and B blocks
//
//   standard error = sqrt(B / (B-1) * sum_b (S_b - m n_b)^2) / sum n_b
//
// (the ratio estimator of cluster sampling: Cochran, Sampling Techniques, 1977,
// ch. 9A), and the interval is m -+ 1.96 of it, for perplexity put through exp.
// Windows that overlap share tokens: ceil(window / stride) of them in a row are
// one block. There is no interval with fewer than two blocks, and none of the
// percentile.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_QUALITY_QUALITY_H
#define LQC_QUALITY_QUALITY_H

#include "lqc/Quality/LogitSource.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <optional>
#include <vector>

namespace lqc {

struct Interval {
  double low, high;
};

/// A measured mean and its 95 % confidence interval.
struct Figure {
  double value = 0;
  std::optional<Interval> interval;
};

/// What one prediction adds.
struct TokenScore {
  double nll = 0; ///< -ln q(target), nats
  // Only with a reference:
  double referenceNll = 0; ///< -ln p(target), nats
  double kl = 0;           ///< KL(p || q), nats, at least 0
  bool agrees = false;     ///< same likeliest token

  bool isFinite() const;
};

/// `candidate`, `reference`: logits (vocabulary), the latter empty if there is
/// no reference. Not finite if a logit is not.
TokenScore scoreToken(llvm::ArrayRef<float> candidate,
                      llvm::ArrayRef<float> reference, int32_t target);

/// A mean of values that come in blocks.
class BlockMean {
public:
  void add(double value);
  void endBlock();
  double mean() const;
  /// Of the mean; nothing with fewer than two blocks.
  std::optional<double> standardError() const;
  size_t blocks() const { return ended.size(); }
  int64_t count() const { return all.count; }

private:
  struct Block {
    double sum = 0;
    int64_t count = 0;
  };
  std::vector<Block> ended;
  Block open, all;
};

/// The mean with its 95 % confidence interval, which begins at 0 at least.
Figure meanFigure(const BlockMean &mean);

/// What was measured against a reference.
struct Comparison {
  Figure referencePerplexity;
  Figure kl; ///< nats a token
  double klP99 = 0;
  Figure top1; ///< 0 to 1
};

struct Quality {
  int64_t tokens = 0; ///< predictions counted
  int64_t blocks = 0; ///< behind the intervals
  Figure perplexity;
  std::optional<Comparison> comparison;
};

/// Takes scores in order and makes Quality of them. Keeps a float a token, for
/// the percentile, and three sums a block.
class QualityStatistics {
public:
  explicit QualityStatistics(bool hasReference) : hasReference(hasReference) {}

  void add(const TokenScore &score);
  void endBlock();
  Quality result() const;

private:
  bool hasReference;
  BlockMean nll, referenceNll, kl, top1;
  std::vector<float> divergences; ///< KL of each token
};

struct MeasureOptions {
  int64_t vocabulary;
  unsigned threads = 1; ///< that score rows; no result depends on it
  /// Called with the number of rows that were scored since the last call; may
  /// be null.
  llvm::function_ref<void(uint64_t)> progress;
};

/// Scores every prediction of a text. `reference` may be null. Rows are scored
/// as they come, a few megabytes at a time. An error if a logit is not finite
/// or a source fails.
llvm::Expected<Quality> measureQuality(LogitSource &candidate,
                                       LogitSource *reference,
                                       llvm::ArrayRef<int32_t> tokens,
                                       const runtime::Windows &windows,
                                       const MeasureOptions &options);

} // namespace lqc

#endif // LQC_QUALITY_QUALITY_H
