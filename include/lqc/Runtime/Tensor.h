//===- Tensor.h - tensors of a graph and their files ------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The inputs and outputs of a graph executable, as NumPy's .npy files (versions
// 1 to 3, numpy.lib.format) and as ONNX's TensorProto (.pb). Files are hostile:
// readers give a tensor or one line, and take no memory that the file's size
// does not account for.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_TENSOR_H
#define LQC_RUNTIME_TENSOR_H

#include "lqc/Runtime/Graph.h"

#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lqc::runtime {

/// Bytes of an element; 0 for what is no lqc_element.
int64_t elementBytes(int64_t element);
/// "float32"; "type 99" for what is no lqc_element.
std::string elementName(int64_t element);
/// "3x4", "scalar" for rank 0.
std::string shapeText(const std::vector<int64_t> &dims);

/// A tensor with memory of its own, row-major.
struct Tensor {
  std::string name; ///< "" if nobody gave one
  int64_t element = LQC_FLOAT32;
  std::vector<int64_t> dims;
  std::unique_ptr<char, decltype(&std::free)> data{nullptr, &std::free};

  int64_t count() const; ///< of elements
  size_t bytes() const { return size_t(count() * elementBytes(element)); }

  /// Takes memory for `element` and `dims`, aligned to 64 bytes. False if there
  /// is not enough, a size is negative or their product is too large.
  bool allocate(std::string &error);

  /// Element `index` as a double.
  double at(int64_t index) const;
};

/// Reads a .npy file's bytes. Big-endian elements, and types that NumPy does
/// not share with ONNX, are errors.
bool parseNpy(std::string_view bytes, Tensor &tensor, std::string &error);
/// The header of a .npy file; the elements follow it.
std::string npyHeader(const Tensor &tensor);
/// The name of the .npy file of an output: characters that names of files lack
/// become '_', and a name that is taken gets a number.
std::string npyFileName(std::string_view name, std::set<std::string> &taken);

/// Reads the bytes of an ONNX TensorProto with its data inside.
bool parseTensorProto(std::string_view bytes, Tensor &tensor,
                      std::string &error);

/// Reads a file of either kind; .pb files are TensorProtos. Errors name it.
bool readTensor(const std::string &path, Tensor &tensor, std::string &error);

} // namespace lqc::runtime

#endif // LQC_RUNTIME_TENSOR_H
