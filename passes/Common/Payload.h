//===- Payload.h - where each weight lies in the payload --------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The weights section of an executable: the weights that the steps (or a graph's
// functions) read, in the order in which they first read them, each at a multiple of 64 bytes, the
// gaps zero. The lowering of steps and the writer of the payload both ask here,
// so they cannot disagree.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_COMMON_PAYLOAD_H
#define LQC_PASSES_COMMON_PAYLOAD_H

#include "dialects/LQC/LQC.h"

namespace lqc {

inline constexpr uint64_t kWeightAlignment = 64;

struct PayloadWeight {
  WeightOp weight;
  uint64_t offset; ///< from the start of the weights section
  uint64_t bytes;
};

/// The weights of a module after the schedule phase, by increasing offset.
llvm::SmallVector<PayloadWeight> planPayload(mlir::ModuleOp scheduled);

/// Bytes of the whole section, a multiple of kWeightAlignment.
uint64_t payloadBytes(llvm::ArrayRef<PayloadWeight> payload);

} // namespace lqc

#endif // LQC_PASSES_COMMON_PAYLOAD_H
