//===- Evaluate.h - measuring models on a text ------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_DRIVER_EVALUATE_H
#define LQC_LIB_DRIVER_EVALUATE_H

#include "lqc/Driver/Driver.h"
#include "lqc/Quality/Quality.h"

#include "llvm/Support/JSON.h"

namespace lqc {

/// What was measured, and on what. The same input gives the same numbers,
/// whatever the number of threads.
struct Measurement {
  Quality quality;
  runtime::Windows windows;
  std::string textHash; ///< of the text file's bytes
};

/// An error unless there is a file at `path`.
llvm::Error checkText(llvm::StringRef path);

/// For `compile --evaluate`: measures the executable `file`, which `options`
/// made (and which messages call `name`), against the same model without
/// quantization.
llvm::Expected<Measurement> measureExecutable(const CompileOptions &options,
                                              llvm::StringRef file,
                                              llvm::StringRef name);

/// {"perplexity": …, "tokens": …, "window": …, "stride": …} and with a
/// reference "kl", "kl_p99", "top1", "reference_perplexity"; "intervals" if
/// there are any.
llvm::json::Object qualityJson(const Measurement &measurement);

/// The same as a table.
void printQuality(const Measurement &measurement, llvm::raw_ostream &out);

} // namespace lqc

#endif // LQC_LIB_DRIVER_EVALUATE_H
