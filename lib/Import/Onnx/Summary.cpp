//===- Summary.cpp - what an ONNX file is, without importing it -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Onnx/Summary.h"

#include "lib/Import/Onnx/ModelFile.h"
#include "lqc/Support/Error.h"

#include "onnx/onnx_pb.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"

#include <map>
#include <set>

using namespace lqc;

namespace {
/// Walks the message once.
class Summarizer {
public:
  explicit Summarizer(const ModelFile &file) : file(file) {}

  llvm::Expected<OnnxSummary> run();

private:
  using Key = std::pair<std::string, std::string>; ///< domain, name

  void describe();
  llvm::Error addGraph(const onnx::GraphProto &graph);
  llvm::Error addNode(const onnx::NodeProto &node);
  llvm::Error addTensor(const onnx::TensorProto &tensor);
  void addExternal(const onnx::TensorProto &tensor, uint64_t bytes);

  const ModelFile &file;
  OnnxSummary result;
  std::map<std::string, OnnxStorage> storage;
  std::map<std::string, OnnxDataFile> dataFiles;
  std::map<Key, uint64_t> uses;
};
} // namespace

/// The default domain has two names.
static std::string plainDomain(const std::string &domain) {
  return domain == "ai.onnx" ? "" : domain;
}

static std::string typeName(int64_t number) {
  if (std::optional<OnnxType> kind = elementOfNumber(number))
    return elementName(*kind).str();
  return "type " + std::to_string(number);
}

static OnnxValue describeValue(const onnx::ValueInfoProto &info) {
  OnnxValue value{info.name(), "unknown", std::nullopt};
  switch (info.type().value_case()) {
  case onnx::TypeProto::kTensorType:
    break;
  case onnx::TypeProto::kSequenceType:
    value.type = "sequence";
    return value;
  case onnx::TypeProto::kMapType:
    value.type = "map";
    return value;
  case onnx::TypeProto::kOptionalType:
    value.type = "optional";
    return value;
  case onnx::TypeProto::kSparseTensorType:
    value.type = "sparse";
    return value;
  default:
    return value;
  }
  const onnx::TypeProto::Tensor &tensor = info.type().tensor_type();
  value.type = typeName(tensor.elem_type());
  if (!tensor.has_shape())
    return value;
  value.dims.emplace();
  for (const onnx::TensorShapeProto::Dimension &dim : tensor.shape().dim())
    value.dims->push_back(dim.has_dim_value() ? std::to_string(dim.dim_value())
                          : dim.dim_param().empty() ? "?"
                                                    : dim.dim_param());
  return value;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

void Summarizer::addExternal(const onnx::TensorProto &tensor, uint64_t bytes) {
  std::string location;
  for (const onnx::StringStringEntryProto &entry : tensor.external_data())
    if (entry.key() == "location")
      location = entry.value();
  OnnxDataFile &data = dataFiles[location];
  data.path = location;
  ++data.tensors;
  data.bytes = llvm::SaturatingAdd(data.bytes, bytes);
}

llvm::Error Summarizer::addTensor(const onnx::TensorProto &tensor) {
  uint64_t elements = 1;
  for (int64_t size : tensor.dims()) {
    if (size < 0)
      return makeError("{0}: tensor {1}: dimensions must not be negative, got: "
                       "{2}",
                       file.path(), quote(tensor.name()), size);
    elements = llvm::SaturatingMultiply(elements, uint64_t(size));
  }
  std::optional<OnnxType> kind = elementOfNumber(tensor.data_type());
  const unsigned bits = kind ? elementBits(*kind) : 0;
  uint64_t bytes =
      llvm::divideCeil(llvm::SaturatingMultiply(elements, uint64_t(bits)), 8);
  for (const std::string &text : tensor.string_data())
    bytes += text.size();
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL)
    addExternal(tensor, bytes);
  OnnxStorage &entry = storage[typeName(tensor.data_type())];
  ++entry.tensors;
  entry.elements = llvm::SaturatingAdd(entry.elements, elements);
  entry.bytes = llvm::SaturatingAdd(entry.bytes, bytes);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

llvm::Error Summarizer::addNode(const onnx::NodeProto &node) {
  ++uses[{plainDomain(node.domain()), node.op_type()}];
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (attribute.has_t())
      if (llvm::Error error = addTensor(attribute.t()))
        return error;
    if (attribute.has_g())
      if (llvm::Error error = addGraph(attribute.g()))
        return error;
    for (const onnx::GraphProto &graph : attribute.graphs())
      if (llvm::Error error = addGraph(graph))
        return error;
  }
  return llvm::Error::success();
}

