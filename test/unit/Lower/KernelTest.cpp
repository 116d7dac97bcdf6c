//===- KernelTest.cpp - compiled kernels against the interpreter ----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every kernel that the CPU's code generator writes is run on random operands
// and must agree with the interpreter's meaning of the same kernel, on every
// kind of instruction set that this machine has. The kernels of one test are
// compiled together, as an object file like the one that is shipped.
//
//===----------------------------------------------------------------------===//

#include "dialects/LQC/LQC.h"
#include "lqc/Interpreter/Interpreter.h"
#include "lqc/Numerics/Levels.h"
#include "lqc/Runtime/Model.h"
#include "lqc/Target/CPU/CodeGen.h"
#include "passes/Lower/CPU/Passes.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "gtest/gtest.h"

#include <cmath>
#include <random>

using namespace mlir;
using namespace lqc;

namespace {

/// A pointer to memory for one argument of a kernel, and its value.
struct Argument {
  RankedTensorType type;
  TensorValue value;
  std::vector<char> bytes;
};

class KernelTest : public testing::TestWithParam<const char *> {
protected:
  KernelTest() {
    context.loadDialect<LQCDialect, func::FuncDialect, arith::ArithDialect,
                        linalg::LinalgDialect, math::MathDialect>();
  }

  void SetUp() override {
    llvm::Expected<TargetAttr> host = hostTarget(&context);
    ASSERT_TRUE(bool(host)) << llvm::toString(host.takeError());
    llvm::Expected<TargetAttr> wanted = namedTarget(&context, GetParam());
    ASSERT_TRUE(bool(wanted)) << llvm::toString(wanted.takeError());
    target = *wanted;
    for (StringRef feature : {"avx512vnni", "avxvnni"})
      if (target.has(feature) && !host->has(feature))
        GTEST_SKIP() << "this machine has no " << feature.str();
  }

  /// Adds a kernel and returns its name.
  std::string add(const std::string &arguments, const std::string &body,
                  const std::string &attributes) {
    std::string name = "k" + std::to_string(kernels++);
    text += "lqc.kernel @" + name + "(" + arguments + ") attributes {" +
            attributes + "} {\n" + body + "\n}\n";
    return name;
  }

  void compile();
  lqc_kernel_function *function(StringRef name) {
    return cantFail(jit->lookup(name)).toPtr<lqc_kernel_function *>();
  }

  /// Random contents for an argument of this type with `rows` valid rows. A
  /// vector of int32 holds indices below `indexLimit`, or with 0 any numbers.
  Argument random(Type type, int64_t rows, int64_t indexLimit);
  TensorValue randomFloats(ArrayRef<int64_t> shape);

  /// Runs kernel `name` both ways; `rows` valid rows of `units` units in all.
  void check(const std::string &name, int64_t rows, double tolerance,
             int64_t indexLimit = 5);

  MLIRContext context;
  TargetAttr target;
  std::string text;
  int kernels = 0;
  OwningOpRef<ModuleOp> module;
  std::unique_ptr<WeightStore> weights;
  std::unique_ptr<Interpreter> interpreter;
  std::unique_ptr<llvm::orc::LLJIT> jit;
  std::vector<char> cache;
  std::mt19937 generator{7};
};

} // namespace

void KernelTest::compile() {
  module = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(module) << text;
  weights = std::make_unique<WeightStore>(*module, ".", 1);
  interpreter = std::make_unique<Interpreter>(*module, *weights, 1, 3);
  OwningOpRef<ModuleOp> lowered = module->clone();
  (*lowered)->setAttr(kTargetAttrName, target);
  PassManager manager(&context);
  buildLowerCPUPipeline(manager);
  ASSERT_TRUE(succeeded(manager.run(*lowered)));
  llvm::Expected<llvm::SmallVector<char, 0>> object = compileToObject(*lowered);
  ASSERT_TRUE(bool(object)) << llvm::toString(object.takeError());
  jit = cantFail(llvm::orc::LLJITBuilder().create());
  cantFail(jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(
      StringRef(object->data(), object->size()), "kernels")));
}

TensorValue KernelTest::randomFloats(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t dim : shape)
    count *= dim;
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(generator);
  return TensorValue::ofFloats(TensorValue::Shape(shape), std::move(values));
}

