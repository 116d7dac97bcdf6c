//===- ExecutableTest.cpp - the command line of an executable -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs executables linked from the fake model (FakeModel.h): after token t
// comes t + 1.
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Tokenizer/Tokenizer.h"
#include "lqc/Runtime/PayloadCheck.h"
#include "lqc/Target/Link/Link.h"
#include "test/unit/Link/RunProgram.h"
#include "test/unit/Runtime/FakeModel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>

using namespace lqc;
using namespace lqc::test;

namespace {
struct ExecutableTest : testing::Test {
  static void SetUpTestSuite() {
    folder = new TemporaryFolder;
    build("model", LQC_FAKE_MODEL, "");
    build("texts", LQC_FAKE_MODEL, tokenizerTables());
  }
  static void TearDownTestSuite() {
    delete folder;
    folder = nullptr;
  }

  /// Tokens a to e, a space, and two special ones, all of one byte.
  static std::string tokenizerTables() {
    TemporaryFolder model;
    writeFile(model / "tokenizer.json", R"({"version": "1.0",
      "added_tokens": [
        {"id": 6, "content": "<|begin|>", "single_word": false,
         "lstrip": false, "rstrip": false, "normalized": false,
         "special": true},
        {"id": 7, "content": "<|end|>", "single_word": false,
         "lstrip": false, "rstrip": false, "normalized": false,
         "special": true}],
      "normalizer": null, "post_processor": null,
      "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false,
                        "trim_offsets": true, "use_regex": true},
      "decoder": {"type": "ByteLevel", "add_prefix_space": true,
                  "trim_offsets": true, "use_regex": true},
      "model": {"type": "BPE", "merges": [],
        "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "\u0120": 5}}})");
    auto tables = llvm::cantFail(
        buildTokenizerTables(model.path, fake::kVocabulary, {6, {7}}));
    return std::string(tables->begin(), tables->end());
  }

  static void build(const std::string &name, const char *objectFile,
                    const std::string &tokenizer,
                    const std::string &generation = "") {
    LinkOptions options;
    options.runtimeLibrary = LQC_RUNTIME_LIBRARY;
    options.compiler = LQC_TEST_COMPILER;
    auto payload = [&](PayloadWriter &writer) {
      const float scale = 1.5f;
      writer.beginSection(runtime::Weights);
      llvm::cantFail(writer.write({reinterpret_cast<const char *>(&scale), 4}));
      llvm::cantFail(writer.padTo(fake::kWeightsBytes));
      llvm::cantFail(writer.endSection());
      writer.beginSection(runtime::TokenizerTables);
      llvm::cantFail(writer.writeText(tokenizer));
      llvm::cantFail(writer.endSection());
      writer.beginSection(runtime::Info);
      llvm::cantFail(writer.writeText("{\"family\": \"fake\"}"));
      llvm::cantFail(writer.endSection());
      writer.beginSection(runtime::Summary);
      llvm::cantFail(writer.writeText("a fake model\n"));
      llvm::cantFail(writer.endSection());
      writer.beginSection(runtime::Generation);
      llvm::cantFail(writer.writeText(generation));
      return writer.endSection();
    };
    std::string object = readFile(objectFile);
    llvm::Error error =
        linkExecutable(object, payload, *folder / name, options);
    ASSERT_FALSE(bool(error)) << llvm::toString(std::move(error));
  }

  static ProgramResult run(const std::string &arguments) {
    return runProgram(*folder / "model " + arguments);
  }
  static ProgramResult runTexts(const std::string &arguments) {
    return runProgram(*folder / "texts " + arguments);
  }
  /// Checks for one line on stderr, nothing on stdout, and exit status 1.
  static void refused(const std::string &arguments,
                      const std::string &message) {
    ProgramResult result = run(arguments);
    EXPECT_EQ(result.status, 1) << arguments;
    EXPECT_EQ(result.out, "") << arguments;
    EXPECT_EQ(result.err, "model: " + message + "\n") << arguments;
  }
  static void misused(const std::string &arguments,
                      const std::string &message) {
    refused(arguments, message + "; run with --help");
  }

