//===- GraphTensors.h - files of tensors and @main --------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_DRIVER_GRAPHTENSORS_H
#define LQC_LIB_DRIVER_GRAPHTENSORS_H

#include "lqc/Interpreter/TensorValue.h"
#include "lqc/Runtime/Tensor.h"

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/Support/Error.h"

namespace lqc {

/// An argument or result of @main.
struct GraphValue {
  std::string name;
  mlir::RankedTensorType type;
  int64_t element;                   ///< lqc_element
  std::vector<std::string> dimNames; ///< "": none; or empty
};

/// The arguments and results of @main, by their attributes. Errors: a type that
/// files of tensors do not have.
llvm::Expected<std::vector<GraphValue>>
graphInputs(mlir::FunctionOpInterface main);
llvm::Expected<std::vector<GraphValue>>
graphOutputs(mlir::FunctionOpInterface main);

/// Reads a .npy or .pb file. Errors: "PATH: rule".
llvm::Expected<runtime::Tensor> readTensorFile(const std::string &path);

/// The folders test_data_set_* in `directory`, or itself if there is none.
llvm::Expected<std::vector<std::string>>
findTestSets(llvm::StringRef directory);

/// Reads PREFIX_0.pb ... for each value. ONNX's tests of before 1.13 keep
/// bfloat16 numbers as uint16, which are their bits.
llvm::Expected<std::vector<runtime::Tensor>>
readTestSet(llvm::StringRef set, llvm::StringRef prefix,
            llvm::ArrayRef<GraphValue> values);

/// The value of a file's tensor for an input. Errors: "input 'x' must be …".
llvm::Expected<TensorValue> tensorForInput(const GraphValue &input,
                                           const runtime::Tensor &tensor);

/// Equal names of dimensions must have equal sizes.
llvm::Error checkDimNames(llvm::ArrayRef<GraphValue> inputs,
                          llvm::ArrayRef<TensorValue> values);

/// The tensor of a result, as it goes to a file.
llvm::Expected<runtime::Tensor> tensorOfOutput(const GraphValue &output,
                                               const TensorValue &value);

/// Writes DIRECTORY/NAME.npy for each tensor; characters of a name that are no
/// letters, digits, '.', '-' or '_' become '_'.
llvm::Error writeTensors(const std::string &directory,
                         llvm::ArrayRef<runtime::Tensor> tensors);

/// A number with nine digits: enough for float32.
std::string numberText(double number);

/// "float32[2x3]"
std::string describeTensor(const runtime::Tensor &tensor);

/// How a tensor differs from what it should be, as one line; "" if it agrees:
/// |difference| <= absolute + relative * |expected|, NaN with NaN.
std::string describeDifference(const runtime::Tensor &got,
                               const runtime::Tensor &expected, double relative,
                               double absolute);

} // namespace lqc

#endif // LQC_LIB_DRIVER_GRAPHTENSORS_H
