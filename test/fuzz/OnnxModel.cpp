//===- OnnxModel.cpp - an ONNX file ---------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Onnx/Importer.h"
#include "lqc/Import/Onnx/Summary.h"
#include "test/fuzz/Fuzz.h"
#include "test/unit/Onnx/Fixture.h"

using namespace lqc;
using namespace lqc::test;

static constexpr int kFloat = onnx::TensorProto::FLOAT;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // The dialects are loaded once; modules go with each input.
  static mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  const llvm::ArrayRef<char> bytes(reinterpret_cast<const char *>(data), size);
  auto module = importOnnx(&context, bytes, "f.onnx");
  if (!module)
    requireOneLine(module.takeError());
  if (auto summary = summarizeOnnx(bytes, "f.onnx"); !summary)
    requireOneLine(summary.takeError());
  return 0;
}

/// Shapes that are computed, a weight, a branch.
static std::string shapes() {
  OnnxModel model;
  model.input("x", kFloat, {"n", int64_t(4)}).output("y");
  model.floats("w", {4, 4}, std::vector<float>(16, 1));
  model.integers("to", {-1, 2, 2});
  model.integers("i", {0, -1});
  model.node("MatMul", {"x", "w"}, {"a"});
  model.node("Reshape", {"a", "to"}, {"b"});
  model.node("Gather", {"b", "i"}, {"c"});
  setIntegers(model.node("Transpose", {"c"}, {"d"}), "perm", {2, 0, 1});
  model.node("Softmax", {"d"}, {"y"});
  return model.bytes();
}

static std::string convolution() {
  OnnxModel model(11);
  model.input("x", kFloat, {int64_t(1), int64_t(2), int64_t(5), int64_t(5)})
      .output("y");
  model.floats("w", {2, 1, 3, 3}, std::vector<float>(18, 1));
  onnx::NodeProto &node = model.node("Conv", {"x", "w"}, {"a"});
  setInteger(node, "group", 2);
  setIntegers(node, "pads", {1, 1, 1, 1});
  setIntegers(node, "strides", {2, 1});
  onnx::NodeProto &pool = model.node("MaxPool", {"a"}, {"b"});
  setIntegers(pool, "kernel_shape", {2, 2});
  setInteger(model.node("Flatten", {"b"}, {"y"}), "axis", 1);
  return model.bytes();
}

static std::string control() {
  OnnxModel model;
  model.input("c", onnx::TensorProto::BOOL, {})
      .input("x", kFloat, {"n"})
      .output("y");
  onnx::NodeProto &choice = model.node("If", {"c"}, {"y"});
  for (const char *name : {"then_branch", "else_branch"}) {
    onnx::AttributeProto *attribute = choice.add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::GRAPH);
    onnx::GraphProto *graph = attribute->mutable_g();
    OnnxModel::addNode(*graph, name[0] == 't' ? "Exp" : "Neg", {"x"}, {"r"});
    graph->add_output()->set_name("r");
  }
  return model.bytes();
}

/// Codes in blocks, shared heads and rotary tables of ONNX Runtime.
static std::string contrib() {
  OnnxModel model;
  onnx::OperatorSetIdProto *set = model.model.add_opset_import();
  set->set_domain("com.microsoft");
  set->set_version(1);
  model.input("x", kFloat, {"b", "s", int64_t(32)})
      .input("past_k", kFloat, {"b", int64_t(1), "past", int64_t(16)})
      .input("past_v", kFloat, {"b", int64_t(1), "past", int64_t(16)})
      .input("lengths", onnx::TensorProto::INT32, {"b"})
      .input("total", onnx::TensorProto::INT32, {})
      .output("y");
  onnx::TensorProto &codes = model.floats("codes", {64, 1, 16}, {});
  codes.set_data_type(onnx::TensorProto::UINT8);
  codes.set_raw_data(std::string(1024, 'c'));
  model.floats("scales", {64, 1}, std::vector<float>(64, 0.1f));
  model.floats("cos", {4, 8}, std::vector<float>(32, 1));
  model.floats("sin", {4, 8}, std::vector<float>(32, 0));
  onnx::NodeProto &product =
      model.node("MatMulNBits", {"x", "codes", "scales"}, {"qkv"});
  setInteger(product, "N", 64);
  setInteger(product, "K", 32);
  setInteger(product, "block_size", 32);
  product.set_domain("com.microsoft");
  onnx::NodeProto &attention = model.node(
      "GroupQueryAttention",
      {"qkv", "", "", "past_k", "past_v", "lengths", "total", "cos", "sin"},
      {"y"});
  setInteger(attention, "num_heads", 2);
  setInteger(attention, "kv_num_heads", 1);
  setInteger(attention, "do_rotary", 1);
  attention.set_domain("com.microsoft");
  return model.bytes();
}

std::vector<std::string> lqc::test::fuzzSeeds() {
  return {shapes(), convolution(), control(), contrib()};
}