  /// Runs a copy with changed bytes.
  static ProgramResult
  runDamaged(const std::function<void(std::string &, runtime::PayloadFooter &)>
                 &change,
             const std::string &arguments) {
    std::string bytes = readFile(*folder / "model");
    runtime::PayloadFooter footer;
    const size_t end = bytes.size() - sizeof(footer);
    std::memcpy(&footer, bytes.data() + end, sizeof(footer));
    change(bytes, footer);
    std::memcpy(bytes.data() + end, &footer, sizeof(footer));
    writeFile(*folder / "damaged", bytes);
    std::filesystem::permissions(*folder / "damaged",
                                 std::filesystem::perms::owner_all);
    return runProgram(*folder / "damaged " + arguments);
  }

  static TemporaryFolder *folder;
};

TemporaryFolder *ExecutableTest::folder = nullptr;
} // namespace

TEST_F(ExecutableTest, generatesTokens) {
  ProgramResult result = run("--tokens '1, 2' -n 4");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "3,4,5,6\n");
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(run("--tokens 7 -n 1 --print-tokens").out, "0\n");
  EXPECT_EQ(run("--tokens 7 -n 0").out, "\n");
}

TEST_F(ExecutableTest, threadsDoNotChangeTheText) {
  const std::string text = run("--tokens 1,2,3,4,5 -n 20 --threads 1").out;
  for (const char *threads : {"2", "3", "8"})
    EXPECT_EQ(
        run("--tokens 1,2,3,4,5 -n 20 --threads " + std::string(threads)).out,
        text);
}

TEST_F(ExecutableTest, stopsAtTheEndOfTheContext) {
  ProgramResult result = run("--tokens 1,2,3 -n 100");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "model: context of 32 tokens is full\n");
  // 32 - 3 more tokens are fed; the token after the last is known too.
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), ','), 29);
  EXPECT_EQ(run("--tokens 1,2,3 -n 100 -c 5").out, "4,5,6\n");
  EXPECT_EQ(run("--tokens 1,2,3 -n 3 -c 5").err, "");
}

TEST_F(ExecutableTest, samplingIsRepeatable) {
  const std::string flags = "--tokens 1 -n 20 --temperature 2 --seed ";
  EXPECT_EQ(run(flags + "5").out, run(flags + "5").out);
  EXPECT_NE(run(flags + "5").out, run(flags + "6").out);
  EXPECT_EQ(run(flags + "5 --top-k 1").out, run("--tokens 1 -n 20").out);
}

TEST_F(ExecutableTest, textGoesOnUntilItsEnd) {
  // a b | c d e space <|begin|> <|end|>
  ProgramResult result = runTexts("ab");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "abcde \n");
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(runTexts("ab -n 2").out, "abcd\n");
  EXPECT_EQ(runTexts("-n 2 -- ab").out, "abcd\n");
  EXPECT_EQ(runTexts("--tokens 0,1 -n 2").out, "abcd\n");
  EXPECT_EQ(runTexts("ab --print-tokens").out, "2,3,4,5,6,7\n");
}

TEST_F(ExecutableTest, promptFromStandardInput) {
  EXPECT_EQ(runProgram("echo 'a b' | " + (*folder / "texts - -n 2")).out,
            "a bcd\n");
  EXPECT_EQ(runProgram("printf 'ab' | " + (*folder / "texts - -n 2")).out,
            "abcd\n");
}

TEST_F(ExecutableTest, emptyPromptBeginsAText) {
  EXPECT_EQ(runTexts("--print-tokens").out, "7\n");
  EXPECT_EQ(runTexts("''").out, "\n");
}

TEST_F(ExecutableTest, perplexityOfText) {
  writeFile(*folder / "text.txt", "abcde abc");
  ProgramResult result =
      runTexts("--json --perplexity " + (*folder / "text.txt"));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("\"tokens\": 8, "), std::string::npos)
      << result.out;
}

TEST_F(ExecutableTest, damagedTokenizerIsNamed) {
  build("damaged", LQC_FAKE_MODEL, "no tables at all");
  ProgramResult result = runProgram(*folder / "damaged ab");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err.rfind("damaged: payload section tokenizer: ", 0), 0u)
      << result.err;
}

