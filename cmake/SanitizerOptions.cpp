//===- SanitizerOptions.cpp - what sanitizers must not look at ------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Part of every program of a sanitized build. Debian's libLLVM and libMLIR are
// not built with a sanitizer, but share memory with code of ours that is.
//
//===----------------------------------------------------------------------===//

/// LLVM's bump allocators poison what they have not handed out, in inline
/// functions: where the library hands it out, nobody takes the poison away.
extern "C" const char *__asan_default_options() {
  return "allow_user_poisoning=0";
}
