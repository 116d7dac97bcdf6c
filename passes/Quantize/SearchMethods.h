//===- SearchMethods.h - calibrated methods and their names -----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_PASSES_QUANTIZE_SEARCHMETHODS_H
#define LQC_PASSES_QUANTIZE_SEARCHMETHODS_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace lqc {

/// Methods that look at what goes into a linear, in the order in which they
/// run: what changes the weights that are to be rounded comes before what
/// rounds them.
///
/// SmoothQuant and AWQ fold scales into what produces an input, and find it
/// only while nothing stands between it and its readers: before Protect.
enum class SearchMethod { SmoothQuant, Awq, Protect, Gptq };

/// More of the channels is not protecting a few.
inline constexpr int kMostProtectedPercent = 50;

/// A method that was asked for.
struct SearchStep {
  SearchMethod method;
  double percent = 0; ///< of the input channels, for methods that take a part
};

/// Reads names of methods, separated by commas and in any order; gives them in
/// the order in which they run. An empty text is no method. Errors are one
/// clause: "must be smoothquant, awq, protect=P% or gptq, …, got: …".
llvm::Expected<llvm::SmallVector<SearchStep>>
parseSearchMethods(llvm::StringRef text);

/// The text that parseSearchMethods() reads as `steps`.
std::string searchMethodsText(llvm::ArrayRef<SearchStep> steps);

} // namespace lqc

#endif // LQC_PASSES_QUANTIZE_SEARCHMETHODS_H
