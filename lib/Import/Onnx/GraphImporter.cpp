//===- GraphImporter.cpp - the graph of a model becomes @main -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/GraphImporter.h"

#include "dialects/LQC/LQC.h"
#include "lib/Import/Onnx/OpTable.h"
#include "lib/Import/Onnx/Stored.h"
#include "lqc/Support/Error.h"

#include "onnx/onnx_pb.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace lqc;

/// Subgraphs and functions within each other.
static constexpr unsigned kMaxDepth = 64;
/// Dimensions of a tensor.
static constexpr int kMaxRank = 32;
/// Stored tensors of more bytes are weights.
static constexpr int64_t kMaxConstantBytes = 1024;

GraphImporter::GraphImporter(ModuleOp module, ModelFile &file)
    : builder(module.getContext()), sizes(builder), loc(module.getLoc()),
      module(module), file(file), symbols(module) {}

llvm::Error GraphImporter::fail(const std::string &text) const {
  return makeError("{0}: {1}", file.path(), text);
}

std::string GraphImporter::nodeText(const onnx::NodeProto &node) {
  StringRef name = node.name();
  if (name.empty() && node.output_size() > 0)
    name = node.output(0);
  StringRef op = node.op_type();
  bool isPlain = op.size() < 80 && llvm::all_of(op, llvm::isAlnum);
  return llvm::formatv("node {0} ({1})", quote(name),
                       isPlain ? op.str() : quote(op));
}

//===----------------------------------------------------------------------===//
// The model
//===----------------------------------------------------------------------===//

llvm::Error GraphImporter::readOpsets() {
  for (const onnx::OperatorSetIdProto &set : file.model().opset_import()) {
    StringRef domain = set.domain();
    opsets[domain == "ai.onnx" ? "" : domain.str()] = set.version();
  }
  auto own = opsets.find("");
  // A model of functions and other domains alone needs none.
  if (own == opsets.end())
    return llvm::Error::success();
  if (own->second < kFirstOpset || own->second > kLastOpset)
    return fail(llvm::formatv("opset of ai.onnx must be {0} to {1}, got: {2}",
                              kFirstOpset, kLastOpset, own->second));
  return llvm::Error::success();
}

static std::string functionKey(StringRef domain, StringRef name) {
  return (domain + "\n" + name).str();
}

/// FunctionProto.attribute_proto, which the packaged classes do not know.
static constexpr int kDefaultAttribute = 11;

/// The attributes of a function that have a value where a call gives none.
llvm::Error GraphImporter::readDefaults(const onnx::FunctionProto &function) {
  const google::protobuf::UnknownFieldSet &fields = function.unknown_fields();
  for (int i = 0; i < fields.field_count(); ++i) {
    const google::protobuf::UnknownField &field = fields.field(i);
    if (field.number() != kDefaultAttribute)
      continue;
    auto attribute = std::make_unique<onnx::AttributeProto>();
    if (field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED ||
        !attribute->ParseFromString(field.length_delimited()))
      return fail(llvm::formatv("function {0}: its default attributes must be "
                                "attributes",
                                quote(function.name())));
    defaults[&function].push_back(std::move(attribute));
  }
  return llvm::Error::success();
}

