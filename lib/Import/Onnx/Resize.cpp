//===- Resize.cpp - other sizes by interpolation --------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Interpolation in several dimensions is interpolation in one after the other.
// Coordinates are computed in double: a coordinate that should be whole must
// not come out just below.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"
#include "lqc/Support/Error.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

namespace {
enum class Mode { Nearest, Linear, Cubic };
enum class Coordinates {
  HalfPixel,
  SymmetricHalfPixel,
  PytorchHalfPixel,
  AlignCorners,
  Asymmetric,
  TfHalfPixel,
  TfCrop,
};
enum class Rounding { PreferFloor, PreferCeil, Floor, Ceil };

/// What all dimensions share.
struct Options {
  Mode mode = Mode::Nearest;
  Coordinates coordinates = Coordinates::HalfPixel;
  Rounding rounding = Rounding::PreferFloor;
  double cubic = -0.75, extrapolation = 0;
  bool excludesOutside = false;
};

/// One dimension.
struct AxisResize {
  int64_t axis;
  Size from, to;
  Value scale;      ///< f64
  Value start, end; ///< f64, of the region of interest (TfCrop)
};
} // namespace

static Options readOptions(NodeBuilder &n) {
  Options options;
  bool isOld = n.version() < 11; // also Upsample
  std::string mode = n.text("mode", "nearest");
  std::string coordinates = n.text("coordinate_transformation_mode",
                                   isOld ? "asymmetric" : "half_pixel");
  std::string rounding =
      n.text("nearest_mode", isOld ? "floor" : "round_prefer_floor");
  auto found = llvm::StringSwitch<std::optional<Mode>>(mode)
                   .Case("nearest", Mode::Nearest)
                   .Case("linear", Mode::Linear)
                   .Case("cubic", Mode::Cubic)
                   .Default(std::nullopt);
  auto way = llvm::StringSwitch<std::optional<Coordinates>>(coordinates)
                 .Case("half_pixel", Coordinates::HalfPixel)
                 .Case("half_pixel_symmetric", Coordinates::SymmetricHalfPixel)
                 .Case("pytorch_half_pixel", Coordinates::PytorchHalfPixel)
                 .Case("align_corners", Coordinates::AlignCorners)
                 .Case("asymmetric", Coordinates::Asymmetric)
                 .Case("tf_half_pixel_for_nn", Coordinates::TfHalfPixel)
                 .Case("tf_crop_and_resize", Coordinates::TfCrop)
                 .Default(std::nullopt);
  auto round = llvm::StringSwitch<std::optional<Rounding>>(rounding)
                   .Case("round_prefer_floor", Rounding::PreferFloor)
                   .Case("round_prefer_ceil", Rounding::PreferCeil)
                   .Case("floor", Rounding::Floor)
                   .Case("ceil", Rounding::Ceil)
                   .Default(std::nullopt);
  if (!found)
    n.fail("mode must be nearest, linear or cubic, got: {0}", quote(mode));
  if (!way)
    n.fail("coordinate_transformation_mode must be one of the "
           "specification's, got: {0}",
           quote(coordinates));
  if (!round)
    n.fail("nearest_mode must be one of the specification's, got: {0}",
           quote(rounding));
  n.require(!n.integer("antialias", 0), "antialias is not supported");
  options.mode = found.value_or(options.mode);
  options.coordinates = way.value_or(options.coordinates);
  options.rounding = round.value_or(options.rounding);
  options.cubic = n.real("cubic_coeff_a", -0.75);
  options.extrapolation = n.real("extrapolation_value", 0);
  options.excludesOutside = n.integer("exclude_outside", 0);
  return options;
}

//===----------------------------------------------------------------------===//
// One dimension
//===----------------------------------------------------------------------===//

static Value sizeAsDouble(NodeBuilder &n, const Arith &d, Size size) {
  if (std::optional<int64_t> known = knownSize(size))
    return d.constant(double(*known));
  Arith whole = d.of(OnnxType::Int64);
  return whole.cast(whole.fromIndex(n.sizes().value(size)), OnnxType::Double);
}

