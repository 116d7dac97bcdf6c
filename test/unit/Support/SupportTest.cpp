//===- SupportTest.cpp - files, tables, hashes, progress, memory --------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/Error.h"
#include "lqc/Support/Hash.h"
#include "lqc/Support/MappedFile.h"
#include "lqc/Support/MemoryStats.h"
#include "lqc/Support/OutputFile.h"
#include "lqc/Support/Parallel.h"
#include "lqc/Support/Progress.h"
#include "lqc/Support/Table.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace lqc;

namespace {
/// A directory that goes with the test.
class TempDirectory : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("lqc-support", root));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(root); }

  std::string path(llvm::StringRef name) const {
    llvm::SmallString<128> result(root);
    llvm::sys::path::append(result, name);
    return result.str().str();
  }
  std::string write(llvm::StringRef name, llvm::StringRef contents) const {
    std::error_code code;
    llvm::raw_fd_ostream(path(name), code) << contents;
    EXPECT_FALSE(code);
    return path(name);
  }

  llvm::SmallString<128> root;
};
using MappedFileTest = TempDirectory;
using OutputFileTest = TempDirectory;
} // namespace

static std::string errorOf(llvm::StringRef path) {
  llvm::Expected<MappedFile> file = MappedFile::open(path);
  return file ? "" : llvm::toString(file.takeError());
}

//===----------------------------------------------------------------------===//
// Error
//===----------------------------------------------------------------------===//

TEST(Error, Formats) {
  EXPECT_EQ(llvm::toString(makeError("{0}: must be {1}, got: {2}", "f", 3, 4u)),
            "f: must be 3, got: 4");
  EXPECT_EQ(llvm::toString(makeError("{0}", "50% {1} %s")), "50% {1} %s");
  EXPECT_EQ(llvm::toString(prefixError("a", makeError("b"))), "a: b");
}

TEST(Error, QuoteGivesOneReadableLine) {
  EXPECT_EQ(quote("layers.0"), "'layers.0'");
  EXPECT_EQ(quote("a\nb\x7f"), "'a\\x0ab\\x7f'");
  EXPECT_EQ(quote("\xc3\xa9"), "'\xc3\xa9'");
  EXPECT_EQ(quote("\xff"), "'\\xff'");
  EXPECT_EQ(quote(std::string(200, 'x')), "'" + std::string(120, 'x') + "...'");
  // The cut does not split a character.
  std::string text = "x";
  for (int i = 0; i < 100; ++i)
    text += "\xc3\xa9";
  EXPECT_EQ(quote(text).size(), 1 + 119 + 4u);
}

//===----------------------------------------------------------------------===//
// MappedFile
//===----------------------------------------------------------------------===//

TEST_F(MappedFileTest, MapsAndMoves) {
  llvm::Expected<MappedFile> file = MappedFile::open(write("a", "hello"));
  ASSERT_TRUE(bool(file));
  EXPECT_EQ(file->text(), "hello");
  MappedFile moved = std::move(*file);
  EXPECT_EQ(moved.text(), "hello");
  EXPECT_EQ(file->size(), 0u);
  MappedFile assigned;
  assigned = std::move(moved);
  EXPECT_EQ(assigned.bytes().size(), 5u);
}

TEST_F(MappedFileTest, EmptyFileIsFine) {
  llvm::Expected<MappedFile> file = MappedFile::open(write("empty", ""));
  ASSERT_TRUE(bool(file));
  EXPECT_EQ(file->size(), 0u);
  file->dropPages(0, 100);
}

TEST_F(MappedFileTest, SaysWhyNot) {
  EXPECT_EQ(errorOf(path("none")),
            path("none") + ": no such file or directory");
  EXPECT_EQ(errorOf(root), root.str().str() + ": is a directory");
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(errorOf(path("pipe")), path("pipe") + ": is not a regular file");
  EXPECT_EQ(errorOf("/dev/null"), "/dev/null: is not a regular file");
  if (geteuid() == 0)
    return; // root reads everything
  chmod(write("secret", "x").c_str(), 0);
  EXPECT_EQ(errorOf(path("secret")), path("secret") + ": permission denied");
}

