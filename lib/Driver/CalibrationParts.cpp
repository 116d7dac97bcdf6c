//===- CalibrationParts.cpp - a calibration that can go on ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/CalibrationParts.h"

#include "lib/Driver/Model.h"
#include "lqc/Support/Error.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace lqc;

static constexpr llvm::StringLiteral kPartEnding = ".safetensors";

llvm::Expected<CalibrationParts>
CalibrationParts::open(llvm::StringRef output, std::string model,
                       CalibrationRecord record) {
  CalibrationParts parts;
  parts.output = output.str();
  parts.folder = parts.output + ".parts";
  parts.head.model = std::move(model);
  parts.head.calibration = std::move(record);
  std::vector<std::string> found;
  std::error_code code;
  for (llvm::sys::fs::directory_iterator file(parts.folder, code), end;
       !code && file != end; file.increment(code))
    if (llvm::sys::path::extension(file->path()) == kPartEnding)
      found.push_back(file->path());
  llvm::sort(found);
  for (const std::string &file : found)
    if (llvm::Error error = parts.addExisting(file))
      return std::move(error);
  return std::move(parts);
}

llvm::Error CalibrationParts::addExisting(const std::string &file) {
  llvm::Expected<StatisticsTable> table = readStatistics(file);
  if (!table)
    return table.takeError();
  if (table->model != head.model || !(table->calibration == head.calibration))
    return errorWithHint(folder + " is of a calibration with another model, "
                                  "text or options, which did not end",
                         "remove it, or the same options again");
  files.push_back(file);
  for (const auto &[weight, input] : table->readers)
    known.insert(weight);
  return llvm::Error::success();
}

llvm::Error CalibrationParts::add(const InputStatistics &input,
                                  llvm::ArrayRef<std::string> linears) {
  if (std::error_code code = llvm::sys::fs::create_directory(folder))
    return makeError("{0}: cannot write: {1}", folder, code.message());
  StatisticsTable table = head;
  table.inputs.emplace(linears.front(), input);
  for (const std::string &linear : linears) {
    table.readers[linear] = linears.front();
    known.insert(linear);
  }
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(
      path, llvm::formatv("{0,0+6}{1}", files.size(), kPartEnding).str());
  files.push_back(std::string(path));
  return writeStatistics(table, path);
}

llvm::Error CalibrationParts::finish() {
  if (llvm::Error error = mergeStatistics(files, output))
    return error;
  remove();
  return llvm::Error::success();
}

void CalibrationParts::remove() {
  // Also what a run that was killed had half written.
  std::error_code code;
  for (llvm::sys::fs::directory_iterator file(folder, code), end;
       !code && file != end; file.increment(code))
    if (llvm::sys::path::filename(file->path()).contains(kPartEnding))
      llvm::sys::fs::remove(file->path());
  // If something else is in it, it stays.
  llvm::sys::fs::remove(folder);
}