/// The bytes of an activation buffer that holds a quantized tensor.
static std::vector<char> activationBytes(const QuantizedTensor &tensor,
                                         int64_t rows) {
  ActivationRow parts = activationRow(tensor.scheme, tensor.columns);
  std::vector<char> bytes(rows * parts.bytes, 0);
  int64_t groups = tensor.groups(), group = tensor.columns / groups;
  for (int64_t r = 0; r < tensor.rows; ++r) {
    char *row = bytes.data() + r * parts.bytes;
    float *scales = reinterpret_cast<float *>(row + parts.scales);
    int32_t *sums = reinterpret_cast<int32_t *>(row + parts.sums);
    for (int64_t column = 0; column < tensor.columns; ++column) {
      int code = int(tensor.codes[r * tensor.columns + column]) - 128;
      row[column] = char(code);
      sums[column / group] += code;
      scales[column / group] = tensor.scales[r * groups + column / group];
    }
  }
  return bytes;
}

Argument KernelTest::random(Type type, int64_t rows, int64_t indexLimit) {
  if (isa<CacheType>(type))
    return {};
  RankedTensorType tensor = cast<RankedTensorType>(type);
  Argument argument{tensor, {}, {}};
  SchemeAttr scheme = schemeOf(tensor);
  int64_t maxRows = tensor.getRank() ? tensor.getDimSize(0) : 1;
  SmallVector<int64_t> shape(tensor.getShape());
  bool isIndices = tensor.getElementType().isInteger(32) &&
                   tensor.getRank() == 1 && indexLimit > 0;
  if (tensor.getElementType().isInteger() && !isIndices) {
    argument.bytes.resize(weightBytes(tensor));
    for (char &byte : argument.bytes)
      byte = char(generator());
    if (tensor.getRank() == 2)
      shape[0] = std::min(rows, maxRows); // a weight has rows of its own
    RankedTensorType valid =
        RankedTensorType::get(shape, tensor.getElementType());
    argument.value = cantFail(tensorFromBytes(
        {argument.bytes.data(), size_t(weightBytes(valid))}, valid));
    return argument;
  }
  if (isIndices) {
    std::vector<int64_t> values(rows);
    std::vector<int32_t> stored(maxRows, 0);
    for (int64_t i = 0; i < rows; ++i)
      stored[i] = values[i] = generator() % indexLimit;
    argument.value = TensorValue::ofIntegers({rows}, std::move(values));
    argument.bytes.assign(reinterpret_cast<char *>(stored.data()),
                          reinterpret_cast<char *>(stored.data() + maxRows));
    return argument;
  }
  bool isActivation = tensor.getRank() == 2 && !packedOf(tensor);
  if (isActivation)
    shape[0] = rows;
  TensorValue floats = randomFloats(shape);
  if (scheme) {
    QuantizedTensor quantized = cantFail(
        quantize(floats.floats(), shape[0], shape[1], scheme.getValue()));
    argument.value = TensorValue::ofQuantized(quantized);
    argument.bytes = isActivation
                         ? activationBytes(quantized, maxRows)
                         : cantFail(bytesFromTensor(argument.value, tensor));
    return argument;
  }
  RankedTensorType valid = RankedTensorType::get(shape, tensor.getElementType(),
                                                 tensor.getEncoding());
  argument.bytes = cantFail(bytesFromTensor(floats, valid));
  // What was rounded to the type's format.
  argument.value = cantFail(tensorFromBytes(argument.bytes, valid));
  // Rows and lanes past the valid ones must not matter.
  argument.bytes.resize(
      std::max<size_t>(weightBytes(tensor), argument.bytes.size()) + 64, 127);
  return argument;
}

static std::string describe(KernelOp kernel) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << kernel;
  return text;
}

