//===- ExpandModelOps.cpp - a graph's lqc operations as linalg ------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The float operations that raising finds in graphs. Those of a decoder have
// kernels of their own.
//
//===----------------------------------------------------------------------===//

#include "passes/Schedule/ExpandModelOps.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <cmath>

using namespace mlir;
using namespace lqc;

namespace {
/// Writes generics over rows of f32.
class RowBuilder {
public:
  RowBuilder(RewriterBase &rewriter, Operation *op)
      : b(op->getLoc(), rewriter) {}

  Value empty(ArrayRef<OpFoldResult> sizes) {
    return tensor::EmptyOp::create(b, sizes, b.getF32Type());
  }
  Value filled(ArrayRef<OpFoldResult> sizes, double value) {
    return linalg::FillOp::create(b, constant(value), empty(sizes))
        .getResult(0);
  }
  Value constant(double value) {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  }
  AffineMap map(unsigned dims, ArrayRef<unsigned> results) {
    SmallVector<AffineExpr> exprs;
    for (unsigned dim : results)
      exprs.push_back(b.getAffineDimExpr(dim));
    return AffineMap::get(dims, 0, exprs, b.getContext());
  }
  /// `body` sees the elements of inputs as f32, then that of the output.
  Value generic(ValueRange inputs, Value output, ArrayRef<AffineMap> maps,
                unsigned sums,
                function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> body) {
    SmallVector<utils::IteratorType> iterators(maps.back().getNumDims(),
                                               utils::IteratorType::parallel);
    for (unsigned i = 0; i < sums; ++i)
      iterators[iterators.size() - 1 - i] = utils::IteratorType::reduction;
    auto write = [&](OpBuilder &builder, Location loc, ValueRange arguments) {
      ImplicitLocOpBuilder inside(loc, builder);
      SmallVector<Value> values;
      for (Value argument : arguments)
        values.push_back(
            argument.getType().isF32()
                ? argument
                : arith::ExtFOp::create(inside, b.getF32Type(), argument));
      linalg::YieldOp::create(inside, body(inside, values));
    };
    return linalg::GenericOp::create(b, output.getType(), inputs, output, maps,
                                     iterators, write)
        .getResult(0);
  }

  ImplicitLocOpBuilder b;
};
} // namespace

static Value expandLinear(RewriterBase &rewriter, LinearOp linear) {
  RowBuilder rows(rewriter, linear);
  OpFoldResult count =
      tensor::getMixedSize(rows.b, rows.b.getLoc(), linear.getInput(), 0);
  int64_t outputs =
      cast<RankedTensorType>(linear.getWeight().getType()).getDimSize(0);
  SmallVector<OpFoldResult> sizes = {count, rows.b.getIndexAttr(outputs)};
  Value start = rows.filled(sizes, 0);
  if (linear.getBias())
    start = rows.generic(
        linear.getBias(), rows.empty(sizes),
        {rows.map(2, {1}), rows.map(2, {0, 1})}, 0,
        [](ImplicitLocOpBuilder &, ValueRange values) { return values[0]; });
  return rows.generic(
      {linear.getInput(), linear.getWeight()}, start,
      {rows.map(3, {0, 2}), rows.map(3, {1, 2}), rows.map(3, {0, 1})}, 1,
      [](ImplicitLocOpBuilder &b, ValueRange values) -> Value {
        Value product = arith::MulFOp::create(b, values[0], values[1]);
        return arith::AddFOp::create(b, values[2], product);
      });
}

/// Of each row: the sum of what `element` makes of its elements, over their
/// number.
static Value
meanOf(RowBuilder &rows, ValueRange inputs, ArrayRef<AffineMap> inputMaps,
       function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> element) {
  OpFoldResult count =
      tensor::getMixedSize(rows.b, rows.b.getLoc(), inputs[0], 0);
  int64_t columns = cast<RankedTensorType>(inputs[0].getType()).getDimSize(1);
  SmallVector<AffineMap> maps(inputMaps);
  maps.push_back(rows.map(2, {0}));
  Value sum = rows.generic(
      inputs, rows.filled(count, 0), maps, 1,
      [&](ImplicitLocOpBuilder &b, ValueRange values) -> Value {
        return arith::AddFOp::create(b, values.back(), element(b, values));
      });
  Value number = rows.constant(double(columns));
  return rows.generic(sum, rows.empty(count),
                      {rows.map(1, {0}), rows.map(1, {0})}, 0,
                      [&](ImplicitLocOpBuilder &b, ValueRange values) -> Value {
                        return arith::DivFOp::create(b, values[0], number);
                      });
}

