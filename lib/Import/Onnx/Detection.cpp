//===- Detection.cpp - operators on boxes and grids -----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"
#include "lqc/Support/Error.h"

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

//===----------------------------------------------------------------------===//
// NonMaxSuppression
//===----------------------------------------------------------------------===//

namespace {
/// The corners of a box, the smaller ones first.
struct Box {
  Value low[2], high[2];
};

struct Suppression {
  NodeBuilder &n;
  Tensor boxes, scores; ///< (batch, boxes, 4), (batch, classes, boxes)
  bool isCentered;
  Value overlap, threshold; ///< f32; a null threshold: none
  Arith f;

  Box box(Value batch, Value index) const;
  Value overlaps(const Box &a, const Box &b) const;
  /// The best box that is open: its score, its index and whether there is one.
  SmallVector<Value> best(Value batch, Value label, Value open) const;
  /// `open` without the boxes that overlap this one too much.
  Value suppress(Value batch, Value chosen, Value open) const;
};
} // namespace

Box Suppression::box(Value batch, Value index) const {
  SizeMath &s = n.sizes();
  Value numbers[4];
  for (int64_t i = 0; i < 4; ++i)
    numbers[i] = n.load(f, boxes, {batch, index, s.value(s.constant(i))});
  Box result;
  for (int64_t i = 0; i < 2; ++i) {
    Value x = numbers[i], y = numbers[i + 2];
    if (isCentered) {
      Value half = f.mul(y, f.constant(0.5));
      y = f.add(x, half);
      x = f.sub(x, half);
    }
    result.low[i] = f.min(x, y);
    result.high[i] = f.max(x, y);
  }
  return result;
}

/// Whether what two boxes share is more of both together than allowed.
Value Suppression::overlaps(const Box &a, const Box &b) const {
  Value shared = f.constant(1), first = f.constant(1), second = f.constant(1);
  for (int64_t i = 0; i < 2; ++i) {
    Value side = f.sub(f.min(a.high[i], b.high[i]), f.max(a.low[i], b.low[i]));
    shared = f.mul(shared, f.max(side, f.constant(0)));
    first = f.mul(first, f.sub(a.high[i], a.low[i]));
    second = f.mul(second, f.sub(b.high[i], b.low[i]));
  }
  Value both = f.sub(f.add(first, second), shared);
  Arith truth = f.of(OnnxType::Bool);
  return truth.bitAnd(f.less(f.constant(0), both),
                      f.less(f.mul(overlap, both), shared));
}

SmallVector<Value> Suppression::best(Value batch, Value label,
                                     Value open) const {
  Arith truth = f.of(OnnxType::Bool);
  SizeMath &s = n.sizes();
  auto body = [&](Numbers at, Numbers carried) {
    Value score = n.load(f, scores, {batch, label, at[0]});
    Value isOpen = tensor::ExtractOp::create(n.builder(), n.loc(), open, at);
    Value isBetter =
        truth.bitOr(truth.bitNot(carried[2]), f.less(carried[0], score));
    Value isIt = truth.bitAnd(isOpen, isBetter);
    if (threshold)
      isIt = truth.bitAnd(isIt, f.less(threshold, score));
    return SmallVector<Value>{f.select(isIt, score, carried[0]),
                              f.select(isIt, at[0], carried[1]),
                              truth.bitOr(carried[2], isIt)};
  };
  return n.loops(scores.dims[2],
                 {f.constant(0), s.value(s.constant(0)), truth.integer(0)},
                 body);
}

Value Suppression::suppress(Value batch, Value chosen, Value open) const {
  Arith truth = f.of(OnnxType::Bool);
  Box own = box(batch, chosen);
  auto body = [&](Numbers at, Numbers carried) {
    Value isChosen = arith::CmpIOp::create(
        n.builder(), n.loc(), arith::CmpIPredicate::eq, at[0], chosen);
    Value isGone = truth.bitOr(isChosen, overlaps(own, box(batch, at[0])));
    Value isOpen =
        tensor::ExtractOp::create(n.builder(), n.loc(), carried[0], at);
    Value stays = truth.bitAnd(isOpen, truth.bitNot(isGone));
    return SmallVector<Value>{
        tensor::InsertOp::create(n.builder(), n.loc(), stays, carried[0], at)};
  };
  return n.loops(boxes.dims[1], open, body)[0];
}

