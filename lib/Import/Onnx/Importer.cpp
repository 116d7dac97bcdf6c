//===- Importer.cpp - an ONNX model becomes a module ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Onnx/Importer.h"

#include "dialects/LQC/LQC.h"
#include "lib/Import/Onnx/GraphImporter.h"
#include "lqc/Import/Onnx/TextFiles.h"
#include "lqc/Support/Error.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Iterators.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "onnx/onnx_pb.h"

using namespace mlir;
using namespace lqc;

static void describe(ModuleOp module, const onnx::ModelProto &model) {
  Builder builder(module.getContext());
  int64_t opset = 0;
  for (const onnx::OperatorSetIdProto &set : model.opset_import())
    if (set.domain().empty() || set.domain() == "ai.onnx")
      opset = set.version();
  auto text = [&](StringRef name, StringRef value) {
    return builder.getNamedAttr(name, builder.getStringAttr(value));
  };
  auto number = [&](StringRef name, int64_t value) {
    return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
  };
  std::string producer = model.producer_name();
  if (!model.producer_version().empty())
    producer += " " + model.producer_version();
  module->setAttr(
      kGraphAttrName,
      builder.getDictionaryAttr(
          {text("name", model.graph().name()), text("producer", producer),
           number("opset", opset), number("ir_version", model.ir_version())}));
}

/// Builders make sizes that turn out not to be needed.
static void dropDead(ModuleOp module) {
  module.walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
    if (isOpTriviallyDead(op))
      op->erase();
  });
}

static llvm::Expected<OwningOpRef<ModuleOp>> importFile(MLIRContext *context,
                                                        ModelFile &file) {
  context->loadDialect<LQCDialect, func::FuncDialect, arith::ArithDialect,
                       math::MathDialect, tensor::TensorDialect,
                       linalg::LinalgDialect, scf::SCFDialect,
                       cf::ControlFlowDialect>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(context));
  describe(*module, file.model());
  GraphImporter importer(*module, file);
  if (llvm::Error error = importer.importMain())
    return std::move(error);
  dropDead(*module);
  if (failed(verify(*module)))
    return makeError("{0}: the imported module must be valid", file.path());
  return module;
}

llvm::Expected<OwningOpRef<ModuleOp>>
lqc::importOnnx(MLIRContext *context, StringRef path,
                std::optional<int64_t> positions) {
  llvm::Expected<std::unique_ptr<ModelFile>> file = ModelFile::open(path);
  if (!file)
    return file.takeError();
  llvm::Expected<OwningOpRef<ModuleOp>> module = importFile(context, **file);
  if (module)
    if (llvm::Error error = importTextFiles(**module, path, positions))
      return std::move(error);
  return module;
}

llvm::Expected<OwningOpRef<ModuleOp>>
lqc::importOnnx(MLIRContext *context, ArrayRef<char> bytes, StringRef path) {
  llvm::Expected<std::unique_ptr<ModelFile>> file =
      ModelFile::parse(bytes, path);
  if (!file)
    return file.takeError();
  return importFile(context, **file);
}