llvm::Error GraphImporter::indexFunctions() {
  for (const onnx::FunctionProto &function : file.model().functions()) {
    if (!functions
             .try_emplace(functionKey(function.domain(), function.name()),
                          &function)
             .second)
      return fail(llvm::formatv("function {0} must be defined once",
                                quote(function.name())));
    if (llvm::Error error = readDefaults(function))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error GraphImporter::importMain() {
  if (llvm::Error error = readOpsets())
    return error;
  if (llvm::Error error = indexFunctions())
    return error;
  const onnx::GraphProto &graph = file.model().graph();
  builder.setInsertionPointToEnd(module.getBody());
  main = func::FuncOp::create(builder, loc, "main",
                              builder.getFunctionType({}, {}));
  symbols.insert(main);
  builder.setInsertionPointToStart(main.addEntryBlock());
  Scope scope;
  scope.opsets = opsets;
  if (llvm::Error error = addInitializers(graph, scope))
    return error;
  if (llvm::Error error = addInputs(graph, scope))
    return error;
  current = &scope;
  if (llvm::Error error = importNodes(graph.node(), scope))
    return error;
  return finishMain(graph, scope);
}

llvm::Error GraphImporter::define(Scope &scope, StringRef name, Tensor tensor,
                                  const std::string &where) {
  if (!scope.values.try_emplace(name, std::move(tensor)).second)
    return fail(llvm::formatv("{0}: the name {1} must be given to one value",
                              where, quote(name)));
  return llvm::Error::success();
}

llvm::Error GraphImporter::addInitializers(const onnx::GraphProto &graph,
                                           Scope &scope) {
  if (graph.sparse_initializer_size() > 0)
    return fail("sparse initializers are not supported");
  for (const onnx::TensorProto &tensor : graph.initializer()) {
    std::string where = "tensor " + quote(tensor.name());
    llvm::Expected<Tensor> value = constant(tensor, tensor.name());
    if (!value)
      return fail(where + ": " + llvm::toString(value.takeError()));
    if (llvm::Error error = define(scope, tensor.name(), *value, where))
      return error;
  }
  return llvm::Error::success();
}

/// Inputs that are no initializers; before IR version 4 those were listed too.
llvm::Error GraphImporter::addInputs(const onnx::GraphProto &graph,
                                     Scope &scope) {
  for (const onnx::ValueInfoProto &input : graph.input()) {
    if (scope.values.contains(input.name()))
      continue;
    llvm::Expected<Tensor> argument = addArgument(input);
    if (!argument)
      return fail("input " + quote(input.name()) + ": " +
                  llvm::toString(argument.takeError()));
    if (llvm::Error error = define(scope, input.name(), *argument,
                                   "input " + quote(input.name())))
      return error;
  }
  // The sizes of the arguments are asked for where all others are known to be.
  return llvm::Error::success();
}

static llvm::Error checkTypeOfInput(const onnx::TypeProto &type) {
  if (!type.has_tensor_type())
    return makeError("sequences, maps and optional values are not supported");
  const onnx::TypeProto::Tensor &tensor = type.tensor_type();
  std::optional<OnnxType> kind = elementOfNumber(tensor.elem_type());
  if (!kind)
    return makeError("element type must be one of ONNX's, got: {0}",
                     tensor.elem_type());
  if (!isSupported(*kind))
    return makeError("{0} tensors are not supported", elementName(*kind));
  if (!tensor.has_shape())
    return makeError("must have a shape, its number of dimensions at least");
  if (tensor.shape().dim_size() > kMaxRank)
    return makeError("must have at most {0} dimensions, got: {1}", kMaxRank,
                     tensor.shape().dim_size());
  double elements = 1;
  for (const onnx::TensorShapeProto::Dimension &dim : tensor.shape().dim()) {
    if (dim.has_dim_value() && dim.dim_value() < 0)
      return makeError("dimensions must not be negative, got: {0}",
                       dim.dim_value());
    if (dim.has_dim_value())
      elements *= std::max<int64_t>(dim.dim_value(), 1);
  }
  if (elements > double(kMaxTensorElements))
    return makeError("must have at most 2^40 elements, got: {0}", elements);
  return llvm::Error::success();
}

llvm::Expected<Tensor>
GraphImporter::addArgument(const onnx::ValueInfoProto &input) {
  if (llvm::Error error = checkTypeOfInput(input.type()))
    return std::move(error);
  const onnx::TypeProto::Tensor &type = input.type().tensor_type();
  OnnxType kind = *elementOfNumber(type.elem_type());
  SmallVector<int64_t> shape;
  SmallVector<Attribute> names;
  for (const onnx::TensorShapeProto::Dimension &dim : type.shape().dim()) {
    shape.push_back(dim.has_dim_value() ? dim.dim_value()
                                        : ShapedType::kDynamic);
    names.push_back(builder.getStringAttr(dim.dim_param()));
  }
  RankedTensorType tensor =
      RankedTensorType::get(shape, elementType(builder.getContext(), kind));
  SmallVector<NamedAttribute> attributes = {
      builder.getNamedAttr("lqc.name", builder.getStringAttr(input.name()))};
  if (!names.empty())
    attributes.push_back(
        builder.getNamedAttr("lqc.dims", builder.getArrayAttr(names)));
  if (isUnsigned(kind))
    attributes.push_back(builder.getNamedAttr(
        "lqc.element", builder.getStringAttr(elementName(kind))));
  unsigned index = main.getNumArguments();
  (void)main.insertArgument(index, tensor,
                            builder.getDictionaryAttr(attributes), loc);
  Tensor result;
  result.element = kind;
  result.value = main.getArgument(index);
  result.dims = sizes.sizesOf(result.value);
  for (auto [d, dim] : llvm::enumerate(type.shape().dim()))
    if (!dim.has_dim_value() && !dim.dim_param().empty())
      result.dims[d] = symbolicDims.try_emplace(dim.dim_param(), result.dims[d])
                           .first->second;
  return result;
}

llvm::Error GraphImporter::finishMain(const onnx::GraphProto &graph,
                                      const Scope &scope) {
  SmallVector<Value> values;
  SmallVector<Attribute> attributes;
  if (graph.output_size() == 0)
    return fail("the graph must have an output");
  for (const onnx::ValueInfoProto &output : graph.output()) {
    const Tensor *tensor = lookUp(output.name(), scope);
    if (!tensor || !*tensor)
      return fail(llvm::formatv("output {0} must be computed by a node",
                                quote(output.name())));
    NodeBuilder node(*this, onnx::NodeProto::default_instance(), {}, 0);
    values.push_back(node.built(*tensor).value);
    SmallVector<NamedAttribute> named = {
        builder.getNamedAttr("lqc.name", builder.getStringAttr(output.name()))};
    if (isUnsigned(tensor->element))
      named.push_back(builder.getNamedAttr(
          "lqc.element", builder.getStringAttr(elementName(tensor->element))));
    attributes.push_back(builder.getDictionaryAttr(named));
  }
  func::ReturnOp::create(builder, loc, values);
  main.setFunctionType(builder.getFunctionType(main.getArgumentTypes(),
                                               ValueRange(values).getTypes()));
  main.setResAttrsAttr(builder.getArrayAttr(attributes));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

const Tensor *GraphImporter::lookUp(StringRef name, const Scope &scope) const {
  for (const Scope *at = &scope; at; at = at->parent) {
    auto found = at->values.find(name);
    if (found != at->values.end())
      return &found->second;
  }
  return nullptr;
}

std::optional<int64_t> GraphImporter::opsetOf(StringRef domain) const {
  const Scope *scope = current;
  while (scope && scope->opsets.empty())
    scope = scope->parent;
  const std::map<std::string, int64_t> &sets = scope ? scope->opsets : opsets;
  auto found = sets.find(domain == "ai.onnx" ? "" : domain.str());
  return found == sets.end() ? std::nullopt : std::optional(found->second);
}

const onnx::AttributeProto *
GraphImporter::functionAttribute(StringRef name) const {
  for (const Scope *scope = current; scope; scope = scope->parent)
    if (const onnx::AttributeProto *found = scope->attributes.lookup(name))
      return found;
  return nullptr;
}

llvm::Expected<SmallVector<Tensor>>
GraphImporter::inputsOf(const onnx::NodeProto &node, const Scope &scope) const {
  SmallVector<Tensor> inputs;
  for (const std::string &name : node.input()) {
    if (name.empty()) {
      inputs.emplace_back();
      continue;
    }
    if (const Tensor *tensor = lookUp(name, scope)) {
      inputs.push_back(*tensor);
      continue;
    }
    for (const Scope *at = &scope; at; at = at->parent)
      if (auto later = at->later.find(name); later != at->later.end())
        return fail(llvm::formatv("{0}: input {1} must be computed before it, "
                                  "got: {2} comes later or depends on it",
                                  nodeText(node), quote(name), later->second));
    return fail(llvm::formatv("{0}: input {1} must be an input, an initializer "
                              "or an output of a node",
                              nodeText(node), quote(name)));
  }
  return inputs;
}

template <typename Nodes>
llvm::Error GraphImporter::importNodes(const Nodes &nodes, Scope &scope) {
  for (const onnx::NodeProto &node : nodes)
    for (const std::string &name : node.output())
      if (!name.empty())
        scope.later.try_emplace(name, nodeText(node));
  for (const onnx::NodeProto &node : nodes) {
    if (llvm::Error error = importNode(node, scope))
      return error;
    for (const std::string &name : node.output())
      scope.later.erase(name);
  }
  return llvm::Error::success();
}

llvm::Error GraphImporter::importNode(const onnx::NodeProto &node,
                                      Scope &scope) {
  llvm::Expected<SmallVector<Tensor>> inputs = inputsOf(node, scope);
  if (!inputs)
    return inputs.takeError();
  Location outer = loc;
  StringRef name = node.name();
  loc =
      NameLoc::get(builder.getStringAttr(name.empty() ? node.op_type() : name));
  sizes.setLoc(loc);
  llvm::Expected<SmallVector<Tensor>> results = buildNode(node, *inputs);
  loc = outer;
  sizes.setLoc(loc);
  if (!results)
    return results.takeError();
  for (auto [index, output] : llvm::enumerate(node.output())) {
    if (output.empty())
      continue;
    if (index >= results->size() || !(*results)[index])
      return fail(llvm::formatv("{0}: output {1} ({2}) is not supported",
                                nodeText(node), index, quote(output)));
    if (llvm::Error error =
            define(scope, output, (*results)[index], nodeText(node)))
      return error;
  }
  return llvm::Error::success();
}

llvm::Expected<SmallVector<Tensor>>
GraphImporter::buildNode(const onnx::NodeProto &node, ArrayRef<Tensor> inputs) {
  if (const onnx::FunctionProto *function =
          functions.lookup(functionKey(node.domain(), node.op_type())))
    return inlineFunction(*function, node, inputs);
  std::optional<int64_t> opset = opsetOf(node.domain());
  if (!opset)
    return fail(llvm::formatv("{0}: the model must import an operator set of "
                              "domain {1}",
                              nodeText(node), quote(node.domain())));
  const OnnxOp *op = findOnnxOp(node.domain(), node.op_type(), *opset);
  if (!op)
    return fail(llvm::formatv(
        "{0}: the operator is not supported in opset {1} of {2}",
        nodeText(node), *opset,
        node.domain().empty() ? "ai.onnx" : quote(node.domain())));
  NodeBuilder n(*this, node, inputs, *opset);
  bool isAny = op->maxInputs == kAnyNumber;
  if (n.inputCount() < op->minInputs ||
      (!isAny && n.inputCount() > op->maxInputs))
    n.fail("must have {0} to {1} inputs, got: {2}", op->minInputs,
           isAny ? std::string("any number of") : std::to_string(op->maxInputs),
           n.inputCount());
  for (unsigned i = 0; i < op->minInputs && i < n.inputCount(); ++i)
    if (!n.has(i))
      n.fail("input {0} must be given", i);
  if (!n.failed())
    op->build(n);
  if (n.failed() && n.isInsideError())
    return makeError("{0}", n.error());
  if (n.failed())
    return fail(nodeText(node) + ": " + n.error().str());
  return SmallVector<Tensor>(n.results());
}

template <typename Names>
llvm::Expected<SmallVector<Tensor>>
GraphImporter::lookUpAll(const Names &names, const Scope &scope) const {
  SmallVector<Tensor> results;
  for (const std::string &name : names) {
    const Tensor *tensor = lookUp(name, scope);
    if (!tensor)
      return fail(
          llvm::formatv("output {0} must be computed by a node", quote(name)));
    results.push_back(*tensor);
  }
  return results;
}

llvm::Expected<SmallVector<Tensor>>
GraphImporter::inlineFunction(const onnx::FunctionProto &function,
                              const onnx::NodeProto &node,
                              ArrayRef<Tensor> inputs) {
  llvm::SaveAndRestore deeper(depth, depth + 1);
  if (depth > kMaxDepth)
    return fail(llvm::formatv("{0}: functions must not be nested over {1} deep",
                              nodeText(node), kMaxDepth));
  if (inputs.size() > size_t(function.input_size()))
    return fail(llvm::formatv("{0}: the function takes {1} inputs, got: {2}",
                              nodeText(node), function.input_size(),
                              inputs.size()));
  Scope scope;
  for (auto [index, name] : llvm::enumerate(function.input()))
    scope.values[name] = index < inputs.size() ? inputs[index] : Tensor();
  for (const onnx::OperatorSetIdProto &set : function.opset_import())
    scope.opsets[set.domain() == "ai.onnx" ? "" : set.domain()] = set.version();
  if (scope.opsets.empty())
    scope.opsets = opsets;
  if (auto found = defaults.find(&function); found != defaults.end())
    for (const auto &attribute : found->second)
      scope.attributes[attribute->name()] = attribute.get();
  for (const onnx::AttributeProto &attribute : node.attribute())
    if (const onnx::AttributeProto *given =
            attribute.ref_attr_name().empty()
                ? &attribute
                : functionAttribute(attribute.ref_attr_name()))
      scope.attributes[attribute.name()] = given;
  llvm::SaveAndRestore inside(current, static_cast<const Scope *>(&scope));
  if (llvm::Error error = importNodes(function.node(), scope))
    return std::move(error);
  return lookUpAll(function.output(), scope);
}

size_t GraphImporter::inputCountOf(const onnx::GraphProto &graph) {
  return graph.input_size();
}

llvm::Expected<SmallVector<Tensor>>
GraphImporter::importSubgraph(const onnx::GraphProto &graph,
                              ArrayRef<Tensor> arguments) {
  llvm::SaveAndRestore deeper(depth, depth + 1);
  if (depth > kMaxDepth)
    return fail(
        llvm::formatv("subgraphs must not be nested over {0} deep", kMaxDepth));
  Scope scope;
  scope.parent = current;
  for (auto [input, argument] : llvm::zip_equal(graph.input(), arguments))
    scope.values[input.name()] = argument;
  if (llvm::Error error = addInitializers(graph, scope))
    return std::move(error);
  llvm::SaveAndRestore inside(current, static_cast<const Scope *>(&scope));
  if (llvm::Error error = importNodes(graph.node(), scope))
    return std::move(error);
  SmallVector<std::string> names;
  for (const onnx::ValueInfoProto &output : graph.output())
    names.push_back(output.name());
  return lookUpAll(names, scope);
}

//===----------------------------------------------------------------------===//
// Stored tensors
//===----------------------------------------------------------------------===//

llvm::Expected<Tensor> GraphImporter::constant(const onnx::TensorProto &tensor,
                                               StringRef name) {
  auto found = constants.find(&tensor);
  if (found == constants.end()) {
    llvm::Expected<StoredTensor> stored = file.read(tensor);
    if (!stored)
      return stored.takeError();
    if (stored->shape.size() > kMaxRank)
      return makeError("must have at most {0} dimensions, got: {1}", kMaxRank,
                       stored->shape.size());
    found =
        constants.emplace(&tensor, Constant{std::move(*stored), name.str(), {}, {}})
            .first;
  }
  const StoredTensor &stored = found->second.tensor;
  Tensor result;
  result.element = stored.element;
  result.dims = sizes.constants(stored.shape);
  result.stored = &tensor;
  if (!isFloat(stored.element) && stored.elements <= kMaxFoldedElements)
    result.elements = sizes.constants(storedIntegers(stored));
  return result;
}

const StoredTensor &
GraphImporter::storedTensor(const onnx::TensorProto &tensor) {
  return constants.at(&tensor).tensor;
}

/// A weight before @main that is a value, or what `body` builds.
StringAttr GraphImporter::addWeight(StringRef name, RankedTensorType type,
                                    Attribute value,
                                    llvm::function_ref<Value()> body) {
  OpBuilder outside(main);
  WeightOp weight = WeightOp::create(
      outside, loc, name.empty() ? "constant" : name, type, value);
  weight->remove();
  StringAttr symbol = symbols.insert(weight, main->getIterator());
  if (value)
    return symbol;
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&weight.getInitializer());
  Value result = body();
  YieldOp::create(builder, loc, result);
  return symbol;
}

Value GraphImporter::derivedWeight(StringRef name, RankedTensorType type,
                                   llvm::function_ref<Value()> body) {
  StringAttr symbol = addWeight(name, type, /*value=*/{}, body);
  return GetWeightOp::create(builder, loc, type, symbol.getValue());
}

Value GraphImporter::readWeight(Constant &constant) {
  const StoredTensor &stored = constant.tensor;
  RankedTensorType type = RankedTensorType::get(
      stored.shape, elementType(builder.getContext(), stored.element));
  llvm::SaveAndRestore place(
      loc, Location(NameLoc::get(builder.getStringAttr(constant.name))));
  if (!constant.weight) {
    // Packed elements have no place that a weight could name.
    bool isPlain = elementBits(stored.element) >= 8 &&
                   stored.element != OnnxType::Bool && !stored.file.empty();
    Attribute value =
        isPlain ? Attribute(FileAttr::get(builder.getContext(), stored.file,
                                          constant.name, stored.place.offset,
                                          stored.place.bytes, stored.header))
                : Attribute(storedDense(stored, type));
    constant.weight = addWeight(constant.name, type, value, {});
  }
  return GetWeightOp::create(builder, loc, type, constant.weight.getValue());
}

/// The weight or constant, at the beginning of @main.
Value GraphImporter::makeConstant(Constant &constant) {
  const StoredTensor &stored = constant.tensor;
  if (int64_t(stored.bytes.size()) > kMaxConstantBytes)
    return readWeight(constant);
  RankedTensorType type = RankedTensorType::get(
      stored.shape, elementType(builder.getContext(), stored.element));
  Location place = NameLoc::get(builder.getStringAttr(constant.name));
  return arith::ConstantOp::create(builder, place, storedDense(stored, type));
}

Value GraphImporter::readStored(const onnx::TensorProto &tensor) {
  return readWeight(constants.at(&tensor));
}

StringRef GraphImporter::storedName(const onnx::TensorProto &tensor) {
  return constants.at(&tensor).name;
}

Value GraphImporter::storedValue(const onnx::TensorProto &tensor) {
  Constant &constant = constants.at(&tensor);
  if (constant.value)
    return constant.value;
  OpBuilder::InsertionGuard guard(builder);
  if (lastConstant)
    builder.setInsertionPointAfter(lastConstant);
  else
    builder.setInsertionPointToStart(&main.front());
  constant.value = makeConstant(constant);
  lastConstant = constant.value.getDefiningOp();
  return constant.value;
}
