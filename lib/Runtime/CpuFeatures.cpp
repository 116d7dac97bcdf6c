//===- CpuFeatures.cpp - does this machine run that code ------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/CpuFeatures.h"

#include <cpuid.h>
#include <cstdint>

namespace lqc::runtime {

namespace {
enum Register : uint8_t { Eax, Ebx, Ecx, Edx };

/// Register state that the operating system must save (bits of XCR0).
enum SavedState : uint32_t {
  None = 0,
  Ymm = 0x06, // XMM, upper halves of YMM
  Zmm = 0xe6, // those, mask registers, ZMM
};

struct CpuFeature {
  std::string_view name; // LLVM's
  uint32_t leaf;
  uint32_t subleaf;
  Register where;
  uint8_t bit;
  SavedState state;
};

struct CpuidResult {
  uint32_t registers[4] = {};
};
} // namespace

// Intel, Software Developer's Manual, volume 2A, CPUID; AMD, Programmer's
// Manual, volume 3, appendix E.
static constexpr CpuFeature kFeatures[] = {
    {"sse3", 1, 0, Ecx, 0, None},
    {"pclmul", 1, 0, Ecx, 1, None},
    {"ssse3", 1, 0, Ecx, 9, None},
    {"fma", 1, 0, Ecx, 12, Ymm},
    {"cx16", 1, 0, Ecx, 13, None},
    {"sse4.1", 1, 0, Ecx, 19, None},
    {"sse4.2", 1, 0, Ecx, 20, None},
    {"movbe", 1, 0, Ecx, 22, None},
    {"popcnt", 1, 0, Ecx, 23, None},
    {"aes", 1, 0, Ecx, 25, None},
    {"avx", 1, 0, Ecx, 28, Ymm},
    {"f16c", 1, 0, Ecx, 29, Ymm},
    {"bmi", 7, 0, Ebx, 3, None},
    {"avx2", 7, 0, Ebx, 5, Ymm},
    {"bmi2", 7, 0, Ebx, 8, None},
    {"avx512f", 7, 0, Ebx, 16, Zmm},
    {"avx512dq", 7, 0, Ebx, 17, Zmm},
    {"adx", 7, 0, Ebx, 19, None},
    {"avx512ifma", 7, 0, Ebx, 21, Zmm},
    {"avx512cd", 7, 0, Ebx, 28, Zmm},
    {"avx512bw", 7, 0, Ebx, 30, Zmm},
    {"avx512vl", 7, 0, Ebx, 31, Zmm},
    {"avx512vbmi", 7, 0, Ecx, 1, Zmm},
    {"avx512vbmi2", 7, 0, Ecx, 6, Zmm},
    {"gfni", 7, 0, Ecx, 8, None},
    {"vaes", 7, 0, Ecx, 9, Ymm},
    {"vpclmulqdq", 7, 0, Ecx, 10, Ymm},
    {"avx512vnni", 7, 0, Ecx, 11, Zmm},
    {"avx512bitalg", 7, 0, Ecx, 12, Zmm},
    {"avx512vpopcntdq", 7, 0, Ecx, 14, Zmm},
    {"avx512fp16", 7, 0, Edx, 23, Zmm},
    {"avxvnni", 7, 1, Eax, 4, Ymm},
    {"avx512bf16", 7, 1, Eax, 5, Zmm},
    {"avxifma", 7, 1, Eax, 23, Ymm},
    {"avxvnniint8", 7, 1, Edx, 4, Ymm},
    {"avxneconvert", 7, 1, Edx, 5, Ymm},
    {"avxvnniint16", 7, 1, Edx, 10, Ymm},
    {"lzcnt", 0x80000001, 0, Ecx, 5, None},
};

static CpuidResult cpuid(uint32_t leaf, uint32_t subleaf) {
  CpuidResult result;
  uint32_t *r = result.registers;
  __cpuid_count(leaf, subleaf, r[Eax], r[Ebx], r[Ecx], r[Edx]);
  return result;
}

/// CPUID of a leaf that may not exist: then all zero.
static CpuidResult checkedCpuid(uint32_t leaf, uint32_t subleaf) {
  if (leaf > cpuid(leaf & 0x80000000, 0).registers[Eax])
    return {};
  if (subleaf && subleaf > cpuid(leaf, 0).registers[Eax])
    return {};
  return cpuid(leaf, subleaf);
}

/// Register state that the system saves, from XCR0.
static uint32_t savedState() {
  constexpr uint32_t kOsxsave = 1u << 27;
  if (!(cpuid(1, 0).registers[Ecx] & kOsxsave))
    return 0;
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

bool cpuHasFeature(std::string_view name) {
  for (const CpuFeature &feature : kFeatures) {
    if (feature.name != name)
      continue;
    if (feature.state && (savedState() & feature.state) != feature.state)
      return false;
    CpuidResult result = checkedCpuid(feature.leaf, feature.subleaf);
    return result.registers[feature.where] >> feature.bit & 1;
  }
  return false;
}

std::string_view missingCpuFeature(std::string_view features) {
  while (!features.empty()) {
    size_t end = features.find(' ');
    std::string_view name = features.substr(0, end);
    if (!name.empty() && !cpuHasFeature(name))
      return name;
    features.remove_prefix(end == features.npos ? features.size() : end + 1);
  }
  return {};
}

} // namespace lqc::runtime