void KernelTest::check(const std::string &name, int64_t rows, double tolerance,
                       int64_t indexLimit) {
  KernelOp kernel = module->lookupSymbol<KernelOp>(name);
  std::vector<Argument> arguments;
  SmallVector<TensorValue> values;
  SmallVector<void *> pointers;
  for (BlockArgument argument : kernel.getBlock().getArguments())
    arguments.push_back(random(argument.getType(), rows, indexLimit));
  for (Argument &argument : arguments) {
    pointers.push_back(argument.type ? argument.bytes.data() : cache.data());
    if (argument.type)
      values.push_back(argument.value);
  }
  llvm::Expected<SmallVector<TensorValue>> expected =
      interpreter->call(kernel, values);
  ASSERT_TRUE(bool(expected)) << llvm::toString(expected.takeError());
  // In two pieces, as two threads would.
  int64_t unitRows = kernel.getUnitRows().value_or(rows);
  int64_t units = kernel.getUnits() * llvm::divideCeil(rows, unitRows);
  function(name)(pointers.data(), rows, 0, units / 2);
  function(name)(pointers.data(), rows, units / 2, units);
  if (expected->empty())
    return;

  const Argument &out = arguments.back();
  const TensorValue &result = expected->front();
  if (result.kind() == TensorValue::Kind::Quantized) {
    std::vector<char> bytes =
        activationBytes(result.quantized(), out.type.getDimSize(0));
    ActivationRow parts =
        activationRow(result.quantized().scheme, out.type.getDimSize(1));
    // The rows that are valid, code for code.
    for (int64_t row = 0; row < rows; ++row)
      EXPECT_EQ(0, std::memcmp(&bytes[row * parts.bytes],
                               &out.bytes[row * parts.bytes], parts.scales))
          << name << ": row " << row;
    return;
  }
  if (result.kind() == TensorValue::Kind::Integer) {
    bool isByte = out.type.getElementType().isInteger(8);
    const int32_t *words = reinterpret_cast<const int32_t *>(out.bytes.data());
    const int8_t *bytes = reinterpret_cast<const int8_t *>(out.bytes.data());
    for (size_t i = 0; i < result.integers().size(); ++i)
      ASSERT_EQ(isByte ? bytes[i] : words[i], result.integers()[i])
          << name << ": " << describe(kernel) << " element " << i;
    return;
  }
  const float *got = reinterpret_cast<const float *>(out.bytes.data());
  const std::vector<float> &want = result.floats();
  double largest = 0;
  for (float value : want)
    largest = std::max(largest, std::fabs(double(value)));
  for (size_t i = 0; i < want.size(); ++i)
    ASSERT_NEAR(got[i], want[i], tolerance * largest)
        << name << ": " << describe(kernel) << " element " << i;
}

//===----------------------------------------------------------------------===//
// Linear
//===----------------------------------------------------------------------===//

static std::string linearKernel(const std::string &x, const std::string &w,
                                const std::string &bias, const std::string &out,
                                std::string &body) {
  std::string types = x + ", " + w + (bias.empty() ? "" : ", " + bias);
  std::string operands = bias.empty() ? "%x, %w" : "%x, %w, %b";
  body = "%y = lqc.linear " + operands + " : (" + types + ") -> " + out +
         "\nlqc.yield %y : " + out;
  return "%x: " + x + ", %w: " + w + (bias.empty() ? "" : ", %b: " + bias) +
         ", %out: " + out;
}

static const char *const kUnits3 = "destinations = 1 : i64, units = 3 : i64";
static const char *const kPerRow =
    "destinations = 1 : i64, units = 1 : i64, unit_rows = 1 : i64";

TEST_P(KernelTest, LinearOfFloatWeights) {
  std::vector<std::pair<std::string, int64_t>> cases;
  for (std::string element : {"f32", "f16", "bf16"})
    for (std::string bias : {"", "tensor<40xbf16>"})
      for (std::string rows : {"1", "16"}) {
        std::string body;
        std::string arguments =
            linearKernel("tensor<" + rows + "x43xf32>",
                         "tensor<40x43x" + element + ", #lqc.packed<16x1>>",
                         bias, "tensor<" + rows + "x40xf32>", body);
        cases.push_back({add(arguments, body, kUnits3), rows == "1" ? 1 : 7});
      }
  compile();
  for (auto &[name, rows] : cases)
    check(name, rows, 2e-6);
}

TEST_P(KernelTest, LinearInPanelsOfRows) {
  // 10 rows in panels of 4: 3, of which the last is cut short.
  std::string attributes =
      "destinations = 1 : i64, unit_rows = 4 : i64, units = 3 : i64";
  std::string body;
  std::string plain =
      linearKernel("tensor<12x64xf32>", "tensor<40x64xf32, #lqc.packed<16x1>>",
                   "tensor<40xf32>", "tensor<12x40xf32>", body);
  std::string floats = add(plain, body, attributes);
  std::string quantized = linearKernel(
      "tensor<12x64xf32, #lqc.scheme<\"dynamic-int8-g64\">>",
      "tensor<40x64xf32, #lqc.packed<16x4, #lqc.scheme<\"int8-g64\">>>", "",
      "tensor<12x40xf32>", body);
  std::string integers = add(quantized, body, attributes);
  compile();
  for (int64_t rows : {1, 4, 10, 12}) {
    check(floats, rows, 2e-6);
    check(integers, rows, 2e-6);
  }
}

