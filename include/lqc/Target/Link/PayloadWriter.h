//===- PayloadWriter.h - the payload, written and inspected -----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The payload's format is that of lqc/Runtime/Payload.h. It is streamed: memory
// does not grow with the weights.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_TARGET_LINK_PAYLOADWRITER_H
#define LQC_TARGET_LINK_PAYLOADWRITER_H

#include "lqc/Runtime/Hash.h"
#include "lqc/Runtime/Payload.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <optional>
#include <string>

namespace llvm {
class raw_fd_ostream;
}

namespace lqc {

/// Appends a payload to a finished ELF file: sections in any order, each at
/// most once, then the footer. A section that is left out has no bytes.
///
///   writer->beginSection(runtime::Weights);
///   writer->write(bytes);            // as often as needed
///   writer->padTo(64);
///   writer->endSection();
///   writer->finish();
///
/// A failed write is kept and returned by the next call that returns an error:
/// "PATH: cannot write: No space left on device".
class PayloadWriter {
public:
  /// `path`: the file to append to. `name`: what messages call it.
  static llvm::Expected<std::unique_ptr<PayloadWriter>>
  open(llvm::StringRef path, llvm::StringRef name);
  /// Goes on with a payload that is finished already: cuts off the section
  /// `first` and what comes behind it in the file, to be written anew. What
  /// stands before is not read.
  static llvm::Expected<std::unique_ptr<PayloadWriter>>
  reopen(llvm::StringRef path, llvm::StringRef name, runtime::Section first);
  ~PayloadWriter();

  void beginSection(runtime::Section section);
  llvm::Error write(llvm::ArrayRef<char> bytes);
  llvm::Error writeText(llvm::StringRef text) {
    return write(llvm::ArrayRef<char>(text.data(), text.size()));
  }
  /// Zero bytes up to the next multiple of `alignment` in the section.
  llvm::Error padTo(uint64_t alignment);
  /// Bytes of the current section so far.
  uint64_t sectionBytes() const;
  llvm::Error endSection();
  /// Writes the footer and closes the file. Nothing may be written after it.
  llvm::Error finish();

private:
  PayloadWriter(std::unique_ptr<llvm::raw_fd_ostream> stream,
                llvm::StringRef name, uint64_t position);
  void put(llvm::ArrayRef<char> bytes);
  void padFileTo(uint64_t alignment);
  llvm::Error check();

  std::unique_ptr<llvm::raw_fd_ostream> stream;
  std::string name;
  uint64_t position; ///< in the file
  runtime::PayloadFooter footer = {};
  std::optional<runtime::Section> current;
  runtime::Hasher hasher; ///< of the current section
};

/// What `lqc inspect` shows of an executable.
struct PayloadContents {
  runtime::PayloadFooter footer;
  std::string info;    ///< JSON
  std::string summary; ///< text
};

/// Reads the footer and the two texts of an executable. Nothing if the file
/// does not end in a payload's magic number (it is no LQC executable); an error
/// "PATH: payload …: rule, got: value" if it does and is damaged. The weights
/// are not read.
llvm::Expected<std::optional<PayloadContents>>
readPayloadFooter(llvm::StringRef path);

} // namespace lqc

#endif // LQC_TARGET_LINK_PAYLOADWRITER_H
