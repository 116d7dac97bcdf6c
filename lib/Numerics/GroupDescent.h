//===- GroupDescent.h - codes improved group by group -----------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// GPTQ decides each code once and never comes back to it, and its scales are
// chosen before it knows what will be compensated. This descent starts from its
// codes and lowers the same objective, tr(E H E^T) with E = Q - W, further: row
// by row and group by group, all other groups fixed, it looks for a better
// scale (and zero point) *together with* the group's codes. With g the gradient
// E H of the row, a change d of one group changes the objective by
//
//   2 d.g_group + d H_group d^T
//
// which only needs the group's own block of H. For each candidate scale the
// codes are rounded anew, then a few turns of
//
//   codes: coordinate descent, c_j = round((q_j - g_j / H_jj) / s)
//   scale: least squares for these codes, s -= (b.g) / (b H b^T), b = c - z
//
// (coordinate descent on codes: QuantEase, Behdin et al. 2023). The change is
// taken if it lowers the objective; then the gradient of the whole row follows.
// The objective never rises (but for the rounding of gradients to bf16, away
// from a change's own columns), and rows do not know of each other.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_NUMERICS_GROUPDESCENT_H
#define LQC_LIB_NUMERICS_GROUPDESCENT_H

#include "lqc/Numerics/Grid.h"

namespace lqc {

/// Rows of one matrix on their way.
struct DescentRows {
  int64_t count = 0;
  llvm::ArrayRef<float> target;         ///< W (count, columns)
  llvm::MutableArrayRef<uint8_t> codes; ///< (count, columns)
  llvm::MutableArrayRef<RowGrid> grids; ///< (count)
};

/// Improves `rows` in `sweeps` sweeps over all groups; fewer if nothing changes
/// any more. `hessian` (columns x columns) is symmetric with a positive
/// diagonal. Returns the objective. For one thread.
double descendGroups(const DescentRows &rows, int64_t columns,
                     llvm::ArrayRef<float> hessian, int sweeps);

} // namespace lqc

#endif // LQC_LIB_NUMERICS_GROUPDESCENT_H
