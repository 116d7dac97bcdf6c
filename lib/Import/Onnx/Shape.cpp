//===- Shape.cpp - operators that move elements ---------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"
#include "lib/Import/Onnx/Stored.h"
#include "lqc/Support/Error.h"

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

static Tensor sizesTensor(NodeBuilder &n, ArrayRef<Size> elements,
                          bool isScalar = false) {
  Tensor result;
  result.element = OnnxType::Int64;
  if (!isScalar)
    result.dims = {n.sizes().constant(int64_t(elements.size()))};
  result.elements = Sizes(elements);
  return result;
}

static void buildShape(NodeBuilder &n) {
  ArrayRef<Size> dims = n.raw(0).dims;
  int64_t rank = dims.size();
  auto clamped = [&](int64_t place) {
    return std::clamp<int64_t>(place < 0 ? place + rank : place, 0, rank);
  };
  int64_t start = clamped(n.integer("start", 0));
  int64_t end = std::max(start, clamped(n.integer("end", rank)));
  n.set(0, sizesTensor(n, dims.slice(start, end - start)));
}

static void buildSize(NodeBuilder &n) {
  n.set(0, sizesTensor(n, n.sizes().product(n.raw(0).dims), true));
}

//===----------------------------------------------------------------------===//
// Other shapes
//===----------------------------------------------------------------------===//

/// The sizes of Reshape's result. Of its elements 0 copies a size (unless
/// allowzero) and -1 is what is left.
static Sizes reshapedDims(NodeBuilder &n, ArrayRef<Size> source,
                          ArrayRef<Size> wanted, bool allowsZero) {
  SizeMath &s = n.sizes();
  Size minusOne = s.constant(-1), zero = s.constant(0);
  Sizes dims, others;
  int64_t inferred = -1;
  for (auto [d, size] : llvm::enumerate(wanted)) {
    Size copied = size;
    if (!allowsZero && (isRead(size) || knownSize(size) == 0)) {
      if (d < source.size())
        copied = s.ifEqual(size, zero, source[d], size);
      else if (knownSize(size) == 0)
        n.fail("shape must copy a size that is there, got: 0 at element {0}",
               d);
    }
    dims.push_back(copied);
    if (knownSize(copied) == -1) {
      if (inferred >= 0)
        n.fail("shape must have one -1 at most");
      inferred = int64_t(d);
    } else {
      others.push_back(copied);
    }
  }
  bool anyRead = llvm::any_of(dims, isRead);
  if (inferred >= 0 && !anyRead) {
    std::optional<Size> exact = s.exactQuotient(source, others);
    dims[inferred] =
        exact ? *exact : s.div(s.product(source), s.product(others));
    return dims;
  }
  if (!anyRead)
    return dims;
  // Any of them may turn out to be -1.
  Sizes given;
  for (Size size : dims)
    given.push_back(s.ifEqual(size, minusOne, s.constant(1), size));
  Size rest = s.div(s.product(source), s.product(given));
  for (Size &size : dims)
    size = n.checkedSize(s.ifEqual(size, minusOne, rest, size),
                         "a size of the shape");
  return dims;
}

static void buildReshape(NodeBuilder &n) {
  Tensor a = n.raw(0);
  Sizes wanted = n.elements(1);
  if (n.failed())
    return;
  Sizes dims = reshapedDims(n, a.dims, wanted, n.integer("allowzero", 0));
  if (!n.failed())
    n.set(0, n.reshape(a, dims));
}

static void buildFlatten(NodeBuilder &n) {
  Tensor a = n.raw(0);
  int64_t axis = n.integer("axis", 1);
  n.require(axis >= -a.rank() && axis <= a.rank(),
            "axis must be within the dimensions");
  if (!n.failed())
    n.set(0, n.flatten(a, axis < 0 ? axis + a.rank() : axis));
}

/// Whether the axes are an input that is only known to the program.
static bool hasReadAxes(NodeBuilder &n) {
  return n.version() >= 13 && n.has(1) && !n.knownIntegers(1);
}

