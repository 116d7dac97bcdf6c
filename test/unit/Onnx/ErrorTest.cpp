//===- ErrorTest.cpp - models that are wrong ------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/Onnx/Fixture.h"

#include "gmock/gmock.h"
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

using namespace lqc::test;
using testing::HasSubstr;
using testing::StartsWith;

static constexpr int kFloat = onnx::TensorProto::FLOAT;

/// x (2, 3) and y, which is not computed yet.
static OnnxModel plain(int64_t opset = 17) {
  OnnxModel model(opset);
  model.input("x", kFloat, {int64_t(2), int64_t(3)}).output("y");
  return model;
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

TEST(OnnxError, NoProtobuf) {
  EXPECT_EQ(OnnxModel::importBytes("\x0f", "f"),
            "f: byte 0: wire type must be 0, 1, 2 or 5, got: 7");
  EXPECT_EQ(OnnxModel::importBytes(std::string("\x3a\x05zz", 4), "f"),
            "f: byte 0: field must end within its message");
  EXPECT_EQ(OnnxModel::importBytes(std::string("\0", 1), "f"),
            "f: byte 0: must be a field of an ONNX model");
  EXPECT_EQ(OnnxModel::importBytes("", "f"),
            "f: must be an ONNX model, and it has no graph");
}

TEST(OnnxError, TruncatedAnywhere) {
  OnnxModel model = plain();
  model.floats("w", {2, 3}, {1, 2, 3, 4, 5, 6});
  model.node("Add", {"x", "w"}, {"y"});
  std::string bytes = model.bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::string result =
        OnnxModel::importBytes(bytes.substr(0, size), "cut.onnx");
    if (result.find("func.func") != std::string::npos)
      continue; // what was cut off did not matter
    EXPECT_THAT(result, StartsWith("cut.onnx: "));
    EXPECT_EQ(result.find('\n'), std::string::npos);
  }
}

TEST(OnnxError, TooDeep) {
  onnx::GraphProto inner;
  for (int i = 0; i < 40; ++i) {
    onnx::GraphProto outer;
    onnx::AttributeProto *attribute = outer.add_node()->add_attribute();
    attribute->set_name("body");
    *attribute->mutable_g() = inner;
    inner = outer;
  }
  OnnxModel model;
  *model.model.mutable_graph() = inner;
  EXPECT_THAT(model.import(), HasSubstr("messages must not be nested over 100 "
                                        "deep"));
}

//===----------------------------------------------------------------------===//
// Stored tensors
//===----------------------------------------------------------------------===//

static std::string withTensor(void (*change)(onnx::TensorProto &)) {
  OnnxModel model = plain();
  change(model.floats("w", {2, 3}, {1, 2, 3, 4, 5, 6}));
  model.node("Add", {"x", "w"}, {"y"});
  return model.import();
}

TEST(OnnxError, Tensors) {
  EXPECT_EQ(withTensor([](onnx::TensorProto &t) { t.set_data_type(99); }),
            "m.onnx: tensor 'w': data_type must be one of ONNX's, got: 99");
  EXPECT_EQ(withTensor([](onnx::TensorProto &t) {
              t.set_data_type(onnx::TensorProto::STRING);
            }),
            "m.onnx: tensor 'w': string tensors are not supported");
  EXPECT_EQ(withTensor([](onnx::TensorProto &t) { t.set_dims(0, -2); }),
            "m.onnx: tensor 'w': dimensions must not be negative, got: -2");
  EXPECT_EQ(
      withTensor([](onnx::TensorProto &t) { t.set_dims(0, int64_t(1) << 40); }),
      "m.onnx: tensor 'w': a tensor must have at most 2^40 elements, "
      "got: 1099511627776 x 3");
  EXPECT_EQ(withTensor([](onnx::TensorProto &t) { t.set_dims(0, 4); }),
            "m.onnx: tensor 'w': its 12 elements of type float must take 48 "
            "bytes, got: 24");
  EXPECT_EQ(withTensor([](onnx::TensorProto &t) {
              for (int i = 0; i < 33; ++i)
                t.add_dims(1);
            }),
            "m.onnx: tensor 'w': must have at most 32 dimensions, got: 35");
}

/// A field that is there twice is legal protobuf, of which the last counts.
TEST(OnnxError, NumbersGivenTwice) {
  OnnxModel model = plain();
  model.floats("w", {2, 3}, {1, 2, 3, 4, 5, 6});
  model.node("Add", {"x", "w"}, {"y"});
  // A tensor inside an initializer of a graph inside the model, by hand.
  std::string tensor = std::string("\x4a\x01") + "a" + "\x4a\x01" + "b";
  std::string graph = "\x2a" + std::string(1, char(tensor.size())) + tensor;
  std::string bytes = "\x3a" + std::string(1, char(graph.size())) + graph;
  EXPECT_THAT(OnnxModel::importBytes(bytes, "f"),
              HasSubstr("a tensor must have raw_data once"));
}