/// `mean`: null to leave it out; `bias`: may be null.
static Value expandNorm(RewriterBase &rewriter, Operation *op, Value input,
                        Value gain, Value bias, double epsilon,
                        bool subtractsMean) {
  RowBuilder rows(rewriter, op);
  AffineMap element = rows.map(2, {0, 1}), row = rows.map(2, {0}),
            column = rows.map(2, {1});
  Value centred = input;
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(rows.b, rows.b.getLoc(), input);
  if (subtractsMean) {
    Value mean =
        meanOf(rows, input, element,
               [](ImplicitLocOpBuilder &, ValueRange v) { return v[0]; });
    centred =
        rows.generic({input, mean}, rows.empty(sizes), {element, row, element},
                     0, [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                       return arith::SubFOp::create(b, v[0], v[1]);
                     });
  }
  Value square = meanOf(rows, centred, element,
                        [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                          return arith::MulFOp::create(b, v[0], v[0]);
                        });
  Value small = rows.constant(epsilon);
  SmallVector<Value> inputs = {centred, square, gain};
  SmallVector<AffineMap> maps = {element, row, column};
  if (bias) {
    inputs.push_back(bias);
    maps.push_back(column);
  }
  maps.push_back(element);
  return rows.generic(
      inputs, rows.empty(sizes), maps, 0,
      [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
        Value root = math::SqrtOp::create(
            b, arith::AddFOp::create(b, v[1], small).getResult());
        Value scaled = arith::MulFOp::create(
            b, arith::DivFOp::create(b, v[0], root).getResult(), v[2]);
        return bias ? arith::AddFOp::create(b, scaled, v[3]).getResult()
                    : scaled;
      });
}

static Value expandEmbedding(RewriterBase &rewriter, EmbeddingOp op) {
  RowBuilder rows(rewriter, op);
  OpFoldResult count =
      tensor::getMixedSize(rows.b, rows.b.getLoc(), op.getIndices(), 0);
  SmallVector<OpFoldResult> sizes = {
      count, rows.b.getIndexAttr(op.getType().getDimSize(1))};
  // Indices are no numbers to widen, so they are read inside.
  return rows.generic(
      {}, rows.empty(sizes), rows.map(2, {0, 1}), 0,
      [&](ImplicitLocOpBuilder &b, ValueRange) -> Value {
        Value row = linalg::IndexOp::create(b, 0);
        Value column = linalg::IndexOp::create(b, 1);
        Value index = tensor::ExtractOp::create(b, op.getIndices(), row);
        index = arith::IndexCastOp::create(b, b.getIndexType(), index);
        Value number = tensor::ExtractOp::create(b, op.getTable(),
                                                 ValueRange{index, column});
        if (!number.getType().isF32())
          number = arith::ExtFOp::create(b, b.getF32Type(), number);
        return number;
      });
}

namespace {
/// The loops of what looks at images through windows: over batch, places,
/// places within the kernel, channels.
struct WindowLoops {
  SmallVector<OpFoldResult> sizes;
  AffineMap image; ///< from loops to the image's elements
  unsigned positions;
};
} // namespace

template <typename WindowOp>
static WindowLoops windowLoops(ImplicitLocOpBuilder &b, WindowOp op) {
  WindowLoops loops;
  loops.positions = op.getKernel().size();
  unsigned rank = 2 + 2 * loops.positions;
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, b.getLoc(), op.getInput());
  loops.sizes = {sizes[0]};
  SmallVector<AffineExpr> from = {b.getAffineDimExpr(0)};
  AffineExpr size = b.getAffineSymbolExpr(0);
  for (unsigned d = 0; d < loops.positions; ++d) {
    int64_t stride = op.getStrides()[d], step = op.getDilations()[d];
    int64_t reach = (op.getKernel()[d] - 1) * step;
    loops.sizes.push_back(affine::makeComposedFoldedAffineApply(
        b, b.getLoc(), (size - 1 - reach).floorDiv(stride) + 1, sizes[d + 1]));
    from.push_back(b.getAffineDimExpr(1 + d) * stride +
                   b.getAffineDimExpr(1 + loops.positions + d) * step);
  }
  for (int64_t places : op.getKernel())
    loops.sizes.push_back(b.getIndexAttr(places));
  loops.sizes.push_back(sizes.back());
  from.push_back(b.getAffineDimExpr(rank - 1));
  loops.image = AffineMap::get(rank, 0, from, b.getContext());
  return loops;
}