/// An axis that is read, counted from the front.
static Size readAxis(NodeBuilder &n, Size axis, int64_t rank) {
  SizeMath &s = n.sizes();
  return s.ifLess(axis, s.constant(0), s.add(axis, s.constant(rank)), axis);
}

/// Unsqueeze by axes that are read: which sizes are 1 is only known then. Each
/// size of the result is that of the next dimension of the source, or 1.
static Tensor unsqueezeRead(NodeBuilder &n, const Tensor &a) {
  SizeMath &s = n.sizes();
  Sizes axes = n.elements(1);
  int64_t rank = a.rank() + int64_t(axes.size());
  Size next = s.constant(0);
  Sizes dims;
  for (int64_t d = 0; d < rank; ++d) {
    Size isNew = s.constant(0);
    for (Size axis : axes)
      isNew = s.ifEqual(readAxis(n, axis, rank), s.constant(d), s.constant(1),
                        isNew);
    Size size = s.constant(1);
    for (int64_t from = 0; from < a.rank(); ++from)
      size = s.ifEqual(next, s.constant(from), a.dims[from], size);
    dims.push_back(s.ifEqual(isNew, s.constant(1), s.constant(1), size));
    next = s.ifEqual(isNew, s.constant(1), next, s.add(next, s.constant(1)));
  }
  return n.reshape(a, dims);
}

static void buildUnsqueeze(NodeBuilder &n) {
  Tensor a = n.raw(0);
  if (hasReadAxes(n))
    return n.set(0, unsqueezeRead(n, a));
  std::optional<SmallVector<int64_t>> given = n.axesArgument(13, 1);
  n.require(given.has_value(), "axes must be given");
  if (n.failed())
    return;
  SmallVector<int64_t> axes = n.axes(*given, a.rank() + int64_t(given->size()));
  if (!n.failed())
    n.set(0, n.unsqueeze(a, axes));
}

/// Squeeze by axes that are read: the sizes of the dimensions that stay, in
/// order.
static Tensor squeezeRead(NodeBuilder &n, const Tensor &a) {
  SizeMath &s = n.sizes();
  Sizes axes = n.elements(1);
  int64_t rank = a.rank() - int64_t(axes.size());
  if (rank < 0)
    n.fail("axes must be at most as many as dimensions");
  Sizes dims(std::max<int64_t>(rank, 0), s.constant(1));
  Size place = s.constant(0);
  for (int64_t d = 0; d < a.rank(); ++d) {
    Size isGone = s.constant(0);
    for (Size axis : axes)
      isGone = s.ifEqual(readAxis(n, axis, a.rank()), s.constant(d),
                         s.constant(1), isGone);
    for (int64_t to = 0; to < rank; ++to) {
      Size placed = s.ifEqual(place, s.constant(to), a.dims[d], dims[to]);
      dims[to] = s.ifEqual(isGone, s.constant(1), dims[to], placed);
    }
    place =
        s.ifEqual(isGone, s.constant(1), place, s.add(place, s.constant(1)));
  }
  return n.reshape(a, dims);
}

static void buildSqueeze(NodeBuilder &n) {
  Tensor a = n.raw(0);
  if (hasReadAxes(n))
    return n.set(0, squeezeRead(n, a));
  std::optional<SmallVector<int64_t>> given = n.axesArgument(13, 1);
  SmallVector<int64_t> axes;
  if (given)
    axes = n.axes(*given, a.rank());
  else
    for (auto [d, size] : llvm::enumerate(a.dims)) {
      n.require(knownSize(size).has_value(),
                "axes must be given where sizes are dynamic");
      if (knownSize(size) == 1)
        axes.push_back(int64_t(d));
    }
  if (!n.failed())
    n.set(0, n.squeeze(a, axes));
}