TEST_P(KernelTest, BytesTimesCodesAreExact) {
  std::string weight = "tensor<40x24xf32, #lqc.packed<16x4, "
                       "#lqc.scheme<\"int8-g0-f32\">>>";
  std::string attributes =
      "destinations = 1 : i64, unit_rows = 8 : i64, units = 3 : i64";
  std::string plain =
      add("%x: tensor<12x24xi8>, %w: " + weight +
              ", %b: tensor<40xi32>, %out: tensor<12x40xi32>",
          "%y = lqc.integer_linear %x, %w, %b : (tensor<12x24xi8>, " + weight +
              ", tensor<40xi32>) -> tensor<12x40xi32>\n"
              "lqc.yield %y : tensor<12x40xi32>",
          attributes);
  std::string patches =
      add("%x: tensor<2x5x5x4xi8>, %w: " + weight + ", %out: tensor<24x40xi32>",
          "%p = lqc.patches %x {kernel = array<i64: 2, 3>, strides = "
          "array<i64: 1, 1>, dilations = array<i64: 1, 1>} : "
          "(tensor<2x5x5x4xi8>) -> tensor<24x24xi8>\n"
          "%y = lqc.integer_linear %p, %w : (tensor<24x24xi8>, " +
              weight +
              ") -> tensor<24x40xi32>\n"
              "lqc.yield %y : tensor<24x40xi32>",
          attributes);
  compile();
  check(plain, 11, 0, /*indexLimit=*/0);
  check(patches, 24, 0);
}

/// An epilogue that rounds sums to bytes: scaled by column, shifted by a matrix
/// of bytes, to the nearest even, at most 255. `rows`: of the matrices.
static std::string roundingEpilogue(const std::string &rows,
                                    const std::string &columns) {
  std::string sizes = "tensor<" + rows + "x" + columns;
  return "%half = arith.constant 0.5 : f32\n"
         "%most = arith.constant 255.0 : f32\n"
         "%none = arith.constant 0.0 : f32\n"
         "%z = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, "
         "affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>, "
         "affine_map<(i, j) -> (i, j)>], iterator_types = [\"parallel\", "
         "\"parallel\"]} ins(%y, %s, %r : " +
         sizes + "xi32>, tensor<" + columns + "xf32>, " + sizes +
         "xi8>) outs(%out : " + sizes +
         "xi8>) {\n"
         "^bb0(%sum: i32, %scale: f32, %byte: i8, %o: i8):\n"
         "  %0 = arith.sitofp %sum : i32 to f32\n"
         "  %1 = arith.mulf %0, %scale : f32\n"
         "  %2 = arith.uitofp %byte : i8 to f32\n"
         "  %3 = arith.mulf %2, %half : f32\n"
         "  %4 = arith.addf %1, %3 : f32\n"
         "  %5 = math.roundeven %4 : f32\n"
         "  %6 = arith.maximumf %5, %none : f32\n"
         "  %7 = arith.minimumf %6, %most : f32\n"
         "  %8 = arith.fptoui %7 : f32 to i8\n"
         "  linalg.yield %8 : i8\n"
         "} -> " +
         sizes + "xi8>\nlqc.yield %z : " + sizes + "xi8>";
}

TEST_P(KernelTest, EpiloguesOfLinears) {
  std::string codes = "tensor<40x24xf32, #lqc.packed<16x4, "
                      "#lqc.scheme<\"int8-g0-f32\">>>";
  std::string attributes =
      "destinations = 1 : i64, unit_rows = 8 : i64, units = 3 : i64";
  std::string bytes =
      add("%x: tensor<12x24xi8>, %w: " + codes +
              ", %b: tensor<40xi32>, %s: tensor<40xf32>, %r: tensor<12x40xi8>, "
              "%out: tensor<12x40xi8>",
          "%y = lqc.integer_linear %x, %w, %b : (tensor<12x24xi8>, " + codes +
              ", tensor<40xi32>) -> tensor<12x40xi32>\n" +
              roundingEpilogue("12", "40"),
          attributes);
  // A number that all elements share, and a function.
  std::string floats =
      add("%x: tensor<12x24xf32>, %w: tensor<32x24xf32, #lqc.packed<16x1>>, "
          "%s: tensor<f32>, %out: tensor<12x32xf32>",
          "%y = lqc.linear %x, %w : (tensor<12x24xf32>, tensor<32x24xf32, "
          "#lqc.packed<16x1>>) -> tensor<12x32xf32>\n"
          "%z = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, "
          "affine_map<(i, j) -> ()>, affine_map<(i, j) -> (i, j)>], "
          "iterator_types = [\"parallel\", \"parallel\"]} ins(%y, %s : "
          "tensor<12x32xf32>, tensor<f32>) outs(%out : tensor<12x32xf32>) {\n"
          "^bb0(%a: f32, %b: f32, %o: f32):\n"
          "  %0 = math.erf %a : f32\n"
          "  %1 = arith.mulf %0, %b : f32\n"
          "  linalg.yield %1 : f32\n"
          "} -> tensor<12x32xf32>\n"
          "lqc.yield %z : tensor<12x32xf32>",
          "destinations = 1 : i64, unit_rows = 8 : i64, units = 2 : i64");
  compile();
  check(bytes, 11, 0, /*indexLimit=*/0);
  check(floats, 11, 2e-6);
}

