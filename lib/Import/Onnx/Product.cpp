//===- Product.cpp - products of matrices ---------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"
#include "lib/Import/Onnx/Parts.h"
#include "lqc/Support/Error.h"

#include <map>

using namespace mlir;
using namespace lqc;

/// The product of codes: exact sums, times both scales. `transposesB`: B is
/// (columns, rows), and so are its scales. The bias may be left out.
static Tensor productOfCodes(NodeBuilder &n, const CodedReals &a,
                             const CodedReals &b, bool transposesB,
                             const Tensor &bias = {}) {
  Tensor left = centeredCodes(n, a.codes, a.zero, /*isRows=*/true);
  Tensor right = centeredCodes(n, b.codes, b.zero, /*isRows=*/transposesB);
  if (n.failed())
    return left;
  if (transposesB)
    right = n.transpose(right, {1, 0});
  Tensor scale =
      n.mul(productScale(n, a.scale, true), productScale(n, b.scale, false));
  Tensor sum = n.matmul(left, right);
  Tensor exact = biasOfSums(n, bias, a, b);
  Tensor result = realsOfSums(n, exact ? n.add(sum, exact) : sum, scale);
  return bias && !exact ? n.add(result, bias) : result;
}

static void buildMatMul(NodeBuilder &n) {
  Tensor a = n.input(0), b = n.input(1);
  if (areCodes(a, b, /*axis=*/b.rank() - 1) && b.rank() == 2)
    n.set(0, productOfCodes(n, *a.codes, *b.codes, /*transposesB=*/false));
  else
    n.set(0, n.matmul(a, b));
}

/// A' B' of the node. The bias, a vector, may be left out.
static Tensor gemmProduct(NodeBuilder &n, Tensor a, Tensor b,
                          const Tensor &bias) {
  bool transposesB = n.integer("transB", 0);
  if (n.integer("transA", 0))
    a = n.transpose(a, {1, 0}); // no codes any more
  if (areCodes(a, b, /*axis=*/transposesB ? 0 : 1))
    return productOfCodes(n, *a.codes, *b.codes, transposesB, bias);
  Tensor product = n.matmul(a, transposesB ? n.transpose(b, {1, 0}) : b);
  return bias ? n.add(product, bias) : product;
}

Tensor lqc::gemm(NodeBuilder &n) {
  Tensor a = n.input(0), b = n.input(1);
  n.requireRank(a, 2, "A");
  n.requireRank(b, 2, "B");
  double alpha = n.real("alpha", 1), beta = n.real("beta", 1);
  Tensor c = n.has(2) && beta != 0 ? n.input(2) : Tensor();
  n.require(!c || c.rank() <= 2, "C must have at most 2 dimensions");
  if (n.failed())
    return a;
  if (alpha == 1 && beta == 1 && (!c || c.rank() == 1))
    return gemmProduct(n, a, b, c);
  Tensor result = gemmProduct(n, a, b, {});
  if (alpha != 1)
    result = n.mul(result, n.scalar(alpha, result.element));
  if (c && beta != 1)
    c = n.mul(c, n.scalar(beta, c.element));
  return c ? n.add(result, c) : result;
}

static void buildGemm(NodeBuilder &n) { n.set(0, gemm(n)); }

//===----------------------------------------------------------------------===//
// Einsum
//===----------------------------------------------------------------------===//

namespace {
/// The letters of an operand, one for each dimension. Dimensions of "..." are
/// digits counted from the last one: '0' is the last.
using Labels = std::string;

struct Equation {
  SmallVector<Labels> operands;
  Labels result;
};

/// An operand on the way.
struct Term {
  Tensor tensor;
  Labels labels;
};
} // namespace

static Labels ellipsis(int64_t count) {
  Labels labels;
  for (int64_t i = count; i-- > 0;)
    labels.push_back(char('0' + i));
  return labels;
}

/// "ij" or "...ij" for a tensor of `rank` dimensions; -1: the result, whose
/// dots are those of the operands.
static Labels parseTerm(NodeBuilder &n, StringRef text, int64_t rank,
                        int64_t dots) {
  size_t place = text.find("...");
  std::string letters = text.str();
  bool hasDots = place != StringRef::npos;
  if (hasDots)
    letters.erase(place, 3);
  for (char c : letters)
    n.require(llvm::isAlpha(c), "equation must be of letters, commas, dots and "
                                "one arrow");
  int64_t count = rank < 0 ? dots : rank - int64_t(letters.size());
  n.require(hasDots ? count >= 0 && count <= 10 : rank < 0 || count == 0,
            "equation must have a letter for each dimension of an operand");
  if (n.failed() || !hasDots)
    return letters;
  return letters.substr(0, place) + ellipsis(count) + letters.substr(place);
}