TEST_F(ExecutableTest, statsOnRequest) {
  std::string err = run("--tokens 1,2 -n 5 --stats").err;
  EXPECT_EQ(err.rfind("prompt: 2 tokens, ", 0), 0u) << err;
  EXPECT_NE(err.find("decode: 4 tokens, "), err.npos) << err;
  err = run("--tokens 1,2 -n 5 --stats --temperature 1 --seed 77").err;
  EXPECT_NE(err.find("seed: 77\n"), err.npos) << err;
}

TEST_F(ExecutableTest, logitsAreRowsOfFloats) {
  ProgramResult result = run("--tokens 1,2,3,4,5,6 --logits");
  EXPECT_EQ(result.status, 0) << result.err;
  ASSERT_EQ(result.out.size(), 6u * fake::kVocabulary * 4);
  std::vector<float> logits(6 * fake::kVocabulary);
  std::memcpy(logits.data(), result.out.data(), result.out.size());
  int32_t sum = 0;
  for (int32_t row = 0; row < 6; ++row) {
    sum += row + 1;
    for (int32_t v = 0; v < fake::kVocabulary; ++v)
      EXPECT_EQ(logits[size_t(row * fake::kVocabulary + v)],
                fake::logit(1.5f, row + 1, sum, v));
  }
}

TEST_F(ExecutableTest, perplexityOfTokenIds) {
  std::string ids;
  for (int i = 0; i < 20; ++i)
    ids += std::string{char(i % 8), 0};
  writeFile(*folder / "ids.u16", ids);
  const std::string file = *folder / "ids.u16";
  ProgramResult result = run("--json --perplexity " + file);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out.rfind("{\"perplexity\": ", 0), 0u) << result.out;
  EXPECT_NE(result.out.find("\"tokens\": 19, "), std::string::npos);
  EXPECT_NE(result.out.find("\"window\": 32, \"stride\": 32}\n"),
            std::string::npos);
  result = run("--perplexity " + file + " --window 8 --stride 4");
  EXPECT_EQ(result.out.rfind("perplexity ", 0), 0u) << result.out;
  EXPECT_NE(result.out.find("window 8, stride 4)\n"), std::string::npos);

  refused("--perplexity " + file + " --window 40",
          "--window must be at most the context, got: 40 > 32");
  refused("--perplexity " + file + " --window 8 --stride 9",
          "--stride must be at most the window, got: 9 > 8");
  writeFile(*folder / "odd.u16", "abc");
  refused("--perplexity " + (*folder / "odd.u16"),
          *folder / "odd.u16: file of 16-bit token ids must have an even "
                    "size, got: 3");
  writeFile(*folder / "high.u16", std::string("\1\0\11\0", 4));
  refused("--perplexity " + (*folder / "high.u16"),
          *folder / "high.u16: token id must be 0 to 7, got: 9");
  writeFile(*folder / "one.u16", std::string("\1\0", 2));
  refused("--perplexity " + (*folder / "one.u16"),
          *folder / "one.u16: text must have at least 2 tokens, got: 1");
  refused("--perplexity " + (*folder / "none"),
          *folder / "none: No such file or directory");
  refused("--perplexity " + folder->path, folder->path + ": Is a directory");
  refused("--perplexity " + (*folder / "model"),
          "this model has no tokenizer: give token ids in a .u16 or .u32 file");
}

TEST_F(ExecutableTest, logitsOfTheWindowsOfAFile) {
  // 7 tokens in windows of 4 and 3, each from an empty cache.
  std::string ids;
  for (int i = 0; i < 7; ++i)
    ids += std::string{char(i), 0, 0, 0};
  writeFile(*folder / "seven.u32", ids);
  ProgramResult result = run("--logits --window 4 --stride 3 --perplexity " +
                             (*folder / "seven.u32"));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, run("--logits --tokens 0,1,2,3").out +
                            run("--logits --tokens 3,4,5").out);

  writeFile(*folder / "odd.u32", "abcdef");
  refused("--logits --perplexity " + (*folder / "odd.u32"),
          *folder / "odd.u32: file of 32-bit token ids must have a size that "
                    "is a multiple of 4, got: 6");
  misused("--logits --perplexity x text", "--perplexity takes no prompt");
  EXPECT_EQ(
      run("--logits >/dev/full --perplexity " + (*folder / "seven.u32")).err,
      "model: cannot write to standard output: No space left on "
      "device\n");
}

