//===- Views.cpp - the same elements in other shapes ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/GraphImporter.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace lqc;

//===----------------------------------------------------------------------===//
// Reshapes
//===----------------------------------------------------------------------===//

namespace {
/// Dimensions that hold the same elements before and after: [from, to) each.
struct Group {
  size_t sourceBegin, sourceEnd;
  size_t resultBegin, resultEnd;
};
} // namespace

static bool isSameProduct(SizeMath &sizes, ArrayRef<Size> a, ArrayRef<Size> b) {
  std::optional<Size> quotient = sizes.exactQuotient(a, b);
  return quotient && knownSize(*quotient) == 1;
}

/// The smallest groups of dimensions, in order, whose products are equal; what
/// nothing is known of is one group at the end.
static SmallVector<Group> matchGroups(SizeMath &sizes, ArrayRef<Size> source,
                                      ArrayRef<Size> result) {
  SmallVector<Group> groups;
  size_t i = 0, j = 0;
  auto findEnd = [&](size_t &endI, size_t &endJ) {
    for (size_t total = 2; total <= source.size() - i + result.size() - j;
         ++total)
      for (size_t m = 1; m < total; ++m) {
        size_t k = total - m;
        if (i + m > source.size() || j + k > result.size())
          continue;
        if (!isSameProduct(sizes, source.slice(i, m), result.slice(j, k)))
          continue;
        endI = i + m;
        endJ = j + k;
        return;
      }
    endI = source.size();
    endJ = result.size();
  };
  while (i < source.size() && j < result.size()) {
    Group group = {i, 0, j, 0};
    findEnd(group.sourceEnd, group.resultEnd);
    i = group.sourceEnd;
    j = group.resultEnd;
    groups.push_back(group);
  }
  // Dimensions of size 1 are left on one side.
  if (!groups.empty()) {
    groups.back().sourceEnd = source.size();
    groups.back().resultEnd = result.size();
  }
  return groups;
}

static ReassociationIndices range(size_t begin, size_t end) {
  ReassociationIndices indices;
  for (size_t i = begin; i < end; ++i)
    indices.push_back(int64_t(i));
  return indices;
}

/// The product of static sizes, or dynamic.
static int64_t staticProduct(ArrayRef<int64_t> shape) {
  int64_t product = 1;
  for (int64_t size : shape) {
    if (ShapedType::isDynamic(size))
      return ShapedType::kDynamic;
    product *= size;
  }
  return product;
}

Tensor NodeBuilder::reshape(const Tensor &given, ArrayRef<Size> dims) {
  if (given.dims.size() == dims.size() &&
      llvm::all_of(llvm::zip(given.dims, dims), [](auto pair) {
        return isSameSize(std::get<0>(pair), std::get<1>(pair));
      }))
    return given;
  if (given.elements && !given.value) {
    Tensor result = given; // sizes stay sizes
    result.stored = nullptr;
    result.dims = Sizes(dims);
    return result;
  }
  if (!isSameProduct(sizes(), given.dims, dims))
    requireEqual(sizes().product(given.dims), sizes().product(dims),
                 "the numbers of elements before and after");
  RankedTensorType type = typeOf(given.element, dims);
  if (failed())
    return given;
  Tensor source = built(given);
  Value value = source.value;
  ArrayRef<int64_t> from = cast<RankedTensorType>(value.getType()).getShape();
  SmallVector<Group> groups;
  if (!from.empty() && !dims.empty())
    groups = matchGroups(sizes(), source.dims, dims);
  // Through one dimension for each group.
  SmallVector<ReassociationIndices> collapse, expand;
  SmallVector<int64_t> collapsed, expanded;
  for (const Group &group : groups) {
    collapse.push_back(range(group.sourceBegin, group.sourceEnd));
    expand.push_back(range(group.resultBegin, group.resultEnd));
    collapsed.push_back(staticProduct(
        from.slice(group.sourceBegin, group.sourceEnd - group.sourceBegin)));
    expanded.push_back(staticProduct(type.getShape().slice(
        group.resultBegin, group.resultEnd - group.resultBegin)));
  }
  Type element = type.getElementType();
  if (collapsed.size() != from.size()) {
    // A dimension that must be 1 because the result is a scalar may be dynamic.
    if (dims.empty())
      value = castTo(value, RankedTensorType::get(
                                SmallVector<int64_t>(from.size(), 1), element));
    value = tensor::CollapseShapeOp::create(
        builder(), loc(), RankedTensorType::get(collapsed, element), value,
        collapse);
  }
  value = castTo(
      value, RankedTensorType::get(expanded.size() == dims.size()
                                       ? SmallVector<int64_t>(type.getShape())
                                       : expanded,
                                   element));
  if (expanded.size() != dims.size()) {
    SmallVector<int64_t> shape(type.getShape());
    value = tensor::ExpandShapeOp::create(
        builder(), loc(),
        from.empty() ? RankedTensorType::get(
                           SmallVector<int64_t>(dims.size(), 1), element)
                     : type,
        value, expand,
        from.empty() ? Sizes(dims.size(), sizes().constant(1)) : Sizes(dims));
  }
  Tensor result = make(value, given.element, dims);
  result.elements = given.elements;
  return result;
}

Tensor NodeBuilder::unsqueeze(const Tensor &tensor, ArrayRef<int64_t> axes) {
  Sizes dims = tensor.dims;
  for (int64_t axis : axes) // ascending places in the result
    dims.insert(dims.begin() + std::min<int64_t>(axis, dims.size()),
                sizes().constant(1));
  return reshape(tensor, dims);
}

