//===- lqc-tokenize.cpp - a model's tokenizer on lines --------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each line of the standard input is a JSON string. For each comes a line with
// its tokens and their text: {"ids":[1,2],"text":"…"}. No special tokens are
// added. tools/dev/compare_tokenizers.py compares that with other programs.
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Tokenizer/Tokenizer.h"
#include "lqc/Runtime/Tokenizer.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Json.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

#include <iostream>

using namespace lqc;
namespace cl = llvm::cl;

static int fail(const std::string &message) {
  llvm::errs() << "lqc-tokenize: error: " << message << "\n";
  return 1;
}

static llvm::json::Value encodeLine(const runtime::Tokenizer &tokenizer,
                                    llvm::StringRef text) {
  llvm::json::Array ids;
  runtime::TextStream stream(tokenizer, /*keepSpecial=*/true);
  std::string decoded;
  for (int32_t id : tokenizer.encode(text, /*addSpecial=*/false)) {
    ids.push_back(id);
    decoded += stream.push(id);
  }
  decoded += stream.flush();
  return llvm::json::Object{{"ids", std::move(ids)}, {"text", decoded}};
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::opt<std::string> directory(cl::Positional, cl::Required,
                                 cl::desc("MODEL"));
  cl::opt<std::string> family("tokenizer", cl::value_desc("FAMILY"),
                              cl::desc("as lqc compile has it"));
  cl::ParseCommandLineOptions(
      argc, argv, "tokens of the JSON strings on the lines of stdin\n");
  llvm::Expected<std::optional<std::vector<char>>> tables =
      buildTokenizerTables(directory, INT32_MAX, {}, family);
  if (!tables)
    return fail(llvm::toString(tables.takeError()));
  if (!*tables)
    return fail(directory + ": no tokenizer");
  std::string error;
  auto tokenizer =
      runtime::Tokenizer::open((*tables)->data(), (*tables)->size(), error);
  if (!tokenizer)
    return fail(error);
  for (std::string line; std::getline(std::cin, line);) {
    llvm::Expected<llvm::json::Value> value = parseJson(line, "stdin");
    if (!value)
      return fail(llvm::toString(value.takeError()));
    if (!value->getAsString())
      return fail("a line must be a JSON string, got: " + quote(line));
    llvm::outs() << encodeLine(*tokenizer, *value->getAsString()) << "\n";
  }
  return 0;
}