/// A generic over all loops, whose leading and trailing dimensions are then
/// counted as one.
static Value expandPatches(RewriterBase &rewriter, PatchesOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  WindowLoops loops = windowLoops(b, op);
  unsigned rank = loops.sizes.size();
  Value empty = tensor::EmptyOp::create(
      b, loops.sizes, getElementTypeOrSelf(op.getInput().getType()));
  AffineMap maps[] = {loops.image, b.getMultiDimIdentityMap(rank)};
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  Value places = linalg::GenericOp::create(
                     b, empty.getType(), op.getInput(), empty, maps, iterators,
                     [](OpBuilder &builder, Location loc, ValueRange elements) {
                       linalg::YieldOp::create(builder, loc, elements[0]);
                     })
                     .getResult(0);
  ReassociationIndices rows =
      llvm::to_vector<2>(llvm::seq<int64_t>(1 + loops.positions));
  ReassociationIndices columns =
      llvm::to_vector<2>(llvm::seq<int64_t>(1 + loops.positions, rank));
  return tensor::CollapseShapeOp::create(
      b, places, ArrayRef<ReassociationIndices>{rows, columns});
}

/// A generic that sums over the kernel, from the bias on.
static Value expandDepthwise(RewriterBase &rewriter, DepthwiseOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  WindowLoops loops = windowLoops(b, op);
  unsigned rank = loops.sizes.size(), positions = loops.positions;
  RankedTensorType weight = cast<RankedTensorType>(op.getWeight().getType());
  // The weight (kernel…, channels), the result (batch, places…, channels).
  SmallVector<int64_t> shape(op.getKernel());
  shape.push_back(weight.getDimSize(1));
  ReassociationIndices taps = llvm::to_vector<2>(llvm::seq<int64_t>(positions));
  Value codes = tensor::ExpandShapeOp::create(
      b, RankedTensorType::get(shape, weight.getElementType()), op.getWeight(),
      ArrayRef<ReassociationIndices>{taps, {int64_t(positions)}});
  SmallVector<OpFoldResult> sizes(loops.sizes.begin(),
                                  loops.sizes.begin() + 1 + positions);
  sizes.push_back(loops.sizes.back());
  Value out = tensor::EmptyOp::create(b, sizes, b.getI32Type());
  if (op.getBias())
    out = linalg::BroadcastOp::create(
              b, op.getBias(), out,
              llvm::to_vector(llvm::seq<int64_t>(1 + positions)))
              ->getResult(0);
  else
    out =
        linalg::FillOp::create(
            b, arith::ConstantOp::create(b, b.getI32IntegerAttr(0)).getResult(),
            out)
            .getResult(0);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  SmallVector<AffineExpr> ofCodes, ofOut = {b.getAffineDimExpr(0)};
  for (unsigned d = 0; d < positions; ++d) {
    iterators[1 + positions + d] = utils::IteratorType::reduction;
    ofCodes.push_back(b.getAffineDimExpr(1 + positions + d));
    ofOut.push_back(b.getAffineDimExpr(1 + d));
  }
  ofCodes.push_back(b.getAffineDimExpr(rank - 1));
  ofOut.push_back(b.getAffineDimExpr(rank - 1));
  AffineMap maps[] = {loops.image,
                      AffineMap::get(rank, 0, ofCodes, b.getContext()),
                      AffineMap::get(rank, 0, ofOut, b.getContext())};
  auto body = [&](OpBuilder &builder, Location loc, ValueRange v) {
    Type i32 = builder.getI32Type();
    Value x = arith::ExtUIOp::create(builder, loc, i32, v[0]);
    Value w = arith::ExtSIOp::create(builder, loc, i32, v[1]);
    Value product = arith::MulIOp::create(builder, loc, x, w);
    Value sum = arith::AddIOp::create(builder, loc, v[2], product);
    linalg::YieldOp::create(builder, loc, sum);
  };
  Value places = linalg::GenericOp::create(b, out.getType(),
                                           ValueRange{op.getInput(), codes},
                                           out, maps, iterators, body)
                     .getResult(0);
  ReassociationIndices rows =
      llvm::to_vector<2>(llvm::seq<int64_t>(1 + positions));
  return tensor::CollapseShapeOp::create(
      b, places,
      ArrayRef<ReassociationIndices>{rows, {int64_t(1 + positions)}});
}

