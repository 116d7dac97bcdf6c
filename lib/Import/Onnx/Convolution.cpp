//===- Convolution.cpp - convolutions -------------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/OpTable.h"
#include "lib/Import/Onnx/Parts.h"
#include "lib/Import/Onnx/Window.h"
#include "lqc/Support/Error.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

/// Strides, dilations and pads beyond this are a mistake in the file.
static constexpr int64_t kMaxStep = int64_t(1) << 31;

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

/// An attribute with a positive number for each position dimension.
static SmallVector<int64_t> steps(NodeBuilder &n, StringRef name, size_t rank) {
  SmallVector<int64_t> values = n.integers(name, SmallVector<int64_t>(rank, 1));
  n.require(values.size() == rank,
            (name + " must have a number for each position").str());
  for (int64_t value : values)
    n.require(value > 0 && value < kMaxStep,
              (name + " must be positive").str());
  values.resize(rank, 1);
  return values;
}

Size lqc::extentOf(SizeMath &s, const Window &window, size_t d) {
  return s.add(s.mul(s.sub(window.kernel[d], s.constant(1)),
                     s.constant(window.dilations[d])),
               s.constant(1));
}

/// Padding that gives ceil(size / stride) places.
static void padSame(NodeBuilder &n, Window &window, size_t d, Size size,
                    bool isUpper) {
  SizeMath &s = n.sizes();
  Size stride = s.constant(window.strides[d]);
  Size places = s.div(s.add(size, s.constant(window.strides[d] - 1)), stride);
  Size reach = s.add(s.mul(s.sub(places, s.constant(1)), stride),
                     extentOf(s, window, d));
  Size total = s.max(s.sub(reach, size), s.constant(0));
  Size half = s.div(total, s.constant(2));
  window.low[d] = isUpper ? half : s.sub(total, half);
  window.high[d] = s.sub(total, window.low[d]);
}

static void readPads(NodeBuilder &n, Window &window, const Tensor &input) {
  SizeMath &s = n.sizes();
  size_t rank = window.rank();
  std::string mode = n.text("auto_pad", "NOTSET");
  SmallVector<int64_t> pads =
      n.integers("pads", SmallVector<int64_t>(2 * rank, 0));
  n.require(mode == "NOTSET" || mode == "VALID" || mode == "SAME_UPPER" ||
                mode == "SAME_LOWER",
            "auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER");
  n.require(pads.size() == 2 * rank,
            "pads must have two numbers for each position");
  for (int64_t pad : pads)
    n.require(pad >= 0 && pad < kMaxStep, "pads must not be negative");
  pads.resize(2 * rank, 0);
  window.low.assign(rank, s.constant(0));
  window.high = window.low;
  for (size_t d = 0; d < rank; ++d) {
    if (mode == "NOTSET") {
      window.low[d] = s.constant(pads[d]);
      window.high[d] = s.constant(pads[rank + d]);
    } else if (mode != "VALID") {
      padSame(n, window, d, input.dims[d + 2], mode == "SAME_UPPER");
    }
  }
}

Window lqc::readWindow(NodeBuilder &n, const Tensor &input,
                       ArrayRef<Size> kernel) {
  SizeMath &s = n.sizes();
  Window window;
  size_t rank = kernel.size();
  window.kernel = Sizes(kernel);
  window.strides = steps(n, "strides", rank);
  window.dilations = steps(n, "dilations", rank);
  window.results.assign(rank, s.constant(0));
  window.low = window.high = window.results;
  if (n.failed())
    return window;
  readPads(n, window, input);
  bool roundsUp = n.integer("ceil_mode", 0);
  for (size_t d = 0; d < rank; ++d) {
    Size size = input.dims[d + 2], stride = s.constant(window.strides[d]);
    Size padded = s.add(s.add(size, window.low[d]), window.high[d]);
    Size extent = extentOf(s, window, d), room = s.sub(padded, extent);
    if (std::optional<int64_t> known = knownSize(room); known && *known < 0)
      n.fail("the window must fit into the padded input, got: {0} too few "
             "positions",
             -*known);
    Size places = s.add(s.div(room, stride), s.constant(1));
    if (roundsUp) {
      Size up =
          s.add(s.div(s.add(room, s.constant(window.strides[d] - 1)), stride),
                s.constant(1));
      // The last window must begin within the input or the padding before it.
      Size begin = s.mul(s.sub(up, s.constant(1)), stride);
      places = s.ifLess(begin, s.add(size, window.low[d]), up,
                        s.sub(up, s.constant(1)));
      Size reach = s.add(s.mul(s.sub(places, s.constant(1)), stride), extent);
      window.high[d] =
          s.add(window.high[d], s.max(s.sub(reach, padded), s.constant(0)));
    }
    if (!knownSize(places)) {
      Value fits =
          arith::CmpIOp::create(n.builder(), n.loc(), arith::CmpIPredicate::sge,
                                s.value(room), s.value(s.constant(0)));
      n.check(fits, "the window must fit into the padded input");
    }
    window.results[d] = places;
  }
  return window;
}