TEST_F(MappedFileTest, DroppedPagesComeBack) {
  std::string contents(100000, 'x');
  llvm::Expected<MappedFile> file = MappedFile::open(write("big", contents));
  ASSERT_TRUE(bool(file));
  file->dropPages(5000, 50000);
  file->dropPages(99999, ~0ULL);
  file->dropPages(~0ULL, 1);
  EXPECT_EQ(file->text(), contents);
}

//===----------------------------------------------------------------------===//
// OutputFile
//===----------------------------------------------------------------------===//

static llvm::Error writeText(const std::string &path, const char *text) {
  return writeOutputFile(path,
                         [&](llvm::raw_ostream &stream) { stream << text; });
}

TEST_F(OutputFileTest, ReplacesAFileWhole) {
  write("a", "old");
  EXPECT_FALSE(bool(checkOutputFile(path("a"))));
  EXPECT_EQ(llvm::toString(writeText(path("a"), "new")), "");
  EXPECT_EQ(llvm::cantFail(MappedFile::open(path("a"))).text(), "new");
}

TEST_F(OutputFileTest, SaysWhyNot) {
  std::string none = path("none/a"), folder = root.str().str();
  EXPECT_EQ(llvm::toString(checkOutputFile(none)),
            none + ": cannot write: No such file or directory");
  EXPECT_EQ(llvm::toString(writeText(none, "text")),
            none + ": cannot write: No such file or directory");
  EXPECT_EQ(llvm::toString(checkOutputFile(folder)),
            folder + ": the output must be a regular file, got: a directory");
  EXPECT_EQ(
      llvm::toString(checkOutputFile("/dev/full")),
      "/dev/full: the output must be a regular file, got: a device or a pipe");
}

//===----------------------------------------------------------------------===//
// Table
//===----------------------------------------------------------------------===//

TEST(Table, AlignsColumns) {
  Table table({"tensor", "bits", "note"});
  table.addRow({"q", "4.25", "as asked"});
  table.addRow({"embedding", "16", ""});
  table.addRule();
  table.addRow({"all", "-"});
  std::string text;
  llvm::raw_string_ostream stream(text);
  table.print(stream);
  EXPECT_EQ(text, "tensor     bits  note\n"
                  "q          4.25  as asked\n"
                  "embedding    16\n"
                  "-------------------------\n"
                  "all           -\n");
}

TEST(Table, CountsCharactersNotBytes) {
  Table table({"a", "b"});
  table.addRow({"\xc3\xa9\xc3\xa9", "x"});
  table.addRow({"ee", "x"});
  std::string text;
  llvm::raw_string_ostream stream(text);
  table.print(stream);
  EXPECT_EQ(text, "a   b\n\xc3\xa9\xc3\xa9  x\nee  x\n");
}