Tensor NodeBuilder::squeeze(const Tensor &tensor, ArrayRef<int64_t> axes) {
  Sizes dims;
  for (auto [d, size] : llvm::enumerate(tensor.dims)) {
    if (!llvm::is_contained(axes, int64_t(d)))
      dims.push_back(size);
    else
      requireEqual(sizes().constant(1), size, "a squeezed size and 1");
  }
  return reshape(tensor, dims);
}

Tensor NodeBuilder::flatten(const Tensor &tensor, int64_t axis) {
  ArrayRef<Size> dims = tensor.dims;
  return reshape(tensor, {sizes().product(dims.take_front(axis)),
                          sizes().product(dims.drop_front(axis))});
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

Tensor NodeBuilder::transpose(const Tensor &given,
                              ArrayRef<int64_t> permutation) {
  if (llvm::is_sorted(permutation))
    return given;
  Tensor tensor = built(given);
  Sizes dims;
  for (int64_t axis : permutation)
    dims.push_back(tensor.dims[axis]);
  Value init = empty(tensor.element, dims);
  Value result = linalg::TransposeOp::create(builder(), loc(), tensor.value,
                                             init, permutation)
                     ->getResult(0);
  return make(result, tensor.element, dims);
}

Tensor NodeBuilder::slice(const Tensor &given, ArrayRef<Size> offsets,
                          ArrayRef<Size> wanted, ArrayRef<Size> strides) {
  // There is nothing to take of nothing.
  Sizes dims(wanted);
  for (auto [size, own] : llvm::zip(dims, given.dims))
    if (knownSize(own) == 0)
      size = sizes().constant(0);
  typeOf(given.element, dims);
  if (failed())
    return given;
  // Offsets behind the last element are fine for nothing at all.
  if (llvm::any_of(dims, [](Size size) { return knownSize(size) == 0; }))
    return make(empty(given.element, dims), given.element, dims);
  Tensor tensor = built(given);
  Sizes ones(dims.size(), sizes().constant(1));
  Value value = tensor::ExtractSliceOp::create(
      builder(), loc(), tensor.value, offsets, dims,
      strides.empty() ? ArrayRef<Size>(ones) : strides);
  return make(value, tensor.element, dims);
}

Tensor NodeBuilder::sliceAxis(const Tensor &tensor, int64_t axis, Size offset,
                              Size size) {
  Sizes offsets(tensor.rank(), sizes().constant(0)), dims = tensor.dims;
  offsets[axis] = offset;
  dims[axis] = size;
  return slice(tensor, offsets, dims);
}

Tensor NodeBuilder::insert(const Tensor &part, const Tensor &tensor,
                           ArrayRef<Size> offsets) {
  auto isNothing = [](Size size) { return knownSize(size) == 0; };
  if (failed() || llvm::any_of(part.dims, isNothing))
    return tensor;
  Sizes ones(tensor.rank(), sizes().constant(1));
  Value value = tensor::InsertSliceOp::create(
      builder(), loc(), built(part).value, built(tensor).value, offsets,
      part.dims, ones);
  return make(value, tensor.element, tensor.dims);
}

Tensor NodeBuilder::concat(ArrayRef<Tensor> tensors, int64_t axis) {
  Sizes dims = tensors.front().dims;
  for (const Tensor &tensor : tensors.drop_front()) {
    requireSame(tensors.front(), tensor);
    requireRank(tensor, int64_t(dims.size()), "tensors to concatenate");
    if (failed())
      return tensors.front();
    for (size_t d = 0; d < dims.size(); ++d)
      dims[d] = int64_t(d) == axis
                    ? sizes().add(dims[d], tensor.dims[d])
                    : requireEqual(dims[d], tensor.dims[d],
                                   "sizes of tensors to concatenate");
  }
  typeOf(tensors.front().element, dims);
  if (failed() || tensors.size() == 1)
    return tensors.front();
  SmallVector<Value> values;
  for (const Tensor &tensor : tensors) {
    Sizes own = dims;
    own[axis] = tensor.dims[axis];
    values.push_back(make(built(tensor).value, tensor.element, own).value);
  }
  Value value = tensor::ConcatOp::create(builder(), loc(), axis, values);
  return make(value, tensors.front().element, dims);
}

Tensor NodeBuilder::pad(const Tensor &given, ArrayRef<Size> low,
                        ArrayRef<Size> high, const Tensor &number) {
  auto isZero = [](Size size) { return knownSize(size) == 0; };
  if (llvm::all_of(low, isZero) && llvm::all_of(high, isZero))
    return given;
  requireSame(given, number);
  if (failed())
    return given;
  auto isNegative = [](Size size) { return knownSize(size).value_or(0) < 0; };
  if (llvm::any_of(low, isNegative) || llvm::any_of(high, isNegative)) {
    // What is cut off first.
    SizeMath &s = sizes();
    Sizes offsets, kept, before, after;
    for (auto [d, size] : llvm::enumerate(given.dims)) {
      Size first =
          isNegative(low[d]) ? s.sub(s.constant(0), low[d]) : s.constant(0);
      Size last = isNegative(high[d]) ? s.add(size, high[d]) : size;
      offsets.push_back(first);
      kept.push_back(s.sub(last, first));
      before.push_back(s.max(low[d], s.constant(0)));
      after.push_back(s.max(high[d], s.constant(0)));
    }
    return pad(slice(given, offsets, kept), before, after, number);
  }
  Sizes dims;
  for (auto [d, size] : llvm::enumerate(given.dims))
    dims.push_back(sizes().add(sizes().add(low[d], size), high[d]));
  RankedTensorType type = typeOf(given.element, dims);
  if (failed())
    return given;
  Tensor tensor = built(given);
  Value value = tensor::PadOp::create(builder(), loc(), type, tensor.value, low,
                                      high, extract(number));
  return make(value, tensor.element, dims);
}
