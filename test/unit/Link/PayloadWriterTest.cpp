//===- PayloadWriterTest.cpp - written, read back, damaged ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Target/Link/PayloadWriter.h"
#include "lqc/Runtime/PayloadCheck.h"
#include "test/unit/Link/RunProgram.h"

#include <gtest/gtest.h>

#include "llvm/Support/raw_ostream.h"

#include <csignal>
#include <functional>
#include <sys/resource.h>

using namespace lqc;
using namespace lqc::test;
using lqc::runtime::PayloadFooter;

namespace {
struct PayloadWriterTest : testing::Test {
  void SetUp() override {
    path = folder / "model";
    writeFile(path, std::string(5000, 'e')); // stands for an ELF file
  }

  void writePayload() {
    auto writer = PayloadWriter::open(path, "model");
    ASSERT_TRUE(bool(writer)) << llvm::toString(writer.takeError());
    PayloadWriter &w = **writer;
    w.beginSection(runtime::Info);
    good(w.writeText("{\"family\": \"llama\"}"));
    good(w.endSection());
    w.beginSection(runtime::Weights);
    good(w.writeText("abc"));
    good(w.padTo(64));
    EXPECT_EQ(w.sectionBytes(), 64u);
    for (int i = 0; i < 1000; ++i)
      good(w.writeText(std::string(17, char('a' + i % 26))));
    good(w.endSection());
    w.beginSection(runtime::Summary);
    good(w.writeText("a llama\n"));
    good(w.endSection());
    good(w.finish());
  }

  static void good(llvm::Error error) {
    EXPECT_FALSE(bool(error)) << llvm::toString(std::move(error));
  }

  /// Message of readPayloadFooter after a change of the footer; the hash is
  /// made to fit first unless `keepHash`.
  std::string problemAfter(const std::function<void(PayloadFooter &)> &change,
                           bool keepHash = false) {
    std::string bytes = readFile(path);
    PayloadFooter footer;
    char *end = bytes.data() + bytes.size() - sizeof(footer);
    std::memcpy(&footer, end, sizeof(footer));
    change(footer);
    if (!keepHash)
      footer.hash = runtime::footerHash(footer);
    std::memcpy(end, &footer, sizeof(footer));
    writeFile(folder / "damaged", bytes);
    return problemOf(folder / "damaged");
  }

  std::string problemOf(const std::string &file) {
    auto contents = readPayloadFooter(file);
    if (!contents)
      return llvm::toString(contents.takeError());
    return *contents ? "fine" : "none";
  }

  TemporaryFolder folder;
  std::string path;
};
} // namespace

TEST_F(PayloadWriterTest, roundTrip) {
  writePayload();
  auto contents = readPayloadFooter(path);
  ASSERT_TRUE(bool(contents)) << llvm::toString(contents.takeError());
  ASSERT_TRUE(contents->has_value());
  EXPECT_EQ((*contents)->info, "{\"family\": \"llama\"}");
  EXPECT_EQ((*contents)->summary, "a llama\n");

  const PayloadFooter &footer = (*contents)->footer;
  std::string bytes = readFile(path);
  EXPECT_EQ(footer.fileBytes, bytes.size());
  EXPECT_EQ(bytes.substr(0, 5000), std::string(5000, 'e'));
  EXPECT_EQ(footer[runtime::Weights].bytes, 64u + 17000);
  EXPECT_EQ(footer[runtime::TokenizerTables].bytes, 0u);
  for (uint32_t i = 0; i < runtime::SectionCount; ++i) {
    const runtime::SectionRange &range = footer.sections[i];
    EXPECT_EQ(range.offset % runtime::kPageBytes, 0u);
    EXPECT_EQ(range.hash,
              runtime::hashBytes(bytes.data() + range.offset, range.bytes));
  }
  EXPECT_EQ(bytes.substr(footer[runtime::Weights].offset, 4),
            std::string("abc\0", 4));
}

