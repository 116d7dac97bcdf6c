//===- Link.h - object + runtime + payload = executable ---------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The object file and the runtime archive go through the system's compiler
// driver, then the payload is streamed out behind the result. All happens in a
// temporary file beside the output, which takes its name at the very end: on
// any error, and when the compiler is interrupted, nothing is left.
//
// The result is a function of its inputs: no path, time or process number gets
// into it.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_TARGET_LINK_LINK_H
#define LQC_TARGET_LINK_LINK_H

#include "lqc/Target/Link/PayloadWriter.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace lqc {

struct LinkOptions {
  /// The runtime archive (liblqc_runtime.a). Empty: ../lib/liblqc_runtime.a
  /// beside the running program's folder.
  std::string runtimeLibrary;
  /// The compiler driver that links. Empty: $LQC_CXX, else the first of c++,
  /// g++ and clang++ in PATH.
  std::string compiler;
  /// Called with the path of the finished executable before it takes its name;
  /// may run it and change it. An error ends the link as any other. May be
  /// null.
  llvm::function_ref<llvm::Error(llvm::StringRef file)> complete;
};

/// Writes the sections of a payload (beginSection … endSection); linkExecutable
/// calls finish().
using WritePayload = llvm::function_ref<llvm::Error(PayloadWriter &)>;

/// Links `object`, the bytes of an ELF object with position-independent code
/// that defines `lqc_model`, to an executable `output` and appends the payload.
/// Kernel symbols stay (for profilers), debug information goes. An existing
/// regular file is replaced; anything else at `output` is an error.
llvm::Error linkExecutable(llvm::ArrayRef<char> object,
                           WritePayload writePayload, llvm::StringRef output,
                           const LinkOptions &options = {});

/// The same as a shared library, which exports the functions of the C API
/// (lqc/Runtime/CApi.h) and nothing else, and its header beside it: `output`
/// with the ending .h.
llvm::Error linkShared(llvm::ArrayRef<char> object, WritePayload writePayload,
                       llvm::StringRef output, const LinkOptions &options = {});

/// Writes what a user needs to link the model into a program: the object file
/// `output`, and beside it the payload, a file of its own with the ending
/// .payload, and the header of the C API. The program is linked with the
/// runtime archive and a C++ compiler driver, and names the payload in
/// lqc_open.
llvm::Error writeObjectFiles(llvm::ArrayRef<char> object,
                             WritePayload writePayload, llvm::StringRef output);

/// `output` with another ending: "lib.so", "h" -> "lib.h".
std::string replaceEnding(llvm::StringRef output, llvm::StringRef ending);

/// Text of the header of the C API.
llvm::StringRef cApiHeader();

/// The runtime archive that links use, or why there is none.
llvm::Expected<std::string> findRuntime(const LinkOptions &options = {});

} // namespace lqc

#endif // LQC_TARGET_LINK_LINK_H