static void buildTranspose(NodeBuilder &n) {
  Tensor a = n.raw(0);
  SmallVector<int64_t> permutation;
  for (int64_t d = a.rank(); d-- > 0;)
    permutation.push_back(d);
  permutation = n.integers("perm", permutation);
  n.require(int64_t(permutation.size()) == a.rank(),
            "perm must have a place for each dimension");
  permutation = n.axes(permutation, a.rank(), /*sorted=*/false);
  if (!n.failed())
    n.set(0, n.transpose(a, permutation));
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

static void buildConcat(NodeBuilder &n) {
  SmallVector<Tensor> inputs;
  for (unsigned i = 0; i < n.inputCount(); ++i)
    inputs.push_back(n.raw(i));
  int64_t axis = n.axis(n.requiredInteger("axis"), inputs.front().rank());
  if (n.failed())
    return;
  bool isSizes = llvm::all_of(inputs, [&](const Tensor &tensor) {
    return tensor.elements && tensor.rank() == 1 &&
           tensor.element == inputs.front().element;
  });
  if (!isSizes)
    return n.set(0, n.concat(inputs, axis));
  Tensor result = inputs.front();
  result.value = {};
  result.stored = nullptr;
  for (const Tensor &tensor : ArrayRef(inputs).drop_front())
    result.elements->append(tensor.elements->begin(), tensor.elements->end());
  result.dims = {n.sizes().constant(int64_t(result.elements->size()))};
  n.set(0, result);
}

/// Sizes of the parts: given, or as even as possible.
static Sizes splitSizes(NodeBuilder &n, Size whole) {
  SizeMath &s = n.sizes();
  if (n.version() >= 13 && n.has(1))
    return n.elements(1);
  if (n.version() < 13 && n.hasAttribute("split"))
    return s.constants(n.integers("split"));
  int64_t count = n.integer("num_outputs", n.outputCount());
  if (count < 1) {
    n.fail("num_outputs must be positive, got: {0}", count);
    return {};
  }
  // The last part is smaller if the size is no multiple (opset 18).
  Size part = s.div(s.add(whole, s.constant(count - 1)), s.constant(count));
  Sizes parts(count, part);
  parts.back() = s.sub(whole, s.mul(part, s.constant(count - 1)));
  if (n.version() < 18 && knownSize(whole) && *knownSize(whole) % count != 0)
    n.fail("the size must be a multiple of the number of parts, got: {0}",
           *knownSize(whole));
  return parts;
}

static void buildSplit(NodeBuilder &n) {
  Tensor a = n.raw(0);
  int64_t axis = n.axis(n.integer("axis", 0), a.rank());
  if (n.failed())
    return;
  Sizes parts = splitSizes(n, a.dims[axis]);
  if (n.failed())
    return;
  n.require(parts.size() >= n.outputCount(),
            "there must be a part for each output");
  SizeMath &s = n.sizes();
  Size offset = s.constant(0);
  for (Size &part : parts) {
    part = n.checkedSize(part, "the size of a part");
    offset = s.add(offset, part);
  }
  n.requireEqual(offset, a.dims[axis], "the sizes of the parts and the whole");
  offset = s.constant(0);
  for (unsigned i = 0; i < n.outputCount() && !n.failed(); ++i) {
    Tensor part = n.sliceAxis(a, axis, offset, parts[i]);
    std::optional<int64_t> first = knownSize(offset),
                           size = knownSize(parts[i]);
    if (a.elements && a.rank() == 1 && first && size &&
        *first + *size <= int64_t(a.elements->size()))
      part.elements = Sizes(ArrayRef<Size>(*a.elements).slice(*first, *size));
    n.set(i, part);
    offset = s.add(offset, parts[i]);
  }
}

namespace {
/// What Slice takes of one dimension.
struct AxisSlice {
  Size start, step, size;
};
} // namespace

/// Ends beyond any tensor mean the end.
static bool isBeyond(Size size) {
  std::optional<int64_t> known = knownSize(size);
  return known && *known >= kMaxTensorElements;
}

static AxisSlice sliceOf(NodeBuilder &n, Size dim, Size start, Size end,
                         Size step) {
  SizeMath &s = n.sizes();
  Size zero = s.constant(0), one = s.constant(1), last = s.sub(dim, one);
  auto counted = [&](Size place) {
    return s.ifLess(place, zero, s.add(place, dim), place);
  };
  auto clamped = [&](Size place, Size low, Size high) {
    return isBeyond(place) ? high : s.min(s.max(counted(place), low), high);
  };
  auto clampedBy = [&](bool forward) {
    Size from =
        forward ? clamped(start, zero, dim) : clamped(start, zero, last);
    Size to =
        forward ? clamped(end, zero, dim) : clamped(end, s.constant(-1), last);
    // ceil((to - from) / step), at least 0.
    Size span = s.sub(to, from);
    Size rounded =
        forward ? s.add(span, s.sub(step, one)) : s.add(span, s.add(step, one));
    return AxisSlice{from, step, s.max(s.div(rounded, step), zero)};
  };
  if (std::optional<int64_t> known = knownSize(step))
    return clampedBy(*known > 0);
  AxisSlice up = clampedBy(true), down = clampedBy(false);
  return {s.ifLess(step, zero, down.start, up.start), step,
          s.ifLess(step, zero, down.size, up.size)};
}

/// The slice of each dimension. Axes may be read, so each of them is compared
/// with each dimension.
static SmallVector<AxisSlice> slicesOf(NodeBuilder &n, ArrayRef<Size> dims,
                                       ArrayRef<Size> starts,
                                       ArrayRef<Size> ends, ArrayRef<Size> axes,
                                       ArrayRef<Size> steps) {
  SizeMath &s = n.sizes();
  SmallVector<AxisSlice> slices;
  int64_t rank = dims.size();
  for (int64_t d = 0; d < rank; ++d) {
    AxisSlice whole = {s.constant(0), s.constant(1), dims[d]};
    for (size_t i = 0; i < axes.size(); ++i) {
      Size axis = readAxis(n, axes[i], rank);
      if (knownSize(axis) && *knownSize(axis) != d)
        continue;
      AxisSlice part = sliceOf(n, dims[d], starts[i], ends[i], steps[i]);
      Size here = s.constant(d);
      whole = {s.ifEqual(axis, here, part.start, whole.start),
               s.ifEqual(axis, here, part.step, whole.step),
               s.ifEqual(axis, here, part.size, whole.size)};
    }
    slices.push_back(whole);
  }
  return slices;
}

/// A slice of sizes is sizes.
static std::optional<Tensor> sliceSizes(NodeBuilder &n, const Tensor &a,
                                        const AxisSlice &slice) {
  std::optional<int64_t> start = knownSize(slice.start),
                         step = knownSize(slice.step),
                         size = knownSize(slice.size);
  if (!a.elements || a.rank() != 1 || !start || !step || !size)
    return std::nullopt;
  Tensor result;
  result.element = a.element;
  result.dims = {slice.size};
  result.elements.emplace();
  for (int64_t i = 0; i < *size; ++i)
    result.elements->push_back((*a.elements)[*start + i * *step]);
  return result;
}

static Tensor takeSlices(NodeBuilder &n, const Tensor &a,
                         ArrayRef<AxisSlice> slices) {
  Sizes starts, steps, dims;
  bool isForward = true;
  for (const AxisSlice &slice : slices) {
    starts.push_back(slice.start);
    steps.push_back(slice.step);
    dims.push_back(slice.size);
    isForward &= knownSize(slice.step).value_or(-1) > 0;
  }
  if (isForward)
    return n.slice(a, starts, dims, steps);
  Tensor source = n.built(a);
  return n.compute(dims, a.element, [&](const Arith &f, Numbers at) {
    SmallVector<Value> from;
    for (auto [d, index] : llvm::enumerate(at)) {
      Value moved = arith::MulIOp::create(f.builder(), f.location(), index,
                                          n.sizes().value(steps[d]));
      from.push_back(arith::AddIOp::create(f.builder(), f.location(), moved,
                                           n.sizes().value(starts[d])));
    }
    return n.load(f, source, from);
  });
}

static void buildSlice(NodeBuilder &n) {
  Tensor a = n.raw(0);
  SizeMath &s = n.sizes();
  Sizes starts, ends, axes, steps;
  if (n.version() < 10) {
    starts = s.constants(n.integers("starts"));
    ends = s.constants(n.integers("ends"));
    axes = s.constants(n.integers("axes"));
  } else {
    n.require(n.has(1) && n.has(2), "starts and ends must be given");
    if (n.failed())
      return;
    starts = n.elements(1);
    ends = n.elements(2);
    if (n.has(3))
      axes = n.elements(3);
    if (n.has(4))
      steps = n.elements(4);
  }
  if (axes.empty())
    for (size_t i = 0; i < starts.size(); ++i)
      axes.push_back(s.constant(int64_t(i)));
  if (steps.empty())
    steps = Sizes(starts.size(), s.constant(1));
  n.require(starts.size() == ends.size() && starts.size() == axes.size() &&
                starts.size() == steps.size(),
            "starts, ends, axes and steps must be equally many");
  SmallVector<int64_t> known;
  for (Size axis : axes)
    if (std::optional<int64_t> place = knownSize(axis))
      known.push_back(*place);
  n.axes(known, a.rank());
  for (Size step : steps)
    n.require(knownSize(step) != 0, "steps must not be 0");
  if (n.failed())
    return;
  SmallVector<AxisSlice> slices =
      slicesOf(n, a.dims, starts, ends, axes, steps);
  if (slices.size() == 1)
    if (std::optional<Tensor> folded = sliceSizes(n, a, slices.front()))
      return n.set(0, *folded);
  n.set(0, takeSlices(n, a, slices));
}

//===----------------------------------------------------------------------===//
// More elements
//===----------------------------------------------------------------------===//

static void buildExpand(NodeBuilder &n) {
  Tensor a = n.raw(0);
  SizeMath &s = n.sizes();
  Sizes wanted = n.elements(1);
  if (n.failed())
    return;
  while (int64_t(wanted.size()) < a.rank())
    wanted.insert(wanted.begin(), s.constant(1));
  size_t shift = wanted.size() - a.rank();
  for (auto [d, size] : llvm::enumerate(a.dims)) {
    Size &target = wanted[shift + d];
    // A size that is read may be 1, which leaves the tensor's own.
    if (isRead(target) && knownSize(size) != 1)
      target = s.ifEqual(target, s.constant(1), size, target);
    if (!knownSize(target) || *knownSize(target) != 1)
      target = knownSize(size) == 1
                   ? n.checkedSize(target, "a size of the shape")
                   : n.requireEqual(size, target, "sizes that are not 1");
    else
      target = size;
  }
  for (size_t d = 0; d < shift; ++d)
    wanted[d] = n.checkedSize(wanted[d], "a size of the shape");
  if (n.failed())
    return;
  n.set(0, n.broadcast(a, wanted));
}

static Value remainder(const Arith &f, Value index, Value size) {
  return arith::RemUIOp::create(f.builder(), f.location(), index, size);
}

static void buildTile(NodeBuilder &n) {
  Tensor a = n.raw(0);
  Sizes repeats = n.elements(1);
  n.require(int64_t(repeats.size()) == a.rank(),
            "repeats must have an element for each dimension");
  if (n.failed())
    return;
  Sizes dims;
  bool isSame = true;
  for (auto [d, size] : llvm::enumerate(a.dims)) {
    Size count = n.checkedSize(repeats[d], "repeats");
    isSame &= knownSize(count) == 1;
    dims.push_back(n.sizes().mul(size, count));
  }
  if (isSame)
    return n.set(0, a);
  Tensor source = n.input(0);
  n.set(0, n.compute(dims, a.element, [&](const Arith &f, Numbers at) {
    SmallVector<Value> from;
    for (auto [d, index] : llvm::enumerate(at))
      from.push_back(
          knownSize(repeats[d]) == 1
              ? index
              : remainder(f, index, n.sizes().value(source.dims[d])));
    return n.load(f, source, from);
  }));
}

namespace {
enum class PadMode { Constant, Reflect, Edge, Wrap };
} // namespace

/// Where the element at `index` (which may be outside) comes from, in a
/// dimension of `size`.
static Value padIndex(const Arith &f, PadMode mode, Value index, Value size) {
  OpBuilder &b = f.builder();
  Location loc = f.location();
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value last = arith::SubIOp::create(b, loc, size, one);
  if (mode == PadMode::Reflect || mode == PadMode::Wrap) {
    // A period of two sizes less two, or of one size; at least 1.
    Value period = size;
    if (mode == PadMode::Reflect)
      period = arith::AddIOp::create(b, loc, last, last);
    period = arith::MaxSIOp::create(b, loc, period, one);
    Value turns = arith::FloorDivSIOp::create(b, loc, index, period);
    Value whole = arith::MulIOp::create(b, loc, turns, period);
    index = arith::SubIOp::create(b, loc, index, whole);
    if (mode == PadMode::Reflect)
      index = arith::MinSIOp::create(
          b, loc, index, arith::SubIOp::create(b, loc, period, index));
  }
  Value low = arith::MaxSIOp::create(b, loc, index, zero);
  return arith::MinSIOp::create(b, loc, low, last);
}

/// Padding of any kind, also negative: each element looks for its source.
static Tensor padByIndex(NodeBuilder &n, const Tensor &given, PadMode mode,
                         ArrayRef<Size> low, ArrayRef<Size> high,
                         const Tensor &number) {
  SizeMath &s = n.sizes();
  Tensor a = n.built(given);
  Sizes dims;
  for (auto [d, size] : llvm::enumerate(a.dims)) {
    Size sum = s.add(s.add(low[d], size), high[d]);
    dims.push_back(n.checkedSize(sum, "a padded size"));
    if (mode != PadMode::Constant && knownSize(size) == 0)
      n.fail("a dimension of size 0 must not be padded by copies");
  }
  if (n.failed())
    return a;
  Value outside = n.extract(number);
  return n.compute(dims, a.element, [&](const Arith &f, Numbers at) {
    OpBuilder &b = f.builder();
    Location loc = f.location();
    Value isInside = f.trueValue();
    SmallVector<Value> from;
    for (auto [d, index] : llvm::enumerate(at)) {
      Value size = s.value(a.dims[d]);
      Value moved = index;
      if (knownSize(low[d]) != 0 || knownSize(high[d]) != 0)
        moved = arith::SubIOp::create(b, loc, index, s.value(low[d]));
      if (mode == PadMode::Constant) {
        // Negative indices are large unsigned ones.
        Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                             moved, size);
        isInside = f.of(OnnxType::Bool).bitAnd(isInside, inside);
      }
      from.push_back(padIndex(f, mode, moved, size));
    }
    if (mode != PadMode::Constant)
      return n.load(f, a, from);
    // An empty dimension has no element to look at.
    return n.branch(isInside, outside,
                    [&] { return SmallVector<Value>{n.load(f, a, from)}; })[0];
  });
}