TEST_F(ExecutableTest, describesItself) {
  EXPECT_EQ(run("--info").out, "a fake model\n");
  EXPECT_EQ(run("--info --json").out, "{\"family\": \"fake\"}\n");
  EXPECT_EQ(run("--version").out.rfind("LQC ", 0), 0u);
  EXPECT_EQ(run("--verify").out, "payload is whole: 64 bytes of weights\n");
  ProgramResult help = run("--help");
  EXPECT_EQ(help.status, 0);
  for (const char *flag :
       {"-n ",       "-c ",       "--threads",      "--temperature",
        "--top-k",   "--top-p",   "--min-p",        "--repeat-penalty",
        "--seed",    "--tokens",  "--print-tokens", "--perplexity",
        "--window",  "--stride",  "--logits",       "--bench",
        "--profile", "--info",    "--verify",       "--json",
        "--stats",   "--version", "Examples:"})
    EXPECT_NE(help.out.find(flag), std::string::npos) << flag;
}

TEST_F(ExecutableTest, benchMeasures) {
  ProgramResult result = run("--bench --json -n 4");
  EXPECT_EQ(result.status, 0) << result.err;
  for (const char *key :
       {"\"threads\": ", "\"prefill_tokens\": 16", "\"decode_tokens\": 4",
        "\"decode_tokens_per_second\": ", "\"weights_bytes\": 64",
        "\"read_bandwidth_bytes_per_second\": ",
        "\"decode_fraction_of_limit\": "})
    EXPECT_NE(result.out.find(key), std::string::npos)
        << key << " in " << result.out;
}

/// The number behind `key` in JSON.
static double numberOf(const std::string &json, const std::string &key) {
  const size_t at = json.find("\"" + key + "\": ");
  return at == json.npos ? -1 : std::stod(json.substr(at + key.size() + 4));
}

TEST_F(ExecutableTest, profileCountsWhatKernelsTouch) {
  ProgramResult result = run("--profile --json -n 3");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_GT(numberOf(result.out, "read_bandwidth_bytes_per_second"), 0);
  // The prompt of 16 tokens goes in four chunks; the last has one row, which
  // sees its position and those before it: the observer counts the row as the
  // first one of its chunk, at position 12.
  const std::string prefill = result.out.substr(result.out.find("\"prefill\""));
  EXPECT_EQ(numberOf(prefill, "calls"), numberOf(prefill, "tokens") / 16);
  const double seen = 13;
  const double bytes =
      fake::kWeightsBytes + fake::kRowBytes + seen * fake::kSeenBytes;
  EXPECT_EQ(numberOf(prefill, "bytes"), numberOf(prefill, "calls") * bytes);
  EXPECT_EQ(numberOf(prefill, "multiply_adds"),
            numberOf(prefill, "calls") * fake::kVocabulary);
  EXPECT_NE(prefill.find("{\"name\": \"logitsKernel\", "), prefill.npos);
  EXPECT_NE(prefill.find("\"limit\": \"memory\", \"fraction_of_limit\": "),
            prefill.npos);
  // Decode sees 17, 18 and 19 positions.
  const std::string decode = prefill.substr(prefill.find("\"decode\""));
  EXPECT_EQ(numberOf(decode, "calls"), numberOf(decode, "tokens"));
  EXPECT_EQ(numberOf(decode, "bytes"),
            numberOf(decode, "calls") * (fake::kWeightsBytes + fake::kRowBytes +
                                         18 * fake::kSeenBytes));
  EXPECT_LE(numberOf(decode, "kernel_seconds"), numberOf(decode, "seconds"));
}

