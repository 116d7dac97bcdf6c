//===- GraphTensors.cpp - files of tensors and @main ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/GraphTensors.h"

#include "lqc/Support/Error.h"
#include "lqc/Support/OutputFile.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace lqc;
using runtime::Tensor;

//===----------------------------------------------------------------------===//
// @main
//===----------------------------------------------------------------------===//

/// The lqc_element of an element type; 0 if there is none. `name`: of the
/// attribute that tells unsigned integers, or "".
static int64_t elementOf(Type type, StringRef name) {
  if (isa<IntegerType>(type) && name.starts_with("uint")) {
    switch (type.getIntOrFloatBitWidth()) {
    case 8:
      return LQC_UINT8;
    case 16:
      return LQC_UINT16;
    case 32:
      return LQC_UINT32;
    default:
      return LQC_UINT64;
    }
  }
  return llvm::TypeSwitch<Type, int64_t>(type)
      .Case<Float32Type>([](Type) { return LQC_FLOAT32; })
      .Case<Float16Type>([](Type) { return LQC_FLOAT16; })
      .Case<BFloat16Type>([](Type) { return LQC_BFLOAT16; })
      .Case<Float64Type>([](Type) { return LQC_FLOAT64; })
      .Case<Float8E4M3FNType>([](Type) { return LQC_FLOAT8_E4M3FN; })
      .Case<Float8E4M3FNUZType>([](Type) { return LQC_FLOAT8_E4M3FNUZ; })
      .Case<Float8E5M2Type>([](Type) { return LQC_FLOAT8_E5M2; })
      .Case<Float8E5M2FNUZType>([](Type) { return LQC_FLOAT8_E5M2FNUZ; })
      .Case<IntegerType>([](IntegerType integer) -> int64_t {
        switch (integer.getWidth()) {
        case 1:
          return LQC_BOOL;
        case 8:
          return LQC_INT8;
        case 16:
          return LQC_INT16;
        case 32:
          return LQC_INT32;
        case 64:
          return LQC_INT64;
        default:
          return 0;
        }
      })
      .Default([](Type) { return 0; });
}

static std::string textOf(DictionaryAttr attributes, StringRef key) {
  StringAttr text =
      attributes ? attributes.getAs<StringAttr>(key) : StringAttr();
  return text ? text.str() : "";
}

static llvm::Expected<GraphValue> valueOf(Type type, DictionaryAttr attributes,
                                          const std::string &fallback) {
  GraphValue value;
  value.name = textOf(attributes, "lqc.name");
  if (value.name.empty())
    value.name = fallback;
  value.type = dyn_cast<RankedTensorType>(type);
  value.element = value.type ? elementOf(value.type.getElementType(),
                                         textOf(attributes, "lqc.element"))
                             : 0;
  if (!value.element) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return makeError("@main: {0} must be a tensor of a type that files have, "
                     "got: {1}",
                     value.name, text);
  }
  if (attributes)
    if (ArrayAttr names = attributes.getAs<ArrayAttr>("lqc.dims"))
      for (Attribute name : names)
        value.dimNames.push_back(
            isa<StringAttr>(name) ? cast<StringAttr>(name).str() : "");
  return value;
}

llvm::Expected<std::vector<GraphValue>>
lqc::graphInputs(FunctionOpInterface main) {
  std::vector<GraphValue> values;
  for (auto [i, type] : llvm::enumerate(main.getArgumentTypes())) {
    llvm::Expected<GraphValue> value =
        valueOf(type, main.getArgAttrDict(i), "input_" + std::to_string(i));
    if (!value)
      return value.takeError();
    values.push_back(std::move(*value));
  }
  return values;
}

