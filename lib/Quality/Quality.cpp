//===- Quality.cpp - how well a model predicts, how near another ----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Quality/Quality.h"

#include "lqc/Runtime/Executable.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Parallel.h"

#include <algorithm>
#include <cassert>
#include <cmath>

using namespace lqc;

/// Half the width of a 95 % interval in standard errors: the normal
/// distribution's 97.5th percentile.
static constexpr double kStandardErrors = 1.959963984540054;
/// Logits of one model that are held at once, in bytes, if a row is not more.
static constexpr int64_t kBatchBytes = 8 << 20;

//===----------------------------------------------------------------------===//
// One token
//===----------------------------------------------------------------------===//

bool TokenScore::isFinite() const {
  return std::isfinite(nll) && std::isfinite(referenceNll) && std::isfinite(kl);
}

static int64_t likeliest(llvm::ArrayRef<float> logits) {
  return std::max_element(logits.begin(), logits.end()) - logits.begin();
}

TokenScore lqc::scoreToken(llvm::ArrayRef<float> candidate,
                           llvm::ArrayRef<float> reference, int32_t target) {
  TokenScore score;
  const double logQ = runtime::logSumExp(candidate);
  score.nll = logQ - double(candidate[target]);
  if (reference.empty())
    return score;
  assert(candidate.size() == reference.size() && "one vocabulary");
  const double logP = runtime::logSumExp(reference);
  score.referenceNll = logP - double(reference[target]);
  double sum = 0;
  for (size_t v = 0; v < reference.size(); ++v) {
    const double p = double(reference[v]) - logP;
    const double q = double(candidate[v]) - logQ;
    sum += std::exp(p) * (p - q);
  }
  // Rounding can leave a trace below zero; a NaN stays one.
  score.kl = sum < 0 ? 0 : sum;
  score.agrees = likeliest(candidate) == likeliest(reference);
  return score;
}

//===----------------------------------------------------------------------===//
// Means
//===----------------------------------------------------------------------===//

void BlockMean::add(double value) {
  // One running sum over all, as the executable's --perplexity has it: the
  // mean is the same number.
  all.sum += value;
  open.sum += value;
  ++all.count;
  ++open.count;
}

void BlockMean::endBlock() {
  if (open.count)
    ended.push_back(open);
  open = Block();
}

double BlockMean::mean() const {
  return all.count ? all.sum / double(all.count) : 0;
}

std::optional<double> BlockMean::standardError() const {
  const double blocks = double(ended.size());
  if (blocks < 2)
    return std::nullopt;
  const double center = mean();
  double squares = 0;
  for (const Block &block : ended) {
    const double deviation = block.sum - center * double(block.count);
    squares += deviation * deviation;
  }
  return std::sqrt(blocks / (blocks - 1) * squares) / double(all.count);
}

/// The mean with its interval, both put through `map`, which grows.
static Figure figureOf(const BlockMean &mean,
                       llvm::function_ref<double(double)> map) {
  Figure figure{map(mean.mean()), std::nullopt};
  if (std::optional<double> error = mean.standardError())
    figure.interval = {map(mean.mean() - kStandardErrors * *error),
                       map(mean.mean() + kStandardErrors * *error)};
  return figure;
}

Figure lqc::meanFigure(const BlockMean &mean) {
  return figureOf(mean, [](double value) { return std::max(value, 0.0); });
}

//===----------------------------------------------------------------------===//
// All tokens
//===----------------------------------------------------------------------===//

void QualityStatistics::add(const TokenScore &score) {
  nll.add(score.nll);
  if (!hasReference)
    return;
  referenceNll.add(score.referenceNll);
  kl.add(score.kl);
  top1.add(score.agrees ? 1 : 0);
  divergences.push_back(float(score.kl));
}

void QualityStatistics::endBlock() {
  for (BlockMean *mean : {&nll, &referenceNll, &kl, &top1})
    mean->endBlock();
}

/// The smallest value that at least 99 % of the values do not exceed.
static double percentile99(std::vector<float> values) {
  if (values.empty())
    return 0;
  const size_t rank = (values.size() * 99 + 99) / 100; // rounded up, from 1
  std::nth_element(values.begin(), values.begin() + (rank - 1), values.end());
  return values[rank - 1];
}