/// Where place `at` of the result lies in the source.
static Value coordinate(NodeBuilder &n, const Arith &d, const Options &options,
                        const AxisResize &axis, Value at) {
  Arith whole = d.of(OnnxType::Int64);
  Value place = whole.cast(whole.fromIndex(at), OnnxType::Double);
  Value half = d.constant(0.5), one = d.constant(1);
  Value from = sizeAsDouble(n, d, axis.from), to = sizeAsDouble(n, d, axis.to);
  Value middle = d.div(d.add(place, half), axis.scale);
  Value isOne = d.lessOrEqual(to, one);
  // Divisors that are 0 where the size is 1.
  Value steps = d.max(d.sub(to, one), one), last = d.sub(from, one);
  switch (options.coordinates) {
  case Coordinates::HalfPixel:
    return d.sub(middle, half);
  case Coordinates::SymmetricHalfPixel: {
    Value adjustment = d.div(to, d.mul(axis.scale, from));
    Value offset = d.mul(d.mul(from, half), d.sub(one, adjustment));
    return d.add(offset, d.sub(middle, half));
  }
  case Coordinates::PytorchHalfPixel:
    return d.select(isOne, d.constant(0), d.sub(middle, half));
  case Coordinates::AlignCorners:
    return d.select(isOne, d.constant(0), d.div(d.mul(place, last), steps));
  case Coordinates::Asymmetric:
    return d.div(place, axis.scale);
  case Coordinates::TfHalfPixel:
    return middle;
  case Coordinates::TfCrop: {
    Value span = d.mul(d.sub(axis.end, axis.start), last);
    Value moved =
        d.add(d.mul(axis.start, last), d.div(d.mul(place, span), steps));
    Value center = d.mul(d.mul(half, d.add(axis.start, axis.end)), last);
    return d.select(isOne, center, moved);
  }
  }
  return place;
}

static Value roundedPlace(const Arith &d, Rounding rounding, Value x) {
  switch (rounding) {
  case Rounding::PreferFloor:
    return d.ceil(d.sub(x, d.constant(0.5)));
  case Rounding::PreferCeil:
    return d.floor(d.add(x, d.constant(0.5)));
  case Rounding::Floor:
    return d.floor(x);
  case Rounding::Ceil:
    return d.ceil(x);
  }
  return x;
}

/// Weights of the taps around a place whose fraction is `r`: 2 for linear, 4
/// (Keys' cubic with parameter a) from one before it on.
static SmallVector<Value> tapWeights(const Arith &d, const Options &options,
                                     Value r) {
  Value one = d.constant(1);
  if (options.mode == Mode::Linear)
    return {d.sub(one, r), r};
  double a = options.cubic;
  auto polynomial = [&](Value x, double c3, double c2, double c1, double c0) {
    Value result = d.constant(c3);
    for (double c : {c2, c1, c0})
      result = d.add(d.mul(result, x), d.constant(c));
    return result;
  };
  auto near = [&](Value x) { return polynomial(x, a + 2, -(a + 3), 0, 1); };
  auto far = [&](Value x) { return polynomial(x, a, -5 * a, 8 * a, -4 * a); };
  return {far(d.add(r, one)), near(r), near(d.sub(one, r)),
          far(d.sub(d.constant(2), r))};
}

/// One number of the result, along one dimension.
static Value interpolate(NodeBuilder &n, const Arith &f, const Options &options,
                         const AxisResize &axis, const Tensor &a, Numbers at) {
  Arith d = f.of(OnnxType::Double), whole = f.of(OnnxType::Int64);
  SizeMath &s = n.sizes();
  Value x = coordinate(n, d, options, axis, at[axis.axis]);
  auto clampedIndex = [&](Value place) {
    Value last = d.sub(sizeAsDouble(n, d, axis.from), d.constant(1));
    Value inside = d.max(d.min(place, last), d.constant(0));
    return n.normalized(f, whole.toIndex(d.cast(inside, OnnxType::Int64)),
                        s.value(axis.from));
  };
  auto number = [&](Value place) {
    SmallVector<Value> from(at);
    from[axis.axis] = clampedIndex(place);
    return n.load(f, a, from);
  };
  if (options.mode == Mode::Nearest)
    return number(roundedPlace(d, options.rounding, x));
  Value base = d.floor(x),
        last = d.sub(sizeAsDouble(n, d, axis.from), d.constant(1));
  SmallVector<Value> weights = tapWeights(d, options, d.sub(x, base));
  int64_t first = options.mode == Mode::Cubic ? -1 : 0;
  Value sum = d.constant(0), total = d.constant(0);
  for (auto [i, given] : llvm::enumerate(weights)) {
    Value place = d.add(base, d.constant(double(first + int64_t(i))));
    Value weight = given;
    if (options.excludesOutside) {
      Arith truth = d.of(OnnxType::Bool);
      Value isOutside =
          truth.bitOr(d.less(place, d.constant(0)), d.less(last, place));
      weight = d.select(isOutside, d.constant(0), weight);
    }
    total = d.add(total, weight);
    Value value = f.cast(number(place), OnnxType::Double);
    sum = d.add(sum, d.mul(weight, value));
  }
  if (options.excludesOutside)
    sum = d.div(sum, total);
  if (options.coordinates == Coordinates::TfCrop) {
    Value isOutside =
        d.of(OnnxType::Bool).bitOr(d.less(x, d.constant(0)), d.less(last, x));
    sum = d.select(isOutside, d.constant(options.extrapolation), sum);
  }
  return d.cast(sum, f.element());
}

