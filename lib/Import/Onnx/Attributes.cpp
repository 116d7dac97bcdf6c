//===- Attributes.cpp - the attributes of a node --------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/GraphImporter.h"
#include "lqc/Support/Error.h"

#include "onnx/onnx_pb.h"

using namespace mlir;
using namespace lqc;

static StringRef attributeTypeName(int type) {
  static constexpr StringLiteral kNames[] = {
      "undefined",      "float",   "int",    "string",
      "tensor",         "graph",   "floats", "ints",
      "strings",        "tensors", "graphs", "sparse tensor",
      "sparse tensors", "type",    "types"};
  return type >= 0 && type < int(std::size(kNames)) ? kNames[type] : "unknown";
}

/// The type, also of files so old that they do not say it.
static int typeOfAttribute(const onnx::AttributeProto &attribute) {
  if (attribute.type() != onnx::AttributeProto::UNDEFINED)
    return attribute.type();
  const std::pair<bool, int> given[] = {
      {attribute.has_f(), onnx::AttributeProto::FLOAT},
      {attribute.has_i(), onnx::AttributeProto::INT},
      {attribute.has_s(), onnx::AttributeProto::STRING},
      {attribute.has_t(), onnx::AttributeProto::TENSOR},
      {attribute.has_g(), onnx::AttributeProto::GRAPH},
      {attribute.floats_size() > 0, onnx::AttributeProto::FLOATS},
      {attribute.ints_size() > 0, onnx::AttributeProto::INTS},
      {attribute.strings_size() > 0, onnx::AttributeProto::STRINGS}};
  for (auto [isGiven, type] : given)
    if (isGiven)
      return type;
  return onnx::AttributeProto::UNDEFINED;
}

const onnx::AttributeProto *NodeBuilder::find(StringRef name, int type) {
  for (const onnx::AttributeProto &own : proto.attribute()) {
    if (own.name() != name)
      continue;
    const onnx::AttributeProto *attribute = &own;
    if (!own.ref_attr_name().empty())
      attribute = importer.functionAttribute(own.ref_attr_name());
    if (!attribute)
      return nullptr; // the caller of the function left it out
    int found = typeOfAttribute(*attribute);
    if (found == type || type == onnx::AttributeProto::UNDEFINED)
      return attribute;
    fail("attribute {0} must be of type {1}, got: {2}", name,
         attributeTypeName(type), attributeTypeName(found));
    return nullptr;
  }
  return nullptr;
}

bool NodeBuilder::hasAttribute(StringRef name) const {
  return const_cast<NodeBuilder *>(this)->find(name,
                                               onnx::AttributeProto::UNDEFINED);
}

int64_t NodeBuilder::integer(StringRef name, int64_t otherwise) {
  const onnx::AttributeProto *found = find(name, onnx::AttributeProto::INT);
  return found ? found->i() : otherwise;
}

int64_t NodeBuilder::requiredInteger(StringRef name) {
  const onnx::AttributeProto *found = find(name, onnx::AttributeProto::INT);
  if (!found)
    fail("attribute {0} must be given", name);
  return found ? found->i() : 0;
}

double NodeBuilder::real(StringRef name, double otherwise) {
  const onnx::AttributeProto *found = find(name, onnx::AttributeProto::FLOAT);
  return found ? double(found->f()) : otherwise;
}

std::string NodeBuilder::text(StringRef name, StringRef otherwise) {
  const onnx::AttributeProto *found = find(name, onnx::AttributeProto::STRING);
  return found ? found->s() : otherwise.str();
}

SmallVector<int64_t> NodeBuilder::integers(StringRef name,
                                           ArrayRef<int64_t> otherwise) {
  const onnx::AttributeProto *found = find(name, onnx::AttributeProto::INTS);
  if (!found)
    return SmallVector<int64_t>(otherwise);
  return SmallVector<int64_t>(found->ints().begin(), found->ints().end());
}

SmallVector<double> NodeBuilder::reals(StringRef name) {
  const onnx::AttributeProto *found = find(name, onnx::AttributeProto::FLOATS);
  if (!found)
    return {};
  return SmallVector<double>(found->floats().begin(), found->floats().end());
}

SmallVector<std::string> NodeBuilder::texts(StringRef name) {
  const onnx::AttributeProto *found = find(name, onnx::AttributeProto::STRINGS);
  if (!found)
    return {};
  return SmallVector<std::string>(found->strings().begin(),
                                  found->strings().end());
}

const onnx::GraphProto *NodeBuilder::graph(StringRef name) {
  const onnx::AttributeProto *found = find(name, onnx::AttributeProto::GRAPH);
  if (!found)
    fail("attribute {0} must be given", name);
  return found ? &found->g() : nullptr;
}

const onnx::TensorProto *NodeBuilder::tensor(StringRef name) {
  const onnx::AttributeProto *found = find(name, onnx::AttributeProto::TENSOR);
  return found ? &found->t() : nullptr;
}

OnnxType NodeBuilder::elementAttribute(StringRef name, OnnxType otherwise) {
  const onnx::AttributeProto *found = find(name, onnx::AttributeProto::INT);
  if (!found)
    return otherwise;
  std::optional<OnnxType> kind = elementOfNumber(found->i());
  if (kind && isSupported(*kind))
    return *kind;
  fail("attribute {0} must be a supported element type, got: {1}", name,
       kind ? elementName(*kind).str() : std::to_string(found->i()));
  return otherwise;
}