static std::optional<PadMode> padMode(NodeBuilder &n) {
  std::string mode = n.text("mode", "constant");
  if (mode == "constant")
    return PadMode::Constant;
  if (mode == "reflect")
    return PadMode::Reflect;
  if (mode == "edge")
    return PadMode::Edge;
  if (mode == "wrap")
    return PadMode::Wrap;
  n.fail("mode must be constant, reflect, edge or wrap, got: {0}", quote(mode));
  return std::nullopt;
}

static void buildPad(NodeBuilder &n) {
  Tensor a = n.raw(0);
  SizeMath &s = n.sizes();
  bool isOld = n.version() < 11;
  Sizes pads = isOld ? s.constants(n.integers("pads")) : n.elements(1);
  Tensor number = n.scalar(isOld ? n.real("value", 0) : 0, a.element);
  if (!isOld && n.has(2))
    number = n.input(2);
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, a.rank()));
  if (n.has(3))
    axes = n.axes(n.requiredIntegers(3, "axes"), a.rank(), /*sorted=*/false);
  std::optional<PadMode> mode = padMode(n);
  n.require(pads.size() == 2 * axes.size(),
            "pads must have two elements for each dimension");
  n.requireSame(a, number);
  if (n.failed())
    return;
  Sizes low(a.rank(), s.constant(0)), high = low;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    low[axis] = pads[i];
    high[axis] = pads[axes.size() + i];
  }
  bool isKnown = llvm::all_of(
      pads, [](Size size) { return knownSize(size) && *knownSize(size) >= 0; });
  n.set(0, isKnown && *mode == PadMode::Constant
               ? n.pad(a, low, high, number)
               : padByIndex(n, a, *mode, low, high, number));
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

