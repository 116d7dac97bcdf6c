//===- Sampler.cpp - from logits to the next token ------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace lqc::runtime {

//===----------------------------------------------------------------------===//
// Arithmetic that is the same everywhere
//===----------------------------------------------------------------------===//

double portableExp(double x) {
  if (x < -700)
    return 0;
  // e^x = 2^k e^r with |r| <= ln(2)/2, and the Taylor series of e^r.
  constexpr double kLog2e = 1.4426950408889634;
  constexpr double kLn2High = 6.93147180369123816490e-01; // 33 bits
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  const int64_t k = int64_t(x * kLog2e - 0.5);
  const double r = (x - double(k) * kLn2High) - double(k) * kLn2Low;
  double sum = 1;
  for (int n = 14; n; --n)
    sum = 1 + sum * r / n;
  return sum * std::bit_cast<double>(uint64_t(k + 1023) << 52);
}

Random::Random(uint64_t seed) {
  for (uint64_t &word : state) { // splitmix64
    seed += 0x9e3779b97f4a7c15ULL;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    word = z ^ (z >> 31);
  }
}

uint64_t Random::next() {
  const uint64_t result = std::rotl(state[1] * 5, 7) * 9;
  const uint64_t shifted = state[1] << 17;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = std::rotl(state[3], 45);
  return result;
}

//===----------------------------------------------------------------------===//
// Sampler
//===----------------------------------------------------------------------===//

Sampler::Sampler(const SamplerOptions &options, int64_t vocabulary)
    : options(options), vocabulary(vocabulary), random(options.seed) {
  if (options.temperature > 0)
    candidates.reserve(size_t(vocabulary));
}

void Sampler::accept(int32_t token) {
  recent[accepted++ % kRepeatWindow] = token;
}

void Sampler::penalize(float *logits) const {
  const size_t window = std::min(accepted, kRepeatWindow);
  const float penalty = float(options.repeatPenalty);
  for (size_t i = 0; i < window; ++i) {
    const int32_t token = recent[i];
    if (std::find(recent, recent + i, token) != recent + i)
      continue; // once for each distinct token
    float &logit = logits[token];
    logit = logit > 0 ? logit / penalty : logit * penalty;
  }
}

int32_t Sampler::greedy(const float *logits) const {
  int32_t best = -1;
  for (int64_t i = 0; i < vocabulary; ++i)
    if (std::isfinite(logits[i]) && (best < 0 || logits[i] > logits[best]))
      best = int32_t(i);
  return best;
}

void Sampler::collect(const float *logits) {
  candidates.clear();
  sorted = 0;
  for (int64_t i = 0; i < vocabulary; ++i)
    if (std::isfinite(logits[i]))
      candidates.push_back({logits[i], int32_t(i)});
}

/// Puts the `count` likeliest candidates in front, in order. Equal logits are
/// ordered by id, so the order is the same whatever the sorting algorithm.
void Sampler::sortFirst(size_t count) {
  auto likelier = [](const Candidate &a, const Candidate &b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  };
  count = std::min(count, candidates.size());
  if (count <= sorted)
    return;
  if (count < candidates.size())
    std::nth_element(candidates.begin() + sorted, candidates.begin() + count,
                     candidates.end(), likelier);
  std::sort(candidates.begin() + sorted, candidates.begin() + count, likelier);
  sorted = count;
}

float Sampler::largestLogit() const {
  float largest = candidates[0].logit;
  for (const Candidate &candidate : candidates)
    largest = std::max(largest, candidate.logit);
  return largest;
}

/// Keeps the likeliest candidates that together reach topP of the probability.
void Sampler::keepTopP() {
  const double largest = largestLogit();
  double total = 0;
  for (const Candidate &candidate : candidates)
    total += portableExp(candidate.logit - largest);

  // A few tokens hold most of the probability: sort only as far as needed.
  double reached = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (i == sorted)
      sortFirst(std::max<size_t>(64, 4 * sorted));
    reached += portableExp(candidates[i].logit - largest);
    if (reached >= options.topP * total)
      candidates.resize(i + 1);
  }
}

/// Keeps the candidates that are likely enough compared with the likeliest.
void Sampler::keepMinP() {
  const double largest = largestLogit();
  std::erase_if(candidates, [&](const Candidate &candidate) {
    return portableExp(candidate.logit - largest) < options.minP;
  });
}

int32_t Sampler::draw() {
  const double largest = largestLogit();
  auto weight = [&](const Candidate &candidate) {
    return portableExp((candidate.logit - largest) / options.temperature);
  };
  double total = 0;
  for (const Candidate &candidate : candidates)
    total += weight(candidate);
  double left = random.uniform() * total;
  for (const Candidate &candidate : candidates) {
    left -= weight(candidate);
    if (left < 0)
      return candidate.token;
  }
  return candidates.back().token; // rounding
}

int32_t Sampler::sample(float *logits) {
  if (options.repeatPenalty != 1)
    penalize(logits);
  if (options.temperature <= 0)
    return greedy(logits);

  collect(logits);
  if (candidates.empty())
    return -1;
  if (options.topK > 0 && size_t(options.topK) < candidates.size()) {
    sortFirst(size_t(options.topK));
    candidates.resize(size_t(options.topK));
  }
  if (options.topP < 1)
    keepTopP();
  if (options.minP > 0)
    keepMinP();
  return draw();
}

} // namespace lqc::runtime
