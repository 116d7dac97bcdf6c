//===- LQCOps.td - all operations of the lqc dialect -------*- tablegen -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_OPS
#define LQC_OPS

include "dialects/LQC/WeightOps.td"
include "dialects/LQC/ModelOps.td"
include "dialects/LQC/StepOps.td"

#endif // LQC_OPS