static int64_t blockSize(NodeBuilder &n, const Tensor &a) {
  n.requireRank(a, 4, "the input");
  int64_t block = n.requiredInteger("blocksize");
  n.require(block > 0 && block < 65536, "blocksize must be positive");
  return block;
}

static void buildDepthToSpace(NodeBuilder &n) {
  Tensor a = n.raw(0);
  int64_t block = blockSize(n, a);
  bool isColumnRow = n.text("mode", "DCR") == "CRD";
  if (n.failed())
    return;
  SizeMath &s = n.sizes();
  Size b = s.constant(block), area = s.constant(block * block);
  if (knownSize(a.dims[1]) && *knownSize(a.dims[1]) % (block * block) != 0)
    return n.fail("the channels must be a multiple of blocksize squared");
  Size channels = s.div(a.dims[1], area);
  Size batch = a.dims[0], height = a.dims[2], width = a.dims[3];
  Tensor split = isColumnRow
                     ? n.reshape(a, {batch, channels, b, b, height, width})
                     : n.reshape(a, {batch, b, b, channels, height, width});
  Tensor moved =
      n.transpose(split, isColumnRow ? ArrayRef<int64_t>{0, 1, 4, 2, 5, 3}
                                     : ArrayRef<int64_t>{0, 3, 4, 1, 5, 2});
  n.set(0,
        n.reshape(moved, {batch, channels, s.mul(height, b), s.mul(width, b)}));
}

