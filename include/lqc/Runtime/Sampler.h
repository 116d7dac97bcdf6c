//===- Sampler.h - from logits to the next token ----------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Temperature 0 is greedy: the largest logit, the lowest id among equals.
// Otherwise, in this order (llama.cpp's):
//
//   repeat penalty over the last kRepeatWindow tokens: a logit above 0 is
//     divided by it, any other is multiplied; once for each distinct token
//   top-k: the k largest logits
//   top-p: the fewest tokens, largest first, whose probabilities reach p
//   min-p: those with at least p times the probability of the first
//   temperature: softmax(logit / temperature), and a draw
//
// The penalty also counts when greedy. Only +, -, *, / and comparisons on IEEE
// numbers are used, so the same logits and seed give the same token on every
// machine.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_SAMPLER_H
#define LQC_RUNTIME_SAMPLER_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lqc::runtime {

inline constexpr size_t kRepeatWindow = 64;

struct SamplerOptions {
  double temperature = 0;   ///< 0: greedy
  int64_t topK = 40;        ///< 0: off
  double topP = 0.95;       ///< 1: off
  double minP = 0.05;       ///< 0: off
  double repeatPenalty = 1; ///< 1: off
  uint64_t seed = 0;
};

/// e^x for x <= 0, within 1e-15 relative, the same bits on every machine.
double portableExp(double x);

/// xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64.
class Random {
public:
  explicit Random(uint64_t seed);
  uint64_t next();
  /// Uniform in [0, 1), 53 bits.
  double uniform() { return double(next() >> 11) * 0x1p-53; }

private:
  uint64_t state[4];
};

/// Chooses tokens. Memory is taken by the constructor.
class Sampler {
public:
  Sampler(const SamplerOptions &options, int64_t vocabulary);

  /// Notes a token of the text so far, for the repeat penalty.
  void accept(int32_t token);

  /// The next token, or -1 if no logit is a finite number. Changes `logits`
  /// (vocabulary) where the penalty applies; does not `accept` its result.
  int32_t sample(float *logits);

private:
  struct Candidate {
    float logit;
    int32_t token;
  };

  void penalize(float *logits) const;
  int32_t greedy(const float *logits) const;
  void collect(const float *logits);
  void sortFirst(size_t count);
  float largestLogit() const;
  void keepTopP();
  void keepMinP();
  int32_t draw();

  SamplerOptions options;
  int64_t vocabulary;
  Random random;
  int32_t recent[kRepeatWindow]; ///< a ring
  size_t accepted = 0;           ///< tokens ever
  std::vector<Candidate> candidates;
  size_t sorted = 0; ///< candidates in their final place
};

} // namespace lqc::runtime

#endif // LQC_RUNTIME_SAMPLER_H