Tensor lqc::padPositions(NodeBuilder &n, const Tensor &input,
                         const Window &window, const Tensor &number) {
  Sizes low(2, n.sizes().constant(0)), high = low;
  low.append(window.low);
  high.append(window.high);
  return n.pad(input, low, high, number);
}

namespace {
/// Dimensions of the iteration space of a window: those before the positions,
/// the places of the window, then what is folded.
struct WindowMaps {
  AffineMap input, kernel, result;
};
} // namespace

/// `before`: dimensions before the positions, as they are.
static WindowMaps mapsOf(MLIRContext *context, const Window &window,
                         unsigned before) {
  unsigned rank = window.rank(), dims = before + 2 * rank;
  SmallVector<AffineExpr> input, kernel, result;
  for (unsigned d = 0; d < before; ++d)
    input.push_back(getAffineDimExpr(d, context));
  result = input;
  for (unsigned d = 0; d < rank; ++d) {
    AffineExpr place = getAffineDimExpr(before + d, context);
    AffineExpr inside = getAffineDimExpr(before + rank + d, context);
    input.push_back(place * window.strides[d] + inside * window.dilations[d]);
    kernel.push_back(inside);
    result.push_back(place);
  }
  return {AffineMap::get(dims, 0, input, context),
          AffineMap::get(dims, 0, kernel, context),
          AffineMap::get(dims, 0, result, context)};
}

Tensor lqc::foldWindows(NodeBuilder &n, const Tensor &padded,
                        const Window &window,
                        llvm::function_ref<Value(const Arith &)> init,
                        NodeBuilder::ScalarFunction fold) {
  if (n.failed())
    return padded;
  WindowMaps maps = mapsOf(n.builder().getContext(), window, 2);
  Sizes dims = {padded.dims[0], padded.dims[1]};
  dims.append(window.results);
  Value start =
      n.full(init(n.scalars(padded.element)), padded.element, dims).value;
  Value shape = n.empty(padded.element, window.kernel);
  if (n.failed())
    return padded;
  SmallVector<utils::IteratorType> iterators(maps.result.getNumDims(),
                                             utils::IteratorType::parallel);
  for (unsigned d = maps.result.getNumResults(); d < iterators.size(); ++d)
    iterators[d] = utils::IteratorType::reduction;
  auto op = linalg::GenericOp::create(
      n.builder(), n.loc(), start.getType(), ValueRange{padded.value, shape},
      start, ArrayRef<AffineMap>{maps.input, maps.kernel, maps.result},
      iterators, [&](OpBuilder &b, Location loc, ValueRange x) {
        Value numbers[] = {x[2], x[0]};
        linalg::YieldOp::create(b, loc,
                                fold(Arith(b, loc, padded.element), numbers));
      });
  return n.make(op->getResult(0), padded.element, dims);
}

//===----------------------------------------------------------------------===//
// Conv
//===----------------------------------------------------------------------===//

