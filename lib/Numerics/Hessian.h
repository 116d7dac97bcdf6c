//===- Hessian.h - what methods do with second moments ----------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_NUMERICS_HESSIAN_H
#define LQC_LIB_NUMERICS_HESSIAN_H

#include "lqc/Numerics/Gptq.h"

namespace lqc {

/// `gram` (columns x columns) with `damping`, a part of the mean of its
/// diagonal, added there; a channel that was never seen gets 1.
std::vector<float> dampHessian(llvm::ArrayRef<float> gram, int64_t columns,
                               double damping);

/// weights += (weights (D - H) + R) inverse(hessian), see the top of Gptq.h;
/// `hessian` is H, damped. Without a drift nothing is changed. False if the
/// Hessian is not positive definite.
bool correctDrift(llvm::MutableArrayRef<float> weights, int64_t rows,
                  int64_t columns, const InputMoments &moments,
                  llvm::ArrayRef<float> hessian, unsigned threads);

} // namespace lqc

#endif // LQC_LIB_NUMERICS_HESSIAN_H
