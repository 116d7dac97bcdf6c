//===- InterpretGraph.h - tensors in, tensors out ---------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// lqc interpret for a graph module: what its executable does with --input,
// --output-dir and --check, done by the reference interpreter.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_DRIVER_INTERPRETGRAPH_H
#define LQC_LIB_DRIVER_INTERPRETGRAPH_H

#include "lib/Driver/Model.h"

#include <optional>

namespace lqc {

/// How to run a graph, after it was checked.
struct GraphPlan {
  std::vector<std::string> inputs; ///< "NAME=FILE", or "FILE" for an only one
  std::string outputDirectory;     ///< "": show the first numbers
  std::string checkDirectory;      ///< "": run once
  double relative = 1e-3, absolute = 1e-7; ///< what a check allows
};

/// What the options say of a graph; nothing if they do not speak of one.
llvm::Expected<std::optional<GraphPlan>>
makeGraphPlan(const InterpretOptions &options);

/// Runs @main once and writes or shows its results, or runs it on each set of a
/// folder and compares: an error if a result differs.
llvm::Error interpretGraph(const Model &model, const GraphPlan &plan,
                           unsigned threads, llvm::raw_ostream &out);

} // namespace lqc

#endif // LQC_LIB_DRIVER_INTERPRETGRAPH_H