llvm::Expected<std::vector<GraphValue>>
lqc::graphOutputs(FunctionOpInterface main) {
  std::vector<GraphValue> values;
  for (auto [i, type] : llvm::enumerate(main.getResultTypes())) {
    llvm::Expected<GraphValue> value =
        valueOf(type, main.getResultAttrDict(i), "output_" + std::to_string(i));
    if (!value)
      return value.takeError();
    values.push_back(std::move(*value));
  }
  return values;
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

llvm::Expected<Tensor> lqc::readTensorFile(const std::string &path) {
  Tensor tensor;
  std::string error;
  if (!runtime::readTensor(path, tensor, error))
    return makeError("{0}", error);
  return tensor;
}

llvm::Expected<std::vector<std::string>>
lqc::findTestSets(StringRef directory) {
  std::vector<std::string> sets;
  std::error_code code;
  for (llvm::sys::fs::directory_iterator i(directory, code), end;
       i != end && !code; i.increment(code))
    if (llvm::sys::path::filename(i->path()).starts_with("test_data_set_"))
      sets.push_back(i->path());
  if (code)
    return makeError("{0}: {1}", directory, StringRef(code.message()).lower());
  llvm::sort(sets, [](const std::string &a, const std::string &b) {
    return std::pair(a.size(), a) < std::pair(b.size(), b);
  });
  if (sets.empty())
    sets.push_back(directory.str());
  return sets;
}

llvm::Expected<std::vector<Tensor>>
lqc::readTestSet(StringRef set, StringRef prefix, ArrayRef<GraphValue> values) {
  std::vector<Tensor> tensors;
  for (auto [i, value] : llvm::enumerate(values)) {
    llvm::Expected<Tensor> tensor =
        readTensorFile(llvm::formatv("{0}/{1}_{2}.pb", set, prefix, i).str());
    if (!tensor)
      return tensor.takeError();
    if (value.element == LQC_BFLOAT16 && tensor->element == LQC_UINT16)
      tensor->element = LQC_BFLOAT16;
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

std::string lqc::describeTensor(const Tensor &tensor) {
  return runtime::elementName(tensor.element) + "[" +
         (tensor.dims.empty() ? "" : runtime::shapeText(tensor.dims)) + "]";
}

static std::string describeInput(const GraphValue &input) {
  std::string sizes;
  for (auto [d, size] : llvm::enumerate(input.type.getShape())) {
    std::string name = d < input.dimNames.size() ? input.dimNames[d] : "";
    sizes += (sizes.empty() ? "" : "x") + (!ShapedType::isDynamic(size)
                                               ? std::to_string(size)
                                           : name.empty() ? "?"
                                                          : name);
  }
  return runtime::elementName(input.element) + "[" + sizes + "]";
}

llvm::Expected<TensorValue> lqc::tensorForInput(const GraphValue &input,
                                                const Tensor &tensor) {
  ArrayRef<int64_t> shape = input.type.getShape();
  bool fits =
      tensor.element == input.element && tensor.dims.size() == shape.size();
  for (size_t d = 0; fits && d < shape.size(); ++d)
    fits = ShapedType::isDynamic(shape[d]) || shape[d] == tensor.dims[d];
  if (!fits)
    return makeError("input {0} must be {1}, got: {2}", quote(input.name),
                     describeInput(input), describeTensor(tensor));
  RankedTensorType type =
      RankedTensorType::get(tensor.dims, input.type.getElementType());
  return tensorFromBytes({tensor.data.get(), tensor.bytes()}, type);
}

llvm::Error lqc::checkDimNames(ArrayRef<GraphValue> inputs,
                               ArrayRef<TensorValue> values) {
  llvm::StringMap<std::pair<int64_t, StringRef>> sizes;
  for (auto [input, value] : llvm::zip(inputs, values))
    for (auto [name, size] : llvm::zip(input.dimNames, value.shape())) {
      if (name.empty())
        continue;
      auto [known, isNew] = sizes.try_emplace(name, size, input.name);
      if (known->second.first != size)
        return makeError("input {0}: dimension {1} must be {2} as in {3}, got: "
                         "{4}",
                         quote(input.name), quote(name), known->second.first,
                         quote(known->second.second), size);
    }
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

llvm::Expected<Tensor> lqc::tensorOfOutput(const GraphValue &output,
                                           const TensorValue &value) {
  RankedTensorType type =
      RankedTensorType::get(value.shape(), output.type.getElementType());
  llvm::Expected<std::vector<char>> bytes = bytesFromTensor(value, type);
  if (!bytes)
    return bytes.takeError();
  Tensor tensor;
  tensor.name = output.name;
  tensor.element = output.element;
  tensor.dims.assign(value.shape().begin(), value.shape().end());
  std::string error;
  if (!tensor.allocate(error))
    return makeError("output {0}: {1}", quote(output.name), error);
  if (!bytes->empty())
    std::memcpy(tensor.data.get(), bytes->data(), bytes->size());
  return tensor;
}

llvm::Error lqc::writeTensors(const std::string &directory,
                              ArrayRef<Tensor> tensors) {
  if (std::error_code code = llvm::sys::fs::create_directory(directory))
    return makeError("{0}: {1}", directory, StringRef(code.message()).lower());
  std::set<std::string> taken;
  for (const Tensor &tensor : tensors)
    if (llvm::Error error = writeOutputFile(
            directory + "/" + runtime::npyFileName(tensor.name, taken),
            [&](llvm::raw_ostream &stream) {
              stream << runtime::npyHeader(tensor);
              stream.write(tensor.data.get(), tensor.bytes());
            }))
      return error;
  return llvm::Error::success();
}

std::string lqc::numberText(double number) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.9g", number);
  return text;
}

static bool agrees(double got, double expected, double relative,
                   double absolute) {
  if (got == expected || (std::isnan(got) && std::isnan(expected)))
    return true;
  return std::isfinite(expected) &&
         std::fabs(got - expected) <= absolute + relative * std::fabs(expected);
}

std::string lqc::describeDifference(const Tensor &got, const Tensor &expected,
                                    double relative, double absolute) {
  if (got.element != expected.element || got.dims != expected.dims)
    return "must be " + describeTensor(expected) +
           ", got: " + describeTensor(got);
  int64_t differing = 0, first = -1;
  for (int64_t i = 0, count = got.count(); i < count; ++i) {
    if (agrees(got.at(i), expected.at(i), relative, absolute))
      continue;
    if (!differing++)
      first = i;
  }
  if (!differing)
    return "";
  return llvm::formatv("differs in {0} of {1} elements, first at {2}: must be "
                       "{3}, got: {4}",
                       differing, got.count(), first,
                       numberText(expected.at(first)),
                       numberText(got.at(first)));
}