TEST_P(KernelTest, DepthwiseIsExact) {
  struct Case {
    std::string image, rest; ///< sizes; the attributes of lqc.depthwise
    std::string taps, channels, rows;
  };
  // Strides and dilations, channels that fill no register; a sequence.
  const Case cases[] = {{"2x6x7x37",
                         "kernel = array<i64: 3, 2>, strides = array<i64: 2, "
                         "1>, dilations = array<i64: 1, 3>",
                         "6", "37", "16"},
                        {"3x12x32",
                         "kernel = array<i64: 4>, strides = array<i64: 2>, "
                         "dilations = array<i64: 1>",
                         "4", "32", "15"}};
  std::vector<std::pair<std::string, int64_t>> names;
  for (const Case &one : cases) {
    std::string image = "tensor<" + one.image + "xi8>";
    std::string weight = "tensor<" + one.taps + "x" + one.channels + "xi8>";
    std::string bias = "tensor<" + one.channels + "xi32>";
    std::string sums = "tensor<" + one.rows + "x" + one.channels + "xi32>";
    std::string bytes = "tensor<" + one.rows + "x" + one.channels + "xi8>";
    std::string inputs =
        "%x: " + image + ", %w: " + weight + ", %b: " + bias + ", ";
    std::string product = "%y = lqc.depthwise %x, %w, %b {" + one.rest +
                          "} : (" + image + ", " + weight + ", " + bias +
                          ") -> " + sums + "\n";
    std::string attributes =
        "destinations = 1 : i64, unit_rows = 8 : i64, units = 1 : i64";
    int64_t rows = std::stoi(one.rows);
    names.push_back({add(inputs + "%out: " + sums,
                         product + "lqc.yield %y : " + sums, attributes),
                     rows});
    names.push_back(
        {add(inputs + "%s: tensor<" + one.channels + "xf32>, %r: " + bytes +
                 ", %out: " + bytes,
             product + roundingEpilogue(one.rows, one.channels), attributes),
         rows});
  }
  compile();
  for (auto &[name, rows] : names)
    check(name, rows, 0, /*indexLimit=*/0);
}

TEST_P(KernelTest, ConvolutionReadsItsPatchesInTheImage) {
  struct Case {
    std::string image, rest; ///< sizes; the attributes of lqc.patches
    int64_t columns, rows;
  };
  // Neighbours across in one segment, apart, a sequence; strides; odd channels.
  const Case cases[] = {
      {"2x6x7x5",
       "kernel = array<i64: 3, 2>, strides = array<i64: 2, 3>, "
       "dilations = array<i64: 1, 1>",
       30, 8},
      {"1x9x8x4",
       "kernel = array<i64: 2, 3>, strides = array<i64: 1, 1>, "
       "dilations = array<i64: 3, 2>",
       24, 24},
      {"3x12x1",
       "kernel = array<i64: 4>, strides = array<i64: 2>, "
       "dilations = array<i64: 1>",
       4, 15}};
  std::vector<std::pair<std::string, int64_t>> names;
  for (const Case &one : cases) {
    std::string rows = std::to_string(one.rows) + "x";
    std::string image = "tensor<" + one.image + "xf32>";
    std::string patches =
        "tensor<" + rows + std::to_string(one.columns) + "xf32>";
    std::string weight =
        "tensor<40x" + std::to_string(one.columns) + "xf32, #lqc.packed<16x1>>";
    std::string out = "tensor<" + rows + "40xf32>";
    names.push_back(
        {add("%x: " + image + ", %w: " + weight +
                 ", %b: tensor<40xf32>, %out: " + out,
             "%p = lqc.patches %x {" + one.rest + "} : (" + image + ") -> " +
                 patches + "\n%y = lqc.linear %p, %w, %b : (" + patches + ", " +
                 weight + ", tensor<40xf32>) -> " + out +
                 "\nlqc.yield %y : " + out,
             "destinations = 1 : i64, unit_rows = 8 : i64, units = 3 : i64"),
         one.rows});
  }
  compile();
  for (auto &[name, rows] : names)
    check(name, rows, 2e-6);
}

/// Every scheme of weights with this group size; "own": those that have one of
/// their own; "16": some, those with two groups in a run of a bit plane and one
/// of each other kind.
static std::vector<std::string> everyScheme(const std::string &group) {
  if (group == "16")
    return {"int3-g16", "uint5-g16", "uint4-g16", "fp8-e5m2-g16",
            "nf4-g16-dq2"};
  std::vector<std::string> names;
  for (const SchemeFamily &family : schemeTable())
    if (!family.scheme.isActivation() &&
        family.hasFreeGroup() == (group != "own"))
      names.push_back(schemeName(
          family.withGroup(family.hasFreeGroup() ? std::stoi(group) : 0)));
  return names;
}