/// A rank-0 or one-element input as a number; `otherwise` if it is left out.
static Value realInput(NodeBuilder &n, unsigned input, double otherwise) {
  Arith f = n.scalars(OnnxType::Float);
  if (!n.has(input))
    return f.constant(otherwise);
  n.require(n.raw(input).element == OnnxType::Float,
            "thresholds must be float");
  return n.failed() ? f.constant(otherwise) : n.extract(n.raw(input));
}

static void buildNonMaxSuppression(NodeBuilder &n) {
  Tensor boxes = n.input(0), scores = n.input(1);
  SizeMath &s = n.sizes();
  n.requireRank(boxes, 3, "boxes");
  n.requireRank(scores, 3, "scores");
  n.require(boxes.element == OnnxType::Float &&
                scores.element == OnnxType::Float,
            "boxes and scores must be float");
  if (n.failed())
    return;
  n.requireEqual(boxes.dims[0], scores.dims[0], "the batches");
  n.requireEqual(boxes.dims[1], scores.dims[2], "the numbers of boxes");
  n.requireEqual(boxes.dims[2], s.constant(4), "the sizes of a box and 4");
  Size limit = s.constant(0);
  if (n.has(2)) {
    Sizes given = n.elements(2);
    n.require(given.size() == 1, "max_output_boxes_per_class must be a scalar");
    if (!n.failed())
      limit = s.max(given.front(), s.constant(0));
  }
  if (n.failed())
    return;
  limit = s.min(limit, boxes.dims[1]);
  Arith f = n.scalars(OnnxType::Float), whole = f.of(OnnxType::Int64);
  Suppression suppression = {n,
                             boxes,
                             scores,
                             n.integer("center_point_box", 0) == 1,
                             realInput(n, 3, 0),
                             n.has(4) ? realInput(n, 4, 0) : Value(),
                             f};
  Sizes most = {s.mul(s.mul(scores.dims[0], scores.dims[1]), limit),
                s.constant(3)};
  Value rows = n.zeros(OnnxType::Int64, most).value;
  Value open = n.full(f.trueValue(), OnnxType::Bool, boxes.dims[1]).value;
  if (n.failed())
    return;
  Value zero = s.value(s.constant(0));
  auto perClass = [&](Numbers at, Numbers carried) {
    auto pick = [&](Numbers, Numbers state) { // rows, count, open
      SmallVector<Value> found = suppression.best(at[0], at[1], state[2]);
      return n.branch(found[2], state, [&] {
        Value result = state[0];
        const Value row[] = {at[0], at[1], found[1]};
        for (auto [i, number] : llvm::enumerate(row))
          result = tensor::InsertOp::create(
              n.builder(), n.loc(), whole.fromIndex(number), result,
              ValueRange{state[1], s.value(s.constant(int64_t(i)))});
        Value next = s.value(s.add(state[1], s.constant(1)));
        return SmallVector<Value>{
            result, next, suppression.suppress(at[0], found[1], state[2])};
      });
    };
    SmallVector<Value> result =
        n.loops(limit, {carried[0], carried[1], open}, pick);
    return SmallVector<Value>{result[0], result[1]};
  };
  SmallVector<Value> result =
      n.loops({scores.dims[0], scores.dims[1]}, {rows, zero}, perClass);
  Tensor all = n.make(result[0], OnnxType::Int64, most);
  n.set(0, n.sliceAxis(all, 0, s.constant(0), Value(result[1])));
}

//===----------------------------------------------------------------------===//
// Looking between positions
//===----------------------------------------------------------------------===//

/// The number at whole coordinates (of type float) of two dimensions, 0
/// outside.
static Value numberAt(NodeBuilder &n, const Arith &f, const Tensor &a,
                      Numbers outer, Value y, Value x) {
  SizeMath &s = n.sizes();
  Arith whole = f.of(OnnxType::Int64);
  SmallVector<Value> from(outer);
  Value isInside = f.trueValue();
  const Value places[] = {y, x};
  for (auto [i, place] : llvm::enumerate(places)) {
    Value index = whole.toIndex(f.cast(place, OnnxType::Int64));
    Value size = s.value(a.dims[outer.size() + i]);
    Value fits = arith::CmpIOp::create(n.builder(), n.loc(),
                                       arith::CmpIPredicate::ult, index, size);
    isInside = f.of(OnnxType::Bool).bitAnd(isInside, fits);
    Value zero = s.value(s.constant(0));
    Value last = s.value(s.sub(a.dims[outer.size() + i], s.constant(1)));
    Value low = arith::MaxSIOp::create(n.builder(), n.loc(), index, zero);
    from.push_back(arith::MinSIOp::create(n.builder(), n.loc(), low, last));
  }
  return f.select(isInside, n.load(f, a, from), f.constant(0));
}

