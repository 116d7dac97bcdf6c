//===- Fixture.h - modules and tensors for tests ----------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_TEST_UNIT_INTERPRETER_FIXTURE_H
#define LQC_TEST_UNIT_INTERPRETER_FIXTURE_H

#include "lqc/Interpreter/Interpreter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"

#include <optional>

namespace lqc {

using Floats = std::vector<float>;
using Integers = std::vector<int64_t>;
using Tensors = llvm::SmallVector<TensorValue>;

/// The message of an error, or "" and a failed test.
template <typename T> std::string messageOf(llvm::Expected<T> result) {
  if (!result)
    return llvm::toString(result.takeError());
  ADD_FAILURE() << "an error was expected";
  return "";
}
inline std::string messageOf(llvm::Error error) {
  EXPECT_TRUE(bool(error)) << "an error was expected";
  return llvm::toString(std::move(error));
}

/// The value, or a failed test and the type's default.
template <typename T> T valueOf(llvm::Expected<T> result) {
  if (result)
    return std::move(*result);
  ADD_FAILURE() << llvm::toString(result.takeError());
  return T();
}
inline void expectSuccess(llvm::Error error) {
  if (error)
    ADD_FAILURE() << llvm::toString(std::move(error));
}

/// Parses modules and runs what is in them.
class InterpreterTest : public testing::Test {
protected:
  InterpreterTest() {
    context
        .loadDialect<LQCDialect, mlir::func::FuncDialect,
                     mlir::arith::ArithDialect, mlir::math::MathDialect,
                     mlir::tensor::TensorDialect, mlir::linalg::LinalgDialect,
                     mlir::scf::SCFDialect, mlir::cf::ControlFlowDialect>();
  }

  /// Parses and verifies a module and makes a store and an interpreter for it.
  void parse(llvm::StringRef text, std::string root = "", unsigned threads = 2,
             int64_t slots = 1) {
    interpreter.reset();
    store.reset();
    mlir::ParserConfig config(&context);
    module = mlir::parseSourceString<mlir::ModuleOp>(text, config, "test.mlir");
    ASSERT_TRUE(module);
    store.emplace(*module, std::move(root), threads);
    interpreter =
        std::make_unique<Interpreter>(*module, *store, threads, slots);
  }

  WeightOp weight(llvm::StringRef name) {
    WeightOp op = module->lookupSymbol<WeightOp>(name);
    EXPECT_TRUE(op) << name.str();
    return op;
  }

  llvm::Expected<Tensors> tryCall(llvm::StringRef name,
                                  llvm::ArrayRef<TensorValue> args) {
    mlir::Operation *op = module->lookupSymbol(name);
    if (KernelOp kernel = llvm::dyn_cast<KernelOp>(op))
      return interpreter->call(kernel, args);
    return interpreter->call(llvm::cast<mlir::FunctionOpInterface>(op), args);
  }

  /// The results of @name on tensors.
  Tensors call(llvm::StringRef name, llvm::ArrayRef<TensorValue> args = {}) {
    return valueOf(tryCall(name, args));
  }

  /// Parses "func.func @f…" and gives its only result.
  TensorValue run(llvm::StringRef function,
                  llvm::ArrayRef<TensorValue> args = {}) {
    parse(function);
    if (!module)
      return TensorValue();
    Tensors results = call("f", args);
    EXPECT_EQ(results.size(), 1u);
    return results.empty() ? TensorValue() : results[0];
  }

  /// The error of the same.
  std::string runError(llvm::StringRef function,
                       llvm::ArrayRef<TensorValue> args = {}) {
    parse(function);
    return module ? messageOf(tryCall("f", args)) : "";
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::optional<WeightStore> store;
  std::unique_ptr<Interpreter> interpreter;
};

inline TensorValue floats(TensorValue::Shape shape, Floats values) {
  return TensorValue::ofFloats(std::move(shape), std::move(values));
}
inline TensorValue integers(Integers values) {
  int64_t size = values.size();
  return TensorValue::ofIntegers({size}, std::move(values));
}

/// A folder that goes away with the object.
class TemporaryFolder {
public:
  TemporaryFolder() {
    llvm::sys::fs::createUniqueDirectory("lqc-interpreter-test", path);
  }
  ~TemporaryFolder() { llvm::sys::fs::remove_directories(path); }

  std::string str() const { return path.str().str(); }
  std::string file(llvm::StringRef name) const {
    llvm::SmallString<128> full(path);
    llvm::sys::path::append(full, name);
    return full.str().str();
  }
  /// The names of the files in the folder.
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    std::error_code code;
    for (llvm::sys::fs::directory_iterator i(path, code), end;
         i != end && !code; i.increment(code))
      result.push_back(llvm::sys::path::filename(i->path()).str());
    return result;
  }

private:
  llvm::SmallString<128> path;
};

} // namespace lqc

#endif // LQC_TEST_UNIT_INTERPRETER_FIXTURE_H