TEST_F(ExecutableTest, profileAsATable) {
  ProgramResult result = run("--profile -n 3");
  EXPECT_EQ(result.status, 0) << result.err;
  for (const char *text :
       {"prefill: ", "decode: ", "\nkernel ", "\nlogitsKernel ",
        "\nbetween kernels ", " GB/s read from memory; "})
    EXPECT_NE(result.out.find(text), result.out.npos) << text << result.out;
  EXPECT_EQ(result.out.find('\033'), result.out.npos); // plain in a pipe
}

TEST_F(ExecutableTest, mistakesAreOneLine) {
  misused("--nonsense", "unknown option --nonsense");
  misused("--nonsense=3 --tokens 1", "unknown option --nonsense=3");
  misused("a b c",
          "the prompt must be one argument (put it in quotes), got: 3");
  misused("--tokens 1 text", "--tokens and a text prompt do not go together");
  misused("--tokens 1,x",
          "--tokens: must be token ids such as 1,403,7, got: x");
  misused("--tokens 1 --json",
          "--json goes with --perplexity, --bench, --profile or --info");
  misused("--tokens 1 --window 3", "--window goes with --perplexity");
  misused("--info --bench", "--bench and --info do not go together");
  misused("--info text", "--info takes no prompt");
  misused("-n -1", "-n: must be a whole number from 0 to 2147483647, got: -1");
  misused("-n x", "-n: must be a whole number from 0 to 2147483647, got: x");
  misused("-c 0", "-c: must be a whole number from 1 to 2147483647, got: 0");
  misused("--threads 257",
          "--threads: must be a whole number from 1 to 256, got: 257");
  misused("--temperature -1",
          "--temperature: must be a number from 0 to 100, got: -1");
  misused("--temperature nan",
          "--temperature: must be a number from 0 to 100, got: nan");
  misused("--top-k -1",
          "--top-k: must be a whole number from 0 to 2147483647, got: -1");
  misused("--top-p 1.5", "--top-p: must be a number from 0 to 1, got: 1.5");
  misused("--min-p 2", "--min-p: must be a number from 0 to 1, got: 2");
  misused("--repeat-penalty 0",
          "--repeat-penalty: must be a number from 0.01 to 100, got: 0");
  misused("--seed -3", "--seed: must be a whole number from 0 to "
                       "9223372036854775807, got: -3");
  misused("-n", "-n takes one value");
  misused("-n 3 -n 4", "-n takes one value");
  misused("--info=3", "--info takes no value");
}

TEST_F(ExecutableTest, impossibleRequestsAreOneLine) {
  refused("Hello", "this model has no tokenizer: give token ids with --tokens");
  refused("--tokens 8", "token id must be 0 to 7, got: 8");
  refused("--tokens ''", "the prompt is empty, and this model has no token "
                         "that begins a text");
  refused("--tokens 1 -c 33",
          "-c must be at most the context compiled in, got: 33 > 32");
  refused("--tokens 1,2,3 -c 2",
          "the prompt must fit into the context of 2 tokens, got: 3");
}

TEST_F(ExecutableTest, failingOutputIsNoticed) {
  ProgramResult full = run("--tokens 1 >/dev/full");
  EXPECT_EQ(full.status, 1);
  EXPECT_EQ(full.err, "model: cannot write to standard output: No space left "
                      "on device\n");
  EXPECT_EQ(run("--info >/dev/full").status, 1);
  EXPECT_EQ(run("--help >/dev/full").status, 1);
  // The reader is gone before the first byte is written.
  EXPECT_EQ(runProgram("{ sleep 0.2; " + (*folder / "model") +
                       " --tokens 1; } | true")
                .err,
            "");
  ProgramResult closed =
      runProgram("trap '' PIPE; { sleep 0.2; " + (*folder / "model") +
                 " --tokens 1; echo $? >&2; } | true");
  EXPECT_EQ(closed.err, "1\n");
}