//===----------------------------------------------------------------------===//
// RoiAlign
//===----------------------------------------------------------------------===//

namespace {
struct RoiOptions {
  bool isMax, isHalfPixel;
  int64_t samples; ///< of each bin in each direction; 0: as many as it is large
  double scale;
};
} // namespace

/// Four numbers around a place, each by its weight: their sum, or the largest.
static Value sampleRoi(NodeBuilder &n, const Arith &f,
                       const RoiOptions &options, const Tensor &a,
                       Numbers outer, Value y, Value x) {
  Arith truth = f.of(OnnxType::Bool);
  Value isOutside = truth.integer(0);
  Value places[2] = {y, x}, low[2], high[2], part[2];
  for (int64_t i = 0; i < 2; ++i) {
    Arith whole = f.of(OnnxType::Int64);
    Value size =
        whole.cast(whole.fromIndex(n.sizes().value(a.dims[outer.size() + i])),
                   f.element());
    Value place = places[i], last = f.sub(size, f.constant(1));
    isOutside =
        truth.bitOr(isOutside, truth.bitOr(f.less(place, f.constant(-1)),
                                           f.less(size, place)));
    place = f.min(f.max(place, f.constant(0)), last);
    low[i] = f.floor(place);
    high[i] = f.min(f.add(low[i], f.constant(1)), last);
    part[i] = f.sub(place, low[i]);
  }
  Value result;
  for (int64_t corner = 0; corner < 4; ++corner) {
    bool isLower = corner / 2 == 1, isRight = corner % 2 == 1;
    Value wy = isLower ? part[0] : f.sub(f.constant(1), part[0]);
    Value wx = isRight ? part[1] : f.sub(f.constant(1), part[1]);
    Value number = numberAt(n, f, a, outer, isLower ? high[0] : low[0],
                            isRight ? high[1] : low[1]);
    Value weighted = f.mul(f.mul(wy, wx), number);
    result = !result         ? weighted
             : options.isMax ? f.max(result, weighted)
                             : f.add(result, weighted);
  }
  return f.select(isOutside, f.constant(0), result);
}

/// One number of the result: the samples of one bin.
static Value alignBin(NodeBuilder &n, const Arith &f, const RoiOptions &options,
                      const Tensor &a, const Tensor &rois,
                      const Tensor &batches, ArrayRef<Size> bins, Numbers at) {
  SizeMath &s = n.sizes();
  Arith whole = f.of(OnnxType::Int64);
  Value batch = n.normalized(f, whole.toIndex(n.load(f, batches, at[0])),
                             s.value(a.dims[0]));
  Value corner[4];
  Value shift = f.constant(options.isHalfPixel ? 0.5 : 0);
  for (int64_t i = 0; i < 4; ++i)
    corner[i] = f.sub(f.mul(n.load(f, rois, {at[0], s.value(s.constant(i))}),
                            f.constant(options.scale)),
                      shift);
  Value start[2] = {corner[1], corner[0]}, step[2];
  Size counts[2];
  for (int64_t i = 0; i < 2; ++i) {
    Value length = f.sub(corner[i == 0 ? 3 : 2], start[i]);
    if (!options.isHalfPixel)
      length = f.max(length, f.constant(1));
    step[i] = f.div(length, f.constant(double(*knownSize(bins[i]))));
    counts[i] =
        options.samples > 0
            ? s.constant(options.samples)
            : Size(Value(whole.toIndex(f.cast(
                  f.max(f.ceil(step[i]), f.constant(0)), OnnxType::Int64))));
  }
  Value count[2];
  for (int64_t i = 0; i < 2; ++i)
    count[i] = whole.cast(whole.fromIndex(s.value(counts[i])), f.element());
  auto body = [&](Numbers sample, Numbers carried) {
    Value place[2];
    for (int64_t i = 0; i < 2; ++i) {
      Value bin = whole.cast(whole.fromIndex(at[i + 2]), f.element());
      Value number = whole.cast(whole.fromIndex(sample[i]), f.element());
      Value inside =
          f.div(f.mul(f.add(number, f.constant(0.5)), step[i]), count[i]);
      place[i] = f.add(f.add(start[i], f.mul(bin, step[i])), inside);
    }
    Value value =
        sampleRoi(n, f, options, a, {batch, at[1]}, place[0], place[1]);
    return SmallVector<Value>{options.isMax ? f.max(carried[0], value)
                                            : f.add(carried[0], value)};
  };
  Value init = options.isMax ? f.lowest() : f.constant(0);
  Value result = n.loops(ArrayRef<Size>(counts), init, body)[0];
  if (options.isMax)
    return result;
  return f.div(result, f.max(f.mul(count[0], count[1]), f.constant(1)));
}

