//===- tokenizer.cpp - how fast texts become tokens -----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// lqc-bench-tokenizer TEXT MODEL[=FAMILY]... [--benchmark_…]: for each
// tokenizer the bytes a second of one thread that encodes the file TEXT as a
// whole, and line by line.
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Tokenizer/Tokenizer.h"
#include "lqc/Runtime/Tokenizer.h"
#include "lqc/Support/MappedFile.h"

#include <benchmark/benchmark.h>

#include "llvm/ADT/StringRef.h"

using namespace lqc;

namespace {
/// A tokenizer and the tables under it.
struct OpenTokenizer {
  std::vector<char> tables;
  std::unique_ptr<runtime::Tokenizer> tokenizer;
};
} // namespace

static int fail(const std::string &message) {
  llvm::errs() << "lqc-bench-tokenizer: error: " << message << "\n";
  return 1;
}

static std::string open(llvm::StringRef argument, OpenTokenizer &result) {
  auto [directory, family] = argument.split('=');
  llvm::Expected<std::optional<std::vector<char>>> tables =
      buildTokenizerTables(directory, INT32_MAX, {}, family);
  if (!tables)
    return llvm::toString(tables.takeError());
  if (!*tables)
    return (directory + ": no tokenizer").str();
  result.tables = std::move(**tables);
  std::string error;
  result.tokenizer = runtime::Tokenizer::open(result.tables.data(),
                                              result.tables.size(), error);
  return error;
}

static void encodeWhole(benchmark::State &state,
                        const runtime::Tokenizer &tokenizer,
                        llvm::StringRef text) {
  size_t tokens = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(tokens = tokenizer.encode(text, false).size());
  state.SetBytesProcessed(int64_t(state.iterations() * text.size()));
  state.counters["tokens"] = double(tokens);
}

static void encodeLines(benchmark::State &state,
                        const runtime::Tokenizer &tokenizer,
                        llvm::StringRef text) {
  llvm::SmallVector<llvm::StringRef> lines;
  text.split(lines, '\n');
  for (auto _ : state)
    for (llvm::StringRef line : lines)
      benchmark::DoNotOptimize(tokenizer.encode(line, false).size());
  state.SetBytesProcessed(int64_t(state.iterations() * text.size()));
}

int main(int argc, char **argv) {
  benchmark::Initialize(&argc, argv);
  if (argc < 3)
    return fail("needs a text and at least one model, got: " +
                std::to_string(argc - 1) + " arguments");
  llvm::Expected<MappedFile> text = MappedFile::open(argv[1]);
  if (!text)
    return fail(llvm::toString(text.takeError()));
  std::vector<std::unique_ptr<OpenTokenizer>> tokenizers;
  for (int i = 2; i < argc; ++i) {
    tokenizers.push_back(std::make_unique<OpenTokenizer>());
    std::string error = open(argv[i], *tokenizers.back());
    if (!error.empty())
      return fail(error);
    const runtime::Tokenizer &tokenizer = *tokenizers.back()->tokenizer;
    std::string name = argv[i];
    for (bool whole : {true, false})
      benchmark::RegisterBenchmark(
          (name + (whole ? "/whole" : "/lines")).c_str(),
          [&tokenizer, &text, whole](benchmark::State &state) {
            (whole ? encodeWhole : encodeLines)(state, tokenizer, text->text());
          });
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
