//===- BlockQuantized.cpp - products with weights in blocks of codes ------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MatMulNBits multiplies by a matrix (N, K) of codes. Each row is cut into
// blocks of block_size columns with a scale and a zero point of their own, and
// begins with a byte; codes lie lowest bits first. That is the scheme intB-gG
// or uintB-gG, so the weight becomes one with exactly these codes and scales.
// What no scheme can say (a last block that is not full, zero points that are
// floats, columns in another order) is multiplied as the float32 numbers that
// ONNX Runtime would make of it, and a remark says why.
//
//===----------------------------------------------------------------------===//

#include "dialects/LQC/LQC.h"
#include "lib/Import/Onnx/GraphImporter.h"
#include "lib/Import/Onnx/OpTable.h"
#include "lib/Import/Onnx/Parts.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace lqc;

using Numbers = ArrayRef<Value>;

namespace {
/// Inputs of MatMulNBits.
enum Input : unsigned { Factor, Codes, Scales, Zeros, Groups, Bias };

/// The matrix as the attributes describe it.
struct BlockMatrix {
  int64_t rows = 0, columns = 0;
  int64_t bits = 0, block = 0; ///< codes' bits; columns of a block

  int64_t blocks() const { return (columns + block - 1) / block; }
  int64_t codeBytes() const { return blocks() * block * bits / 8; } ///< a row's
  int64_t zeroBytes() const { return (blocks() * bits + 7) / 8; }   ///< a row's
};
} // namespace

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

static void requireElements(NodeBuilder &n, unsigned index, StringRef what,
                            int64_t count) {
  std::optional<int64_t> found =
      knownSize(n.sizes().product(n.raw(index).dims));
  if (found != count)
    n.fail("{0} must have {1} elements, got: {2}", what, count,
           found ? std::to_string(*found) : "an unknown number");
}

static BlockMatrix readMatrix(NodeBuilder &n) {
  BlockMatrix matrix;
  matrix.rows = n.requiredInteger("N");
  matrix.columns = n.requiredInteger("K");
  matrix.bits = n.integer("bits", 4);
  matrix.block = n.requiredInteger("block_size");
  constexpr int64_t kMost = int64_t(1) << 31;
  n.require(matrix.rows > 0 && matrix.rows < kMost && matrix.columns > 0 &&
                matrix.columns < kMost,
            "N and K must be positive");
  if (matrix.bits != 2 && matrix.bits != 4 && matrix.bits != 8)
    n.fail("bits must be 2, 4 or 8, got: {0}", matrix.bits);
  if (matrix.block < 16 || matrix.block >= kMost ||
      !llvm::isPowerOf2_64(matrix.block))
    n.fail("block_size must be a power of two and at least 16, got: {0}",
           matrix.block);
  return matrix;
}

static bool hasPackedZeros(NodeBuilder &n) {
  return n.has(Zeros) && n.raw(Zeros).element == OnnxType::Uint8;
}

static void checkInputs(NodeBuilder &n, const BlockMatrix &matrix) {
  const Tensor a = n.raw(Factor);
  n.requireFloat(a);
  n.require(a.rank() >= 2, "A must have at least 2 dimensions");
  n.require(n.raw(Codes).element == OnnxType::Uint8, "B must be uint8");
  requireElements(n, Codes, "B", matrix.rows * matrix.codeBytes());
  n.requireSame(a, n.raw(Scales));
  requireElements(n, Scales, "scales", matrix.rows * matrix.blocks());
  if (hasPackedZeros(n))
    requireElements(n, Zeros, "zero_points", matrix.rows * matrix.zeroBytes());
  else if (n.has(Zeros)) {
    n.requireSame(a, n.raw(Zeros));
    requireElements(n, Zeros, "zero_points", matrix.rows * matrix.blocks());
  }
  if (n.has(Groups)) {
    n.require(n.raw(Groups).element == OnnxType::Int32, "g_idx must be int32");
    requireElements(n, Groups, "g_idx", matrix.columns);
  }
  if (n.has(Bias))
    requireElements(n, Bias, "the bias", matrix.rows);
}

/// Whether columns are in the order of their blocks. Else their blocks must be
/// constants within the matrix.
static bool isInOrder(NodeBuilder &n, const BlockMatrix &matrix) {
  if (!n.has(Groups))
    return true;
  SmallVector<int64_t> groups = n.requiredIntegers(Groups, "g_idx");
  bool isOrdered = true;
  for (auto [column, group] : llvm::enumerate(groups)) {
    isOrdered &= group == int64_t(column) / matrix.block;
    if (group < 0 || group >= matrix.blocks())
      n.fail("g_idx must be 0 to {0}, got: {1}", matrix.blocks() - 1, group);
  }
  return isOrdered;
}