static void buildSpaceToDepth(NodeBuilder &n) {
  Tensor a = n.raw(0);
  int64_t block = blockSize(n, a);
  if (n.failed())
    return;
  SizeMath &s = n.sizes();
  Size b = s.constant(block), area = s.constant(block * block);
  for (int64_t d : {2, 3})
    if (knownSize(a.dims[d]) && *knownSize(a.dims[d]) % block != 0)
      return n.fail("height and width must be multiples of blocksize");
  Size rows = s.div(a.dims[2], b), columns = s.div(a.dims[3], b);
  Tensor split = n.reshape(a, {a.dims[0], a.dims[1], rows, b, columns, b});
  Tensor moved = n.transpose(split, ArrayRef<int64_t>{0, 3, 5, 1, 2, 4});
  n.set(0,
        n.reshape(moved, {a.dims[0], s.mul(a.dims[1], area), rows, columns}));
}

ArrayRef<OnnxOp> lqc::shapeOps() {
  static const OnnxOp kOps[] = {
      {"Shape", {1, 13, 15, 19, 21, 23}, 1, 1, buildShape},
      {"Size", {1, 13, 19, 21, 23}, 1, 1, buildSize},
      {"Reshape", {5, 13, 14, 19, 21, 23}, 2, 2, buildReshape},
      {"Flatten", {1, 9, 11, 13, 21, 23}, 1, 1, buildFlatten},
      {"Squeeze", {1, 11, 13, 21, 23}, 1, 2, buildSqueeze},
      {"Unsqueeze", {1, 11, 13, 21, 23}, 1, 2, buildUnsqueeze},
      {"Transpose", {1, 13, 21, 23}, 1, 1, buildTranspose},
      {"Concat", {4, 11, 13}, 1, kAnyNumber, buildConcat},
      {"Split", {2, 11, 13, 18}, 1, 2, buildSplit},
      {"Slice", {1, 10, 11, 13}, 1, 5, buildSlice},
      {"Expand", {8, 13}, 2, 2, buildExpand},
      {"Tile", {6, 13}, 2, 2, buildTile},
      {"Pad", {2, 11, 13, 18, 19, 21, 23}, 1, 4, buildPad},
      {"DepthToSpace", {1, 11, 13}, 1, 1, buildDepthToSpace},
      {"SpaceToDepth", {1, 13}, 1, 1, buildSpaceToDepth},
  };
  return kOps;
}