/// Named where there is a name for the layout.
static Value namedConvolution(NodeBuilder &n, const Tensor &input,
                              const Tensor &weights, const Window &window,
                              Value init) {
  OpBuilder &b = n.builder();
  Attribute strides = b.getI64VectorAttr(window.strides);
  Attribute dilations = b.getI64VectorAttr(window.dilations);
  ValueRange none;
  SmallVector<Value> operands = {input.value, weights.value};
  SmallVector<Type> types = {init.getType()};
  switch (window.rank()) {
  case 1:
    return linalg::Conv1DNcwFcwOp::create(b, n.loc(), types, operands, init,
                                          strides, dilations)
        ->getResult(0);
  case 2:
    return linalg::Conv2DNchwFchwOp::create(b, n.loc(), types, operands, init,
                                            strides, dilations)
        ->getResult(0);
  case 3:
    return linalg::Conv3DNcdhwFcdhwOp::create(b, n.loc(), types, operands, init,
                                              strides, dilations)
        ->getResult(0);
  default:
    return {};
  }
}

/// Iterates over batch, groups, outputs, places; channels, kernel.
static Tensor groupedConvolution(NodeBuilder &n, const Tensor &input,
                                 const Tensor &weights, const Window &window,
                                 ArrayRef<Size> dims, OnnxType element) {
  MLIRContext *context = n.builder().getContext();
  unsigned rank = window.rank(), total = 4 + 2 * rank;
  auto dim = [&](unsigned d) { return getAffineDimExpr(d, context); };
  AffineExpr batch = dim(0), group = dim(1), output = dim(2),
             channel = dim(3 + rank);
  SmallVector<AffineExpr> in = {batch, group, channel};
  SmallVector<AffineExpr> weight = {group, output, channel};
  SmallVector<AffineExpr> out = {batch, group, output};
  for (unsigned d = 0; d < rank; ++d) {
    AffineExpr place = dim(3 + d), inside = dim(4 + rank + d);
    in.push_back(place * window.strides[d] + inside * window.dilations[d]);
    weight.push_back(inside);
    out.push_back(place);
  }
  return n.contract(input, AffineMap::get(total, 0, in, context), weights,
                    AffineMap::get(total, 0, weight, context), dims,
                    AffineMap::get(total, 0, out, context), element);
}

Tensor lqc::convolve(NodeBuilder &n, const Tensor &padded,
                     const Tensor &weights, const Window &window,
                     int64_t groups, OnnxType element) {
  SizeMath &s = n.sizes();
  Size count = s.constant(groups);
  n.requireEqual(padded.dims[1], s.mul(weights.dims[1], count),
                 "the channels of the input and of the weights");
  if (knownSize(weights.dims[0]) && *knownSize(weights.dims[0]) % groups != 0)
    n.fail("the outputs must be a multiple of the groups");
  if (n.failed())
    return padded;
  Sizes dims = {padded.dims[0], weights.dims[0]};
  dims.append(window.results);
  if (groups == 1 && window.rank() <= 3 && padded.element == element) {
    Value init = n.zeros(element, dims).value;
    if (n.failed())
      return padded;
    return n.make(namedConvolution(n, padded, weights, window, init), element,
                  dims);
  }
  // Groups as a dimension of their own.
  Size outputs = s.div(weights.dims[0], count);
  Sizes inDims = {padded.dims[0], count, weights.dims[1]};
  inDims.append(padded.dims.begin() + 2, padded.dims.end());
  Sizes weightDims = {count, outputs, weights.dims[1]};
  weightDims.append(weights.dims.begin() + 2, weights.dims.end());
  Sizes outDims = {padded.dims[0], count, outputs};
  outDims.append(window.results);
  Tensor grouped = groupedConvolution(n, n.reshape(padded, inDims),
                                      n.reshape(weights, weightDims), window,
                                      outDims, element);
  return n.reshape(grouped, dims);
}

Tensor lqc::addChannels(NodeBuilder &n, const Tensor &tensor,
                        const Tensor &bias) {
  n.requireRank(bias, 1, "the bias");
  if (n.failed())
    return tensor;
  SmallVector<int64_t> axes;
  for (int64_t d = 1; d < tensor.rank() - 1; ++d)
    axes.push_back(d);
  return n.add(tensor, n.unsqueeze(bias, axes));
}