TEST_F(PayloadWriterTest, lastSectionsCanBeWrittenAnew) {
  writePayload();
  const std::string before = readFile(path);
  auto writer = PayloadWriter::reopen(path, "model", runtime::Summary);
  ASSERT_TRUE(bool(writer)) << llvm::toString(writer.takeError());
  (*writer)->beginSection(runtime::Summary);
  good((*writer)->writeText("another llama\n"));
  good((*writer)->endSection());
  good((*writer)->finish());
  auto contents = readPayloadFooter(path);
  ASSERT_TRUE(bool(contents)) << llvm::toString(contents.takeError());
  EXPECT_EQ((*contents)->info, "{\"family\": \"llama\"}");
  EXPECT_EQ((*contents)->summary, "another llama\n");

  // Written as it was, it is the same file.
  writer = PayloadWriter::reopen(path, "model", runtime::Summary);
  (*writer)->beginSection(runtime::Summary);
  good((*writer)->writeText("a llama\n"));
  good((*writer)->endSection());
  good((*writer)->finish());
  EXPECT_EQ(readFile(path), before);
}

TEST_F(PayloadWriterTest, otherFilesAreNoExecutables) {
  EXPECT_EQ(problemOf(path), "none");
  writeFile(folder / "small", "x");
  EXPECT_EQ(problemOf(folder / "small"), "none");
  EXPECT_EQ(problemOf(folder / "missing"),
            folder / "missing: No such file or directory");
}

TEST_F(PayloadWriterTest, damageIsNamed) {
  writePayload();
  const std::string size = std::to_string(readFile(path).size());
  const std::string end =
      std::to_string(readFile(path).size() - sizeof(PayloadFooter));
  const std::string name = folder / "damaged: payload ";
  EXPECT_EQ(problemAfter([](PayloadFooter &) {}), "fine");
  EXPECT_EQ(problemAfter([](PayloadFooter &f) { f.version = 9; }),
            name + "footer: version must be 3, got: 9");
  EXPECT_EQ(problemAfter([](PayloadFooter &f) { f.reserved = 3; }),
            name + "footer: reserved field must be 0, got: 3");
  EXPECT_EQ(problemAfter([](PayloadFooter &f) { f.fileBytes = 7; }),
            name + "footer: file size must be 7, got: " + size);
  std::string hash = problemAfter(
      [](PayloadFooter &f) { f.sections[0].bytes++; }, /*keepHash=*/true);
  EXPECT_NE(hash.find("payload footer: hash must be "), hash.npos) << hash;
  EXPECT_EQ(problemAfter([](PayloadFooter &f) { f.sections[0].offset = 5; }),
            name + "section weights: offset must be a multiple of 4096, got: "
                   "5");
  EXPECT_EQ(problemAfter([](PayloadFooter &f) {
              f.sections[0].offset = 4096;
              f.sections[0].bytes = ~uint64_t(0) - 4095; // the sum wraps to 0
            }),
            name + "section weights: must end before the footer at " + end +
                ", got: 18446744073709547520 bytes at 4096");
  EXPECT_EQ(problemAfter([](PayloadFooter &f) {
              f.sections[2].offset = uint64_t(1) << 62;
            }),
            name + "section info: must end before the footer at " + end +
                ", got: 19 bytes at 4611686018427387904");
  std::string text =
      problemAfter([](PayloadFooter &f) { f[runtime::Summary].hash ^= 1; });
  EXPECT_NE(text.find("payload section summary: hash must be "), text.npos)
      << text;
}

TEST_F(PayloadWriterTest, cutOffFileIsNoExecutable) {
  writePayload();
  std::filesystem::resize_file(path, 9000);
  EXPECT_EQ(problemOf(path), "none");
}

TEST_F(PayloadWriterTest, fullDiskIsAnError) {
  // In a child, because the limit stays with the process.
  auto child = [&] {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit = {20000, 20000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto writer = PayloadWriter::open(path, "model");
    (*writer)->beginSection(runtime::Weights);
    llvm::Error error = llvm::Error::success();
    for (int i = 0; i < 4 && !error; ++i)
      error = (*writer)->writeText(std::string(1 << 20, 'x'));
    llvm::errs() << llvm::toString(std::move(error)) << "\n";
    std::exit(0);
  };
  ASSERT_EXIT(child(), testing::ExitedWithCode(0),
              "^model: cannot write: File too large\n$");
}