Quality QualityStatistics::result() const {
  auto toPerplexity = [](double nats) { return std::exp(nats); };
  Quality quality;
  quality.tokens = nll.count();
  quality.blocks = int64_t(nll.blocks());
  quality.perplexity = figureOf(nll, toPerplexity);
  if (!hasReference)
    return quality;
  Comparison &comparison = quality.comparison.emplace();
  comparison.referencePerplexity = figureOf(referenceNll, toPerplexity);
  comparison.kl = meanFigure(kl);
  comparison.klP99 = percentile99(divergences);
  comparison.top1 =
      figureOf(top1, [](double part) { return std::clamp(part, 0.0, 1.0); });
  return quality;
}

//===----------------------------------------------------------------------===//
// Measuring
//===----------------------------------------------------------------------===//

namespace {
/// Reads and scores the rows of both models, a batch at a time.
class Measurement {
public:
  Measurement(LogitSource &candidate, LogitSource *reference,
              llvm::ArrayRef<int32_t> tokens, const MeasureOptions &options)
      : candidate(candidate), reference(reference), tokens(tokens),
        options(options), statistics(reference != nullptr) {
    const int64_t rowBytes = options.vocabulary * int64_t(sizeof(float));
    batch = std::clamp<int64_t>(kBatchBytes / rowBytes, 1, 256);
  }

  llvm::Error addWindow(int64_t begin, int64_t count);
  void endBlock() { statistics.endBlock(); }
  Quality result() const { return statistics.result(); }

private:
  /// Predictions of the tokens [first + 1, first + count].
  llvm::Error addRows(int64_t first, int64_t count);
  llvm::Error notFinite(int64_t row, int64_t token) const;

  LogitSource &candidate;
  LogitSource *reference;
  llvm::ArrayRef<int32_t> tokens;
  const MeasureOptions &options;
  QualityStatistics statistics;
  int64_t batch;           ///< rows at once
  std::vector<float> q, p; ///< (batch, vocabulary)
  std::vector<TokenScore> scores;
};
} // namespace

llvm::Error Measurement::addWindow(int64_t begin, int64_t count) {
  for (int64_t row = 0; row < count; row += batch)
    if (llvm::Error error = addRows(begin + row, std::min(batch, count - row)))
      return error;
  return llvm::Error::success();
}

llvm::Error Measurement::addRows(int64_t first, int64_t count) {
  const int64_t vocabulary = options.vocabulary;
  q.resize(count * vocabulary);
  if (llvm::Error error = candidate.read(q))
    return error;
  if (reference) {
    p.resize(count * vocabulary);
    if (llvm::Error error = reference->read(p))
      return error;
  }
  scores.resize(count);
  auto row = [&](const std::vector<float> &rows, int64_t i) {
    return rows.empty()
               ? llvm::ArrayRef<float>()
               : llvm::ArrayRef(rows).slice(i * vocabulary, vocabulary);
  };
  parallelFor(0, count, options.threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      scores[i] = scoreToken(row(q, i), row(p, i), tokens[first + i + 1]);
  });
  for (int64_t i = 0; i < count; ++i) {
    if (!scores[i].isFinite())
      return notFinite(i, first + i);
    statistics.add(scores[i]);
  }
  if (options.progress)
    options.progress(count);
  return llvm::Error::success();
}

/// Says whose logits are at fault in a row of the batch.
llvm::Error Measurement::notFinite(int64_t row, int64_t token) const {
  auto culprit = [&](const std::vector<float> &rows) {
    auto begin = rows.begin() + row * options.vocabulary;
    auto end = begin + options.vocabulary;
    auto found =
        std::find_if(begin, end, [](float x) { return !std::isfinite(x); });
    return found == end ? std::optional<float>() : *found;
  };
  std::optional<float> own = culprit(q);
  return makeError("{0}: logits must be finite numbers, got: {1} after token "
                   "{2} of the text",
                   (own ? candidate : *reference).name(),
                   std::to_string(own ? *own : *culprit(p)), token);
}

llvm::Expected<Quality> lqc::measureQuality(LogitSource &candidate,
                                            LogitSource *reference,
                                            llvm::ArrayRef<int32_t> tokens,
                                            const runtime::Windows &windows,
                                            const MeasureOptions &options) {
  Measurement measurement(candidate, reference, tokens, options);
  // Windows that share tokens are no independent observations.
  const int64_t windowsInBlock =
      (windows.window + windows.stride - 1) / windows.stride;
  for (int64_t i = 0; i < windows.count(); ++i) {
    if (llvm::Error error =
            measurement.addWindow(windows.begin(i), windows.fed(i)))
      return std::move(error);
    if ((i + 1) % windowsInBlock == 0 || i + 1 == windows.count())
      measurement.endBlock();
  }
  for (LogitSource *source : {&candidate, reference})
    if (source)
      if (llvm::Error error = source->finish())
        return std::move(error);
  return measurement.result();
}