static void buildRoiAlign(NodeBuilder &n) {
  Tensor a = n.input(0), rois = n.input(1), given = n.raw(2);
  SizeMath &s = n.sizes();
  std::string mode = n.text("mode", "avg");
  std::string way =
      n.text("coordinate_transformation_mode",
             n.version() < 16 ? "output_half_pixel" : "half_pixel");
  n.require(mode == "avg" || mode == "max", "mode must be avg or max");
  n.require(way == "half_pixel" || way == "output_half_pixel",
            "coordinate_transformation_mode must be half_pixel or "
            "output_half_pixel");
  int64_t height = n.integer("output_height", 1);
  int64_t width = n.integer("output_width", 1);
  int64_t samples = n.integer("sampling_ratio", 0);
  n.require(height > 0 && width > 0 && samples >= 0,
            "output_height, output_width and sampling_ratio must be positive");
  n.requireRank(a, 4, "the input");
  n.requireRank(rois, 2, "rois");
  n.requireRank(given, 1, "batch_indices");
  n.requireSame(a, rois);
  n.requireFloat(a);
  if (n.failed())
    return;
  n.requireEqual(rois.dims[1], s.constant(4), "the sizes of a roi and 4");
  n.requireEqual(rois.dims[0], given.dims[0], "the numbers of rois");
  Tensor batches = n.checkedIndices(given, a.dims[0]);
  RoiOptions options = {mode == "max", way == "half_pixel", samples,
                        n.real("spatial_scale", 1)};
  Sizes bins = {s.constant(height), s.constant(width)};
  Sizes dims = {rois.dims[0], a.dims[1], bins[0], bins[1]};
  if (n.failed())
    return;
  n.set(0, n.compute(dims, a.element, [&](const Arith &f, Numbers at) {
    return alignBin(n, f, options, a, rois, batches, bins, at);
  }));
}

//===----------------------------------------------------------------------===//
// GridSample
//===----------------------------------------------------------------------===//

namespace {
enum class Padding { Zeros, Border, Reflection };

struct GridOptions {
  Padding padding;
  bool alignsCorners;
  int64_t taps; ///< 1, 2 or 4 in each direction
};
} // namespace

/// Reflects a coordinate between two borders until it lies between them.
static Value reflected(const Arith &f, Value x, Value low, Value high) {
  Value span = f.max(f.sub(high, low), f.constant(1e-30));
  Value period = f.mul(span, f.constant(2));
  Value moved = f.sub(x, low);
  Value turns = f.floor(f.div(moved, period));
  Value inside = f.sub(moved, f.mul(turns, period));
  Value back = f.sub(period, inside);
  return f.add(low, f.min(inside, back));
}

/// The coordinate within the source, after padding.
static Value paddedPlace(const Arith &f, const GridOptions &options, Value x,
                         Value size) {
  Value last = f.sub(size, f.constant(1));
  switch (options.padding) {
  case Padding::Zeros:
    return x;
  case Padding::Border:
    return f.min(f.max(x, f.constant(0)), last);
  case Padding::Reflection: {
    Value low = f.constant(options.alignsCorners ? 0 : -0.5);
    Value high = options.alignsCorners ? last : f.sub(size, f.constant(0.5));
    Value place = reflected(f, x, low, high);
    return f.min(f.max(place, f.constant(0)), last);
  }
  }
  return x;
}

