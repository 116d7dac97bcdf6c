//===- Fixture.h - small ONNX models --------------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_TEST_UNIT_ONNX_FIXTURE_H
#define LQC_TEST_UNIT_ONNX_FIXTURE_H

#include "lqc/Import/Onnx/Importer.h"

#include "mlir/IR/Diagnostics.h"
#include "onnx/onnx_pb.h"

#include <string>
#include <variant>
#include <vector>

namespace lqc::test {

/// A size, or its name.
using Dim = std::variant<int64_t, const char *>;
using Dims = std::vector<Dim>;

/// Makes a model, piece by piece.
class OnnxModel {
public:
  using Type = onnx::TensorProto::DataType;

  explicit OnnxModel(int64_t opset = 17) {
    model.set_ir_version(8);
    model.mutable_graph()->set_name("test");
    onnx::OperatorSetIdProto *set = model.add_opset_import();
    set->set_domain("");
    set->set_version(opset);
  }

  onnx::GraphProto &graph() { return *model.mutable_graph(); }

  OnnxModel &input(const std::string &name, int type, const Dims &dims) {
    describe(*graph().add_input(), name, type, dims);
    return *this;
  }
  OnnxModel &output(const std::string &name) {
    describe(*graph().add_output(), name, onnx::TensorProto::FLOAT, {});
    return *this;
  }

  onnx::TensorProto &floats(const std::string &name,
                            const std::vector<int64_t> &dims,
                            const std::vector<float> &numbers) {
    onnx::TensorProto &tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    for (int64_t size : dims)
      tensor.add_dims(size);
    tensor.set_raw_data(numbers.data(), numbers.size() * sizeof(float));
    return tensor;
  }
  onnx::TensorProto &integers(const std::string &name,
                              const std::vector<int64_t> &numbers) {
    onnx::TensorProto &tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.add_dims(int64_t(numbers.size()));
    for (int64_t number : numbers)
      tensor.add_int64_data(number);
    return tensor;
  }

  onnx::NodeProto &node(const std::string &op,
                        const std::vector<std::string> &inputs,
                        const std::vector<std::string> &outputs) {
    return addNode(graph(), op, inputs, outputs);
  }
  static onnx::NodeProto &addNode(onnx::GraphProto &graph,
                                  const std::string &op,
                                  const std::vector<std::string> &inputs,
                                  const std::vector<std::string> &outputs) {
    onnx::NodeProto &node = *graph.add_node();
    node.set_op_type(op);
    for (const std::string &name : inputs)
      node.add_input(name);
    for (const std::string &name : outputs)
      node.add_output(name);
    return node;
  }
  static void describe(onnx::ValueInfoProto &value, const std::string &name,
                       int type, const Dims &dims) {
    value.set_name(name);
    onnx::TypeProto::Tensor *tensor =
        value.mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(type);
    tensor->mutable_shape();
    for (const Dim &dim : dims) {
      auto *added = tensor->mutable_shape()->add_dim();
      if (const int64_t *size = std::get_if<int64_t>(&dim))
        added->set_dim_value(*size);
      else
        added->set_dim_param(std::get<const char *>(dim));
    }
  }

  std::string bytes() const { return model.SerializeAsString(); }

  /// The IR, or the error.
  std::string import(const std::string &path = "m.onnx") const {
    return importBytes(bytes(), path);
  }
  static std::string importBytes(const std::string &bytes,
                                 const std::string &path) {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    auto module = importOnnx(
        &context, llvm::ArrayRef<char>(bytes.data(), bytes.size()), path);
    if (!module)
      return llvm::toString(module.takeError());
    std::string text;
    llvm::raw_string_ostream stream(text);
    (*module)->print(stream);
    return text;
  }

  onnx::ModelProto model;
};

inline void setInteger(onnx::NodeProto &node, const std::string &name,
                       int64_t value) {
  onnx::AttributeProto *attribute = node.add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::INT);
  attribute->set_i(value);
}

inline void setIntegers(onnx::NodeProto &node, const std::string &name,
                        const std::vector<int64_t> &values) {
  onnx::AttributeProto *attribute = node.add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::INTS);
  for (int64_t value : values)
    attribute->add_ints(value);
}

inline void setText(onnx::NodeProto &node, const std::string &name,
                    const std::string &value) {
  onnx::AttributeProto *attribute = node.add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::STRING);
  attribute->set_s(value);
}

} // namespace lqc::test

#endif // LQC_TEST_UNIT_ONNX_FIXTURE_H
