//===- BlockQuantized.cpp - products with weights in blocks of codes ------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MatMulNBits multiplies by a matrix (N, K) of codes, GatherBlockQuantized
// looks up rows of one. Each row is cut into blocks of block_size columns with
// a scale and a zero point of their own, and begins with a byte; codes lie
// lowest bits first. That is the scheme intB-gG or uintB-gG, so the weight
// becomes one with exactly these codes and scales. What no scheme can say (a
// last block that is not full, zero points that are floats, columns in another
// order) is multiplied as the float32 numbers that ONNX Runtime would make of
// it, and a remark says why.
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
enum ProductInput : unsigned { Factor, Codes, Scales, Zeros, Groups, Bias };

/// A matrix of codes, and the tensors that it is made of.
struct BlockMatrix {
  int64_t rows = 0, columns = 0;
  int64_t bits = 0, block = 0; ///< codes' bits; columns of a block
  Tensor codes, scales;
  Tensor zeros;  ///< packed as the codes are, or floats; or none
  Tensor groups; ///< the block of each column; or none

  int64_t blocks() const { return (columns + block - 1) / block; }
  int64_t codeBytes() const { return blocks() * block * bits / 8; } ///< a row's
  int64_t zeroBytes() const { return (blocks() * bits + 7) / 8; }   ///< a row's
  bool hasPackedZeros() const { return zeros.element == OnnxType::Uint8; }
  SmallVector<const Tensor *> parts() const {
    return {&codes, &scales, &zeros, &groups};
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

static void requireElements(NodeBuilder &n, const Tensor &tensor,
                            StringRef what, int64_t count) {
  std::optional<int64_t> found = knownSize(n.sizes().product(tensor.dims));
  if (found != count)
    n.fail("{0} must have {1} elements, got: {2}", what, count,
           found ? std::to_string(*found) : "an unknown number");
}

static Tensor optional(NodeBuilder &n, unsigned index) {
  return n.has(index) ? n.raw(index) : Tensor();
}

/// Reads bits and block_size.
static void readBlocks(NodeBuilder &n, BlockMatrix &matrix) {
  if (matrix.bits != 2 && matrix.bits != 4 && matrix.bits != 8)
    n.fail("bits must be 2, 4 or 8, got: {0}", matrix.bits);
  if (matrix.block < 16 || matrix.block >= (int64_t(1) << 31) ||
      !llvm::isPowerOf2_64(matrix.block))
    n.fail("block_size must be a power of two and at least 16, got: {0}",
           matrix.block);
}

static void checkMatrix(NodeBuilder &n, const BlockMatrix &matrix,
                        StringRef codes) {
  const Tensor &scales = matrix.scales;
  if (matrix.codes.element != OnnxType::Uint8)
    n.fail("{0} must be uint8, got: {1}", codes,
           elementName(matrix.codes.element));
  requireElements(n, matrix.codes, codes, matrix.rows * matrix.codeBytes());
  if (!n.failed() && knownSize(matrix.codes.dims[0]) != matrix.rows)
    n.fail("{0} must begin with its {1} rows", codes, matrix.rows);
  n.require(scales.element == OnnxType::Float ||
                scales.element == OnnxType::Float16 ||
                scales.element == OnnxType::BFloat16,
            "scales must be float, float16 or bfloat16");
  requireElements(n, scales, "scales", matrix.rows * matrix.blocks());
  if (matrix.hasPackedZeros())
    requireElements(n, matrix.zeros, "zero_points",
                    matrix.rows * matrix.zeroBytes());
  else if (matrix.zeros) {
    n.requireSame(scales, matrix.zeros);
    requireElements(n, matrix.zeros, "zero_points",
                    matrix.rows * matrix.blocks());
  }
}

/// Drops a list of the columns' blocks that says nothing new. Others must be
/// constants.
static void readGroups(NodeBuilder &n, BlockMatrix &matrix) {
  if (!n.has(Groups))
    return;
  n.require(n.raw(Groups).element == OnnxType::Int32, "g_idx must be int32");
  requireElements(n, n.raw(Groups), "g_idx", matrix.columns);
  if (n.failed())
    return;
  SmallVector<int64_t> groups = n.requiredIntegers(Groups, "g_idx");
  bool isInOrder = true;
  for (auto [column, group] : llvm::enumerate(groups)) {
    isInOrder &= group == int64_t(column) / matrix.block;
    if (group < 0 || group >= matrix.blocks())
      n.fail("g_idx must be 0 to {0}, got: {1}", matrix.blocks() - 1, group);
  }
  if (!isInOrder)
    matrix.groups = n.raw(Groups);
}

//===----------------------------------------------------------------------===//
// As a quantized weight
//===----------------------------------------------------------------------===//

/// The scheme that says what the codes mean; else a clause why there is none.
static std::optional<Scheme> schemeFor(const BlockMatrix &matrix,
                                       std::string &why) {
  auto fail = [&](StringRef reason) {
    why = reason.str();
    return std::nullopt;
  };
  if (matrix.zeros && !matrix.hasPackedZeros())
    return fail("zero points are floats");
  if (matrix.groups)
    return fail("columns are in another order");
  for (const Tensor *part : matrix.parts())
    if (*part && !part->stored)
      return fail("codes or scales are computed");
  std::string name = llvm::formatv(
      "{0}int{1}-g{2}{3}", matrix.zeros ? "u" : "", matrix.bits, matrix.block,
      matrix.scales.element == OnnxType::Float16 ? "" : "-f32");
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
  GraphImporter &importer = n.graphImporter();
  RankedTensorType type = RankedTensorType::get(
      {matrix.rows, matrix.columns}, n.builder().getF32Type(),
      SchemeAttr::get(n.builder().getContext(), scheme));
  std::string suffix = schemeName(scheme);
  std::replace(suffix.begin(), suffix.end(), '-', '_');
  std::string name =
      (importer.storedName(*matrix.codes.stored) + "." + suffix).str();
  return importer.derivedWeight(name, type, [&]() -> Value {
    Value codes = importer.readStored(*matrix.codes.stored);
    Value scales = importer.readStored(*matrix.scales.stored);
    Value zeros =
        matrix.zeros ? importer.readStored(*matrix.zeros.stored) : Value();
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

/// (code - zero) * scale of each element, of parts that are matrices with the
/// rows of the result.
static Tensor numbersOf(NodeBuilder &n, const BlockMatrix &matrix) {
  Sizes dims = n.sizes().constants({matrix.rows, matrix.columns});
  return n.compute(dims, OnnxType::Float, [&](const Arith &f, Numbers at) {
    Arith whole = f.of(OnnxType::Int64);
    auto asReal = [&](const Tensor &from, ArrayRef<Value> place) {
      return f.of(from.element).cast(n.load(f, from, place), OnnxType::Float);
    };
    Value column = whole.fromIndex(at[1]);
    Value group =
        matrix.groups
            ? f.of(OnnxType::Int32)
                  .cast(n.load(f, matrix.groups, at[1]), OnnxType::Int64)
            : whole.div(column, whole.integer(matrix.block));
    Value block = whole.toIndex(group);
    Value zero = f.constant(double(1 << (matrix.bits - 1)));
    if (matrix.hasPackedZeros())
      zero = whole.cast(codeAt(n, matrix, matrix.zeros, at[0], group),
                        OnnxType::Float);
    else if (matrix.zeros)
      zero = asReal(matrix.zeros, {at[0], block});
    Value code = whole.cast(codeAt(n, matrix, matrix.codes, at[0], column),
                            OnnxType::Float);
    return f.mul(f.sub(code, zero), asReal(matrix.scales, {at[0], block}));
  });
}

/// The matrix as numbers: a weight if all it is made of is stored.
static Tensor floatMatrix(NodeBuilder &n, const BlockMatrix &matrix) {
  GraphImporter &importer = n.graphImporter();
  bool isStored = llvm::all_of(matrix.parts(), [](const Tensor *part) {
    return !*part || part->stored;
  });
  auto reshaped = [&](Tensor part, ArrayRef<int64_t> dims) {
    if (!part)
      return part;
    part.elements.reset();
    if (isStored)
      part.value = importer.readStored(*part.stored);
    return n.reshape(n.built(part), n.sizes().constants(dims));
  };
  auto build = [&] {
    BlockMatrix parts = matrix;
    parts.codes = reshaped(matrix.codes, {matrix.rows, matrix.codeBytes()});
    parts.scales = reshaped(matrix.scales, {matrix.rows, matrix.blocks()});
    parts.zeros = reshaped(matrix.zeros, {matrix.rows, matrix.hasPackedZeros()
                                                           ? matrix.zeroBytes()
                                                           : matrix.blocks()});
    parts.groups = reshaped(matrix.groups, {matrix.columns});
    return numbersOf(n, parts);
  };
  if (!isStored)
    return build();
  RankedTensorType type = RankedTensorType::get({matrix.rows, matrix.columns},
                                                n.builder().getF32Type());
  std::string name =
      (importer.storedName(*matrix.codes.stored) + ".numbers").str();
  return n.make(
      importer.derivedWeight(name, type, [&] { return build().value; }),
      OnnxType::Float);
}

/// The matrix as a weight of codes, or null: its numbers are needed. Says why.
static Value codedMatrix(NodeBuilder &n, const BlockMatrix &matrix) {
  std::string why;
  if (std::optional<Scheme> scheme = schemeFor(matrix, why))
    return quantizedWeight(n, matrix, *scheme);
  remark::missed(
      n.loc(),
      remark::RemarkOpts::name("WeightDequantized").category("import-onnx"))
      << remark::reason("{0}", why);
  return {};
}

//===----------------------------------------------------------------------===//
// MatMulNBits
//===----------------------------------------------------------------------===//

static BlockMatrix readFactor(NodeBuilder &n) {
  BlockMatrix matrix;
  matrix.rows = n.requiredInteger("N");
  matrix.columns = n.requiredInteger("K");
  matrix.bits = n.integer("bits", 4);
  matrix.block = n.requiredInteger("block_size");
  constexpr int64_t kMost = int64_t(1) << 31;
  n.require(matrix.rows > 0 && matrix.rows < kMost && matrix.columns > 0 &&
                matrix.columns < kMost,
            "N and K must be positive");
  readBlocks(n, matrix);
  if (n.failed())
    return matrix;
  matrix.codes = n.raw(Codes);
  matrix.scales = n.raw(Scales);
  matrix.zeros = optional(n, Zeros);
  const Tensor a = n.raw(Factor);
  n.require(a.rank() >= 2, "A must have at least 2 dimensions");
  n.requireFloat(a);
  checkMatrix(n, matrix, "B");
  n.requireSame(a, matrix.scales);
  readGroups(n, matrix);
  if (n.has(Bias))
    requireElements(n, n.raw(Bias), "the bias", matrix.rows);
  return matrix;
}

/// Rows times the transpose of the matrix.
static Tensor multiply(NodeBuilder &n, const Tensor &rows,
                       const BlockMatrix &matrix) {
  Value weight = codedMatrix(n, matrix);
  if (!weight)
    return n.matmul(rows, n.transpose(floatMatrix(n, matrix), {1, 0}));
  Sizes dims = {rows.dims[0], n.sizes().constant(matrix.rows)};
  RankedTensorType type =
      RankedTensorType::get(staticShape(dims), n.builder().getF32Type());
  return n.make(LinearOp::create(n.builder(), n.loc(), type, rows.value, weight,
                                 /*bias=*/Value()),
                OnnxType::Float, dims);
}

static void buildMatMulNBits(NodeBuilder &n) {
  BlockMatrix matrix = readFactor(n);
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

//===----------------------------------------------------------------------===//
// GatherBlockQuantized
//===----------------------------------------------------------------------===//

/// The table: data (rows, bytes), scales, and zero points as inputs 0, 2 and 3.
static BlockMatrix readTable(NodeBuilder &n) {
  BlockMatrix matrix;
  matrix.bits = n.integer("bits", 4);
  matrix.block = n.integer("block_size", 128);
  readBlocks(n, matrix);
  matrix.codes = n.raw(0);
  matrix.scales = n.raw(2);
  matrix.zeros = optional(n, 3);
  n.requireRank(matrix.codes, 2, "data");
  if (n.failed())
    return matrix;
  n.require(n.axis(n.integer("gather_axis", 0), 2) == 0 &&
                n.axis(n.integer("quantize_axis", 1), 2) == 1,
            "rows must be gathered, and columns be in blocks");
  std::optional<int64_t> rows = knownSize(matrix.codes.dims[0]);
  std::optional<int64_t> bytes = knownSize(matrix.codes.dims[1]);
  n.require(rows && bytes && *rows > 0 && *bytes > 0 &&
                *bytes < (int64_t(1) << 31),
            "the sizes of data must be known");
  if (n.failed())
    return matrix;
  matrix.rows = *rows;
  matrix.columns = *bytes * 8 / matrix.bits;
  n.require(matrix.columns % matrix.block == 0,
            "data must have whole blocks of columns");
  n.require(!matrix.zeros || matrix.hasPackedZeros(),
            "zero_points must be uint8");
  if (!n.failed())
    checkMatrix(n, matrix, "data");
  return matrix;
}

static void buildGatherBlockQuantized(NodeBuilder &n) {
  BlockMatrix matrix = readTable(n);
  if (n.failed())
    return;
  SizeMath &s = n.sizes();
  Tensor places = n.checkedIndices(n.raw(1), s.constant(matrix.rows));
  if (n.failed())
    return;
  Value table = codedMatrix(n, matrix);
  if (!table) {
    Tensor rows = lookUpRows(n, floatMatrix(n, matrix), places);
    return n.set(0, n.cast(rows, matrix.scales.element));
  }
  Size count = s.product(places.dims);
  Tensor flat = n.reshape(places, count);
  flat.elements.reset();
  Tensor indices = n.elementwise(
      n.built(flat), OnnxType::Int64, [&](const Arith &f, Numbers x) {
        Value counted = f.add(x[0], f.integer(matrix.rows));
        return f.select(f.less(x[0], f.integer(0)), counted, x[0]);
      });
  indices = n.cast(indices, OnnxType::Int32);
  Sizes dims = {count, s.constant(matrix.columns)};
  RankedTensorType type =
      RankedTensorType::get(staticShape(dims), n.builder().getF32Type());
  Tensor rows = n.make(
      EmbeddingOp::create(n.builder(), n.loc(), type, indices.value, table),
      OnnxType::Float, dims);
  dims = places.dims;
  dims.push_back(s.constant(matrix.columns));
  n.set(0, n.cast(n.reshape(rows, dims), matrix.scales.element));
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
      {"GatherBlockQuantized",
       {1},
       3,
       4,
       buildGatherBlockQuantized,
       "rows of uint8 data with whole blocks",
       kMicrosoft},
  };
  return kOps;
}