namespace {
/// Shapes that between them meet every path: one token and a tile with rest,
/// groups (also two in a run of a bit plane) and whole rows with a ragged end.
struct Shape {
  std::string group, columns, rows;
  int64_t validRows;
};
} // namespace
static const Shape kShapes[] = {
    {"32", "128", "1", 1}, {"64", "128", "16", 6}, {"0", "75", "16", 5},
    {"16", "48", "16", 6}, {"own", "512", "1", 1}, {"own", "256", "16", 6}};

static std::string quantizedWeight(const std::string &columns,
                                   const std::string &scheme) {
  return "tensor<40x" + columns + "xf32, #lqc.packed<16x4, #lqc.scheme<\"" +
         scheme + "\">>>";
}

TEST_P(KernelTest, LinearOfFloatActivations) {
  std::vector<std::pair<std::string, int64_t>> cases;
  for (const Shape &shape : kShapes)
    for (const std::string &scheme : everyScheme(shape.group)) {
      std::string body;
      std::string arguments =
          linearKernel("tensor<" + shape.rows + "x" + shape.columns + "xf32>",
                       quantizedWeight(shape.columns, scheme), "",
                       "tensor<" + shape.rows + "x40xf32>", body);
      cases.push_back({add(arguments, body, kUnits3), shape.validRows});
    }
  compile();
  for (auto &[name, rows] : cases)
    check(name, rows, 2e-6);
}

TEST_P(KernelTest, LinearOfIntegerActivations) {
  std::vector<std::pair<std::string, int64_t>> cases;
  for (const Shape &shape : kShapes)
    for (const std::string &scheme : everyScheme(shape.group)) {
      Scheme parsed = *parseScheme(scheme);
      if (levelStep(parsed) == 0)
        continue;
      std::string body;
      std::string arguments =
          linearKernel("tensor<" + shape.rows + "x" + shape.columns +
                           "xf32, #lqc.scheme<\"dynamic-int8-g" +
                           std::to_string(parsed.groupSize) + "\">>",
                       quantizedWeight(shape.columns, scheme), "",
                       "tensor<" + shape.rows + "x40xf32>", body);
      cases.push_back({add(arguments, body, kUnits3), shape.validRows});
    }
  compile();
  for (auto &[name, rows] : cases)
    check(name, rows, 2e-6);
}

/// A weight's group may hold several groups of activations.
TEST_P(KernelTest, LinearOfFinerActivations) {
  std::string body;
  std::string arguments = linearKernel(
      "tensor<16x128xf32, #lqc.scheme<\"dynamic-int8-g32\">>",
      quantizedWeight("128", "uint4-g64"), "", "tensor<16x40xf32>", body);
  std::string name = add(arguments, body, kUnits3);
  compile();
  check(name, 16, 2e-6);
}

//===----------------------------------------------------------------------===//
// The other kernels
//===----------------------------------------------------------------------===//

TEST_P(KernelTest, RmsNorm) {
  std::string name =
      add("%x: tensor<8x43xf32>, %g: tensor<43xbf16>, %out: tensor<8x43xf32>",
          "%y = lqc.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : "
          "(tensor<8x43xf32>, tensor<43xbf16>) -> tensor<8x43xf32>\n"
          "lqc.yield %y : tensor<8x43xf32>",
          kPerRow);
  compile();
  check(name, 5, 1e-6);
}

TEST_P(KernelTest, LayerNorm) {
  std::string name =
      add("%x: tensor<8x43xf32>, %g: tensor<43xbf16>, %b: tensor<43xf32>, "
          "%out: tensor<8x43xf32>",
          "%y = lqc.layer_norm %x, %g, %b {epsilon = 1.0e-5 : f32} : "
          "(tensor<8x43xf32>, tensor<43xbf16>, tensor<43xf32>) -> "
          "tensor<8x43xf32>\nlqc.yield %y : tensor<8x43xf32>",
          kPerRow);
  std::string plain =
      add("%x: tensor<8x64xf32>, %g: tensor<64xf32>, %out: tensor<8x64xf32>",
          "%y = lqc.layer_norm %x, %g {epsilon = 1.0e-5 : f32} : "
          "(tensor<8x64xf32>, tensor<64xf32>) -> tensor<8x64xf32>\n"
          "lqc.yield %y : tensor<8x64xf32>",
          kPerRow);
  compile();
  check(name, 5, 1e-6);
  check(plain, 5, 1e-6);
}