/// Checks ranks and kernel_shape.
static bool checkConvolution(NodeBuilder &n, const Tensor &a, const Tensor &w) {
  n.require(a.rank() >= 3, "the input must have channels and positions");
  n.requireRank(w, a.rank(), "the weights");
  if (n.failed())
    return false;
  SmallVector<int64_t> kernel = n.integers("kernel_shape");
  if (!kernel.empty() && int64_t(kernel.size()) != a.rank() - 2)
    n.fail("kernel_shape must have a number for each position");
  for (size_t d = 0; d < kernel.size() && !n.failed(); ++d)
    n.requireEqual(n.sizes().constant(kernel[d]), w.dims[d + 2],
                   "kernel_shape and the sizes of the weights");
  return !n.failed();
}

static int64_t readGroups(NodeBuilder &n) {
  int64_t groups = n.integer("group", 1);
  n.require(groups > 0 && groups < kMaxStep, "group must be positive");
  return std::max<int64_t>(groups, 1);
}

/// x - zero point, as int32. Zero points of weights may be one for each output.
static Tensor centered(NodeBuilder &n, const Tensor &x, const Tensor &zero,
                       bool isWeights) {
  Tensor wide = n.cast(x, OnnxType::Int32);
  if (!zero)
    return wide;
  n.requireSame(x, zero);
  Tensor point = n.cast(zero, OnnxType::Int32);
  if (isWeights && point.rank() == 1 && knownSize(point.dims[0]) != 1) {
    SmallVector<int64_t> axes;
    for (int64_t d = 1; d < x.rank(); ++d)
      axes.push_back(d);
    point = n.unsqueeze(point, axes);
  } else if (point.rank() > 0) {
    point = n.reshape(point, {});
  }
  return n.sub(wide, point);
}

/// Padding stands for 0, so it is added after the zero point is gone.
static Tensor integerConvolution(NodeBuilder &n, const Tensor &a,
                                 const Tensor &w, const Tensor &zeroA,
                                 const Tensor &zeroW) {
  int64_t groups = readGroups(n);
  n.require(isInteger(a.element) && isInteger(w.element),
            "input and weights must be integers");
  if (!checkConvolution(n, a, w))
    return a;
  Window window = readWindow(n, a, ArrayRef<Size>(w.dims).drop_front(2));
  Tensor x = centered(n, a, zeroA, /*isWeights=*/false);
  Tensor padded = padPositions(n, x, window, n.scalar(0, OnnxType::Int32));
  Tensor weights = centered(n, w, zeroW, /*isWeights=*/true);
  if (n.failed())
    return a;
  return convolve(n, padded, weights, window, groups, OnnxType::Int32);
}

/// A scale as it goes with a result: one for all, or one for each channel.
static Tensor channelScale(NodeBuilder &n, const Tensor &scale, int64_t rank) {
  if (scale.rank() != 1 || knownSize(scale.dims[0]) == 1)
    return n.reshape(scale, {});
  SmallVector<int64_t> axes;
  for (int64_t d = 1; d < rank - 1; ++d)
    axes.push_back(d);
  return n.unsqueeze(scale, axes);
}

/// Of codes: their exact sums, times both scales. The bias may be left out.
static Tensor convolutionOfCodes(NodeBuilder &n, const CodedReals &a,
                                 const CodedReals &w, const Tensor &bias) {
  Tensor sum = integerConvolution(n, a.codes, w.codes, a.zero, w.zero);
  if (n.failed())
    return sum;
  Tensor scale =
      n.mul(n.reshape(a.scale, {}), channelScale(n, w.scale, sum.rank()));
  Tensor exact = biasOfSums(n, bias, a, w);
  if (exact)
    sum = addChannels(n, sum, exact);
  Tensor result = realsOfSums(n, sum, scale);
  return bias && !exact ? addChannels(n, result, bias) : result;
}

static Tensor convolutionOfReals(NodeBuilder &n, const Tensor &a,
                                 const Tensor &w) {
  int64_t groups = readGroups(n);
  if (!checkConvolution(n, a, w))
    return a;
  Window window = readWindow(n, a, ArrayRef<Size>(w.dims).drop_front(2));
  Tensor padded = padPositions(n, a, window, n.scalar(0, a.element));
  if (n.failed())
    return a;
  return convolve(n, padded, w, window, groups, a.element);
}