/// Without an arrow the result has the letters that occur once, sorted.
static Labels implicitResult(ArrayRef<Labels> operands, int64_t dots) {
  std::map<char, int> counts;
  for (const Labels &labels : operands)
    for (char c : labels)
      ++counts[c];
  Labels result = ellipsis(dots);
  for (auto [letter, count] : counts)
    if (count == 1 && !llvm::isDigit(letter))
      result.push_back(letter);
  return result;
}

static Equation parseEquation(NodeBuilder &n, std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  auto [left, right] = StringRef(text).split("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  Equation equation;
  if (terms.size() != n.inputCount()) {
    n.fail("equation must have a term for each input, got: {0}", quote(text));
    return equation;
  }
  int64_t dots = 0;
  for (auto [i, term] : llvm::enumerate(terms)) {
    Labels labels = parseTerm(n, term, n.raw(i).rank(), 0);
    dots = std::max<int64_t>(dots, llvm::count_if(labels, llvm::isDigit));
    equation.operands.push_back(labels);
  }
  equation.result = text.find("->") == std::string::npos
                        ? implicitResult(equation.operands, dots)
                        : parseTerm(n, right, -1, dots);
  return equation;
}

/// Sums products over the labels that `result` lacks.
static Term multiply(NodeBuilder &n, const Term &a, const Term &b,
                     const Labels &result) {
  std::map<char, unsigned> places;
  std::map<char, Size> sizes;
  Labels all = result;
  for (const Term *term : {&a, &b})
    for (auto [label, size] : llvm::zip(term->labels, term->tensor.dims)) {
      if (all.find(label) == std::string::npos)
        all.push_back(label);
      auto [known, isNew] = sizes.try_emplace(label, size);
      if (isNew || knownSize(size) == 1)
        continue;
      known->second =
          knownSize(known->second) == 1
              ? size
              : n.requireEqual(known->second, size, "sizes of one letter");
    }
  for (auto [place, label] : llvm::enumerate(all))
    places[label] = place;
  for (char label : result)
    n.require(sizes.count(label), "equation's result must have letters of its "
                                  "operands");
  if (n.failed())
    return a;
  MLIRContext *context = n.builder().getContext();
  auto mapOf = [&](const Term &term) {
    SmallVector<AffineExpr> exprs;
    for (auto [label, size] : llvm::zip(term.labels, term.tensor.dims))
      exprs.push_back(knownSize(size) == 1 && knownSize(sizes[label]) != 1
                          ? getAffineConstantExpr(0, context)
                          : getAffineDimExpr(places[label], context));
    return AffineMap::get(all.size(), 0, exprs, context);
  };
  Sizes dims;
  SmallVector<AffineExpr> exprs;
  for (char label : result) {
    dims.push_back(sizes[label]);
    exprs.push_back(getAffineDimExpr(places[label], context));
  }
  Tensor product = n.contract(a.tensor, mapOf(a), b.tensor, mapOf(b), dims,
                              AffineMap::get(all.size(), 0, exprs, context),
                              a.tensor.element);
  return {product, result};
}

/// Two by two from the left; a label goes when no later term has it.
static void buildEinsum(NodeBuilder &n) {
  Equation equation = parseEquation(n, n.text("equation", ""));
  if (n.failed())
    return;
  for (char label : equation.result)
    n.require(llvm::count(equation.result, label) == 1,
              "equation's result must have each letter once");
  Tensor first = n.input(0);
  for (unsigned i = 1; i < n.inputCount(); ++i)
    n.requireSame(first, n.raw(i));
  if (n.failed())
    return;
  Term term = {n.scalar(1, first.element), ""};
  for (auto [i, labels] : llvm::enumerate(equation.operands)) {
    Labels later = equation.result, kept;
    for (const Labels &other : ArrayRef(equation.operands).drop_front(i + 1))
      later += other;
    for (char label : term.labels + labels)
      if (later.find(label) != std::string::npos &&
          kept.find(label) == std::string::npos)
        kept.push_back(label);
    bool isLast = i + 1 == equation.operands.size();
    // The first one alone changes nothing that the second cannot do too.
    if (i == 0 && !isLast) {
      term = {first, labels};
      continue;
    }
    term = multiply(n, term, {n.input(i), labels},
                    isLast ? equation.result : kept);
    if (n.failed())
      return;
  }
  n.set(0, term.tensor);
}

ArrayRef<OnnxOp> lqc::productOps() {
  static const OnnxOp kOps[] = {
      {"MatMul", {1, 9, 13}, 2, 2, buildMatMul},
      {"Gemm", {6, 7, 9, 11, 13}, 2, 3, buildGemm},
      {"Einsum", {12}, 1, kAnyNumber, buildEinsum},
  };
  return kOps;
}