// Protobuf's own limit of 100 nested messages bounds the depth.
llvm::Error Summarizer::addGraph(const onnx::GraphProto &graph) {
  for (const onnx::TensorProto &tensor : graph.initializer())
    if (llvm::Error error = addTensor(tensor))
      return error;
  for (const onnx::SparseTensorProto &tensor : graph.sparse_initializer())
    if (llvm::Error error = addTensor(tensor.values()))
      return error;
  for (const onnx::NodeProto &node : graph.node())
    if (llvm::Error error = addNode(node))
      return error;
  return llvm::Error::success();
}

void Summarizer::describe() {
  const onnx::ModelProto &model = file.model();
  const onnx::GraphProto &graph = model.graph();
  result.name = graph.name();
  result.producer = model.producer_name();
  if (!model.producer_version().empty())
    result.producer += " " + model.producer_version();
  result.irVersion = model.ir_version();
  for (const onnx::OperatorSetIdProto &set : model.opset_import())
    result.opsets.emplace_back(plainDomain(set.domain()), set.version());
  // Until IR version 3, initializers were inputs too.
  std::set<std::string> stored;
  for (const onnx::TensorProto &tensor : graph.initializer())
    stored.insert(tensor.name());
  for (const onnx::ValueInfoProto &input : graph.input())
    if (!stored.count(input.name()))
      result.inputs.push_back(describeValue(input));
  for (const onnx::ValueInfoProto &output : graph.output())
    result.outputs.push_back(describeValue(output));
}

llvm::Expected<OnnxSummary> Summarizer::run() {
  describe();
  if (llvm::Error error = addGraph(file.model().graph()))
    return std::move(error);
  std::set<Key> functions;
  for (const onnx::FunctionProto &function : file.model().functions()) {
    const std::string domain = plainDomain(function.domain());
    functions.insert({domain, function.name()});
    result.functions.push_back(
        {domain, function.name(), uint64_t(function.node_size())});
    for (const onnx::NodeProto &node : function.node())
      if (llvm::Error error = addNode(node))
        return std::move(error);
  }
  for (const auto &[key, count] : uses)
    result.operators.push_back(
        {key.first, key.second, count, functions.count(key) != 0});
  for (const auto &[name, entry] : storage) {
    result.storage.push_back(entry);
    result.storage.back().type = name;
  }
  llvm::StringRef folder = llvm::sys::path::parent_path(file.path());
  for (auto &[location, data] : dataFiles) {
    llvm::SmallString<256> path(folder);
    llvm::sys::path::append(path, location);
    uint64_t bytes = 0;
    if (staysInFolder(location) && !llvm::sys::fs::file_size(path, bytes))
      data.fileBytes = bytes;
    result.dataFiles.push_back(data);
  }
  return std::move(result);
}

llvm::Expected<OnnxSummary> lqc::summarizeOnnx(llvm::StringRef path) {
  llvm::Expected<MappedFile> mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.takeError();
  return summarizeOnnx(mapped->bytes(), path);
}

llvm::Expected<OnnxSummary> lqc::summarizeOnnx(llvm::ArrayRef<char> bytes,
                                               llvm::StringRef path) {
  llvm::Expected<std::unique_ptr<ModelFile>> file =
      ModelFile::parse(bytes, path);
  if (!file)
    return file.takeError();
  llvm::Expected<OnnxSummary> summary = Summarizer(**file).run();
  if (summary)
    summary->fileBytes = bytes.size();
  return summary;
}
