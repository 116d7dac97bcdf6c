//===- EncoderMain.cpp - the program of an executable that embeds text ----===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Only the code of an encoder refers to this file, so other graphs are linked
// without a tokenizer.
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/Encoder.h"
#include "lib/Runtime/NewFile.h"
#include "lqc/Runtime/EncoderText.h"

#include <charconv>
#include <cstdio>
#include <unistd.h>

using namespace lqc::runtime;

//===----------------------------------------------------------------------===//
// Texts
//===----------------------------------------------------------------------===//

namespace {
/// What is to be embedded: arguments, or the lines of `contents`.
struct Texts {
  std::string contents;
  std::vector<std::string_view> lines;
};
} // namespace

static std::string readTexts(const TextOptions &options, Texts &texts) {
  if (!options.texts.empty()) {
    texts.lines.assign(options.texts.begin(), options.texts.end());
    return {};
  }
  const std::string file = options.file.empty() ? "-" : options.file;
  if (options.file.empty() && ::isatty(STDIN_FILENO))
    return "there is no text: give it as an argument, with --file FILE or "
           "through a pipe";
  std::string error;
  if (!readWholeFile(file, texts.contents, error))
    return error;
  splitLines(texts.contents, texts.lines);
  if (texts.lines.empty())
    return (file == "-" ? "standard input" : file) +
           ": must have at least one line of text";
  return {};
}

//===----------------------------------------------------------------------===//
// Embeddings
//===----------------------------------------------------------------------===//

namespace {
/// Where rows go: a .npy file, or JSON arrays to standard output.
class Rows {
public:
  explicit Rows(const std::string &path) : path(path) {}

  /// Takes `rows` of `width` numbers, of `count` in all. What is wrong, or "".
  std::string add(std::span<const float> rows, int64_t width, int64_t count);
  /// The exit status.
  int finish(const GraphExecutable &executable);

private:
  void print(std::span<const float> row);

  const std::string &path;
  NewFile file;
  Output output;
};
} // namespace

/// "[0.25, -1]": the shortest numbers that read back as the same floats.
void Rows::print(std::span<const float> row) {
  std::string text = "[";
  for (float number : row) {
    char digits[32];
    const char *end = std::to_chars(digits, std::end(digits), number).ptr;
    text += text.size() > 1 ? ", " : "";
    text.append(digits, size_t(end - digits));
  }
  output.write(text + "]\n");
}

std::string Rows::add(std::span<const float> rows, int64_t width,
                      int64_t count) {
  if (path.empty()) {
    for (; !rows.empty(); rows = rows.subspan(size_t(width)))
      print(rows.first(size_t(width)));
    return {};
  }
  std::string problem;
  if (!file.isOpen()) {
    Tensor shape;
    shape.dims = {count, width};
    problem = file.open(path);
    if (problem.empty())
      problem = file.write(npyHeader(shape));
  }
  return problem.empty()
             ? file.write({reinterpret_cast<const char *>(rows.data()),
                           rows.size_bytes()})
             : problem;
}

int Rows::finish(const GraphExecutable &executable) {
  if (path.empty())
    return output.finish(executable.name);
  std::string problem = file.complete();
  if (problem.empty())
    problem = file.keep();
  return problem.empty() ? 0 : executable.fail(problem);
}

/// On a terminal, unless rows appear there.
static void showProgress(const TextOptions &options, size_t done, size_t all) {
  static const bool wanted =
      ::isatty(STDERR_FILENO) &&
      (!options.output.empty() || !::isatty(STDOUT_FILENO));
  if (!wanted)
    return;
  if (done < all)
    std::fprintf(stderr, "\rtext %zu of %zu", done + 1, all);
  else
    std::fputs("\r\033[K", stderr);
}

static std::string embedAll(LineEncoder &encoder, const TextOptions &options,
                            std::span<const std::string_view> texts,
                            Rows &rows) {
  std::vector<TokenLine> lines;
  std::vector<float> numbers;
  for (size_t done = 0; done < texts.size();) {
    showProgress(options, done, texts.size());
    lines.resize(std::min(texts.size() - done, size_t(encoder.batch())));
    for (size_t i = 0; i < lines.size(); ++i)
      if (std::string problem = encoder.tokenize(texts[done + i], lines[i]);
          !problem.empty())
        return "text " + std::to_string(done + i + 1) + ": " + problem;
    numbers.clear();
    std::string problem = encoder.embed(lines, int64_t(done) + 1, numbers);
    if (problem.empty())
      problem = rows.add(numbers, encoder.width(), int64_t(texts.size()));
    if (!problem.empty())
      return problem;
    done += lines.size();
  }
  showProgress(options, texts.size(), texts.size());
  return {};
}

int lqc::runtime::embedTexts(GraphExecutable &executable) {
  const TextOptions &options = *executable.options.text;
  std::string error;
  const auto tokenizer = Tokenizer::open(
      executable.payload.data(Section::TokenizerTables),
      executable.payload.bytes(Section::TokenizerTables), error);
  if (!tokenizer)
    return executable.fail("payload section tokenizer: " + error);
  LineEncoder encoder(executable, *tokenizer);
  Texts texts;
  std::string problem = encoder.problem();
  if (problem.empty())
    problem = readTexts(options, texts);
  Rows rows(options.output);
  if (problem.empty())
    problem = embedAll(encoder, options, texts.lines, rows);
  return problem.empty() ? rows.finish(executable) : executable.fail(problem);
}

int lqc_encoder_main(const struct lqc_graph *graph, int argc, char **argv) {
  return runGraphProgram(*graph, argc, argv, embedTexts);
}
