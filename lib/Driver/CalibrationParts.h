//===- CalibrationParts.h - a calibration that can go on --------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Statistics are written input by input into a folder OUTPUT.parts, and put
// together when all are there. A run that was killed leaves the folder, and the
// next one with the same model, text and options goes on from it.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_DRIVER_CALIBRATIONPARTS_H
#define LQC_LIB_DRIVER_CALIBRATIONPARTS_H

#include "lqc/Statistics/Statistics.h"

#include "llvm/ADT/StringSet.h"

namespace lqc {

class CalibrationParts {
public:
  /// Looks for what an earlier run with the output `output` has left. Errors:
  /// the folder is of another calibration, or cannot be read.
  static llvm::Expected<CalibrationParts>
  open(llvm::StringRef output, std::string model, CalibrationRecord record);

  /// Whether the input of this linear is there already.
  bool contains(llvm::StringRef linear) const { return known.contains(linear); }
  /// How many inputs are.
  size_t count() const { return files.size(); }

  /// Writes one input and its readers.
  llvm::Error add(const InputStatistics &input,
                  llvm::ArrayRef<std::string> linears);
  /// Writes the whole file and removes the parts.
  llvm::Error finish();
  /// Removes the parts.
  void remove();

private:
  llvm::Error addExisting(const std::string &file);

  std::string output, folder;
  StatisticsTable head; ///< without inputs
  std::vector<std::string> files;
  llvm::StringSet<> known;
};

} // namespace lqc

#endif // LQC_LIB_DRIVER_CALIBRATIONPARTS_H
