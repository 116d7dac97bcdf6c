//===- Main.cpp - main() of a compiled model ------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Executable.h"

int main(int argc, char **argv) {
  return lqc::runtime::runExecutable(::lqc_model, argc, argv);
}
