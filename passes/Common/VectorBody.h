//===- VectorBody.h - scalar operations on vectors --------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The body of a linalg operation says what is done with single elements. Where
// code is written in vectors, it is done with several neighbours at once.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_COMMON_VECTORBODY_H
#define LQC_PASSES_COMMON_VECTORBODY_H

#include "mlir/IR/Block.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace lqc {

/// Whether every operation of a body but its terminator is elementwise, on
/// numbers that vectors have.
bool isVectorizable(mlir::Block &body);

/// The body's results for `lanes` neighbours. `mapping`: of its arguments, to
/// vectors, or to scalars that all of them share; what it uses from outside
/// and is not mapped is a scalar too.
llvm::SmallVector<mlir::Value> cloneOnVectors(mlir::OpBuilder &builder,
                                              mlir::Block &body,
                                              mlir::IRMapping &mapping,
                                              int64_t lanes);

} // namespace lqc

#endif // LQC_PASSES_COMMON_VECTORBODY_H
