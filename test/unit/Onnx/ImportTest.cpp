//===- ImportTest.cpp - what graph modules look like ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/Onnx/Fixture.h"

#include "gmock/gmock.h"
#include <gtest/gtest.h>

using namespace lqc::test;
using testing::HasSubstr;
using testing::Not;

static constexpr int kFloat = onnx::TensorProto::FLOAT;
static constexpr int kInt64 = onnx::TensorProto::INT64;
static constexpr int kUint8 = onnx::TensorProto::UINT8;

TEST(OnnxImport, NamesAndSizesOfArguments) {
  OnnxModel model;
  model.input("x", kFloat, {"batch", int64_t(4)})
      .input("codes", kUint8, {"batch"})
      .output("y")
      .output("again");
  model.node("Relu", {"x"}, {"y"});
  model.node("Identity", {"codes"}, {"again"});
  std::string ir = model.import();
  EXPECT_THAT(ir, HasSubstr("lqc.graph = {ir_version = 8 : i64, name = "
                            "\"test\", opset = 17 : i64, producer = \"\"}"));
  EXPECT_THAT(ir, HasSubstr("%arg0: tensor<?x4xf32> {lqc.dims = [\"batch\", "
                            "\"\"], lqc.name = \"x\"}"));
  EXPECT_THAT(ir, HasSubstr("%arg1: tensor<?xi8> {lqc.dims = [\"batch\"], "
                            "lqc.element = \"uint8\", lqc.name = \"codes\"}"));
  EXPECT_THAT(ir, HasSubstr("-> (tensor<?x4xf32> {lqc.name = \"y\"}, "
                            "tensor<?xi8> {lqc.element = \"uint8\", lqc.name = "
                            "\"again\"})"));
  EXPECT_THAT(ir, HasSubstr("arith.maximumf"));
}

/// Small tensors are constants, larger ones places in the file.
TEST(OnnxImport, StoredTensors) {
  OnnxModel model;
  model.input("x", kFloat, {int64_t(1), int64_t(20)}).output("y");
  model.floats("w", {20, 20}, std::vector<float>(400, 0.5f));
  model.floats("b", {20}, std::vector<float>(20, 1.5f));
  model.floats("unused", {20, 20}, std::vector<float>(400, 0.5f));
  model.node("Gemm", {"x", "w", "b"}, {"y"});
  std::string bytes = model.bytes(), ir = model.import("folder/m.onnx");
  size_t offset = bytes.find(std::string("\0\0\0\x3f\0\0\0\x3f", 8));
  EXPECT_THAT(ir, HasSubstr("lqc.weight @w : tensor<20x20xf32> = "
                            "#lqc.file<\"m.onnx\", tensor = \"w\", offset = " +
                            std::to_string(offset) +
                            ", bytes = 1600, header = \"onnx-"));
  EXPECT_THAT(ir, HasSubstr("lqc.get_weight @w"));
  EXPECT_THAT(ir, HasSubstr("linalg.matmul"));
  EXPECT_THAT(ir, HasSubstr("dense<1.500000e+00>"));
  EXPECT_THAT(ir, Not(HasSubstr("unused")));
}

/// float_data is the same bytes as raw_data.
TEST(OnnxImport, TypedNumbersInTheFile) {
  OnnxModel model;
  model.input("x", kFloat, {int64_t(400)}).output("y");
  onnx::TensorProto &tensor = model.floats("w", {400}, {});
  tensor.clear_raw_data();
  for (int i = 0; i < 400; ++i)
    tensor.add_float_data(float(i));
  model.node("Add", {"x", "w"}, {"y"});
  EXPECT_THAT(model.import(), HasSubstr("bytes = 1600, header = \"onnx-"));
}