//===----------------------------------------------------------------------===//
// As a quantized weight
//===----------------------------------------------------------------------===//

/// The scheme that says what the codes mean; else a clause why there is none.
static std::optional<Scheme>
schemeFor(NodeBuilder &n, const BlockMatrix &matrix, std::string &why) {
  auto fail = [&](StringRef reason) {
    why = reason.str();
    return std::nullopt;
  };
  if (n.has(Zeros) && !hasPackedZeros(n))
    return fail("zero points are floats");
  if (!isInOrder(n, matrix))
    return fail("columns are in another order");
  for (unsigned index : {Codes, Scales, Zeros})
    if (n.has(index) && !n.raw(index).stored)
      return fail("codes or scales are computed");
  std::string name = llvm::formatv(
      "{0}int{1}-g{2}{3}", n.has(Zeros) ? "u" : "", matrix.bits, matrix.block,
      n.raw(Scales).element == OnnxType::Float16 ? "" : "-f32");
  std::optional<Scheme> scheme = parseScheme(name, &why);
  if (!scheme)
    return std::nullopt;
  if (auto reason = whyNotQuantizable(*scheme, matrix.rows, matrix.columns))
    return fail(*reason);
  return scheme;
}

/// A weight that is assembled of the stored codes and scales.
static Value quantizedWeight(NodeBuilder &n, const BlockMatrix &matrix,
                             const Scheme &scheme) {
  MLIRContext *context = n.builder().getContext();
  GraphImporter &importer = n.graphImporter();
  RankedTensorType type = RankedTensorType::get(
      {matrix.rows, matrix.columns}, n.builder().getF32Type(),
      SchemeAttr::get(context, scheme));
  std::string suffix = schemeName(scheme);
  std::replace(suffix.begin(), suffix.end(), '-', '_');
  std::string name =
      (importer.storedName(*n.raw(Codes).stored) + "." + suffix).str();
  return importer.derivedWeight(name, type, [&]() -> Value {
    Value codes = importer.readStored(*n.raw(Codes).stored);
    Value scales = importer.readStored(*n.raw(Scales).stored);
    Value zeros =
        n.has(Zeros) ? importer.readStored(*n.raw(Zeros).stored) : Value();
    return AssembleOp::create(n.builder(), n.loc(), type, codes, scales, zeros);
  });
}

//===----------------------------------------------------------------------===//
// As float32 numbers
//===----------------------------------------------------------------------===//

/// Code `position` of a row of a matrix of bytes, as int64.
static Value codeAt(NodeBuilder &n, const BlockMatrix &matrix,
                    const Tensor &bytes, Value row, Value position) {
  Arith whole = n.scalars(OnnxType::Int64);
  Value bit = whole.mul(position, whole.integer(matrix.bits));
  Value byte = whole.toIndex(whole.div(bit, whole.integer(8)));
  Value shift = whole.mod(bit, whole.integer(8), /*fmod=*/true);
  Value all = n.scalars(OnnxType::Uint8)
                  .cast(n.load(whole, bytes, {row, byte}), OnnxType::Int64);
  return whole.bitAnd(whole.shift(all, shift, /*left=*/false),
                      whole.integer((1 << matrix.bits) - 1));
}

namespace {
/// The inputs as matrices with the rows of the result.
struct MatrixParts {
  Tensor codes, scales, zeros, groups;
};
} // namespace

/// (code - zero) * scale of each element.
static Tensor numbersOf(NodeBuilder &n, const BlockMatrix &matrix,
                        const MatrixParts &parts) {
  SizeMath &s = n.sizes();
  Sizes dims = s.constants({matrix.rows, matrix.columns});
  return n.compute(dims, OnnxType::Float, [&](const Arith &f, Numbers at) {
    Arith whole = f.of(OnnxType::Int64);
    auto asReal = [&](const Tensor &from, ArrayRef<Value> place) {
      return f.of(from.element).cast(n.load(f, from, place), OnnxType::Float);
    };
    Value column = whole.fromIndex(at[1]);
    Value group = parts.groups ? f.of(OnnxType::Int32)
                                     .cast(n.load(f, parts.groups, at[1]),
                                           OnnxType::Int64)
                               : whole.div(column, whole.integer(matrix.block));
    Value block = whole.toIndex(group);
    Value zero = f.constant(double(1 << (matrix.bits - 1)));
    if (parts.zeros && parts.zeros.element == OnnxType::Uint8)
      zero = whole.cast(codeAt(n, matrix, parts.zeros, at[0], group),
                        OnnxType::Float);
    else if (parts.zeros)
      zero = asReal(parts.zeros, {at[0], block});
    Value code = whole.cast(codeAt(n, matrix, parts.codes, at[0], column),
                            OnnxType::Float);
    return f.mul(f.sub(code, zero), asReal(parts.scales, {at[0], block}));
  });
}