/// Weights of the taps for the fraction r, as of PyTorch (a = -0.75).
static SmallVector<Value> gridWeights(const Arith &f, int64_t taps, Value r) {
  Value one = f.constant(1);
  if (taps == 1)
    return {one};
  if (taps == 2)
    return {f.sub(one, r), r};
  const double a = -0.75;
  auto polynomial = [&](Value x, double c3, double c2, double c1, double c0) {
    Value result = f.constant(c3);
    for (double c : {c2, c1, c0})
      result = f.add(f.mul(result, x), f.constant(c));
    return result;
  };
  auto near = [&](Value x) { return polynomial(x, a + 2, -(a + 3), 0, 1); };
  auto far = [&](Value x) { return polynomial(x, a, -5 * a, 8 * a, -4 * a); };
  return {far(f.add(r, one)), near(r), near(f.sub(one, r)),
          far(f.sub(f.constant(2), r))};
}

static Value sampleGrid(NodeBuilder &n, const Arith &f,
                        const GridOptions &options, const Tensor &a,
                        const Tensor &grid, Numbers at) {
  SizeMath &s = n.sizes();
  Arith whole = f.of(OnnxType::Int64);
  Value base[2], size[2];
  SmallVector<Value> weights[2];
  for (int64_t i = 0; i < 2; ++i) { // y, x; the grid has x first
    size[i] = whole.cast(whole.fromIndex(s.value(a.dims[i + 2])), f.element());
    Value place =
        n.load(f, grid, {at[0], at[2], at[3], s.value(s.constant(1 - i))});
    Value moved = f.add(place, f.constant(1)), half = f.constant(0.5);
    Value x = options.alignsCorners
                  ? f.mul(f.mul(moved, half), f.sub(size[i], f.constant(1)))
                  : f.sub(f.mul(f.mul(moved, size[i]), half), half);
    if (options.taps != 4)
      x = paddedPlace(f, options, x, size[i]);
    base[i] = options.taps == 1 ? f.roundEven(x) : f.floor(x);
    weights[i] = gridWeights(f, options.taps, f.sub(x, base[i]));
  }
  int64_t first = options.taps == 4 ? -1 : 0;
  Value sum = f.constant(0);
  for (int64_t i = 0; i < options.taps; ++i)
    for (int64_t j = 0; j < options.taps; ++j) {
      Value y = f.add(base[0], f.constant(double(first + i)));
      Value x = f.add(base[1], f.constant(double(first + j)));
      if (options.taps == 4) { // whole places are padded, not coordinates
        y = f.roundEven(paddedPlace(f, options, y, size[0]));
        x = f.roundEven(paddedPlace(f, options, x, size[1]));
      }
      Value number = numberAt(n, f, a, {at[0], at[1]}, y, x);
      sum = f.add(sum, f.mul(f.mul(weights[0][i], weights[1][j]), number));
    }
  return sum;
}

static void buildGridSample(NodeBuilder &n) {
  Tensor a = n.input(0), grid = n.input(1);
  std::string mode = n.text("mode", n.version() < 20 ? "bilinear" : "linear");
  std::string padding = n.text("padding_mode", "zeros");
  int64_t taps = mode == "nearest"                        ? 1
                 : mode == "bilinear" || mode == "linear" ? 2
                 : mode == "bicubic" || mode == "cubic"   ? 4
                                                          : 0;
  n.require(taps > 0, "mode must be nearest, linear or cubic");
  n.require(padding == "zeros" || padding == "border" ||
                padding == "reflection",
            "padding_mode must be zeros, border or reflection");
  n.requireRank(a, 4, "the input");
  n.requireRank(grid, 4, "the grid");
  n.requireFloat(a);
  n.requireSame(a, grid);
  if (n.failed())
    return;
  n.requireEqual(a.dims[0], grid.dims[0], "the batches");
  n.requireEqual(grid.dims[3], n.sizes().constant(2),
                 "the last size of the grid and 2");
  GridOptions options = {padding == "zeros"    ? Padding::Zeros
                         : padding == "border" ? Padding::Border
                                               : Padding::Reflection,
                         n.integer("align_corners", 0) != 0, taps};
  Sizes dims = {a.dims[0], a.dims[1], grid.dims[1], grid.dims[2]};
  if (n.failed())
    return;
  n.set(0, n.compute(dims, a.element, [&](const Arith &f, Numbers at) {
    return sampleGrid(n, f, options, a, grid, at);
  }));
}

//===----------------------------------------------------------------------===//
// Det
//===----------------------------------------------------------------------===//

