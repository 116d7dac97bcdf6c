//===- LinkTest.cpp - from an object file to an executable ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Target/Link/Link.h"
#include "test/unit/Link/RunProgram.h"

#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <sys/resource.h>
#include <thread>

using namespace lqc;
using namespace lqc::test;

namespace {
struct LinkTest : testing::Test {
  static llvm::Error writeSections(PayloadWriter &writer) {
    writer.beginSection(runtime::Weights);
    const float scale = 1;
    if (llvm::Error error =
            writer.write({reinterpret_cast<const char *>(&scale), 4}))
      return error;
    if (llvm::Error error = writer.padTo(64))
      return error;
    return writer.endSection();
  }

  std::string link(const std::string &output, LinkOptions options = {},
                   WritePayload payload = writeSections) {
    if (options.runtimeLibrary.empty())
      options.runtimeLibrary = LQC_RUNTIME_LIBRARY;
    llvm::Error error = linkExecutable(object, payload, output, options);
    return error ? llvm::toString(std::move(error)) : "";
  }

  TemporaryFolder folder;
  std::string object = readFile(LQC_FAKE_MODEL);
};
} // namespace

TEST_F(LinkTest, runsAndLeavesNothingElse) {
  ASSERT_EQ(link(folder / "model"), "");
  EXPECT_EQ(folder.files(), std::vector<std::string>{"model"});
  ProgramResult result = runProgram(folder / "model --tokens 1,2 -n 3");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "3,4,5\n");
}

TEST_F(LinkTest, dependsOnTheCLibraryAlone) {
  ASSERT_EQ(link(folder / "model"), "");
  ProgramResult needed =
      runProgram("readelf -d " + (folder / "model") +
                 " | sed -n 's/.*(NEEDED).*\\[\\(.*\\)\\]/\\1/p' | grep -v "
                 "'^lib[cm]\\.so\\|^libpthread\\.so\\|^ld-linux'");
  EXPECT_EQ(needed.out, "");
  EXPECT_LT(std::filesystem::file_size(folder / "model"), 3u << 20);
}

TEST_F(LinkTest, keepsKernelNamesButNoDebugInformation) {
  ASSERT_EQ(link(folder / "model"), "");
  EXPECT_NE(runProgram("nm -C " + (folder / "model")).out.find("logitsKernel"),
            std::string::npos);
  EXPECT_EQ(runProgram("readelf -S " + (folder / "model")).out.find(".debug_"),
            std::string::npos);
}

TEST_F(LinkTest, sameBytesFromAnotherFolder) {
  TemporaryFolder other;
  ASSERT_EQ(link(folder / "model"), "");
  ASSERT_EQ(link(other / "another-name"), "");
  EXPECT_TRUE(readFile(folder / "model") == readFile(other / "another-name"));
}

TEST_F(LinkTest, replacesARegularFileOnly) {
  writeFile(folder / "model", "old");
  EXPECT_EQ(link(folder / "model"), "");
  EXPECT_GT(std::filesystem::file_size(folder / "model"), 1000u);
  EXPECT_EQ(link(folder.path), folder.path + ": output must be a regular file");
  EXPECT_EQ(link("/dev/null"), "/dev/null: output must be a regular file");
}

TEST_F(LinkTest, errorsLeaveTheOldFileAndNothingElse) {
  writeFile(folder / "model", "old");
  EXPECT_EQ(link(folder / "model", {},
                 [](PayloadWriter &) {
                   return llvm::createStringError("weights went away");
                 }),
            "weights went away");
  object = "not an object";
  std::string message = link(folder / "model");
  EXPECT_NE(message.find("model: linking with "), message.npos) << message;
  EXPECT_EQ(message.find('\n'), message.npos) << message;
  EXPECT_EQ(readFile(folder / "model"), "old");
  EXPECT_EQ(folder.files(), std::vector<std::string>{"model"});
}

TEST_F(LinkTest, missingPartsAreNamed) {
  LinkOptions options;
  options.compiler = "no-such-driver";
  EXPECT_EQ(link(folder / "model", options),
            "linking needs the compiler driver no-such-driver, which is not "
            "in PATH");
  options.compiler.clear();
  options.runtimeLibrary = folder / "nowhere.a";
  EXPECT_EQ(link(folder / "model", options),
            folder / "nowhere.a: the runtime library is not there");
  // By default it is looked for from the running program's folder on.
  std::string prefix =
      std::filesystem::canonical("/proc/self/exe").parent_path().parent_path();
  llvm::Error error =
      linkExecutable(object, writeSections, folder / "model", LinkOptions());
  EXPECT_EQ(llvm::toString(std::move(error)),
            prefix + "/lib/liblqc_runtime.a: the runtime library is not there");
  EXPECT_EQ(link(folder / "no-folder/model"),
            folder / "no-folder/model: cannot write: No such file or "
                     "directory");
  EXPECT_TRUE(folder.files().empty());
}

TEST_F(LinkTest, fullDiskIsOneLineAndLeavesNothing) {
  auto child = [&] {
    // LLVM's handlers first, so that the signal is ignored in the end.
    llvm::sys::RemoveFileOnSignal(folder / "none");
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit = {3 << 20, 3 << 20};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::string message = link(folder / "model", {}, [](PayloadWriter &w) {
      w.beginSection(runtime::Weights);
      llvm::Error error = llvm::Error::success();
      for (int i = 0; i < 8 && !error; ++i)
        error = w.writeText(std::string(1 << 20, 'x'));
      return error;
    });
    llvm::errs() << message << "\n";
    std::exit(0);
  };
  ASSERT_EXIT(child(), testing::ExitedWithCode(0),
              "model: cannot write: File too large\n$");
  EXPECT_TRUE(folder.files().empty());
}

TEST_F(LinkTest, interruptEndsTheLinker) {
  // A driver that says who it is and goes on for long, whatever happens to us.
  const std::string driver = folder / "driver";
  writeFile(driver, "#!/bin/sh\necho $$ >" + (folder / "started") +
                        "\nexec sleep 60\n");
  std::filesystem::permissions(driver, std::filesystem::perms::owner_all);
  auto child = [&] {
    std::thread interrupter([&] { // the signal may arrive on any thread
      while (readFile(folder / "started").empty())
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ::pthread_kill(::pthread_self(), SIGTERM);
    });
    LinkOptions options;
    options.compiler = driver;
    llvm::errs() << link(folder / "model", options) << "\n";
    std::exit(0);
  };
  ASSERT_EXIT(child(), testing::KilledBySignal(SIGTERM), "^$");
  const pid_t group = std::stoi(readFile(folder / "started"));
  EXPECT_NE(::kill(-group, 0), 0) << "the driver still runs";
  std::vector<std::string> files = folder.files();
  std::sort(files.begin(), files.end());
  EXPECT_EQ(files, (std::vector<std::string>{"driver", "started"}));
}

TEST_F(LinkTest, interruptLeavesNothing) {
  auto child = [&] {
    link(folder / "model", {}, [](PayloadWriter &) {
      std::raise(SIGTERM);
      return llvm::Error::success();
    });
    std::exit(0);
  };
  ASSERT_EXIT(child(), testing::KilledBySignal(SIGTERM), "");
  EXPECT_TRUE(folder.files().empty());
}