/// The matrix as numbers: a weight if all it is made of is stored.
static Tensor floatMatrix(NodeBuilder &n, const BlockMatrix &matrix) {
  GraphImporter &importer = n.graphImporter();
  bool isStored = true;
  for (unsigned index : {Codes, Scales, Zeros, Groups})
    isStored &= !n.has(index) || n.raw(index).stored;
  auto partOf = [&](unsigned index, ArrayRef<int64_t> dims) {
    if (!n.has(index))
      return Tensor();
    Tensor part = n.raw(index);
    part.elements.reset();
    if (isStored)
      part.value = importer.readStored(*part.stored);
    return n.reshape(n.built(part), n.sizes().constants(dims));
  };
  auto build = [&] {
    MatrixParts parts;
    parts.codes = partOf(Codes, {matrix.rows, matrix.codeBytes()});
    parts.scales = partOf(Scales, {matrix.rows, matrix.blocks()});
    parts.zeros =
        partOf(Zeros, {matrix.rows, hasPackedZeros(n) ? matrix.zeroBytes()
                                                      : matrix.blocks()});
    if (!isInOrder(n, matrix))
      parts.groups = partOf(Groups, {matrix.columns});
    return numbersOf(n, matrix, parts);
  };
  if (!isStored)
    return build();
  RankedTensorType type = RankedTensorType::get({matrix.rows, matrix.columns},
                                                n.builder().getF32Type());
  std::string name =
      (importer.storedName(*n.raw(Codes).stored) + ".numbers").str();
  return n.make(
      importer.derivedWeight(name, type, [&] { return build().value; }),
      OnnxType::Float);
}

//===----------------------------------------------------------------------===//
// The operator
//===----------------------------------------------------------------------===//

static Tensor linear(NodeBuilder &n, const Tensor &rows, Value weight) {
  RankedTensorType type = cast<RankedTensorType>(weight.getType());
  Sizes dims = {rows.dims[0], n.sizes().constant(type.getDimSize(0))};
  RankedTensorType result =
      RankedTensorType::get(staticShape(dims), n.builder().getF32Type());
  return n.make(LinearOp::create(n.builder(), n.loc(), result, rows.value,
                                 weight, /*bias=*/Value()),
                OnnxType::Float, dims);
}

/// Rows times the transpose of the matrix.
static Tensor multiply(NodeBuilder &n, const Tensor &rows,
                       const BlockMatrix &matrix) {
  std::string why;
  std::optional<Scheme> scheme = schemeFor(n, matrix, why);
  if (n.failed())
    return rows;
  if (scheme)
    return linear(n, rows, quantizedWeight(n, matrix, *scheme));
  remark::missed(
      n.loc(),
      remark::RemarkOpts::name("WeightDequantized").category("import-onnx"))
      << remark::reason("{0}", why);
  return n.matmul(rows, n.transpose(floatMatrix(n, matrix), {1, 0}));
}

static void buildMatMulNBits(NodeBuilder &n) {
  BlockMatrix matrix = readMatrix(n);
  if (n.failed())
    return;
  checkInputs(n, matrix);
  if (n.failed())
    return;
  Tensor a = n.input(Factor);
  a.dims.back() = n.requireEqual(
      a.dims.back(), n.sizes().constant(matrix.columns), "K and columns of A");
  if (n.failed())
    return;
  a = n.make(a.value, a.element, a.dims);
  Tensor rows = n.built(n.flatten(n.cast(a, OnnxType::Float), a.rank() - 1));
  Tensor product = multiply(n, rows, matrix);
  if (n.has(Bias) && !n.failed())
    product = n.add(product, n.cast(n.input(Bias), OnnxType::Float));
  if (n.failed())
    return;
  Sizes dims = a.dims;
  dims.back() = n.sizes().constant(matrix.rows);
  n.set(0, n.cast(n.reshape(product, dims), a.element));
}

ArrayRef<OnnxOp> lqc::blockQuantizedOps() {
  static const OnnxOp kOps[] = {
      {"MatMulNBits",
       {1},
       3,
       6,
       buildMatMulNBits,
       "bits 2, 4 and 8",
       kMicrosoft},
  };
  return kOps;
}
