//===- SchemeTest.cpp - names and sizes of schemes ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Scheme.h"

#include <gtest/gtest.h>

using namespace lqc;

static std::string whyNot(llvm::StringRef name) {
  std::string why;
  EXPECT_FALSE(parseScheme(name, &why)) << name.str();
  EXPECT_FALSE(parseScheme(name));
  return why;
}

TEST(Scheme, TableHasEveryName) {
  ASSERT_EQ(schemeTable().size(), 35u);
  for (const SchemeFamily &family : schemeTable()) {
    EXPECT_FALSE(family.description.empty());
    for (int64_t groupSize : {0, 16, 32, 64, 128, 4096}) {
      auto [stem, suffix] = family.pattern.split('G');
      std::string name =
          family.hasFreeGroup()
              ? stem.str() + std::to_string(groupSize) + suffix.str()
              : family.pattern.str();
      std::string why;
      std::optional<Scheme> scheme = parseScheme(name, &why);
      ASSERT_TRUE(scheme) << why;
      EXPECT_EQ(*scheme, family.withGroup(groupSize));
      EXPECT_EQ(schemeName(*scheme), name);
      if (family.hasFreeGroup())
        EXPECT_EQ(scheme->groupSize, groupSize);
    }
  }
}

TEST(Scheme, DoubleQuantizationNamesItsSuperGroups) {
  EXPECT_EQ(parseScheme("nf4-g64-dq")->superGroups, 256);
  EXPECT_EQ(parseScheme("fp4-g32-dq8")->superGroups, 8);
  EXPECT_EQ(schemeName(*parseScheme("fp4-g32-dq8")), "fp4-g32-dq8");
  EXPECT_EQ(parseScheme("nf4-g64-dq")->supers(256 * 64), 1);
  EXPECT_EQ(parseScheme("nf4-g64-dq")->supers(257 * 64), 2) << "a short one";
  EXPECT_EQ(parseScheme("nvfp4")->supers(1 << 20), 1);
  EXPECT_EQ(parseScheme("q6_k")->supers(1024), 4);
  EXPECT_EQ(parseScheme("int4-g64")->supers(1024), 0);
}

TEST(Scheme, NamesMeanWhatTheySay) {
  Scheme int4 = *parseScheme("int4-g64");
  EXPECT_EQ(int4.bits, 4);
  EXPECT_TRUE(int4.isSymmetric());
  EXPECT_FALSE(int4.isDynamic());
  EXPECT_EQ(int4.scale, ScaleFormat::F16);
  EXPECT_EQ(int4.symmetricZero(), 8);
  EXPECT_EQ(int4.groups(256), 4);
  Scheme uint3 = *parseScheme("uint3-g0");
  EXPECT_EQ(uint3.zero, ZeroPoint::Integer);
  EXPECT_EQ(uint3.groups(172), 1);
  Scheme wide = *parseScheme("int4-g64-f32");
  EXPECT_EQ(wide.scale, ScaleFormat::F32);
  EXPECT_EQ(wide.bits, 4);
  EXPECT_EQ(wide.groups(256), 4);
  Scheme dynamic = *parseScheme("dynamic-int8-g64");
  EXPECT_TRUE(dynamic.isDynamic());
  EXPECT_TRUE(dynamic.narrowRange);
  EXPECT_EQ(dynamic.scale, ScaleFormat::F32);
}

TEST(Scheme, RejectsOtherNames) {
  std::string rule =
      "scheme must be intB-gG or uintB-gG with B from 2 to 8, intB-gG-f32 "
      "or uintB-gG-f32 with B 2, 4 or 8, nf4-gG, "
      "nf4-gG-dq, fp4-gG, fp4-gG-dq, fp8-e4m3-gG, fp8-e5m2-gG, mxfp4, nvfp4, "
      "q2_k, q3_k, q4_k, q5_k, q6_k, dynamic-int8-gG or static-int8-gG, got: ";
  for (const char *name :
       {"", "int4", "int9-g64", "int1-g64", "float4-g64", "dynamic-int4-g64",
        "INT4-g64", "-g64", "mxfp4-g32", "Q4_K", "q7_k", "nf4-g64-dq0",
        "nf4-g64-dq256", "nf4-g64-dq08", "nf4-g64-dqx", "mxfp4-f32",
        "nf4-g64-f32"})
    EXPECT_EQ(whyNot(name), rule + "'" + name + "'");
  std::string number = "group size of a scheme must be a number, got: ";
  for (const char *name :
       {"int4-g", "int4-g064", "int4-g-32", "int4-g+32", "int4-g64 ",
        "int4-g99999999999999999999", "int4-g6x", "nf4-g-dq"})
    EXPECT_EQ(whyNot(name), number + "'" + name + "'");
  EXPECT_EQ(whyNot("int4-g48"),
            "group size must be 0, 16 or a multiple of 32, got: 48");
}