static std::string
withExternal(const std::vector<std::pair<std::string, std::string>> &entries,
             const std::string &path) {
  OnnxModel model = plain();
  onnx::TensorProto &tensor = model.floats("w", {2, 3}, {});
  tensor.clear_raw_data();
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  for (const auto &[key, value] : entries) {
    onnx::StringStringEntryProto *entry = tensor.add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  }
  model.node("Add", {"x", "w"}, {"y"});
  return model.import(path);
}

TEST(OnnxError, ExternalData) {
  namespace fs = std::filesystem;
  fs::path folder = fs::path(testing::TempDir()) / "lqc-onnx-external";
  fs::create_directories(folder);
  std::ofstream(folder / "w.bin", std::ios::binary) << std::string(40, 'x');
  std::string path = (folder / "m.onnx").string();
  const std::string prefix = path + ": tensor 'w': ";
  EXPECT_THAT(withExternal({{"location", "w.bin"}, {"offset", "16"}}, path),
              HasSubstr("func.func @main"));
  for (const char *location : {"../w.bin", "/etc/passwd", "", "a/../../w.bin"})
    EXPECT_EQ(withExternal({{"location", location}}, path),
              prefix +
                  "external data must be a relative path that stays in "
                  "the model's folder, got: '" +
                  location + "'");
  EXPECT_EQ(withExternal({{"location", "none.bin"}}, path),
            prefix + "external data: " + (folder / "none.bin").string() +
                ": no such file or directory");
  EXPECT_EQ(withExternal({{"location", "w.bin"}, {"offset", "17"}}, path),
            prefix + "external data must lie within the 40 bytes of 'w.bin', "
                     "got: 24 bytes at byte 17");
  EXPECT_EQ(withExternal({{"location", "w.bin"}, {"offset", "-1"}}, path),
            prefix + "external data's offset must be a whole number, got: "
                     "'-1'");
  EXPECT_EQ(withExternal({{"location", "w.bin"}, {"length", "20"}}, path),
            prefix + "its 6 elements of type float must take 24 bytes, got: "
                     "20");
  fs::remove_all(folder);
}

//===----------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------===//

TEST(OnnxError, Opsets) {
  EXPECT_EQ(plain(99).import(),
            "m.onnx: opset of ai.onnx must be 1 to 23, got: 99");
  OnnxModel model = plain();
  model.node("Relu", {"x"}, {"y"}).set_domain("own");
  EXPECT_EQ(model.import(), "m.onnx: node 'y' (Relu): the model must import an "
                            "operator set of domain 'own'");
  OnnxModel unknown = plain();
  unknown.node("Frobnicate", {"x"}, {"y"}).set_name("it");
  EXPECT_EQ(unknown.import(), "m.onnx: node 'it' (Frobnicate): the operator is "
                              "not supported in opset 17 of ai.onnx");
  OnnxModel odd = plain();
  odd.node("Re\nlu", {"x"}, {"y"});
  EXPECT_THAT(odd.import(),
              HasSubstr("node 'y' ('Re\\x0alu'): the operator is"));
  // Gelu exists since opset 20.
  OnnxModel early = plain();
  early.node("Gelu", {"x"}, {"y"});
  EXPECT_THAT(early.import(), HasSubstr("not supported in opset 17"));
}

TEST(OnnxError, Names) {
  OnnxModel missing = plain();
  missing.node("Add", {"x", "w"}, {"y"});
  EXPECT_EQ(missing.import(),
            "m.onnx: node 'y' (Add): input 'w' must be an input, an "
            "initializer or an output of a node");
  OnnxModel cycle = plain();
  cycle.node("Add", {"x", "b"}, {"a"});
  cycle.node("Relu", {"a"}, {"b"});
  cycle.node("Relu", {"b"}, {"y"});
  EXPECT_EQ(cycle.import(),
            "m.onnx: node 'a' (Add): input 'b' must be computed before it, "
            "got: node 'b' (Relu) comes later or depends on it");
  OnnxModel twice = plain();
  twice.node("Relu", {"x"}, {"y"});
  twice.node("Neg", {"x"}, {"y"});
  EXPECT_EQ(twice.import(), "m.onnx: node 'y' (Neg): the name 'y' must be "
                            "given to one value");
  EXPECT_EQ(plain().import(), "m.onnx: output 'y' must be computed by a node");
  OnnxModel none;
  EXPECT_EQ(none.import(), "m.onnx: the graph must have an output");
}

static std::string withInput(int type, const Dims &dims) {
  OnnxModel model;
  model.input("x", type, dims).output("y");
  model.node("Identity", {"x"}, {"y"});
  return model.import();
}