Tensor lqc::convolution(NodeBuilder &n) {
  Tensor a = n.input(0), w = n.input(1);
  n.requireSame(a, w);
  n.requireFloat(a);
  if (n.failed())
    return a;
  Tensor bias = n.has(2) ? n.input(2) : Tensor();
  if (areCodes(a, w, /*axis=*/0))
    return convolutionOfCodes(n, *a.codes, *w.codes, bias);
  Tensor result = convolutionOfReals(n, a, w);
  return bias && !n.failed() ? addChannels(n, result, bias) : result;
}

static void buildConv(NodeBuilder &n) { n.set(0, convolution(n)); }

//===----------------------------------------------------------------------===//
// ConvTranspose
//===----------------------------------------------------------------------===//

/// Zeros between the positions: `stride` - 1 of them.
static Tensor spread(NodeBuilder &n, const Tensor &a,
                     ArrayRef<int64_t> strides) {
  SizeMath &s = n.sizes();
  if (llvm::all_of(strides, [](int64_t stride) { return stride == 1; }))
    return a;
  Sizes dims = {a.dims[0], a.dims[1]}, step(2, s.constant(1));
  for (auto [d, stride] : llvm::enumerate(strides)) {
    dims.push_back(
        s.add(s.mul(s.sub(a.dims[d + 2], s.constant(1)), s.constant(stride)),
              s.constant(1)));
    step.push_back(s.constant(stride));
  }
  Tensor zeros = n.zeros(a.element, dims);
  if (n.failed())
    return a;
  if (llvm::any_of(a.dims, [](Size size) { return knownSize(size) == 0; }))
    return zeros; // there is nothing to put in
  Sizes offsets(a.rank(), s.constant(0));
  Value value = tensor::InsertSliceOp::create(
      n.builder(), n.loc(), a.value, zeros.value, offsets, a.dims, step);
  return n.make(value, a.element, dims);
}

/// Weights (channels, outputs / groups, kernel) as those of a convolution, with
/// the kernel turned round.
static Tensor turnedWeights(NodeBuilder &n, const Tensor &w, int64_t groups) {
  SizeMath &s = n.sizes();
  Size count = s.constant(groups);
  Size inside = s.div(w.dims[0], count);
  Sizes dims = {s.mul(w.dims[1], count), inside};
  dims.append(w.dims.begin() + 2, w.dims.end());
  return n.compute(dims, w.element, [&](const Arith &f, Numbers at) {
    OpBuilder &b = f.builder();
    Location loc = f.location();
    // Output o is number o % (outputs / groups) of group o / (…).
    Value perGroup = s.value(w.dims[1]);
    Value group = arith::DivUIOp::create(b, loc, at[0], perGroup);
    Value output = arith::RemUIOp::create(b, loc, at[0], perGroup);
    Value first = arith::MulIOp::create(b, loc, group, s.value(inside));
    SmallVector<Value> from = {arith::AddIOp::create(b, loc, first, at[1]),
                               output};
    for (size_t d = 2; d < at.size(); ++d) {
      Value last = s.value(s.sub(w.dims[d], s.constant(1)));
      from.push_back(arith::SubIOp::create(b, loc, last, at[d]));
    }
    return n.load(f, w, from);
  });
}

/// What the result is cut by at both ends: pads, or what output_shape asks for.
static void readCuts(NodeBuilder &n, const Tensor &a, Window &window,
                     ArrayRef<int64_t> extra) {
  SizeMath &s = n.sizes();
  std::string mode = n.text("auto_pad", "NOTSET");
  SmallVector<int64_t> shape = n.integers("output_shape");
  if (shape.size() > window.rank()) // with batch and channels
    shape.erase(shape.begin(), shape.end() - window.rank());
  bool isSame = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (shape.empty() && !isSame)
    return readPads(n, window, a);
  window.low.assign(window.rank(), s.constant(0));
  window.high = window.low;
  n.require(shape.empty() || shape.size() == window.rank(),
            "output_shape must have a number for each position");
  if (n.failed())
    return;
  for (size_t d = 0; d < window.rank(); ++d) {
    Size stride = s.constant(window.strides[d]), size = a.dims[d + 2];
    Size wanted = shape.empty() ? s.mul(size, stride) : s.constant(shape[d]);
    Size full = s.add(s.add(s.mul(s.sub(size, s.constant(1)), stride),
                            extentOf(s, window, d)),
                      s.constant(extra[d]));
    Size total = s.max(s.sub(full, wanted), s.constant(0));
    Size half = s.div(total, s.constant(2));
    window.low[d] = mode == "SAME_UPPER" ? half : s.sub(total, half);
    window.high[d] = s.sub(total, window.low[d]);
    if (!knownSize(total) || *knownSize(total) != 0 || shape.empty())
      continue;
    // A larger result than there is: zeros at the end.
    window.high[d] = s.min(s.sub(full, wanted), s.constant(0));
  }
}

