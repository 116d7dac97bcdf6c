//===- CpuFeatures.h - does this machine run that code ----------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Features are named as LLVM names them. The compiler lists in
// lqc_model.features those that its code needs; a name must be in the table of
// lib/Runtime/CpuFeatures.cpp, because a feature that cannot be checked counts
// as missing.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_CPUFEATURES_H
#define LQC_RUNTIME_CPUFEATURES_H

#include <string>
#include <string_view>

namespace lqc::runtime {

/// True if both the CPU and the operating system (which must save the wide
/// registers) support the feature. False for a name that is not in the table.
bool cpuHasFeature(std::string_view name);

/// First of the features (names separated by spaces) that this machine lacks,
/// or "".
std::string_view missingCpuFeature(std::string_view features);

} // namespace lqc::runtime

#endif // LQC_RUNTIME_CPUFEATURES_H