TEST_P(KernelTest, Quantize) {
  std::vector<std::string> names;
  for (auto [columns, group] : {std::pair("128", "64"), std::pair("43", "0")}) {
    std::string in = std::string("tensor<8x") + columns + "xf32>";
    std::string out = std::string("tensor<8x") + columns +
                      "xf32, #lqc.scheme<\"dynamic-int8-g" + group + "\">>";
    names.push_back(add("%x: " + in + ", %out: " + out,
                        "%y = lqc.quantize %x : (" + in + ") -> " + out +
                            "\nlqc.yield %y : " + out,
                        kPerRow));
  }
  compile();
  for (const std::string &name : names)
    check(name, 5, 0);
}

TEST_P(KernelTest, QuantizeWithStaticScales) {
  std::vector<std::string> names;
  for (auto [columns, group, groups] :
       {std::tuple("128", "64", "2"), std::tuple("43", "0", "1")}) {
    std::string in = std::string("tensor<8x") + columns + "xf32>";
    std::string scales = std::string("tensor<") + groups + "xf32>";
    std::string out = std::string("tensor<8x") + columns +
                      "xf32, #lqc.scheme<\"static-int8-g" + group + "\">>";
    names.push_back(add("%x: " + in + ", %s: " + scales + ", %out: " + out,
                        "%y = lqc.quantize %x, %s : (" + in + ", " + scales +
                            ") -> " + out + "\nlqc.yield %y : " + out,
                        kPerRow));
  }
  compile();
  for (const std::string &name : names)
    check(name, 5, 0);
}

/// Two kinds of activations for one kind of kernel.
TEST_P(KernelTest, LinearOfStaticActivations) {
  std::string body;
  std::string arguments = linearKernel(
      "tensor<16x128xf32, #lqc.scheme<\"static-int8-g32\">>",
      quantizedWeight("128", "mxfp4"), "", "tensor<16x40xf32>", body);
  std::string name = add(arguments, body, kUnits3);
  compile();
  check(name, 7, 2e-6);
}

TEST_P(KernelTest, RotaryTableAndRope) {
  std::string table =
      add("%p: tensor<8xi32>, %f: tensor<9xf32>, %out: tensor<8x18xf32>",
          "%y = lqc.rotary_table %p, %f : (tensor<8xi32>, tensor<9xf32>) -> "
          "tensor<8x18xf32>\nlqc.yield %y : tensor<8x18xf32>",
          kPerRow);
  std::string rope = add(
      "%x: tensor<8x54xf32>, %t: tensor<8x18xf32>, %out: tensor<8x54xf32>",
      "%y = lqc.rope %x, %t {head_dim = 18 : i64} : (tensor<8x54xf32>, "
      "tensor<8x18xf32>) -> tensor<8x54xf32>\nlqc.yield %y : tensor<8x54xf32>",
      kPerRow);
  compile();
  check(table, 5, 1e-6, 100000);
  check(rope, 5, 1e-6);
}

TEST_P(KernelTest, Elementwise) {
  std::vector<std::string> names;
  for (std::string op : {"lqc.gated_activation silu",
                         "lqc.gated_activation gelu_tanh", "arith.addf"})
    names.push_back(add(
        "%x: tensor<8x43xf32>, %u: tensor<8x43xf32>, %out: tensor<8x43xf32>",
        "%y = " + op +
            " %x, %u : tensor<8x43xf32>\nlqc.yield %y : tensor<8x43xf32>",
        kPerRow));
  compile();
  for (const std::string &name : names)
    check(name, 5, 1e-6);
}

TEST_P(KernelTest, Embedding) {
  std::vector<std::string> tables = {"tensor<40x43xf32>",
                                     "tensor<40x43xbf16, #lqc.packed<16x1>>",
                                     "tensor<40x43xf16, #lqc.packed<16x1>>"};
  for (const std::string &scheme : everyScheme("0"))
    tables.push_back(quantizedWeight("75", scheme));
  for (const std::string &scheme : everyScheme("64"))
    tables.push_back(quantizedWeight("128", scheme));
  for (const std::string &scheme : everyScheme("16"))
    tables.push_back(quantizedWeight("48", scheme));
  for (const std::string &scheme : everyScheme("own"))
    tables.push_back(quantizedWeight("512", scheme));
  std::vector<std::string> names;
  for (const std::string &table : tables) {
    std::string columns = table.substr(10, table.find("x", 10) - 10);
    std::string out = "tensor<8x" + columns + "xf32>";
    names.push_back(add("%i: tensor<8xi32>, %t: " + table + ", %out: " + out,
                        "%y = lqc.embedding %i, %t : (tensor<8xi32>, " + table +
                            ") -> " + out + "\nlqc.yield %y : " + out,
                        kPerRow));
  }
  compile();
  // A table of activations has as many rows as are valid: five.
  for (const std::string &name : names)
    check(name, 5, 1e-7, 5);
}