/// Nearest in a region needs the value beyond it too.
static Value nearestInRegion(NodeBuilder &n, const Arith &f,
                             const Options &options, const AxisResize &axis,
                             const Tensor &a, Numbers at) {
  Arith d = f.of(OnnxType::Double);
  Value x = coordinate(n, d, options, axis, at[axis.axis]);
  Value last = d.sub(sizeAsDouble(n, d, axis.from), d.constant(1));
  Value isOutside =
      d.of(OnnxType::Bool).bitOr(d.less(x, d.constant(0)), d.less(last, x));
  Value number = interpolate(n, f, options, axis, a, at);
  return f.select(isOutside, f.constant(options.extrapolation), number);
}

static Tensor resizeAxis(NodeBuilder &n, const Options &options,
                         const AxisResize &axis, const Tensor &given) {
  Tensor a = n.built(given);
  Sizes dims = a.dims;
  dims[axis.axis] = axis.to;
  bool isRegion = options.coordinates == Coordinates::TfCrop &&
                  options.mode == Mode::Nearest;
  return n.compute(dims, a.element, [&](const Arith &f, Numbers at) {
    return isRegion ? nearestInRegion(n, f, options, axis, a, at)
                    : interpolate(n, f, options, axis, a, at);
  });
}

//===----------------------------------------------------------------------===//
// Scales and sizes
//===----------------------------------------------------------------------===//

/// Element `i` of a vector of floats, as a double.
static Value realElement(NodeBuilder &n, unsigned input, int64_t i) {
  Arith d = n.scalars(OnnxType::Double);
  if (std::optional<SmallVector<double>> known = n.knownReals(input))
    return d.constant((*known)[i]);
  Tensor vector = n.input(input);
  Value place = n.sizes().value(n.sizes().constant(i));
  Arith own = n.scalars(vector.element);
  return own.cast(n.load(own, vector, place), OnnxType::Double);
}

/// Whether the input is a vector of `count` numbers (others are left out).
static bool isVector(NodeBuilder &n, unsigned input, size_t count) {
  return n.has(input) && n.raw(input).rank() == 1 &&
         knownSize(n.raw(input).dims[0]) == int64_t(count) && count > 0;
}

/// floor(size * scale)
static Size scaledSize(NodeBuilder &n, Size size, Value scale) {
  Arith d = n.scalars(OnnxType::Double), whole = n.scalars(OnnxType::Int64);
  APFloat known(0.0);
  if (knownSize(size) && matchPattern(scale, m_ConstantFloat(&known)))
    return n.sizes().constant(
        int64_t(double(*knownSize(size)) * known.convertToDouble()));
  Value product = d.mul(sizeAsDouble(n, d, size), scale);
  Value floor = d.cast(d.floor(product), OnnxType::Int64);
  return n.checkedSize(Value(whole.toIndex(floor)), "a scaled size");
}

