//===- Signal.cpp - windows and Fourier transforms ------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

/// A scalar integer input.
static Size scalarSize(NodeBuilder &n, unsigned input, StringRef what) {
  Sizes given = n.elements(input);
  if (given.size() == 1)
    return n.checkedSize(given.front(), what);
  n.fail("{0} must be a scalar", what);
  return n.sizes().constant(1);
}

static Value real(const Arith &f, Value index) {
  Arith whole = f.of(OnnxType::Int64);
  return whole.cast(whole.fromIndex(index), f.element());
}

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

/// a - b cos(2 pi i / N) + c cos(4 pi i / N)
static void buildWindow(NodeBuilder &n, double a, double b, double c) {
  SizeMath &s = n.sizes();
  Size size = scalarSize(n, 0, "size");
  OnnxType type = n.elementAttribute("output_datatype", OnnxType::Float);
  bool isPeriodic = n.integer("periodic", 1);
  if (n.failed())
    return;
  Size period =
      isPeriodic ? size : s.max(s.sub(size, s.constant(1)), s.constant(1));
  n.set(0, n.compute(size, type, [&](const Arith &f, Numbers at) {
    Arith d = f.of(OnnxType::Double);
    Value turn = d.div(d.mul(d.constant(2 * M_PI), real(d, at[0])),
                       real(d, s.value(period)));
    Value result = d.sub(d.constant(a), d.mul(d.constant(b), d.cos(turn)));
    if (c != 0)
      result = d.add(result,
                     d.mul(d.constant(c), d.cos(d.mul(d.constant(2), turn))));
    return d.cast(result, type);
  }));
}

static void buildHannWindow(NodeBuilder &n) { buildWindow(n, 0.5, 0.5, 0); }
static void buildHammingWindow(NodeBuilder &n) {
  buildWindow(n, 25.0 / 46, 21.0 / 46, 0);
}
static void buildBlackmanWindow(NodeBuilder &n) {
  buildWindow(n, 0.42, 0.5, 0.08);
}

//===----------------------------------------------------------------------===//
// Fourier transforms
//===----------------------------------------------------------------------===//

namespace {
/// A complex number of a signal: null imaginary parts are 0.
struct Complex {
  Value re, im;
};
} // namespace

/// Part `part` (0: real) of the sum over i of x_i exp(-/+ 2 pi k i / size).
static Value fourierSum(NodeBuilder &n, const Arith &f, Size size, Value k,
                        Value part, bool isInverse,
                        llvm::function_ref<Complex(Value)> element) {
  SizeMath &s = n.sizes();
  Arith d = f.of(OnnxType::Double);
  Value length = real(d, s.value(size));
  auto body = [&](Numbers i, Numbers carried) {
    // k i modulo the size, so that the angle keeps its digits.
    Value turns = s.value(s.mod(s.mul(k, i[0]), size));
    Value angle = d.div(
        d.mul(d.constant((isInverse ? 2 : -2) * M_PI), real(d, turns)), length);
    Value cosine = d.cos(angle), sine = d.sin(angle);
    Complex x = element(i[0]);
    Value re = f.cast(x.re, OnnxType::Double);
    Value sumRe = d.mul(re, cosine), sumIm = d.mul(re, sine);
    if (x.im) {
      Value im = f.cast(x.im, OnnxType::Double);
      sumRe = d.sub(sumRe, d.mul(im, sine));
      sumIm = d.add(sumIm, d.mul(im, cosine));
    }
    return SmallVector<Value>{d.add(carried[0], sumRe),
                              d.add(carried[1], sumIm)};
  };
  SmallVector<Value> sums = n.loops(size, {d.constant(0), d.constant(0)}, body);
  Value zero = s.value(s.constant(0));
  Value isReal = arith::CmpIOp::create(n.builder(), n.loc(),
                                       arith::CmpIPredicate::eq, part, zero);
  Value sum = d.select(isReal, sums[0], sums[1]);
  return d.cast(isInverse ? d.div(sum, length) : sum, f.element());
}

/// The element at these indices; 0 behind the end of the axis.
static Complex complexAt(NodeBuilder &n, const Arith &f, const Tensor &a,
                         SmallVector<Value> from, int64_t axis) {
  SizeMath &s = n.sizes();
  Value size = s.value(a.dims[axis]);
  Value isInside = arith::CmpIOp::create(
      n.builder(), n.loc(), arith::CmpIPredicate::ult, from[axis], size);
  from[axis] = n.normalized(f, from[axis], size);
  auto part = [&](int64_t index) {
    SmallVector<Value> place = from;
    place.back() = s.value(s.constant(index));
    return f.select(isInside, n.load(f, a, place), f.constant(0));
  };
  bool isComplex = knownSize(a.dims.back()) == 2;
  return {part(0), isComplex ? part(1) : Value()};
}

