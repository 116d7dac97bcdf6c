//===- SearchMethods.cpp - calibrated methods and their names -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/SearchMethods.h"

#include "lqc/Support/Error.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace lqc;
using llvm::StringRef;

namespace {
struct MethodName {
  StringRef name;
  SearchMethod method;
};
} // namespace

/// In the order of SearchMethod.
static constexpr MethodName kMethods[] = {
    {"smoothquant", SearchMethod::SmoothQuant},
    {"awq", SearchMethod::Awq},
    {"gptq", SearchMethod::Gptq},
};

/// "a", "a or b", "a, b or c".
static std::string methodNames() {
  std::string text;
  for (auto [i, method] : llvm::enumerate(kMethods)) {
    if (i)
      text += i + 1 == std::size(kMethods) ? " or " : ", ";
    text += method.name;
  }
  return text;
}

static llvm::Expected<SearchStep> parseStep(StringRef text) {
  for (const MethodName &known : kMethods)
    if (text == known.name)
      return SearchStep{known.method};
  return makeError("must be {0}, or several of them (awq,gptq), got: {1}",
                   methodNames(), quote(text));
}

llvm::Expected<llvm::SmallVector<SearchStep>>
lqc::parseSearchMethods(StringRef text) {
  llvm::SmallVector<SearchStep> steps;
  if (text.empty())
    return steps;
  for (StringRef part : llvm::split(text, ',')) {
    llvm::Expected<SearchStep> step = parseStep(part);
    if (!step)
      return step.takeError();
    for (const SearchStep &other : steps)
      if (other.method == step->method)
        return makeError("{0} must be given once, got: {1}",
                         kMethods[int(step->method)].name, quote(text));
    steps.push_back(*step);
  }
  llvm::sort(steps, [](const SearchStep &a, const SearchStep &b) {
    return a.method < b.method;
  });
  return steps;
}

std::string lqc::searchMethodsText(llvm::ArrayRef<SearchStep> steps) {
  std::string text;
  for (const SearchStep &step : steps) {
    if (!text.empty())
      text += ',';
    text += kMethods[int(step.method)].name;
  }
  return text;
}
