//===- LogitSource.h - logits of a model, row by row ------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_QUALITY_LOGITSOURCE_H
#define LQC_QUALITY_LOGITSOURCE_H

#include "lqc/Runtime/Windows.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <sys/types.h>

namespace lqc {

/// The logits of all predictions of all windows of a text, in order. They pass
/// by and are not kept: memory does not grow with the text.
class LogitSource {
public:
  virtual ~LogitSource() = default;

  /// What messages call the model.
  virtual llvm::StringRef name() const = 0;
  /// Fills `rows` (count x vocabulary) with the next rows, all of one window.
  virtual llvm::Error read(llvm::MutableArrayRef<float> rows) = 0;
  /// To be called behind the last row: did it end well?
  virtual llvm::Error finish() { return llvm::Error::success(); }
};

/// An executable made by lqc, running as a process that writes its rows into a
/// pipe (--logits --perplexity FILE). What it says on standard error becomes
/// the error; it is stopped when this object goes.
class ExecutableLogits final : public LogitSource {
public:
  /// `path`: the executable. `name`: for messages. `tokenFile`: a .u16 or .u32
  /// file of windows.tokens ids. `threads`: of the process.
  static llvm::Expected<std::unique_ptr<ExecutableLogits>>
  start(llvm::StringRef path, llvm::StringRef name, llvm::StringRef tokenFile,
        const runtime::Windows &windows, unsigned threads);
  ~ExecutableLogits() override;

  llvm::StringRef name() const override { return modelName; }
  llvm::Error read(llvm::MutableArrayRef<float> rows) override;
  llvm::Error finish() override;

private:
  explicit ExecutableLogits(llvm::StringRef name) : modelName(name) {}
  llvm::Error launch(llvm::StringRef path, llvm::ArrayRef<std::string> words);
  /// Waits for the end of the process; an error if it failed.
  llvm::Error wait();

  std::string modelName;
  pid_t process = -1; ///< -1: not running
  int pipe = -1;      ///< its standard output
  int messages = -1;  ///< its standard error, a file in memory
};

} // namespace lqc

#endif // LQC_QUALITY_LOGITSOURCE_H