static bool checkParts(NodeBuilder &n, const Tensor &a) {
  n.requireFloat(a);
  n.require(a.rank() >= 2, "the input must have a dimension and parts");
  if (n.failed())
    return false;
  std::optional<int64_t> parts = knownSize(a.dims.back());
  n.require(parts == 1 || parts == 2,
            "the last size must be 1 (real) or 2 (complex)");
  return !n.failed();
}

/// The numbers of a transform of this length: all, or those up to the middle.
static Size binsOf(SizeMath &s, Size length, bool isOneSided) {
  return isOneSided ? s.add(s.div(length, s.constant(2)), s.constant(1))
                    : length;
}

static void buildDft(NodeBuilder &n) {
  Tensor a = n.input(0);
  SizeMath &s = n.sizes();
  bool isInverse = n.integer("inverse", 0),
       isOneSided = n.integer("onesided", 0);
  int64_t axis = n.integer("axis", 1);
  if (n.version() >= 20) {
    axis = -2;
    if (n.has(2)) {
      SmallVector<int64_t> given = n.requiredIntegers(2, "axis");
      n.require(given.size() == 1, "axis must be a scalar");
      axis = given.size() == 1 ? given.front() : axis;
    }
  }
  if (!checkParts(n, a))
    return;
  axis = n.axis(axis, a.rank());
  n.require(axis != a.rank() - 1, "axis must not be that of the parts");
  n.require(!(isInverse && isOneSided),
            "an inverse transform must not be onesided");
  if (n.failed())
    return;
  Size length = n.has(1) ? scalarSize(n, 1, "dft_length") : a.dims[axis];
  Sizes dims = a.dims;
  dims[axis] = binsOf(s, length, isOneSided);
  dims.back() = s.constant(2);
  n.set(0, n.compute(dims, a.element, [&](const Arith &f, Numbers at) {
    return fourierSum(n, f, length, at[axis], at.back(), isInverse,
                      [&](Value i) {
                        SmallVector<Value> from(at);
                        from[axis] = i;
                        return complexAt(n, f, a, from, axis);
                      });
  }));
}

/// Transforms of windows of the signal (batch, length, parts).
static void buildStft(NodeBuilder &n) {
  Tensor a = n.input(0);
  SizeMath &s = n.sizes();
  bool isOneSided = n.integer("onesided", 1);
  n.requireRank(a, 3, "the signal");
  if (!checkParts(n, a))
    return;
  Size step = scalarSize(n, 1, "frame_step");
  Tensor window = n.has(2) ? n.input(2) : Tensor();
  if (window) {
    n.requireRank(window, 1, "the window");
    n.requireSame(a, window);
  }
  n.require(n.has(3) || window, "frame_length or a window must be given");
  if (n.failed())
    return;
  Size length = n.has(3) ? scalarSize(n, 3, "frame_length") : window.dims[0];
  if (window)
    n.requireEqual(length, window.dims[0],
                   "frame_length and the window's size");
  Size room = s.sub(a.dims[1], length);
  Size frames = s.add(s.div(s.max(room, s.constant(0)), step), s.constant(1));
  frames = s.ifLess(room, s.constant(0), s.constant(0), frames);
  Sizes dims = {a.dims[0], frames, binsOf(s, length, isOneSided),
                s.constant(2)};
  if (n.failed())
    return;
  n.set(0, n.compute(dims, a.element, [&](const Arith &f, Numbers at) {
    return fourierSum(
        n, f, length, at[2], at[3], /*isInverse=*/false, [&](Value i) {
          Size place = s.add(s.mul(at[1], step), i);
          Value zero = s.value(s.constant(0));
          Complex x = complexAt(n, f, a, {at[0], s.value(place), zero}, 1);
          if (!window)
            return x;
          Value weight = n.load(f, window, i);
          return Complex{f.mul(x.re, weight),
                         x.im ? f.mul(x.im, weight) : Value()};
        });
  }));
}

ArrayRef<OnnxOp> lqc::signalOps() {
  static const OnnxOp kOps[] = {
      {"HannWindow", {17}, 1, 1, buildHannWindow},
      {"HammingWindow", {17}, 1, 1, buildHammingWindow},
      {"BlackmanWindow", {17}, 1, 1, buildBlackmanWindow},
      {"DFT", {17, 20}, 1, 3, buildDft},
      {"STFT", {17}, 2, 4, buildStft},
  };
  return kOps;
}
