//===- Llama.cpp - the Llama family ---------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Llama 1, 2 and 3.x (Touvron et al. 2023, Grattafiori et al. 2024), as
// LlamaForCausalLM of `transformers` stores and computes them.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Safetensors/Family.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

static std::string layerPrefix(int64_t layer) {
  return "model.layers." + std::to_string(layer) + ".";
}

static std::string layerFunction(int64_t layer) {
  return "layers." + std::to_string(layer);
}

static StringRef headName(const ModelConfig &config) {
  return config.tiedEmbeddings ? "model.embed_tokens" : "lm_head";
}

std::vector<TensorRule> lqc::llamaTensors(const ModelConfig &config) {
  const Dimension vocabulary = {"vocab_size", config.vocabulary};
  const Dimension hidden = {"hidden_size", config.hiddenSize};
  const Dimension ffn = {"intermediate_size", config.intermediateSize};
  const Dimension queries = {"num_attention_heads * head_dim",
                             config.heads * config.headDim};
  const Dimension keys = {"num_key_value_heads * head_dim",
                          config.kvHeads * config.headDim};
  struct Linear {
    const char *name;
    Dimension outputs, inputs;
    bool hasBias;
  };
  const Linear linears[] = {
      {"self_attn.q_proj", queries, hidden, config.attentionBias},
      {"self_attn.k_proj", keys, hidden, config.attentionBias},
      {"self_attn.v_proj", keys, hidden, config.attentionBias},
      {"self_attn.o_proj", hidden, queries, config.attentionBias},
      {"mlp.gate_proj", ffn, hidden, config.mlpBias},
      {"mlp.up_proj", ffn, hidden, config.mlpBias},
      {"mlp.down_proj", hidden, ffn, config.mlpBias},
  };

  std::vector<TensorRule> rules;
  rules.push_back({"model.embed_tokens.weight", {vocabulary, hidden}});
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    std::string prefix = layerPrefix(layer);
    rules.push_back({prefix + "input_layernorm.weight", {hidden}});
    for (const Linear &linear : linears) {
      std::string name = prefix + linear.name;
      rules.push_back({name + ".weight", {linear.outputs, linear.inputs}});
      if (linear.hasBias)
        rules.push_back({name + ".bias", {linear.outputs}});
    }
    rules.push_back({prefix + "post_attention_layernorm.weight", {hidden}});
  }
  rules.push_back({"model.norm.weight", {hidden}});
  if (!config.tiedEmbeddings)
    rules.push_back({"lm_head.weight", {vocabulary, hidden}});
  return rules;
}

namespace {
/// The arguments of a layer's function, in order.
enum LayerArgument { Input, Rotary, Positions, Slots, Cache };
} // namespace

static Value buildAttention(ModelBuilder &b, int64_t layer,
                            ArrayRef<BlockArgument> arguments) {
  const ModelConfig &config = b.config;
  const std::string prefix = layerPrefix(layer);
  const bool bias = config.attentionBias;
  Value positions = arguments[Positions], slots = arguments[Slots];
  Value input = b.rmsNorm(arguments[Input], prefix + "input_layernorm.weight");
  Value q = b.linear(input, prefix + "self_attn.q_proj", bias);
  Value k = b.linear(input, prefix + "self_attn.k_proj", bias);
  Value v = b.linear(input, prefix + "self_attn.v_proj", bias);
  q = RopeOp::create(b.builder, b.loc, q.getType(), q, arguments[Rotary],
                     config.headDim);
  k = RopeOp::create(b.builder, b.loc, k.getType(), k, arguments[Rotary],
                     config.headDim);
  CacheAppendOp::create(b.builder, b.loc, k, v, arguments[Cache], positions,
                        slots, layer);
  APFloat scale(float(1.0 / std::sqrt(double(config.headDim))));
  Value mixed =
      AttentionOp::create(b.builder, b.loc, q.getType(), q, arguments[Cache],
                          positions, slots, layer, scale);
  return b.linear(mixed, prefix + "self_attn.o_proj", bias);
}

static Value buildMlp(ModelBuilder &b, int64_t layer, Value input) {
  const std::string prefix = layerPrefix(layer);
  const bool bias = b.config.mlpBias;
  ActivationKind kind = b.config.activation == Activation::Silu
                            ? ActivationKind::silu
                            : ActivationKind::gelu_tanh;
  input = b.rmsNorm(input, prefix + "post_attention_layernorm.weight");
  Value gate = b.linear(input, prefix + "mlp.gate_proj", bias);
  Value up = b.linear(input, prefix + "mlp.up_proj", bias);
  Value hidden = GatedActivationOp::create(b.builder, b.loc, gate.getType(),
                                           gate, up, kind);
  return b.linear(hidden, prefix + "mlp.down_proj", bias);
}

static void buildLayer(ModelBuilder &b, int64_t layer) {
  RankedTensorType hidden = b.activations(b.config.hiddenSize);
  func::FuncOp function =
      b.startFunction(layerFunction(layer),
                      {hidden, b.activations(b.config.headDim), b.tokens(),
                       b.tokens(), b.cache()},
                      hidden);
  function.setPrivate();
  function->setAttr(kLayerAttrName, b.builder.getI64IntegerAttr(layer));
  ArrayRef<BlockArgument> arguments = function.getArguments();
  Value attention = buildAttention(b, layer, arguments);
  Value x =
      arith::AddFOp::create(b.builder, b.loc, arguments[Input], attention);
  Value mlp = buildMlp(b, layer, x);
  b.finishFunction(arith::AddFOp::create(b.builder, b.loc, x, mlp));
}

void lqc::buildLlama(ModelBuilder &b) {
  const ModelConfig &config = b.config;
  RankedTensorType hidden = b.activations(config.hiddenSize);
  func::FuncOp forward = b.startFunction(
      kForwardName, {b.tokens(), b.tokens(), b.tokens(), b.cache()},
      b.activations(config.vocabulary));
  Value tokens = forward.getArgument(0), positions = forward.getArgument(1);
  Value slots = forward.getArgument(2), cache = forward.getArgument(3);
  Value x = EmbeddingOp::create(b.builder, b.loc, hidden, tokens,
                                b.weight("model.embed_tokens.weight"));
  Value rotary =
      RotaryTableOp::create(b.builder, b.loc, b.activations(config.headDim),
                            positions, b.weight("rope.frequencies"));
  for (int64_t layer = 0; layer < config.layers; ++layer)
    x = func::CallOp::create(b.builder, b.loc, layerFunction(layer), hidden,
                             ValueRange{x, rotary, positions, slots, cache})
            .getResult(0);
  x = b.rmsNorm(x, "model.norm.weight");
  b.finishFunction(b.linear(x, headName(config), /*hasBias=*/false));
  for (int64_t layer = 0; layer < config.layers; ++layer)
    buildLayer(b, layer);
}
