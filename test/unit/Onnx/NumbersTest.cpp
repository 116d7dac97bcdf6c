//===- NumbersTest.cpp - what imported operators compute ------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Models of ONNX's own tests (Debian's libonnx-testdata), and of ONNX Runtime's
// operators with its results (test/golden/contrib), run by the reference
// interpreter on their inputs and compared with their outputs.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/ModelFile.h"
#include "lib/Import/Onnx/Stored.h"
#include "lqc/Import/Onnx/Importer.h"
#include "lqc/Interpreter/Interpreter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

using namespace lqc;
namespace fs = std::filesystem;

static const fs::path kData = "/usr/share/libonnx-testdata/data";

/// The interpreter holds integers of any type as signless int64.
static TensorValue valueOf(const StoredTensor &tensor) {
  TensorValue::Shape shape(tensor.shape.begin(), tensor.shape.end());
  if (isFloat(tensor.element)) {
    auto numbers = storedReals(tensor);
    if (tensor.element == OnnxType::Double)
      return TensorValue::ofDoubles(shape, {numbers.begin(), numbers.end()});
    return TensorValue::ofFloats(shape, {numbers.begin(), numbers.end()});
  }
  auto numbers = storedIntegers(tensor);
  std::vector<int64_t> values(numbers.begin(), numbers.end());
  unsigned bits = elementBits(tensor.element);
  if (isUnsigned(tensor.element) && bits < 64)
    for (int64_t &value : values)
      value = int64_t(uint64_t(value) << (64 - bits)) >> (64 - bits);
  return TensorValue::ofIntegers(shape, values);
}

static double numberAt(const TensorValue &value, int64_t i) {
  switch (value.kind()) {
  case TensorValue::Kind::Integer:
    return double(value.integers()[i]);
  case TensorValue::Kind::Double:
    return value.doubles()[i];
  default:
    return value.floats()[i];
  }
}

/// Truths may be held as 1 or -1.
static bool agrees(double got, double wanted, OnnxType type) {
  if (type == OnnxType::Bool)
    return (got != 0) == (wanted != 0);
  if (got == wanted || (std::isnan(got) && std::isnan(wanted)))
    return true;
  if (!isFloat(type))
    return false;
  return std::abs(got - wanted) <= 1e-5 + 1e-3 * std::abs(wanted);
}

static void compare(const TensorValue &got, const StoredTensor &stored) {
  TensorValue wanted = valueOf(stored);
  ASSERT_EQ(got.shape(), wanted.shape());
  ASSERT_EQ(got.kind(), wanted.kind());
  for (int64_t i = 0; i < got.elements(); ++i)
    ASSERT_TRUE(agrees(numberAt(got, i), numberAt(wanted, i), stored.element))
        << "element " << i << ": " << numberAt(got, i)
        << " != " << numberAt(wanted, i);
}

static StoredTensor read(const fs::path &folder, const char *kind, unsigned i) {
  fs::path path = folder / "test_data_set_0" /
                  (std::string(kind) + "_" + std::to_string(i) + ".pb");
  return llvm::cantFail(readStoredTensor(path.string()));
}

static void runModel(const fs::path &folder) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = importOnnx(&context, (folder / "model.onnx").string());
  ASSERT_TRUE(bool(module)) << llvm::toString(module.takeError());
  WeightStore store(**module, folder.string(), 1);
  Interpreter interpreter(**module, store, 1);
  auto main = (*module)->lookupSymbol<mlir::func::FuncOp>("main");
  std::vector<TensorValue> arguments;
  for (unsigned i = 0; i < main.getNumArguments(); ++i)
    arguments.push_back(valueOf(read(folder, "input", i)));
  auto results = interpreter.call(
      mlir::cast<mlir::FunctionOpInterface>(main.getOperation()), arguments);
  ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  for (auto [i, result] : llvm::enumerate(*results))
    compare(result, read(folder, "output", i));
}

class OnnxNumbers : public testing::TestWithParam<const char *> {};

TEST_P(OnnxNumbers, AgreeWithTheTestData) { runModel(kData / GetParam()); }

static std::string nameOf(const testing::TestParamInfo<const char *> &info) {
  std::string name = fs::path(info.param).filename().string();
  return name.substr(name.starts_with("test_") ? 5 : 0);
}

/// The models of the array kFAMILY.
#define LQC_MODELS(FAMILY)                                                     \
  INSTANTIATE_TEST_SUITE_P(FAMILY, OnnxNumbers, testing::ValuesIn(k##FAMILY),  \
                           nameOf)

#include "test/unit/Onnx/Models.inc"

class OnnxContrib : public testing::TestWithParam<std::string> {};

static const fs::path kContrib = LQC_SOURCE_DIR "/test/golden/contrib";

TEST_P(OnnxContrib, AgreesWithOnnxRuntime) { runModel(kContrib / GetParam()); }

static std::vector<std::string> contribModels() {
  std::vector<std::string> names;
  for (const fs::directory_entry &entry : fs::directory_iterator(kContrib))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Contrib, OnnxContrib,
                         testing::ValuesIn(contribModels()),
                         [](const auto &info) { return info.param; });