/// Elimination in a copy; the largest number of a column is its pivot.
static Value determinant(NodeBuilder &n, const Arith &f, const Tensor &a,
                         Numbers at) {
  SizeMath &s = n.sizes();
  Size size = a.dims.back();
  OpBuilder &b = n.builder();
  Location loc = n.loc();
  auto get = [&](Value matrix, Value row, Value column) -> Value {
    return tensor::ExtractOp::create(b, loc, matrix, ValueRange{row, column});
  };
  auto put = [&](Value number, Value matrix, Value row, Value column) -> Value {
    return tensor::InsertOp::create(b, loc, number, matrix,
                                    ValueRange{row, column});
  };
  Value space = n.empty(a.element, {size, size});
  space = n.loops({size, size}, space, [&](Numbers i, Numbers carried) {
    SmallVector<Value> from(at);
    from.append({i[0], i[1]});
    return SmallVector<Value>{put(n.load(f, a, from), carried[0], i[0], i[1])};
  })[0];
  auto step = [&](Numbers column, Numbers state) { // matrix, determinant
    Value k = column[0];
    Size below = s.sub(size, s.add(k, s.constant(1)));
    auto rowBelow = [&](Value i) {
      return s.value(s.add(s.add(k, s.constant(1)), i));
    };
    Value pivot = n.loops(below, k, [&](Numbers i, Numbers best) {
      Value row = rowBelow(i[0]);
      Value isLarger = f.less(f.abs(get(state[0], best[0], k)),
                              f.abs(get(state[0], row, k)));
      return SmallVector<Value>{f.select(isLarger, row, best[0])};
    })[0];
    Value swapped = n.loops(size, state[0], [&](Numbers j, Numbers m) {
      Value x = get(m[0], k, j[0]), y = get(m[0], pivot, j[0]);
      Value half = put(y, m[0], k, j[0]);
      return SmallVector<Value>{put(x, half, pivot, j[0])};
    })[0];
    Value diagonal = get(swapped, k, k);
    Value isSwapped =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, pivot, k);
    Value factor = f.select(isSwapped, f.neg(diagonal), diagonal);
    Value isZero = f.equal(diagonal, f.constant(0));
    Value divisor = f.select(isZero, f.constant(1), diagonal);
    Value reduced = n.loops({below, size}, swapped, [&](Numbers i, Numbers m) {
      // Columns before k are not looked at again; k itself is read for each.
      Value row = rowBelow(i[0]);
      Value column = s.value(s.sub(s.sub(size, s.constant(1)), i[1]));
      Value ratio = f.div(get(m[0], row, k), divisor);
      Value next =
          f.sub(get(m[0], row, column), f.mul(ratio, get(m[0], k, column)));
      Value isRight =
          arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, column, k);
      Value kept = f.select(isRight, next, get(m[0], row, column));
      return SmallVector<Value>{put(kept, m[0], row, column)};
    })[0];
    return SmallVector<Value>{reduced, f.mul(state[1], factor)};
  };
  return n.loops(size, {space, f.constant(1)}, step)[1];
}

static void buildDet(NodeBuilder &n) {
  Tensor a = n.input(0);
  n.require(a.rank() >= 2, "the input must be matrices");
  n.requireFloat(a);
  if (n.failed())
    return;
  n.requireEqual(a.dims[a.rank() - 2], a.dims.back(),
                 "the sizes of a square matrix");
  Sizes dims(ArrayRef<Size>(a.dims).drop_back(2));
  if (n.failed())
    return;
  // Matrices are changed in place, so they go one after the other.
  Value space = n.empty(a.element, dims);
  Arith f = n.scalars(a.element);
  Value result = n.loops(dims, space, [&](Numbers at, Numbers carried) {
    return SmallVector<Value>{tensor::InsertOp::create(
        n.builder(), n.loc(), determinant(n, f, a, at), carried[0], at)};
  })[0];
  n.set(0, n.make(result, a.element, dims));
}

ArrayRef<OnnxOp> lqc::detectionOps() {
  static const OnnxOp kOps[] = {
      {"NonMaxSuppression", {10, 11}, 2, 5, buildNonMaxSuppression},
      {"RoiAlign", {10, 16, 22}, 3, 3, buildRoiAlign},
      {"GridSample", {16, 20, 22}, 2, 2, buildGridSample, "4 dimensions"},
      {"Det", {11, 22}, 1, 1, buildDet},
  };
  return kOps;
}