TEST(OnnxError, Inputs) {
  EXPECT_EQ(withInput(99, {}), "m.onnx: input 'x': element type must be one of "
                               "ONNX's, got: 99");
  EXPECT_EQ(withInput(onnx::TensorProto::STRING, {}),
            "m.onnx: input 'x': string tensors are not supported");
  EXPECT_EQ(withInput(kFloat, {int64_t(-3)}),
            "m.onnx: input 'x': dimensions must not be negative, got: -3");
  EXPECT_EQ(withInput(kFloat, Dims(33, int64_t(1))),
            "m.onnx: input 'x': must have at most 32 dimensions, got: 33");
  EXPECT_THAT(withInput(kFloat, {INT64_MAX, INT64_MAX}),
              HasSubstr("m.onnx: input 'x': must have at most 2^40 elements"));
  OnnxModel rank = plain();
  rank.node("Relu", {"x"}, {"y"});
  rank.graph()
      .mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->clear_shape();
  EXPECT_EQ(rank.import(), "m.onnx: input 'x': must have a shape, its number "
                           "of dimensions at least");
  OnnxModel sequence = plain();
  sequence.graph().mutable_input(0)->mutable_type()->mutable_sequence_type();
  EXPECT_EQ(sequence.import(), "m.onnx: input 'x': sequences, maps and "
                               "optional values are not supported");
}

TEST(OnnxError, Nodes) {
  OnnxModel count = plain();
  count.node("Relu", {"x", "x"}, {"y"});
  EXPECT_EQ(count.import(),
            "m.onnx: node 'y' (Relu): must have 1 to 1 inputs, got: 2");
  OnnxModel left = plain();
  left.node("Add", {"", "x"}, {"y"});
  EXPECT_EQ(left.import(), "m.onnx: node 'y' (Add): input 0 must be given");
  OnnxModel type = plain();
  setInteger(type.node("Concat", {"x", "x"}, {"y"}), "axis", 7);
  EXPECT_EQ(type.import(),
            "m.onnx: node 'y' (Concat): axis must be -2 to 1, got: 7");
  OnnxModel attribute = plain();
  setText(attribute.node("Concat", {"x", "x"}, {"y"}), "axis", "0");
  EXPECT_EQ(attribute.import(), "m.onnx: node 'y' (Concat): attribute axis "
                                "must be of type int, got: string");
  OnnxModel unequal = plain();
  unequal.integers("i", {1, 2, 3});
  unequal.node("Add", {"x", "i"}, {"y"});
  EXPECT_EQ(unequal.import(), "m.onnx: node 'y' (Add): inputs must have one "
                              "element type, got: float and int64");
  OnnxModel sizes = plain();
  sizes.floats("w", {4}, {1, 2, 3, 4});
  sizes.node("Add", {"x", "w"}, {"y"});
  EXPECT_EQ(sizes.import(), "m.onnx: node 'y' (Add): sizes, if none of them "
                            "is 1, must be equal, got: 3 != 4");
  OnnxModel extra = plain();
  extra.node("Relu", {"x"}, {"y", "z"});
  EXPECT_EQ(extra.import(),
            "m.onnx: node 'y' (Relu): output 1 ('z') is not supported");
}

/// Results of absurd sizes.
TEST(OnnxError, AbsurdSizes) {
  OnnxModel model = plain();
  model.integers("to", {int64_t(1) << 30, int64_t(1) << 30, 2, 3});
  model.node("Expand", {"x", "to"}, {"y"});
  EXPECT_THAT(model.import(), HasSubstr("m.onnx: node 'y' (Expand): a tensor "
                                        "must have at most 2^40 elements"));
  OnnxModel range = plain();
  range.integers("to", {-1, -1});
  range.node("Reshape", {"x", "to"}, {"y"});
  EXPECT_EQ(range.import(), "m.onnx: node 'y' (Reshape): shape must have one "
                            "-1 at most");
  OnnxModel index = plain();
  index.integers("i", {5});
  index.node("Gather", {"x", "i"}, {"y"});
  EXPECT_EQ(index.import(),
            "m.onnx: node 'y' (Gather): index must be -2 to 1, got: 5");
}

TEST(OnnxError, DefaultsOfFunctions) {
  OnnxModel model = plain();
  onnx::FunctionProto &function = *model.model.add_functions();
  function.set_name("F");
  function.mutable_unknown_fields()->AddLengthDelimited(11, "\x0a\x7f");
  EXPECT_THAT(
      model.import(),
      testing::AnyOf(
          "m.onnx: function 'F': its default attributes must be attributes",
          HasSubstr("field must end within its message")));
  function.mutable_unknown_fields()->Clear();
  function.mutable_unknown_fields()->AddVarint(11, 7);
  EXPECT_EQ(model.import(),
            "m.onnx: function 'F': its default attributes must be attributes");
}

/// A function that calls itself.
TEST(OnnxError, EndlessFunction) {
  OnnxModel model = plain();
  onnx::OperatorSetIdProto *set = model.model.add_opset_import();
  set->set_domain("own");
  set->set_version(1);
  onnx::FunctionProto &function = *model.model.add_functions();
  function.set_name("F");
  function.set_domain("own");
  function.add_input("a");
  function.add_output("b");
  *function.add_opset_import() = *set;
  onnx::NodeProto &call = *function.add_node();
  call.set_op_type("F");
  call.set_domain("own");
  call.add_input("a");
  call.add_output("b");
  model.node("F", {"x"}, {"y"}).set_domain("own");
  EXPECT_EQ(model.import(), "m.onnx: node 'b' (F): functions must not be "
                            "nested over 64 deep");
}
