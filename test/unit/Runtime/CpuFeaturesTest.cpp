//===- CpuFeaturesTest.cpp ------------------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/CpuFeatures.h"

#include <gtest/gtest.h>

using namespace lqc::runtime;

TEST(CpuFeaturesTest, agreesWithTheCompilersBuiltin) {
  EXPECT_EQ(cpuHasFeature("avx"), bool(__builtin_cpu_supports("avx")));
  EXPECT_EQ(cpuHasFeature("avx2"), bool(__builtin_cpu_supports("avx2")));
  EXPECT_EQ(cpuHasFeature("fma"), bool(__builtin_cpu_supports("fma")));
  EXPECT_EQ(cpuHasFeature("bmi2"), bool(__builtin_cpu_supports("bmi2")));
  EXPECT_EQ(cpuHasFeature("popcnt"), bool(__builtin_cpu_supports("popcnt")));
  EXPECT_EQ(cpuHasFeature("sse4.2"), bool(__builtin_cpu_supports("sse4.2")));
  EXPECT_EQ(cpuHasFeature("avx512f"), bool(__builtin_cpu_supports("avx512f")));
  EXPECT_EQ(cpuHasFeature("avx512bw"),
            bool(__builtin_cpu_supports("avx512bw")));
  EXPECT_EQ(cpuHasFeature("avx512vnni"),
            bool(__builtin_cpu_supports("avx512vnni")));
  EXPECT_EQ(cpuHasFeature("avx512bf16"),
            bool(__builtin_cpu_supports("avx512bf16")));
}

TEST(CpuFeaturesTest, namesTheFirstThatIsMissing) {
  EXPECT_EQ(missingCpuFeature(""), "");
  EXPECT_EQ(missingCpuFeature("sse3 cx16"), "");
  EXPECT_EQ(missingCpuFeature("sse3  nonesuch other"), "nonesuch");
}