/// Varints have no place: they become a dense weight.
TEST(OnnxImport, VarintsBecomeDense) {
  OnnxModel model;
  model.input("x", kInt64, {int64_t(300)}).output("y");
  std::vector<int64_t> numbers(300, 7);
  numbers[0] = -1;
  model.integers("w", numbers);
  model.node("Add", {"x", "w"}, {"y"});
  EXPECT_THAT(model.import(), HasSubstr("lqc.weight @w : tensor<300xi64> = "
                                        "dense<"));
}

/// The arithmetic that exporters leave: (batch, seq, 8) to (batch, seq, 2, 4).
TEST(OnnxImport, ShapesAreFolded) {
  OnnxModel model;
  model.input("x", kFloat, {"batch", "seq", int64_t(8)}).output("y");
  model.integers("zero", {0}).mutable_dims()->Clear();
  model.integers("one", {1}).mutable_dims()->Clear();
  model.integers("heads", {2});
  model.integers("rest", {-1});
  model.integers("axes", {0});
  model.node("Shape", {"x"}, {"shape"});
  for (const char *name : {"zero", "one"}) {
    std::string dim = std::string("d") + name;
    setInteger(model.node("Gather", {"shape", name}, {dim}), "axis", 0);
    model.node("Unsqueeze", {dim, "axes"}, {dim + "1"});
  }
  setInteger(model.node("Concat", {"dzero1", "done1", "heads", "rest"}, {"to"}),
             "axis", 0);
  model.node("Reshape", {"x", "to"}, {"y"});
  std::string ir = model.import();
  EXPECT_THAT(ir, HasSubstr("tensor.expand_shape"));
  EXPECT_THAT(ir, HasSubstr("tensor<?x?x8xf32> into tensor<?x?x2x4xf32>"));
  for (const char *gone : {"collapse_shape", "from_elements", "cf.assert",
                           "tensor.extract", "muli"})
    EXPECT_THAT(ir, Not(HasSubstr(gone))) << ir;
}

/// One name is one size; two names are compared when the program runs.
TEST(OnnxImport, EqualNamesAreEqualSizes) {
  for (const char *other : {"n", "m"}) {
    OnnxModel model;
    model.input("a", kFloat, {"n"}).input("b", kFloat, {other}).output("y");
    model.node("Add", {"a", "b"}, {"y"});
    std::string ir = model.import();
    if (std::string(other) == "n")
      EXPECT_THAT(ir, Not(HasSubstr("cf.assert")));
    else
      EXPECT_THAT(ir, HasSubstr("cf.assert"));
  }
}

TEST(OnnxImport, BroadcastIsExplicit) {
  OnnxModel model;
  model.input("a", kFloat, {int64_t(2), int64_t(3)})
      .input("b", kFloat, {int64_t(2), int64_t(1)})
      .output("y");
  model.node("Mul", {"a", "b"}, {"y"});
  std::string ir = model.import();
  EXPECT_THAT(ir, HasSubstr("tensor.collapse_shape"));
  EXPECT_THAT(ir, HasSubstr("linalg.broadcast"));
  EXPECT_THAT(ir, HasSubstr("arith.mulf"));
}

/// A model that calls "Twice" of domain "own", an Elu with alpha "by".
static OnnxModel withFunction() {
  OnnxModel model;
  model.input("x", kFloat, {int64_t(3)}).output("y");
  onnx::OperatorSetIdProto *set = model.model.add_opset_import();
  set->set_domain("own");
  set->set_version(1);
  onnx::FunctionProto &function = *model.model.add_functions();
  function.set_name("Twice");
  function.set_domain("own");
  function.add_input("a");
  function.add_output("b");
  function.add_attribute("by");
  *function.add_opset_import() = model.model.opset_import(0);
  onnx::NodeProto &elu = *function.add_node();
  elu.set_op_type("Elu");
  elu.add_input("a");
  elu.add_output("b");
  onnx::AttributeProto *reference = elu.add_attribute();
  reference->set_name("alpha");
  reference->set_ref_attr_name("by");
  reference->set_type(onnx::AttributeProto::FLOAT);
  model.node("Twice", {"x"}, {"y"}).set_domain("own");
  return model;
}