TEST(Scheme, ComparesAndHashes) {
  Scheme a = *parseScheme("int4-g64"), b = *parseScheme("int4-g32");
  EXPECT_EQ(a, *parseScheme("int4-g64"));
  EXPECT_NE(a, b);
  EXPECT_NE(a, *parseScheme("uint4-g64"));
  EXPECT_EQ(hash_value(a), hash_value(*parseScheme("int4-g64")));
  EXPECT_NE(hash_value(a), hash_value(b));
}

TEST(Scheme, SaysWhyATensorDoesNotFit) {
  Scheme scheme = *parseScheme("int4-g64");
  EXPECT_FALSE(whyNotQuantizable(scheme, 1, 64));
  EXPECT_EQ(*whyNotQuantizable(scheme, 3, 172),
            "172 columns are not a multiple of the group size 64");
  EXPECT_EQ(*whyNotQuantizable(scheme, 0, 64),
            "a tensor of 0 x 64 has no elements");
  EXPECT_EQ(*whyNotQuantizable(scheme, int64_t(1) << 40, int64_t(1) << 40),
            "a tensor of 1099511627776 x 1099511627776 has too many elements");
  EXPECT_EQ(*whyNotQuantizable(*parseScheme("q4_k"), 1, 384),
            "384 columns are not a multiple of the super-block of 256");
  EXPECT_EQ(*whyNotQuantizable(*parseScheme("nvfp4"), 1, 24),
            "24 columns are not a multiple of the group size 16");
  EXPECT_FALSE(whyNotQuantizable(*parseScheme("nvfp4"), 1, 48));
  EXPECT_FALSE(whyNotQuantizable(*parseScheme("int4-g0"), 1, 63));
  EXPECT_TRUE(whyNotQuantizable(*parseScheme("int4-g0"), 1, 0));
  scheme.element = ElementKind::Codebook;
  EXPECT_EQ(*whyNotQuantizable(scheme, 1, 64),
            "the scheme is not one of the table of schemes");
}

TEST(Scheme, BitsPerWeight) {
  EXPECT_EQ(bitsPerWeight(*parseScheme("int4-g64"), 256), 4.25);
  EXPECT_EQ(bitsPerWeight(*parseScheme("uint4-g64"), 256), 4.3125);
  EXPECT_EQ(bitsPerWeight(*parseScheme("int8-g0"), 256), 8.0625);
  EXPECT_EQ(bitsPerWeight(*parseScheme("dynamic-int8-g32"), 64), 9.0);
  // The sizes of the blocks in files (84, 110, 144, 176, 210 bytes for 256).
  EXPECT_EQ(bitsPerWeight(*parseScheme("q2_k"), 512), 84 / 32.0);
  EXPECT_EQ(bitsPerWeight(*parseScheme("q3_k"), 512), 110 / 32.0);
  EXPECT_EQ(bitsPerWeight(*parseScheme("q4_k"), 512), 144 / 32.0);
  EXPECT_EQ(bitsPerWeight(*parseScheme("q5_k"), 512), 176 / 32.0);
  EXPECT_EQ(bitsPerWeight(*parseScheme("q6_k"), 512), 210 / 32.0);
  EXPECT_EQ(bitsPerWeight(*parseScheme("mxfp4"), 512), 4.25);
  EXPECT_EQ(bitsPerWeight(*parseScheme("nvfp4"), 512), 4.5 + 32.0 / 512);
  EXPECT_EQ(bitsPerWeight(*parseScheme("nf4-g64"), 512), 4.5);
  EXPECT_EQ(bitsPerWeight(*parseScheme("nf4-g64-dq"), 1 << 15),
            4.125 + 2 * 32 / (64.0 * 256));
  EXPECT_EQ(bitsPerWeight(*parseScheme("fp8-e4m3-g128"), 512), 8.25);
}