/// Sizes of one proportion, as the policy says.
static void keepAspect(NodeBuilder &n, MutableArrayRef<AxisResize> axes) {
  std::string policy = n.text("keep_aspect_ratio_policy", "stretch");
  if (policy == "stretch" || axes.empty())
    return;
  n.require(policy == "not_larger" || policy == "not_smaller",
            "keep_aspect_ratio_policy must be stretch, not_larger or "
            "not_smaller");
  Arith d = n.scalars(OnnxType::Double), whole = n.scalars(OnnxType::Int64);
  Value scale = axes.front().scale;
  for (const AxisResize &axis : axes.drop_front())
    scale = policy == "not_larger" ? d.min(scale, axis.scale)
                                   : d.max(scale, axis.scale);
  for (AxisResize &axis : axes) {
    axis.scale = scale;
    Value size = d.floor(
        d.add(d.mul(sizeAsDouble(n, d, axis.from), scale), d.constant(0.5)));
    axis.to = n.checkedSize(
        getAsOpFoldResult(whole.toIndex(d.cast(size, OnnxType::Int64))),
        "a scaled size");
  }
}

static Tensor resizeAll(NodeBuilder &n, Tensor a, const Options &options,
                        ArrayRef<AxisResize> axes) {
  for (const AxisResize &axis : axes) {
    APFloat scale(0.0);
    bool isSame = isSameSize(axis.from, axis.to) &&
                  options.coordinates != Coordinates::TfCrop &&
                  matchPattern(axis.scale, m_ConstantFloat(&scale)) &&
                  scale.convertToDouble() == 1;
    if (!isSame && !n.failed())
      a = resizeAxis(n, options, axis, a);
  }
  return a;
}

static void buildResize(NodeBuilder &n) {
  Tensor a = n.input(0);
  Options options = readOptions(n);
  unsigned scalesInput = n.version() < 11 ? 1 : 2;
  SmallVector<int64_t> places =
      llvm::to_vector(llvm::seq<int64_t>(0, a.rank()));
  if (n.hasAttribute("axes"))
    places = n.axes(n.integers("axes"), a.rank(), /*sorted=*/false);
  bool hasScales = isVector(n, scalesInput, places.size());
  bool hasSizes = n.version() >= 11 && isVector(n, 3, places.size());
  bool isRegion = options.coordinates == Coordinates::TfCrop;
  n.require(hasScales || hasSizes,
            "scales or sizes must have a number for each dimension");
  n.require(!isRegion || isVector(n, 1, 2 * places.size()),
            "roi must have two numbers for each dimension");
  if (n.failed())
    return;
  Sizes sizes = hasScales ? Sizes() : n.elements(3);
  Arith d = n.scalars(OnnxType::Double);
  SmallVector<AxisResize> axes;
  for (auto [i, place] : llvm::enumerate(places)) {
    AxisResize axis = {place, a.dims[place], {}, {}, {}, {}};
    if (hasScales) {
      axis.scale = realElement(n, scalesInput, int64_t(i));
      axis.to = scaledSize(n, axis.from, axis.scale);
    } else {
      axis.to = n.checkedSize(sizes[i], "a size");
      axis.scale =
          d.div(sizeAsDouble(n, d, axis.to), sizeAsDouble(n, d, axis.from));
    }
    if (isRegion) {
      axis.start = realElement(n, 1, int64_t(i));
      axis.end = realElement(n, 1, int64_t(places.size() + i));
    }
    axes.push_back(axis);
  }
  if (!hasScales)
    keepAspect(n, axes);
  if (!n.failed())
    n.set(0, resizeAll(n, a, options, axes));
}

/// Resize before it had a name: by whole places and floor.
static void buildUpsample(NodeBuilder &n) {
  Tensor a = n.input(0);
  Options options = readOptions(n);
  SmallVector<double> scales = n.reals("scales");
  bool isInput = n.version() >= 9;
  n.require(isInput ? isVector(n, 1, a.rank())
                    : int64_t(scales.size()) == a.rank(),
            "scales must have a number for each dimension");
  if (n.failed())
    return;
  SmallVector<AxisResize> axes;
  for (int64_t d = 0; d < a.rank(); ++d) {
    Value scale = isInput ? realElement(n, 1, d)
                          : n.scalars(OnnxType::Double).constant(scales[d]);
    axes.push_back(
        {d, a.dims[d], scaledSize(n, a.dims[d], scale), scale, {}, {}});
  }
  n.set(0, resizeAll(n, a, options, axes));
}

ArrayRef<OnnxOp> lqc::resizeOps() {
  static const OnnxOp kOps[] = {
      {"Resize", {10, 11, 13, 18, 19}, 1, 4, buildResize, "no antialias"},
      {"Upsample", {7, 9}, 1, 2, buildUpsample},
  };
  return kOps;
}
