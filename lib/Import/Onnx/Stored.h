//===- Stored.h - the numbers of stored tensors -----------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_ONNX_STORED_H
#define LQC_LIB_IMPORT_ONNX_STORED_H

#include "lib/Import/Onnx/ModelFile.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

namespace lqc {

/// Elements of one tensor of the graph, as far as its sizes are known.
inline constexpr int64_t kMaxTensorElements = int64_t(1) << 40;

/// The numbers of an integer or bool tensor; uint64 as the int64 of the same
/// bits.
llvm::SmallVector<int64_t> storedIntegers(const StoredTensor &tensor);
/// The numbers of a tensor of any kind but 8- and 4-bit floats.
llvm::SmallVector<double> storedReals(const StoredTensor &tensor);
/// The numbers as an attribute of `type`.
mlir::DenseElementsAttr storedDense(const StoredTensor &tensor,
                                    mlir::RankedTensorType type);

} // namespace lqc

#endif // LQC_LIB_IMPORT_ONNX_STORED_H