/// A convolution of stride 1 over the input with zeros in between.
static void buildConvTranspose(NodeBuilder &n) {
  Tensor a = n.input(0), w = n.input(1);
  n.requireSame(a, w);
  n.requireFloat(a);
  int64_t groups = readGroups(n);
  if (!checkConvolution(n, a, w))
    return;
  SizeMath &s = n.sizes();
  size_t rank = a.rank() - 2;
  Window window;
  window.kernel = Sizes(ArrayRef<Size>(w.dims).drop_front(2));
  window.strides = steps(n, "strides", rank);
  window.dilations = steps(n, "dilations", rank);
  SmallVector<int64_t> extra =
      n.integers("output_padding", SmallVector<int64_t>(rank, 0));
  n.require(extra.size() == rank,
            "output_padding must have a number for each position");
  for (int64_t number : extra)
    n.require(number >= 0 && number < kMaxStep,
              "output_padding must not be negative");
  if (knownSize(w.dims[0]) && *knownSize(w.dims[0]) % groups != 0)
    n.fail("the channels must be a multiple of the groups");
  if (n.failed())
    return;
  readCuts(n, a, window, extra);
  if (n.failed())
    return;
  Tensor input = spread(n, a, window.strides);
  Sizes low, high;
  window.results.clear();
  for (size_t d = 0; d < rank; ++d) {
    Size around = s.sub(extentOf(s, window, d), s.constant(1));
    low.push_back(s.sub(around, window.low[d]));
    high.push_back(s.add(s.sub(around, window.high[d]), s.constant(extra[d])));
    Size padded = s.add(s.add(input.dims[d + 2], low.back()), high.back());
    window.results.push_back(s.sub(padded, around));
  }
  window.low = low;
  window.high = high;
  window.strides.assign(rank, 1);
  Tensor padded = padPositions(n, input, window, n.scalar(0, a.element));
  if (n.failed())
    return;
  Tensor result = convolve(n, padded, turnedWeights(n, w, groups), window,
                           groups, a.element);
  if (n.has(2))
    result = addChannels(n, result, n.input(2));
  n.set(0, result);
}

//===----------------------------------------------------------------------===//
// Of integers
//===----------------------------------------------------------------------===//

static Tensor optional(NodeBuilder &n, unsigned index) {
  return n.has(index) ? n.input(index) : Tensor();
}

static void buildConvInteger(NodeBuilder &n) {
  n.set(0, integerConvolution(n, n.input(0), n.input(1), optional(n, 2),
                              optional(n, 3)));
}

/// round(sum * (scale of x * scale of w / scale of y)) + zero point of y.
static void buildQLinearConv(NodeBuilder &n) {
  Tensor sum =
      integerConvolution(n, n.input(0), n.input(3), n.input(2), n.input(5));
  if (n.failed())
    return;
  if (n.has(8))
    sum = addChannels(n, sum, n.input(8));
  Tensor scale =
      n.mul(n.reshape(n.input(1), {}), channelScale(n, n.input(4), sum.rank()));
  n.set(0, codesOfSums(n, {sum, scale}, n.reshape(n.input(6), {}),
                       n.reshape(n.input(7), {})));
}

ArrayRef<OnnxOp> lqc::convolutionOps() {
  static const OnnxOp kOps[] = {
      {"Conv", {1, 11, 22}, 2, 3, buildConv},
      {"ConvTranspose", {1, 11, 22}, 2, 3, buildConvTranspose},
      {"ConvInteger", {10}, 2, 4, buildConvInteger},
      {"QLinearConv", {10}, 8, 9, buildQLinearConv},
  };
  return kOps;
}