TEST(Table, Bytes) {
  EXPECT_EQ(formatBytes(0), "0 B");
  EXPECT_EQ(formatBytes(999), "999 B");
  EXPECT_EQ(formatBytes(1000), "1.0 KB");
  EXPECT_EQ(formatBytes(1234567), "1.2 MB");
  EXPECT_EQ(formatBytes(999'999), "1.0 MB");
  EXPECT_EQ(formatBytes(2'200'000'000), "2.2 GB");
  EXPECT_EQ(formatBytes(~0ULL), "18.4 EB");
}

TEST(Table, Counts) {
  EXPECT_EQ(formatCount(0), "0");
  EXPECT_EQ(formatCount(999), "999");
  EXPECT_EQ(formatCount(1000), "1.00 K");
  EXPECT_EQ(formatCount(9'996), "10.0 K");
  EXPECT_EQ(formatCount(12'345'678), "12.3 M");
  EXPECT_EQ(formatCount(345'678'901), "346 M");
  EXPECT_EQ(formatCount(1'100'048'384), "1.10 B");
  EXPECT_EQ(formatCount(999'999'999), "1.00 B");
  EXPECT_EQ(formatFixed(4.25, 3), "4.250");
}

//===----------------------------------------------------------------------===//
// Hash
//===----------------------------------------------------------------------===//

TEST(Hash, IsBlake3Cut) {
  // The specification's test vector for the empty input.
  EXPECT_EQ(contentHash({}), "af1349b9f5f9a1a6a0404dea36dcc949");
}

TEST(Hash, PiecesEqualTheWhole) {
  std::vector<char> bytes(300000);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(i * 7 % 251);
  ContentHasher hasher;
  llvm::ArrayRef<char> rest = bytes;
  for (size_t size = 1; !rest.empty(); size = size * 3 + 1) {
    size_t part = std::min(size, rest.size());
    hasher.update(rest.take_front(part));
    hasher.digits(); // looking does not disturb
    rest = rest.drop_front(part);
  }
  EXPECT_EQ(hasher.digits(), contentHash(bytes));
  bytes[299999] ^= 1;
  EXPECT_NE(hasher.digits(), contentHash(bytes));
}

//===----------------------------------------------------------------------===//
// Progress
//===----------------------------------------------------------------------===//

TEST(Progress, SilentWhereNobodyLooks) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  {
    Progress progress("pack", 100, stream, /*enabled=*/false);
    progress.setItem("q");
    progress.advance(100);
  }
  EXPECT_EQ(text, "");
}

TEST(Progress, DrawsAndErases) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  {
    Progress progress("pack", 4'000'000, stream, /*enabled=*/true);
    progress.setItem("layers.0.q");
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    progress.advance(1'000'000);
  }
  EXPECT_NE(text.find("\rpack layers.0.q  0 B / 4.0 MB"), std::string::npos)
      << text;
  EXPECT_NE(text.find("1.0 MB / 4.0 MB"), std::string::npos) << text;
  EXPECT_NE(text.find(" left"), std::string::npos) << text;
  EXPECT_TRUE(llvm::StringRef(text).ends_with("\r\x1b[K"));
}

TEST(Progress, ManyCallsDrawFewLines) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  Progress progress("x", 0, stream, /*enabled=*/true);
  parallelFor(0, 4, 4, [&](int64_t, int64_t) {
    for (int i = 0; i < 100000; ++i)
      progress.advance(1);
  });
  EXPECT_LT(llvm::StringRef(text).count('\r'), 200u);
}

//===----------------------------------------------------------------------===//
// MemoryStats and Parallel
//===----------------------------------------------------------------------===//

TEST(MemoryStats, SeesWhatIsTouched) {
  constexpr size_t kBytes = 64 << 20;
  PeakMemory peak;
  uint64_t before = anonymousMemoryBytes();
  EXPECT_GT(before, 0u);
  {
    std::unique_ptr<char[]> memory(new char[kBytes]);
    std::memset(memory.get(), 1, kBytes);
    asm volatile("" : : "r"(memory.get()) : "memory");
    EXPECT_GE(anonymousMemoryBytes(), before + kBytes / 2);
    EXPECT_GE(peak.bytes(), before + kBytes / 2);
  }
  EXPECT_GE(peak.bytes(), before + kBytes / 2) << "the peak stays";
}

TEST(Parallel, CoversEachElementOnce) {
  for (unsigned threads : {0u, 1u, 2u, 3u, 7u, 100u}) {
    for (int64_t size : {0, 1, 2, 6, 7, 8, 100}) {
      std::vector<std::atomic<int>> seen(size + 10);
      parallelFor(10, 10 + size, threads, [&](int64_t first, int64_t last) {
        EXPECT_LT(first, last);
        for (int64_t i = first; i < last; ++i)
          ++seen[i];
      });
      for (int64_t i = 0; i < size + 10; ++i)
        EXPECT_EQ(seen[i], i >= 10) << threads << " " << size;
    }
  }
  parallelFor(5, 3, 2, [](int64_t, int64_t) { FAIL(); });
  EXPECT_GE(hardwareThreads(), 1u);
}
