//===- WriteSeeds.cpp - the corpus that a fuzzer begins with --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Fuzz.h"

#include "llvm/Support/FileSystem.h"

#include <cstdlib>
#include <fstream>

using namespace lqc::test;

/// libFuzzer calls this first. With LQC_FUZZ_SEEDS=FOLDER the program writes
/// its seeds there and ends.
extern "C" int LLVMFuzzerInitialize(int *, char ***) {
  const char *folder = std::getenv("LQC_FUZZ_SEEDS");
  if (!folder)
    return 0;
  require(!llvm::sys::fs::create_directories(folder),
          "cannot make the folder for seeds");
  size_t number = 0;
  for (const std::string &seed : fuzzSeeds()) {
    const std::string path =
        std::string(folder) + "/seed-" + std::to_string(number++);
    require(bool(std::ofstream(path, std::ios::binary) << seed),
            "cannot write a seed");
  }
  std::exit(0);
}