/// f(g), for the functions that lqc.gated_activation knows.
static Value activate(ImplicitLocOpBuilder &b, ActivationKind kind, Value g) {
  auto number = [&](double value) -> Value {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(float(value)));
  };
  if (kind == ActivationKind::silu) {
    Value power = math::ExpOp::create(b, arith::NegFOp::create(b, g));
    return arith::DivFOp::create(b, g,
                                 arith::AddFOp::create(b, number(1), power));
  }
  Value cube = arith::MulFOp::create(b, g, arith::MulFOp::create(b, g, g));
  Value sum = arith::AddFOp::create(
      b, g, arith::MulFOp::create(b, number(0.044715), cube));
  Value tanh = math::TanhOp::create(
      b, arith::MulFOp::create(b, number(std::sqrt(2 / M_PI)), sum));
  return arith::MulFOp::create(b, arith::MulFOp::create(b, number(0.5), g),
                               arith::AddFOp::create(b, number(1), tanh));
}

static Value expandGate(RewriterBase &rewriter, GatedActivationOp op) {
  RowBuilder rows(rewriter, op);
  AffineMap element = rows.map(2, {0, 1});
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(rows.b, rows.b.getLoc(), op.getGate());
  return rows.generic({op.getGate(), op.getUp()}, rows.empty(sizes),
                      {element, element, element}, 0,
                      [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                        return arith::MulFOp::create(
                            b, activate(b, op.getKind(), v[0]), v[1]);
                      });
}

bool lqc::isFloatModelOp(Operation *op) {
  return isa<EmbeddingOp, GatedActivationOp, LinearOp, RmsNormOp, LayerNormOp,
             PatchesOp, DepthwiseOp>(op) &&
         llvm::none_of(op->getOperandTypes(), [](Type type) {
           RankedTensorType tensor = dyn_cast<RankedTensorType>(type);
           return tensor && tensor.getEncoding();
         });
}

void lqc::expandModelOp(RewriterBase &rewriter, Operation *op) {
  rewriter.setInsertionPoint(op);
  Value result;
  if (LinearOp linear = dyn_cast<LinearOp>(op))
    result = expandLinear(rewriter, linear);
  else if (EmbeddingOp lookup = dyn_cast<EmbeddingOp>(op))
    result = expandEmbedding(rewriter, lookup);
  else if (PatchesOp patches = dyn_cast<PatchesOp>(op))
    result = expandPatches(rewriter, patches);
  else if (DepthwiseOp depthwise = dyn_cast<DepthwiseOp>(op))
    result = expandDepthwise(rewriter, depthwise);
  else if (GatedActivationOp gate = dyn_cast<GatedActivationOp>(op))
    result = expandGate(rewriter, gate);
  else if (RmsNormOp norm = dyn_cast<RmsNormOp>(op))
    result = expandNorm(rewriter, op, norm.getInput(), norm.getGain(), {},
                        norm.getEpsilon().convertToDouble(), false);
  else if (LayerNormOp norm = dyn_cast<LayerNormOp>(op))
    result =
        expandNorm(rewriter, op, norm.getInput(), norm.getGain(),
                   norm.getBias(), norm.getEpsilon().convertToDouble(), true);
  if (result.getType() != op->getResult(0).getType())
    result = tensor::CastOp::create(rewriter, op->getLoc(),
                                    op->getResult(0).getType(), result);
  rewriter.replaceOp(op, result);
}