static onnx::AttributeProto realAttribute(const std::string &name, float f) {
  onnx::AttributeProto attribute;
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::FLOAT);
  attribute.set_f(f);
  return attribute;
}

TEST(OnnxImport, FunctionsAreInlined) {
  OnnxModel model = withFunction();
  *model.graph().mutable_node(0)->add_attribute() = realAttribute("by", 0.25f);
  EXPECT_THAT(model.import(), HasSubstr("2.500000e-01"));
}

/// FunctionProto.attribute_proto, which the packaged classes do not know.
TEST(OnnxImport, FunctionsHaveDefaults) {
  OnnxModel model = withFunction();
  onnx::FunctionProto &function = *model.model.mutable_functions(0);
  function.clear_attribute();
  function.mutable_unknown_fields()->AddLengthDelimited(
      11, realAttribute("by", 0.75f).SerializeAsString());
  EXPECT_THAT(model.import(), HasSubstr("7.500000e-01"));
  *model.graph().mutable_node(0)->add_attribute() = realAttribute("by", 0.25f);
  std::string given = model.import();
  EXPECT_THAT(given, HasSubstr("2.500000e-01"));
  EXPECT_THAT(given, Not(HasSubstr("7.500000e-01")));
}

/// The branch that a constant picks is all that is built.
TEST(OnnxImport, BranchesSeeOuterNames) {
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
  std::string ir = model.import();
  EXPECT_THAT(ir, HasSubstr("scf.if"));
  EXPECT_THAT(ir, HasSubstr("math.exp"));
  EXPECT_THAT(ir, HasSubstr("arith.negf"));
  EXPECT_THAT(ir, HasSubstr("-> (tensor<?xf32>)"));
}

/// A carried size that the body changes becomes dynamic.
TEST(OnnxImport, LoopsThatGrow) {
  OnnxModel model;
  model.input("x", kFloat, {int64_t(2)}).output("y");
  model.integers("count", {3});
  onnx::NodeProto &loop = model.node("Loop", {"count", "", "x"}, {"y"});
  onnx::AttributeProto *attribute = loop.add_attribute();
  attribute->set_name("body");
  attribute->set_type(onnx::AttributeProto::GRAPH);
  onnx::GraphProto *graph = attribute->mutable_g();
  for (const char *name : {"i", "go", "before"})
    graph->add_input()->set_name(name);
  setInteger(OnnxModel::addNode(*graph, "Concat", {"before", "x"}, {"after"}),
             "axis", 0);
  for (const char *name : {"go", "after"})
    graph->add_output()->set_name(name);
  std::string ir = model.import();
  EXPECT_THAT(ir, HasSubstr("scf.for"));
  EXPECT_THAT(ir, HasSubstr("-> (tensor<?xf32>)"));
  // A cast would let the canonicalizer give all iterations the first one's
  // size.
  EXPECT_THAT(ir, HasSubstr("tensor.reshape"));
}

/// Where the number of iterations is known, there is room for all rows.
TEST(OnnxImport, RowsOfAScanHaveRoom) {
  OnnxModel model;
  model.input("x", kFloat, {"n", int64_t(2)}).output("y");
  onnx::NodeProto &scan = model.node("Scan", {"x"}, {"y"});
  setInteger(scan, "num_scan_inputs", 1);
  onnx::AttributeProto *attribute = scan.add_attribute();
  attribute->set_name("body");
  attribute->set_type(onnx::AttributeProto::GRAPH);
  onnx::GraphProto *graph = attribute->mutable_g();
  graph->add_input()->set_name("row");
  OnnxModel::addNode(*graph, "Neg", {"row"}, {"negated"});
  graph->add_output()->set_name("negated");
  std::string ir = model.import();
  EXPECT_THAT(ir, HasSubstr("tensor.empty(%dim) : tensor<?x2xf32>"));
  EXPECT_THAT(ir, Not(HasSubstr("tensor.reshape")));
}