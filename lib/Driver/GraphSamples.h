//===- GraphSamples.h - what a graph is calibrated on -----------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Samples of a graph's inputs come from
//
//   * lines of text, if it embeds text: one line is one sample;
//   * a .npy or .pb file, if it has one input, whose first dimension counts
//     rows: as many make a sample as the input has, one if it takes any number;
//   * a folder with such a file for each input, called like it (NAME.npy, with
//     characters that names of files lack as '_');
//   * a folder of ONNX's test data: input_0.pb ... in it, or in its folders
//     test_data_set_*, each of which is one sample.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_DRIVER_GRAPHSAMPLES_H
#define LQC_LIB_DRIVER_GRAPHSAMPLES_H

#include "lib/Driver/Model.h"
#include "lqc/Calibrate/Calibrate.h"

namespace lqc {

/// At most plan.samples of the samples at plan.text, drawn by the seed without
/// replacement and in their order; of a text's lines, plan.length tokens each.
///
/// Errors: files that cannot be read or do not fit the graph, inputs with
/// different numbers of samples, no sample at all.
llvm::Expected<GraphSamples> readGraphSamples(const Model &model,
                                              const CalibrationPlan &plan,
                                              llvm::StringRef name);

} // namespace lqc

#endif // LQC_LIB_DRIVER_GRAPHSAMPLES_H
