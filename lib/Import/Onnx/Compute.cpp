//===- Compute.cpp - elementwise work, reductions and products ------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/GraphImporter.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using namespace lqc;

//===----------------------------------------------------------------------===//
// Broadcasting
//===----------------------------------------------------------------------===//

Sizes NodeBuilder::broadcastDims(ArrayRef<Tensor> tensors) {
  Sizes dims;
  for (const Tensor &tensor : tensors) {
    while (int64_t(dims.size()) < tensor.rank())
      dims.insert(dims.begin(), sizes().constant(1));
    size_t shift = dims.size() - tensor.rank();
    for (auto [d, size] : llvm::enumerate(tensor.dims)) {
      Size &known = dims[shift + d];
      if (knownSize(known) == 1)
        known = size;
      else if (knownSize(size) != 1)
        known = requireEqual(known, size, "sizes, if none of them is 1,");
    }
  }
  return dims;
}

/// The number that all elements of a constant have, or null.
static Attribute splatOf(Value value) {
  DenseElementsAttr dense;
  if (value && matchPattern(value, m_Constant(&dense)) && dense.isSplat())
    return dense.getSplatValue<Attribute>();
  return {};
}

Tensor NodeBuilder::broadcast(const Tensor &given, ArrayRef<Size> dims) {
  Tensor tensor = built(given);
  if (failed() || tensor.rank() > int64_t(dims.size()))
    return tensor;
  size_t shift = dims.size() - tensor.rank();
  SmallVector<int64_t> added, dropped;
  Sizes kept;
  for (size_t d = 0; d < dims.size(); ++d) {
    bool isStretched = d < shift || (knownSize(tensor.dims[d - shift]) == 1 &&
                                     knownSize(dims[d]) != 1);
    if (!isStretched)
      kept.push_back(dims[d]);
    else
      added.push_back(int64_t(d));
    if (isStretched && d >= shift)
      dropped.push_back(int64_t(d - shift));
  }
  if (added.empty())
    return make(tensor.value, tensor.element, dims);
  if (Attribute splat = splatOf(tensor.value))
    return full(
        arith::ConstantOp::create(builder(), loc(), cast<TypedAttr>(splat)),
        tensor.element, dims);
  tensor = squeeze(tensor, dropped);
  tensor = make(tensor.value, tensor.element, kept);
  Value init = empty(tensor.element, dims);
  Value result =
      linalg::BroadcastOp::create(builder(), loc(), tensor.value, init, added)
          ->getResult(0);
  return make(result, tensor.element, dims);
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

Tensor NodeBuilder::elementwise(ArrayRef<Tensor> operands, OnnxType result,
                                ScalarFunction body) {
  Sizes dims = broadcastDims(operands);
  typeOf(result, dims);
  if (failed())
    return scalar(0, result);
  SmallVector<Value> values;
  for (const Tensor &operand : operands)
    values.push_back(broadcast(operand, dims).value);
  if (failed())
    return scalar(0, result);
  Arith a(builder(), loc(), operands.front().element, dims);
  return make(body(a, values), result, dims);
}

/// A linalg.generic whose body is built where all sizes are visible.
static Value buildGeneric(NodeBuilder &n, ValueRange inputs, Value output,
                          ArrayRef<AffineMap> maps,
                          ArrayRef<utils::IteratorType> iterators,
                          llvm::function_ref<Value(ValueRange)> body) {
  OpBuilder &b = n.builder();
  auto op = linalg::GenericOp::create(b, n.loc(), output.getType(), inputs,
                                      output, maps, iterators);
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Type> types;
  for (Value value : inputs)
    types.push_back(getElementTypeOrSelf(value.getType()));
  types.push_back(getElementTypeOrSelf(output.getType()));
  Block *block = b.createBlock(&op.getRegion(), {}, types,
                               SmallVector<Location>(types.size(), n.loc()));
  linalg::YieldOp::create(b, n.loc(), body(block->getArguments()));
  return op->getResult(0);
}

/// How an operand of a stretched shape is indexed.
static AffineMap broadcastMap(MLIRContext *context, const Tensor &tensor,
                              ArrayRef<Size> dims) {
  SmallVector<AffineExpr> exprs;
  size_t shift = dims.size() - tensor.rank();
  for (auto [d, size] : llvm::enumerate(tensor.dims))
    exprs.push_back(knownSize(size) == 1 && knownSize(dims[shift + d]) != 1
                        ? getAffineConstantExpr(0, context)
                        : getAffineDimExpr(shift + d, context));
  return AffineMap::get(dims.size(), 0, exprs, context);
}

Tensor NodeBuilder::map(ArrayRef<Tensor> operands, OnnxType result,
                        ScalarFunction body) {
  Sizes dims = broadcastDims(operands);
  typeOf(result, dims);
  if (failed())
    return scalar(0, result);
  MLIRContext *context = builder().getContext();
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  SmallVector<Attribute> splats;
  for (const Tensor &operand : operands) {
    Tensor tensor = built(operand);
    splats.push_back(splatOf(tensor.value));
    if (splats.back())
      continue;
    // Sizes that were found equal may be better known on the other side.
    Sizes own = tensor.dims;
    size_t shift = dims.size() - own.size();
    for (auto [d, size] : llvm::enumerate(own))
      if (knownSize(size) != 1)
        size = dims[shift + d];
    inputs.push_back(make(tensor.value, tensor.element, own).value);
    maps.push_back(broadcastMap(context, tensor, dims));
  }
  maps.push_back(AffineMap::getMultiDimIdentityMap(dims.size(), context));
  SmallVector<utils::IteratorType> iterators(dims.size(),
                                             utils::IteratorType::parallel);
  Value value =
      buildGeneric(*this, inputs, empty(result, dims), maps, iterators,
                   [&](ValueRange arguments) {
                     SmallVector<Value> numbers;
                     for (Attribute splat : splats)
                       if (splat)
                         numbers.push_back(arith::ConstantOp::create(
                             builder(), loc(), cast<TypedAttr>(splat)));
                       else {
                         numbers.push_back(arguments.front());
                         arguments = arguments.drop_front();
                       }
                     return body(scalars(operands.front().element), numbers);
                   });
  return make(value, result, dims);
}

Tensor NodeBuilder::compute(ArrayRef<Size> dims, OnnxType element,
                            ScalarFunction body) {
  typeOf(element, dims);
  if (failed())
    return scalar(0, element);
  MLIRContext *context = builder().getContext();
  SmallVector<utils::IteratorType> iterators(dims.size(),
                                             utils::IteratorType::parallel);
  Value value = buildGeneric(
      *this, {}, empty(element, dims),
      AffineMap::getMultiDimIdentityMap(dims.size(), context), iterators,
      [&](ValueRange) {
        SmallVector<Value> indices;
        for (size_t d = 0; d < dims.size(); ++d)
          indices.push_back(linalg::IndexOp::create(builder(), loc(), d));
        return body(scalars(element), indices);
      });
  return make(value, element, dims);
}

Value NodeBuilder::load(const Arith &a, const Tensor &tensor,
                        ArrayRef<Value> indices) {
  return tensor::ExtractOp::create(a.builder(), a.location(), tensor.value,
                                   indices);
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

Tensor NodeBuilder::reduce(const Tensor &given, ArrayRef<int64_t> axes,
                           bool keep,
                           llvm::function_ref<Value(const Arith &)> init,
                           ScalarFunction body) {
  Tensor tensor = built(given);
  if (failed() || axes.empty())
    return tensor;
  Sizes dims, kept;
  for (auto [d, size] : llvm::enumerate(tensor.dims)) {
    bool isFolded = llvm::is_contained(axes, int64_t(d));
    if (!isFolded)
      dims.push_back(size);
    kept.push_back(isFolded ? sizes().constant(1) : size);
  }
  Tensor start = full(init(scalars(tensor.element)), tensor.element, dims);
  Value value = linalg::ReduceOp::create(
                    builder(), loc(), ValueRange{tensor.value},
                    ValueRange{start.value}, axes,
                    [&](OpBuilder &b, Location where, ValueRange arguments) {
                      Arith a(b, where, tensor.element);
                      Value numbers[] = {arguments[1], arguments[0]};
                      linalg::YieldOp::create(b, where, body(a, numbers));
                    })
                    ->getResult(0);
  Tensor result = make(value, tensor.element, dims);
  return keep ? reshape(result, kept) : result;
}

/// Halves are summed in float.
static bool isHalf(OnnxType kind) {
  return kind == OnnxType::Float16 || kind == OnnxType::BFloat16;
}

Tensor NodeBuilder::sum(const Tensor &tensor, ArrayRef<int64_t> axes,
                        bool keep) {
  if (isHalf(tensor.element))
    return cast(sum(cast(tensor, OnnxType::Float), axes, keep), tensor.element);
  return reduce(
      tensor, axes, keep, [](const Arith &a) { return a.constant(0); },
      [](const Arith &a, ArrayRef<Value> x) { return a.add(x[0], x[1]); });
}

Tensor NodeBuilder::max(const Tensor &tensor, ArrayRef<int64_t> axes,
                        bool keep) {
  return reduce(
      tensor, axes, keep, [](const Arith &a) { return a.lowest(); },
      [](const Arith &a, ArrayRef<Value> x) { return a.max(x[0], x[1]); });
}

Tensor NodeBuilder::mean(const Tensor &tensor, ArrayRef<int64_t> axes,
                         bool keep) {
  if (isHalf(tensor.element))
    return cast(mean(cast(tensor, OnnxType::Float), axes, keep),
                tensor.element);
  Sizes folded;
  for (int64_t axis : axes)
    folded.push_back(tensor.dims[axis]);
  Size count = sizes().product(folded);
  Tensor divisor;
  if (std::optional<int64_t> known = knownSize(count))
    divisor = scalar(double(*known), tensor.element);
  else
    divisor = cast(fromElements(count, OnnxType::Int64, /*isScalar=*/true),
                   tensor.element);
  return div(sum(tensor, axes, keep), divisor);
}

//===----------------------------------------------------------------------===//
// Arithmetic on tensors
//===----------------------------------------------------------------------===//

Tensor NodeBuilder::add(const Tensor &a, const Tensor &b) {
  requireSame(a, b);
  return elementwise({a, b}, a.element, [](const Arith &f, ArrayRef<Value> x) {
    return f.add(x[0], x[1]);
  });
}

Tensor NodeBuilder::sub(const Tensor &a, const Tensor &b) {
  requireSame(a, b);
  return elementwise({a, b}, a.element, [](const Arith &f, ArrayRef<Value> x) {
    return f.sub(x[0], x[1]);
  });
}

Tensor NodeBuilder::mul(const Tensor &a, const Tensor &b) {
  requireSame(a, b);
  return elementwise({a, b}, a.element, [](const Arith &f, ArrayRef<Value> x) {
    return f.mul(x[0], x[1]);
  });
}

Tensor NodeBuilder::div(const Tensor &a, const Tensor &b) {
  requireSame(a, b);
  auto body = [](const Arith &f, ArrayRef<Value> x) {
    return f.div(x[0], x[1]);
  };
  return isFloat(a.element) ? elementwise({a, b}, a.element, body)
                            : map({a, b}, a.element, body);
}

Tensor NodeBuilder::cast(const Tensor &tensor, OnnxType element) {
  if (tensor.element == element)
    return tensor;
  auto body = [&](const Arith &a, ArrayRef<Value> x) {
    return a.cast(x[0], element);
  };
  bool isOne = !isFloat(tensor.element) || isFloat(element);
  Tensor result =
      isOne ? elementwise(tensor, element, body) : map(tensor, element, body);
  if (!isFloat(element) && element != OnnxType::Bool &&
      elementBits(element) >= 32)
    result.elements = tensor.elements;
  return result;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

Tensor NodeBuilder::contract(const Tensor &a, AffineMap mapA, const Tensor &b,
                             AffineMap mapB, ArrayRef<Size> dims,
                             AffineMap mapResult, OnnxType element) {
  typeOf(element, dims);
  if (failed())
    return scalar(0, element);
  SmallVector<utils::IteratorType> iterators(mapResult.getNumDims(),
                                             utils::IteratorType::reduction);
  for (AffineExpr expr : mapResult.getResults())
    iterators[cast<AffineDimExpr>(expr).getPosition()] =
        utils::IteratorType::parallel;
  OnnxType from = a.element;
  Value value = buildGeneric(
      *this, {built(a).value, built(b).value}, zeros(element, dims).value,
      {mapA, mapB, mapResult}, iterators, [&](ValueRange x) {
        Arith f = scalars(from);
        Value product =
            scalars(element).mul(f.cast(x[0], element), f.cast(x[1], element));
        return scalars(element).add(x[2], product);
      });
  return make(value, element, dims);
}

/// Batches, rows and columns by linalg.matmul or batch_matmul; both operands
/// have the same batch.
static Value plainProduct(NodeBuilder &n, const Tensor &a, const Tensor &b,
                          ArrayRef<Size> dims, OnnxType element) {
  Value init = n.zeros(element, dims).value;
  SmallVector<Value> operands = {a.value, b.value};
  Operation *op =
      a.rank() == 2 ? linalg::MatmulOp::create(n.builder(), n.loc(),
                                               init.getType(), operands, init)
                          .getOperation()
                    : linalg::BatchMatmulOp::create(
                          n.builder(), n.loc(), init.getType(), operands, init)
                          .getOperation();
  return op->getResult(0);
}

/// A product whose batches are stretched.
static Tensor stretchedProduct(NodeBuilder &n, const Tensor &a, const Tensor &b,
                               ArrayRef<Size> batch, ArrayRef<Size> dims) {
  MLIRContext *context = n.builder().getContext();
  unsigned rank = batch.size() + 3;
  auto mapOf = [&](const Tensor &tensor, unsigned row, unsigned column) {
    SmallVector<AffineExpr> exprs;
    size_t shift = batch.size() - (tensor.rank() - 2);
    for (int64_t d = 0; d < tensor.rank() - 2; ++d)
      exprs.push_back(knownSize(tensor.dims[d]) == 1 &&
                              knownSize(batch[shift + d]) != 1
                          ? getAffineConstantExpr(0, context)
                          : getAffineDimExpr(shift + d, context));
    exprs.push_back(getAffineDimExpr(row, context));
    exprs.push_back(getAffineDimExpr(column, context));
    return AffineMap::get(rank, 0, exprs, context);
  };
  SmallVector<AffineExpr> result;
  for (unsigned d = 0; d < rank - 1; ++d)
    result.push_back(getAffineDimExpr(d, context));
  return n.contract(a, mapOf(a, rank - 3, rank - 1), b,
                    mapOf(b, rank - 1, rank - 2), dims,
                    AffineMap::get(rank, 0, result, context), a.element);
}

/// Of matrices, or batches of them.
static Tensor matrixProduct(NodeBuilder &n, Tensor a, Tensor b) {
  Size inner = n.requireEqual(a.dims.back(), b.dims[b.rank() - 2],
                              "the inner sizes of a product");
  a.dims.back() = b.dims[b.rank() - 2] = inner;
  a = n.make(a.value, a.element, a.dims);
  b = n.make(b.value, b.element, b.dims);
  auto batchOf = [](const Tensor &tensor) {
    Tensor batch = tensor;
    batch.dims.pop_back_n(2);
    return batch;
  };
  Tensor batchA = batchOf(a), batchB = batchOf(b);
  Sizes batch = n.broadcastDims({batchA, batchB});
  Sizes dims = batch;
  dims.append({a.dims[a.rank() - 2], b.dims.back()});
  if (n.failed())
    return a;
  if (a.rank() == 2 && b.rank() == 2)
    return n.make(plainProduct(n, a, b, dims, a.element), a.element, dims);
  if (b.rank() == 2) { // rows of all batches at once
    Tensor rows = n.flatten(a, a.rank() - 1);
    Sizes flat = {rows.dims[0], b.dims[1]};
    Tensor product =
        n.make(plainProduct(n, rows, b, flat, a.element), a.element, flat);
    return n.reshape(product, dims);
  }
  auto isSame = [&](const Tensor &own) {
    return own.dims.size() == batch.size() &&
           llvm::all_of(llvm::zip(own.dims, batch), [](auto pair) {
             return isSameSize(std::get<0>(pair), std::get<1>(pair));
           });
  };
  if (!isSame(batchA) || !isSame(batchB))
    return stretchedProduct(n, a, b, batch, dims);
  Size count = n.sizes().product(batch);
  Size rows = a.dims[a.rank() - 2], columns = b.dims.back();
  Tensor x = n.reshape(a, {count, rows, inner});
  Tensor y = n.reshape(b, {count, inner, columns});
  Sizes flat = {count, rows, columns};
  Tensor product =
      n.make(plainProduct(n, x, y, flat, a.element), a.element, flat);
  return n.reshape(product, dims);
}

Tensor NodeBuilder::matmul(const Tensor &left, const Tensor &right) {
  requireSame(left, right);
  require(left.rank() > 0 && right.rank() > 0,
          "a product's operands must not be scalars");
  if (failed())
    return left;
  if (isHalf(left.element))
    return cast(
        matmul(cast(left, OnnxType::Float), cast(right, OnnxType::Float)),
        left.element);
  Tensor a = built(left), b = built(right);
  if (left.rank() == 1)
    a = unsqueeze(a, 0);
  if (right.rank() == 1)
    b = unsqueeze(b, 1);
  Tensor product = matrixProduct(*this, a, b);
  if (failed())
    return product;
  SmallVector<int64_t> dropped;
  if (left.rank() == 1)
    dropped.push_back(product.rank() - 2);
  if (right.rank() == 1)
    dropped.push_back(product.rank() - 1);
  return dropped.empty() ? product : squeeze(product, dropped);
}

Tensor NodeBuilder::softmax(const Tensor &given, int64_t axis) {
  requireFloat(given);
  if (failed())
    return given;
  Tensor tensor = built(given);
  Value init = empty(tensor.element, tensor.dims);
  Value value =
      linalg::SoftmaxOp::create(builder(), loc(), TypeRange{init.getType()},
                                tensor.value, init, axis)
          ->getResult(0);
  return make(value, tensor.element, tensor.dims);
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

using LoopBody =
    llvm::function_ref<SmallVector<Value>(ArrayRef<Value>, ArrayRef<Value>)>;

static SmallVector<Value> nestLoops(NodeBuilder &n, ArrayRef<Size> dims,
                                    SmallVectorImpl<Value> &indices,
                                    ArrayRef<Value> carried, LoopBody body) {
  if (dims.empty())
    return body(indices, carried);
  SizeMath &s = n.sizes();
  Value low = s.value(s.constant(0)), step = s.value(s.constant(1));
  auto loop = scf::ForOp::create(n.builder(), n.loc(), low,
                                 s.value(dims.front()), step, carried);
  OpBuilder::InsertionGuard guard(n.builder());
  Block *block = loop.getBody();
  if (carried.empty() && !block->empty())
    block->clear();
  n.builder().setInsertionPointToEnd(block);
  indices.push_back(loop.getInductionVar());
  SmallVector<Value> arguments(loop.getRegionIterArgs());
  SmallVector<Value> next =
      nestLoops(n, dims.drop_front(), indices, arguments, body);
  indices.pop_back();
  scf::YieldOp::create(n.builder(), n.loc(), next);
  return SmallVector<Value>(loop.getResults());
}

SmallVector<Value> NodeBuilder::loops(ArrayRef<Size> dims,
                                      ArrayRef<Value> carried, LoopBody body) {
  SmallVector<Value> indices;
  return nestLoops(*this, dims, indices, carried, body);
}

SmallVector<Value>
NodeBuilder::branch(Value condition, ArrayRef<Value> otherwise,
                    llvm::function_ref<SmallVector<Value>()> body) {
  OpBuilder &b = builder();
  auto choice =
      scf::IfOp::create(b, loc(), ValueRange(otherwise).getTypes(), condition,
                        /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  scf::YieldOp::create(b, loc(), body());
  b.setInsertionPointToStart(choice.elseBlock());
  scf::YieldOp::create(b, loc(), otherwise);
  return SmallVector<Value>(choice.getResults());
}

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

/// Whether all known numbers are from -size to size - 1.
static bool allInside(const Tensor &indices, Size size) {
  std::optional<int64_t> limit = knownSize(size);
  return indices.elements && limit &&
         llvm::all_of(*indices.elements, [&](Size index) {
           std::optional<int64_t> known = knownSize(index);
           return known && *known >= -*limit && *known < *limit;
         });
}

Tensor NodeBuilder::checkedIndices(const Tensor &indices, Size size) {
  require(isInteger(indices.element), "indices must be integers");
  if (failed())
    return indices;
  Tensor numbers = built(cast(indices, OnnxType::Int64));
  numbers.elements = indices.elements;
  if (allInside(numbers, size))
    return numbers;
  if (numbers.elements && knownSize(size))
    for (Size index : *numbers.elements)
      if (std::optional<int64_t> known = knownSize(index))
        if (*known < -*knownSize(size) || *known >= *knownSize(size))
          fail("index must be {0} to {1}, got: {2}", -*knownSize(size),
               *knownSize(size) - 1, *known);
  if (failed())
    return numbers;
  Tensor bound =
      knownSize(size)
          ? integerScalar(*knownSize(size), OnnxType::Int64)
          : rank0(scalars(OnnxType::Int64).fromIndex(sizes().value(size)),
                  OnnxType::Int64);
  Tensor inside = map({numbers, bound}, OnnxType::Bool,
                      [](const Arith &a, ArrayRef<Value> x) {
                        Arith truth = a.of(OnnxType::Bool);
                        return truth.bitAnd(a.lessOrEqual(a.neg(x[1]), x[0]),
                                            a.less(x[0], x[1]));
                      });
  SmallVector<int64_t> all =
      llvm::to_vector(llvm::seq<int64_t>(0, inside.rank()));
  Tensor every = reduce(
      inside, all, /*keep=*/false, [](const Arith &a) { return a.integer(1); },
      [](const Arith &a, ArrayRef<Value> x) { return a.bitAnd(x[0], x[1]); });
  std::optional<int64_t> known = knownSize(size);
  check(
      extract(every),
      known
          ? llvm::formatv("index must be {0} to {1}", -*known, *known - 1).str()
          : std::string("index must lie within its dimension"));
  return numbers;
}

Value NodeBuilder::normalized(const Arith &a, Value index, Value size) {
  OpBuilder &b = a.builder();
  Location where = a.location();
  Value zero = sizes().value(sizes().constant(0));
  Value one = sizes().value(sizes().constant(1));
  Value isNegative =
      arith::CmpIOp::create(b, where, arith::CmpIPredicate::slt, index, zero);
  Value shifted = arith::AddIOp::create(b, where, index, size);
  Value counted = arith::SelectOp::create(b, where, isNegative, shifted, index);
  // The check has passed; this keeps the access inside wherever it moves.
  Value last = arith::SubIOp::create(b, where, size, one);
  Value low = arith::MaxSIOp::create(b, where, counted, zero);
  return arith::MinSIOp::create(b, where, low, last);
}
