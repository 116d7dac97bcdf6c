//===- ModelConfig.h - what config.json says --------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_IMPORT_SAFETENSORS_MODELCONFIG_H
#define LQC_IMPORT_SAFETENSORS_MODELCONFIG_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lqc {

/// The families of models that config.json may name.
enum class ModelFamily : uint8_t { Llama };

llvm::StringRef modelFamilyName(ModelFamily family);

/// The function between the gate and the product of a gated MLP.
enum class Activation : uint8_t {
  Silu,     ///< x * sigmoid(x)
  GeluTanh, ///< x / 2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))
};

/// How rotary frequencies are stretched for contexts longer than those trained
/// on.
enum class RopeScaling : uint8_t {
  None,
  Linear, ///< every frequency divided by `factor`
  Llama3, ///< low frequencies divided, high ones kept, a ramp between
};

/// A model's hyperparameters, checked. Names follow config.json of the
/// `transformers` library (LlamaConfig), and so do defaults.
struct ModelConfig {
  ModelFamily family = ModelFamily::Llama;

  int64_t hiddenSize = 0;
  int64_t intermediateSize = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kvHeads = 0; ///< divides heads
  int64_t headDim = 0; ///< even; heads * headDim need not be hiddenSize
  int64_t vocabulary = 0;
  int64_t maxPositions = 0;

  double rmsNormEpsilon = 0;
  Activation activation = Activation::Silu;
  bool tiedEmbeddings = false; ///< the head is the embedding table
  bool attentionBias = false;  ///< q, k, v and o have biases
  bool mlpBias = false;        ///< gate, up and down have biases

  double ropeTheta = 0;
  RopeScaling ropeScaling = RopeScaling::None;
  double ropeFactor = 1;              ///< Linear, Llama3
  double ropeLowFrequencyFactor = 1;  ///< Llama3
  double ropeHighFrequencyFactor = 4; ///< Llama3
  int64_t ropeOriginalPositions = 0;  ///< Llama3

  std::optional<int64_t> bosToken;
  llvm::SmallVector<int64_t, 2> eosTokens; ///< any of them ends the text
};

/// Reads `path`, a config.json. Errors are one line: "PATH: key: rule, got:
/// value".
llvm::Expected<ModelConfig> readModelConfig(llvm::StringRef path);

/// The same from text that came from `path`.
llvm::Expected<ModelConfig> parseModelConfig(llvm::StringRef text,
                                             llvm::StringRef path);

/// The headDim / 2 rotary frequencies, in radians per position: element i is
/// turned by position * frequency[i]. In float32, in the order of operations of
/// `transformers` (modeling_rope_utils.py), whose models were trained with it:
/// 1 / theta^(2i / headDim), then the scaling.
std::vector<float> ropeFrequencies(const ModelConfig &config);

} // namespace lqc

#endif // LQC_IMPORT_SAFETENSORS_MODELCONFIG_H
