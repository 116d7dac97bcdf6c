//===- GraphImporter.h - the graph of a model becomes @main -----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_ONNX_GRAPHIMPORTER_H
#define LQC_LIB_IMPORT_ONNX_GRAPHIMPORTER_H

#include "lib/Import/Onnx/ModelFile.h"
#include "lib/Import/Onnx/NodeBuilder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringSet.h"

#include <map>

namespace onnx {
class AttributeProto;
class FunctionProto;
class ValueInfoProto;
} // namespace onnx

namespace lqc {

class GraphImporter {
public:
  GraphImporter(mlir::ModuleOp module, ModelFile &file);

  /// Builds @main and the weights. Errors are one line: "FILE: node 'NAME'
  /// (OP): rule, got: value".
  llvm::Error importMain();

  //===--------------------------------------------------------------------===//
  // For builders
  //===--------------------------------------------------------------------===//

  /// Builds the nodes of a subgraph (of If, Loop, Scan) where the builder
  /// stands and gives the values of its outputs. Names that it does not define
  /// are those of the graph around it. There must be an argument for each of
  /// its inputs.
  llvm::Expected<llvm::SmallVector<Tensor>>
  importSubgraph(const onnx::GraphProto &graph,
                 llvm::ArrayRef<Tensor> arguments);
  static size_t inputCountOf(const onnx::GraphProto &graph);

  /// A stored tensor as a tensor of the graph; its value is not built. `name`
  /// is what its weight will be called. Errors: those of ModelFile::read.
  llvm::Expected<Tensor> constant(const onnx::TensorProto &tensor,
                                  llvm::StringRef name);
  /// The value of a stored tensor that constant() has read.
  mlir::Value storedValue(const onnx::TensorProto &tensor);
  const StoredTensor &storedTensor(const onnx::TensorProto &tensor);
  /// Reads the weight that a stored tensor is where the builder stands, for the
  /// initializers of others.
  mlir::Value readStored(const onnx::TensorProto &tensor);
  /// A weight that `body` computes: it builds its value in the initializer.
  /// Gives the value of the weight.
  mlir::Value derivedWeight(llvm::StringRef name, mlir::RankedTensorType type,
                            llvm::function_ref<mlir::Value()> body);
  /// What the weight of a stored tensor is called.
  llvm::StringRef storedName(const onnx::TensorProto &tensor);

  /// An attribute of the function that is being inlined, for references to it.
  const onnx::AttributeProto *functionAttribute(llvm::StringRef name) const;

  /// "node 'NAME' (OP)", for messages.
  static std::string nodeText(const onnx::NodeProto &node);

  mlir::OpBuilder builder;
  SizeMath sizes;
  mlir::Location loc;

private:
  /// Names that are visible, innermost first.
  struct Scope {
    const Scope *parent = nullptr; ///< of a subgraph: the graph around it
    llvm::StringMap<Tensor> values;
    /// Of a function: operator sets and the attributes of the call.
    std::map<std::string, int64_t> opsets;
    llvm::StringMap<const onnx::AttributeProto *> attributes;
    llvm::StringMap<std::string> later; ///< outputs of nodes not yet built
  };
  struct Constant {
    StoredTensor tensor;
    std::string name;
    mlir::Value value;
    mlir::StringAttr weight; ///< its symbol, once there is a weight
  };

  llvm::Error fail(const std::string &text) const;
  llvm::Error readOpsets();
  llvm::Error indexFunctions();
  llvm::Error readDefaults(const onnx::FunctionProto &function);
  llvm::Error addInputs(const onnx::GraphProto &graph, Scope &scope);
  llvm::Expected<Tensor> addArgument(const onnx::ValueInfoProto &input);
  llvm::Error addInitializers(const onnx::GraphProto &graph, Scope &scope);
  llvm::Error finishMain(const onnx::GraphProto &graph, const Scope &scope);
  llvm::Error define(Scope &scope, llvm::StringRef name, Tensor tensor,
                     const std::string &where);
  template <typename Nodes>
  llvm::Error importNodes(const Nodes &nodes, Scope &scope);
  llvm::Error importNode(const onnx::NodeProto &node, Scope &scope);
  llvm::Expected<llvm::SmallVector<Tensor>>
  inputsOf(const onnx::NodeProto &node, const Scope &scope) const;
  llvm::Expected<llvm::SmallVector<Tensor>>
  buildNode(const onnx::NodeProto &node, llvm::ArrayRef<Tensor> inputs);
  llvm::Expected<llvm::SmallVector<Tensor>>
  inlineFunction(const onnx::FunctionProto &function,
                 const onnx::NodeProto &node, llvm::ArrayRef<Tensor> inputs);
  template <typename Names>
  llvm::Expected<llvm::SmallVector<Tensor>> lookUpAll(const Names &names,
                                                      const Scope &scope) const;
  const Tensor *lookUp(llvm::StringRef name, const Scope &scope) const;
  std::optional<int64_t> opsetOf(llvm::StringRef domain) const;
  mlir::Value makeConstant(Constant &constant);
  mlir::Value readWeight(Constant &constant);
  mlir::StringAttr addWeight(llvm::StringRef name, mlir::RankedTensorType type,
                             mlir::Attribute value,
                             llvm::function_ref<mlir::Value()> body);

  mlir::ModuleOp module;
  ModelFile &file;
  mlir::SymbolTable symbols;
  mlir::func::FuncOp main;
  mlir::Operation *lastConstant = nullptr; ///< of those that @main begins with
  const Scope *current = nullptr;
  std::map<std::string, int64_t> opsets; ///< of the model, by domain
  llvm::StringMap<const onnx::FunctionProto *> functions;
  std::map<const onnx::FunctionProto *,
           std::vector<std::unique_ptr<onnx::AttributeProto>>>
      defaults; ///< of functions that have any
  std::map<const onnx::TensorProto *, Constant> constants;
  llvm::StringMap<Size> symbolicDims;
  unsigned depth = 0; ///< of subgraphs and functions
};

} // namespace lqc

#endif // LQC_LIB_IMPORT_ONNX_GRAPHIMPORTER_H