TEST_F(ExecutableTest, damagedPayloadIsNamed) {
  auto refit = [](runtime::PayloadFooter &footer) {
    footer.hash = runtime::footerHash(footer);
  };
  ProgramResult result =
      runDamaged([&](std::string &,
                     runtime::PayloadFooter &footer) { footer.version = 1; },
                 "--tokens 1");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "damaged: payload footer: version must be 3, got: 1\n");
  result = runDamaged(
      [&](std::string &, runtime::PayloadFooter &footer) {
        footer[runtime::Weights].bytes = 32;
        refit(footer);
      },
      "--tokens 1");
  EXPECT_EQ(result.err,
            "damaged: payload section weights: size must be 64, got: 32\n");
  result = runDamaged(
      [&](std::string &bytes, runtime::PayloadFooter &footer) {
        bytes[footer[runtime::Summary].offset] ^= 1;
      },
      "--info");
  EXPECT_EQ(result.err.rfind("damaged: payload section summary: hash must be "),
            0u)
      << result.err;
  auto damageWeights = [&](std::string &bytes, runtime::PayloadFooter &footer) {
    bytes[footer[runtime::Weights].offset + 60] ^= 1;
  };
  EXPECT_EQ(runDamaged(damageWeights, "--tokens 1 -n 1").status, 0);
  result = runDamaged(damageWeights, "--verify");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err.rfind("damaged: payload section weights: hash must be "),
            0u)
      << result.err;
}

static std::string bytesOf(const runtime::GenerationDefaults &defaults) {
  return std::string(reinterpret_cast<const char *>(&defaults),
                     sizeof(defaults));
}

TEST_F(ExecutableTest, defaultsOfTheModelCountWhereTheUserSaysNothing) {
  build("lively", LQC_FAKE_MODEL, "",
        bytesOf({.temperature = 2,
                 .topP = 1,
                 .minP = 0.25,
                 .repeatPenalty = 1.5,
                 .topK = 3,
                 .count = 6}));
  auto lively = [&](const std::string &arguments) {
    return runProgram(*folder / "lively " + arguments).out;
  };
  const std::string flags = " --temperature 2 --top-p 1 --min-p 0.25 "
                            "--repeat-penalty 1.5 --top-k 3 -n 6";
  EXPECT_EQ(lively("--tokens 1 --seed 3"),
            run("--tokens 1 --seed 3" + flags).out);
  EXPECT_EQ(lively("--tokens 1 --temperature 0 --repeat-penalty 1 -n 2"),
            "2,3\n");
  const std::string help = lively("--help");
  for (const char *text : {"(default: 2)", "(default: 1)", "(default: 0.25)",
                           "(default: 1.5)", "(default: 3)", "(6;"})
    EXPECT_NE(help.find(text), help.npos) << text << help;
}

TEST_F(ExecutableTest, impossibleDefaultsAreNamed) {
  build("odd", LQC_FAKE_MODEL, "", bytesOf({.topP = 1.5}));
  EXPECT_EQ(runProgram(*folder / "odd --tokens 1").err,
            "odd: payload section generation: top_p must be a number from 0 to "
            "1, got: 1.5\n");
  build("odd", LQC_FAKE_MODEL, "", "short");
  EXPECT_EQ(runProgram(*folder / "odd --tokens 1").err,
            "odd: payload section generation: size must be 48, got: 5\n");
}

TEST_F(ExecutableTest, cutOffFileIsNamed) {
  std::string bytes = readFile(*folder / "model");
  writeFile(*folder / "short", bytes.substr(0, bytes.size() - 8));
  std::filesystem::permissions(*folder / "short",
                               std::filesystem::perms::owner_all);
  ProgramResult result = runProgram(*folder / "short --tokens 1");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err.rfind("short: payload footer: the file must end with "
                             "the payload's magic number (is it cut off?), "
                             "got: "),
            0u)
      << result.err;
}

TEST_F(ExecutableTest, missingCpuFeatureIsNamed) {
  build("foreign", LQC_FOREIGN_MODEL, "");
  ProgramResult result = runProgram(*folder / "foreign --help");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err,
            "foreign: this executable needs the CPU feature nonesuch, which "
            "this machine lacks; compile with --cpu=native here\n");
}
