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
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace lqc;
using llvm::StringRef;

namespace {
struct MethodName {
  StringRef name;
  SearchMethod method;
  bool takesPercent;
};
} // namespace

/// In the order of SearchMethod.
static constexpr MethodName kMethods[] = {
    {"smoothquant", SearchMethod::SmoothQuant, /*takesPercent=*/false},
    {"awq", SearchMethod::Awq, /*takesPercent=*/false},
    {"protect", SearchMethod::Protect, /*takesPercent=*/true},
    {"gptq", SearchMethod::Gptq, /*takesPercent=*/false},
};

/// "a", "a or b", "a, b or c".
static std::string methodNames() {
  std::string text;
  for (auto [i, method] : llvm::enumerate(kMethods)) {
    if (i)
      text += i + 1 == std::size(kMethods) ? " or " : ", ";
    text += method.name;
    if (method.takesPercent)
      text += "=P%";
  }
  return text;
}

/// Reads "1.5%".
static llvm::Expected<double> parsePercent(StringRef text, StringRef name) {
  double percent = 0;
  StringRef number = text;
  if (!number.consume_back("%") || number.getAsDouble(percent) ||
      !(percent > 0 && percent <= kMostProtectedPercent))
    return makeError("{0} must be {0}=P% with P above 0 and at most {1}, got: "
                     "{2}",
                     name, kMostProtectedPercent, quote(text));
  return percent;
}

static llvm::Expected<SearchStep> parseStep(StringRef text) {
  auto [name, value] = text.split('=');
  for (const MethodName &known : kMethods) {
    if (name != known.name)
      continue;
    if (!known.takesPercent && name != text)
      break;
    SearchStep step{known.method};
    if (!known.takesPercent)
      return step;
    llvm::Expected<double> percent = parsePercent(value, name);
    if (!percent)
      return percent.takeError();
    step.percent = *percent;
    return step;
  }
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
    if (kMethods[int(step.method)].takesPercent)
      llvm::raw_string_ostream(text) << llvm::format("=%g%%", step.percent);
  }
  return text;
}