/// Two results, and indices that are a weight: as many as the type says.
TEST_P(KernelTest, SplitColumns) {
  std::string name = add(
      "%x: tensor<8x43xf32>, %i: tensor<5xi32>, %r: tensor<8x43xf32>, "
      "%k: tensor<8x5xf32>",
      "%y, %z = lqc.split_columns %x, %i : (tensor<8x43xf32>, tensor<5xi32>) "
      "-> (tensor<8x43xf32>, tensor<8x5xf32>)\n"
      "lqc.yield %y, %z : tensor<8x43xf32>, tensor<8x5xf32>",
      "destinations = 2 : i64, units = 1 : i64, unit_rows = 1 : i64");
  compile();
  KernelOp kernel = module->lookupSymbol<KernelOp>(name);
  std::vector<float> x = randomFloats({6, 43}).floats();
  std::vector<float> rest(8 * 43, 7.0f), kept(8 * 5, 7.0f);
  auto run = [&](std::vector<int32_t> indices) {
    void *pointers[] = {x.data(), indices.data(), rest.data(), kept.data()};
    function(name)(pointers, 6, 0, 2);
    function(name)(pointers, 6, 2, 6);
  };
  run({0, 16, 17, 31, 42});
  llvm::Expected<SmallVector<TensorValue>> expected = interpreter->call(
      kernel, {TensorValue::ofFloats({6, 43}, x),
               TensorValue::ofIntegers({5}, {0, 16, 17, 31, 42})});
  ASSERT_TRUE(bool(expected)) << llvm::toString(expected.takeError());
  std::vector<float> past(2 * 43, 7.0f);
  EXPECT_EQ(ArrayRef(rest).take_front(6 * 43),
            ArrayRef((*expected)[0].floats()));
  EXPECT_EQ(ArrayRef(kept).take_front(6 * 5),
            ArrayRef((*expected)[1].floats()));
  // Rows past the valid ones are left alone.
  EXPECT_EQ(ArrayRef(rest).drop_front(6 * 43), ArrayRef(past));
  EXPECT_EQ(ArrayRef(kept).drop_front(6 * 5), ArrayRef(past).take_front(2 * 5));
  // Damaged indices count as the last column: nothing else is touched.
  run({0, 16, 17, -1, INT32_MAX});
  EXPECT_EQ(kept[3], x[42]);
  EXPECT_EQ(kept[4], x[42]);
  EXPECT_EQ(rest[31], x[31]);
  EXPECT_EQ(ArrayRef(rest).drop_front(6 * 43), ArrayRef(past));
}

/// Grouped-query attention over a cache with three slots, filled and read in
/// steps of several tokens at once.
TEST_P(KernelTest, CacheAndAttention) {
  std::string cacheType = "!lqc.cache<2x40x2x10xf32>";
  std::string append =
      add("%k: tensor<8x20xf32>, %v: tensor<8x20xf32>, %c: " + cacheType +
              ", %p: tensor<8xi32>, %s: tensor<8xi32>",
          "lqc.cache_append %k, %v, %c[0] at %p, %s : tensor<8x20xf32>, "
          "tensor<8xi32>, " +
              cacheType + "\nlqc.yield",
          "destinations = 0 : i64, units = 1 : i64, unit_rows = 1 : i64");
  std::string attention = add(
      "%q: tensor<8x60xf32>, %c: " + cacheType +
          ", %p: tensor<8xi32>, %s: tensor<8xi32>, %out: tensor<8x60xf32>",
      "%y = lqc.attention %q, %c[0] at %p, %s scale 0.3 : tensor<8x60xf32>, "
      "tensor<8xi32>, " +
          cacheType + "\nlqc.yield %y : tensor<8x60xf32>",
      "destinations = 1 : i64, units = 2 : i64, unit_rows = 1 : i64");
  compile();
  CacheType type = cast<CacheType>(parseType(cacheType, &context));
  cache.assign(3 * type.getSlotBytes(), 0);
  for (int step = 0; step < 60; ++step)
    check(append, 8, 0, 3);
  check(attention, 8, 2e-6, 3);
  check(attention, 3, 2e-6, 3);
}

INSTANTIATE_TEST_SUITE_P(Targets, KernelTest,
                         testing::Values("haswell", "alderlake", "znver4"),
                         [](const auto &info) { return info.param; });
