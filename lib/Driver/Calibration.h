//===- Calibration.h - calibrated methods, from options to codes *- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_DRIVER_CALIBRATION_H
#define LQC_LIB_DRIVER_CALIBRATION_H

#include "lib/Driver/Model.h"
#include "lqc/Calibrate/Calibrate.h"

namespace lqc {

/// Checks the options of calibration.
llvm::Expected<CalibrationPlan>
planCalibration(const CalibrationTextOptions &options);

/// What `plan` asks for of its data: windows of text for a language model, else
/// samples of a graph (GraphSamples.h). `name`: of the model.
llvm::Expected<CalibrationData> readCalibrationData(const Model &model,
                                                    const CalibrationPlan &plan,
                                                    llvm::StringRef name);

/// The windows that `plan` asks for of its text, as tokens of the model called
/// `name`.
llvm::Expected<CalibrationWindows> readWindows(const Model &model,
                                               const CalibrationPlan &plan,
                                               llvm::StringRef name);

/// Warns on stderr of a text of few tokens.
void warnIfFew(llvm::StringRef text, int64_t tokens);

/// Pieces of what `plan` holds out of its text, at most `most`.
llvm::Expected<CalibrationWindows> readHeldOut(const Model &model,
                                               const CalibrationPlan &plan,
                                               llvm::StringRef name,
                                               int64_t most);

/// Runs the calibrated methods of `plan` on the linears of layers, before the
/// quantize phase does the rest. What they find goes to a sidecar:
/// plan.sidecar, or else a temporary file that lives as long as the model.
llvm::Error searchCodes(Session &session, Model &model, const Plan &plan,
                        llvm::StringRef name);

} // namespace lqc

#endif // LQC_LIB_DRIVER_CALIBRATION_H
