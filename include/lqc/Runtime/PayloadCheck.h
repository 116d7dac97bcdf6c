//===- PayloadCheck.h - is this footer sound --------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one check of a footer, used by the executable at its start and by the
// compiler when it inspects an executable.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_PAYLOADCHECK_H
#define LQC_RUNTIME_PAYLOADCHECK_H

#include "lqc/Runtime/Hash.h"
#include "lqc/Runtime/Payload.h"

#include <cstddef>
#include <cstdio>
#include <string>

namespace lqc::runtime {

inline const char *sectionName(Section section) {
  static const char *const names[SectionCount] = {
      "weights",    "tokenizer", "info",   "summary",
      "generation", "encoder",   "tensors"};
  return names[uint32_t(section)];
}

inline uint64_t footerHash(const PayloadFooter &footer) {
  return hashBytes(&footer, offsetof(PayloadFooter, hash));
}

/// What is wrong with a model's defaults: "NAME must be a number from A to B,
/// got: X", or "". The rules are those of the executable's flags.
inline std::string generationProblem(const GenerationDefaults &defaults) {
  const struct {
    const char *name;
    double value, least, most;
  } rules[] = {
      {"temperature", defaults.temperature, 0, 100},
      {"top_k", double(defaults.topK), 0, 2147483647},
      {"top_p", defaults.topP, 0, 1},
      {"min_p", defaults.minP, 0, 1},
      {"repeat_penalty", defaults.repeatPenalty, 0.01, 100},
      {"max_new_tokens", double(defaults.count), 0, 2147483647},
  };
  for (const auto &rule : rules) {
    if (rule.value >= rule.least && rule.value <= rule.most)
      continue; // a NaN is in no range
    char text[128];
    std::snprintf(text, sizeof(text),
                  "%s must be a number from %.10g to %.10g, got: %.10g",
                  rule.name, rule.least, rule.most, rule.value);
    return text;
  }
  return {};
}

inline const char *poolingName(Pooling pooling) {
  static const char *const names[] = {"none", "mean", "cls"};
  return names[int64_t(pooling)];
}

/// What is wrong with an encoder of a graph with so many inputs and outputs:
/// "NAME must be A to B, got: X", or "".
inline std::string encoderProblem(const EncoderDefaults &encoder,
                                  int64_t inputs, int64_t outputs) {
  const struct {
    const char *name;
    int64_t value, least, most;
  } rules[] = {
      {"ids", encoder.ids, 0, inputs - 1},
      {"mask", encoder.mask, -1, inputs - 1},
      {"positions", encoder.positions, -1, inputs - 1},
      {"tokens", encoder.tokens, -1, outputs - 1},
      {"text", encoder.text, -1, outputs - 1},
      {"pooling", encoder.pooling, 0, int64_t(Pooling::Cls)},
      {"normalize", encoder.normalize, 0, 1},
      {"max_length", encoder.maxLength, 0, 2147483647},
      {"longest", encoder.longest, 0, 2147483647},
      {"pad", encoder.pad, 0, 2147483647},
  };
  for (const auto &rule : rules)
    if (rule.value < rule.least || rule.value > rule.most)
      return std::string(rule.name) + " must be " + std::to_string(rule.least) +
             " to " + std::to_string(rule.most) +
             ", got: " + std::to_string(rule.value);
  return {};
}

/// What is wrong with one section of a footer that ends a file of `fileBytes`
/// bytes: "payload section NAME: rule, got: value", or "".
inline std::string sectionProblem(const PayloadFooter &footer, Section section,
                                  uint64_t fileBytes) {
  const SectionRange &range = footer[section];
  const uint64_t end = fileBytes - sizeof(PayloadFooter);
  std::string where =
      std::string("payload section ") + sectionName(section) + ": ";
  if (range.offset % kPageBytes)
    return where + "offset must be a multiple of " +
           std::to_string(kPageBytes) +
           ", got: " + std::to_string(range.offset);
  if (range.offset > end || range.bytes > end - range.offset)
    return where + "must end before the footer at " + std::to_string(end) +
           ", got: " + std::to_string(range.bytes) + " bytes at " +
           std::to_string(range.offset);
  return {};
}

/// What is wrong with the footer of a file of `fileBytes` bytes (at least
/// sizeof(PayloadFooter)): "payload …: rule, got: value", or "".
inline std::string footerProblem(const PayloadFooter &footer,
                                 uint64_t fileBytes) {
  if (footer.magic != kPayloadMagic)
    return "payload footer: the file must end with the payload's magic "
           "number (is it cut off?), got: " +
           std::to_string(footer.magic);
  if (footer.version != kPayloadVersion)
    return "payload footer: version must be " +
           std::to_string(kPayloadVersion) +
           ", got: " + std::to_string(footer.version);
  if (footer.hash != footerHash(footer))
    return "payload footer: hash must be " +
           std::to_string(footerHash(footer)) +
           ", got: " + std::to_string(footer.hash);
  if (footer.reserved)
    return "payload footer: reserved field must be 0, got: " +
           std::to_string(footer.reserved);
  if (footer.fileBytes != fileBytes)
    return "payload footer: file size must be " +
           std::to_string(footer.fileBytes) +
           ", got: " + std::to_string(fileBytes);
  for (uint32_t i = 0; i < SectionCount; ++i) {
    std::string problem = sectionProblem(footer, Section(i), fileBytes);
    if (!problem.empty())
      return problem;
  }
  return {};
}

} // namespace lqc::runtime

#endif // LQC_RUNTIME_PAYLOADCHECK_H
