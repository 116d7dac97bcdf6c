//===- Linear.cpp - matrix products over packed weights -------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// One micro-kernel serves decode and prefill, float and integer activations,
// and every scheme: a *tile* of `tokens` rows of activations times `blocks`
// blocks of 16 output rows, whose sums stay in registers while the columns go
// by. Output rows lie in lanes (lqc/Numerics/Packing.h), so a product is: load
// a register of weights, broadcast an activation, multiply-add.
//
// The order in which a sum is formed depends on the weight alone, never on the
// tile: the same token gives the same bits in decode, in prefill, and for any
// number of threads.
//
// Float activations: per group, sum_c x[c] * (level[c] - zero), then times the
// scale; minus minimum * sum_c x[c] if the scheme has minima. Integer
// activations: per group, the exact int32 sum_c x[c] * byte[c], minus zero *
// sum_c x[c] (the latter comes with the activations), then times both scales;
// minima as before. What levels, bytes and scales are is BlockReader's affair.
//
// Bytes (lqc.integer_linear): the exact int32 sum_c byte[c] * code[c], and no
// scales.
//
// A convolution is a linear of patches that are not written down: a row of them
// is several segments of the image, each in order.
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/BlockReader.h"
#include "passes/Lower/CPU/RowStore.h"
#include "passes/Lower/CPU/Window.h"

#include "lqc/Numerics/Levels.h"

#include "llvm/ADT/SmallVector.h"

using namespace mlir;
using namespace lqc;

/// Columns that the body of an integer loop covers: every bit plane fills whole
/// registers of them, and the 16-bit sums of AVX2 are folded once.
static constexpr int64_t kIntegerColumns = 32;

namespace {
/// How many tokens and blocks of output rows share one pass over the columns.
struct Tile {
  int64_t tokens;
  int64_t blocks;
};

/// From `first` on, without `last`.
struct Range {
  Value first, last;
};

using Values = KernelEmitter::Values;

/// Writes the kernel of one linear.
class LinearEmitter {
public:
  explicit LinearEmitter(KernelEmitter &e);
  LogicalResult emit();

private:
  // Loops over tiles.
  Tile mainTile() const;
  /// Whether there is never more than a row; an image has many.
  bool hasOneRow() const { return !window && inputType.getDimSize(0) == 1; }
  void emitPanels(int64_t rows);
  void emitUnits(Value from, Value to, Range tokens);
  void emitBlocks(Value from, Value to, int64_t blocks, Range tokens);
  void emitTile(Value firstBlock, Value firstToken, Tile tile);
  void storeSums(ValueRange sums);

  // Sums over columns: one value for each (token, register of output rows).
  using SumColumns =
      function_ref<Values(Value, int64_t, int64_t, Values)>; // as overColumns()
  Values overSegments(int64_t step, Values sums, SumColumns body);
  Values sumPlain();
  Values sumBytes();
  Value byteDot(Value sum, Value codes, Value four);
  Values sumFloat();
  Values sumInteger();

  Values floatColumns(Value column, int64_t within, int64_t count, Values sums,
                      ArrayRef<Value> groupZeros);
  Values finishFloat(Values sums, Value group, ValueRange inner);
  Values integerColumns(Value column, int64_t within, int64_t count,
                        Values sums);
  Value integerDot(Value sum, Value codes, Value activations);
  int64_t chunksPerHalfwordSum() const;
  Values finishInteger(Values sums, Value group, ValueRange exact);

  /// Where a token's activations begin, in elements.
  Value startOf(Value token);
  Value activation(int64_t token, Value column, int64_t within);
  Value blockAddress(int64_t reg);
  int64_t registers() const { return tile.blocks * parts; }
  size_t sumIndex(int64_t token, int64_t reg) const {
    return token * registers() + reg;
  }

  KernelEmitter &e;
  RankedTensorType inputType, weightType;
  SchemeAttr scheme, inputScheme;
  int64_t outputs, columns;
  BlockReader reader; ///< of quantized weights
  int64_t lanes;      ///< output rows in one register
  int64_t parts;      ///< registers in one block of output rows
  int64_t blockBytes;
  ActivationRow row; ///< of integer activations
  Value input, weight, bias;
  std::optional<RowStore> out;
  VectorType f32s, i32s;

  std::optional<Window> window; ///< of a convolution
  bool readsBytes;              ///< lqc.integer_linear

  // The tile at work.
  Tile tile{1, 1};
  Value tileBlock, tileToken;
  Values starts; ///< of each token
  Value shift;   ///< of a segment: from its columns to its elements
};
} // namespace

/// The linear of a kernel, alone or behind its patches.
static Operation *linearOf(KernelEmitter &e) {
  Operation *op = e.operation();
  return isa<PatchesOp>(op) ? op->getNextNode() : op;
}

LinearEmitter::LinearEmitter(KernelEmitter &e)
    : e(e), inputType(e.typeOf(0)), weightType(e.typeOf(1)),
      scheme(schemeOf(weightType)), inputScheme(schemeOf(inputType)),
      outputs(weightType.getDimSize(0)), columns(weightType.getDimSize(1)),
      reader(e, scheme ? scheme.getValue() : Scheme(), columns,
             packedOf(weightType).getLayout()),
      lanes(reader.lanes()), parts(reader.parts()),
      readsBytes(isa<IntegerLinearOp>(linearOf(e))) {
  f32s = e.vectorOf(e.getF32Type(), lanes);
  i32s = e.vectorOf(e.getI32Type(), lanes);
  blockBytes = scheme ? reader.blockBytes()
                      : packedOf(weightType).getTileRows() * columns *
                            weightType.getElementTypeBitWidth() / 8;
  if (PatchesOp patches = dyn_cast<PatchesOp>(e.operation()))
    window = Window(patches);
  if (inputScheme)
    row = activationRow(inputScheme.getValue(), columns);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// As many sums as fit into registers beside the weights: 16 registers of AVX2,
/// 32 of AVX-512. One token alone takes several blocks, so that enough
/// independent sums hide the latency of a multiply-add.
Tile LinearEmitter::mainTile() const {
  bool wide = lanes == 16;
  if (hasOneRow())
    return inputScheme ? Tile{1, wide ? 4 : 2} : Tile{1, wide ? 8 : 4};
  return wide ? Tile{4, 4} : Tile{4, 1};
}

LogicalResult LinearEmitter::emit() {
  bool hasBias = linearOf(e)->getNumOperands() == 3;
  input = e.argument(0);
  weight = e.argument(1);
  if (hasBias)
    bias = e.argument(2);
  out.emplace(e, outputs);
  std::optional<uint64_t> unitRows = e.kernel.getUnitRows();
  if (unitRows)
    emitPanels(*unitRows);
  else
    emitUnits(e.begin, e.end, {e.constantI64(0), e.count});
  return success();
}

/// Units are numbered panel by panel: all blocks of the first `rows` rows, then
/// those of the next.
void LinearEmitter::emitPanels(int64_t rows) {
  int64_t blocks = e.kernel.getUnits();
  Value perPanel = e.constantI64(blocks);
  Value first = arith::DivSIOp::create(e, e.begin, perPanel);
  Value last = arith::DivSIOp::create(e, e.add(e.end, blocks - 1), perPanel);
  e.loop(first, last, 1, [&](Value panel) {
    Value done = e.mul(panel, blocks), start = e.mul(panel, rows);
    auto within = [&](Value unit) -> Value {
      return arith::SubIOp::create(e, unit, done);
    };
    Value from = arith::MaxSIOp::create(e, within(e.begin), e.constantI64(0));
    Value to = arith::MinSIOp::create(e, within(e.end), perPanel);
    Value end = arith::MinSIOp::create(e, e.add(start, rows), e.count);
    emitUnits(from, to, {start, end});
  });
}

void LinearEmitter::emitUnits(Value from, Value to, Range tokens) {
  int64_t blocks = mainTile().blocks;
  if (blocks == 1)
    return emitBlocks(from, to, 1, tokens);
  // [from, middle) in tiles of several blocks, [middle, to) one by one.
  Value work = arith::SubIOp::create(e, to, from);
  Value whole = arith::DivSIOp::create(e, work, e.constantI64(blocks));
  Value middle = e.add(from, e.mul(whole, blocks));
  emitBlocks(from, middle, blocks, tokens);
  emitBlocks(middle, to, 1, tokens);
}

void LinearEmitter::emitBlocks(Value from, Value to, int64_t blocks,
                               Range tokens) {
  e.loop(from, to, blocks, [&](Value block) {
    int64_t step = mainTile().tokens;
    if (hasOneRow())
      return emitTile(block, tokens.first, {1, blocks});
    Value count = arith::SubIOp::create(e, tokens.last, tokens.first);
    Value whole = arith::DivSIOp::create(e, count, e.constantI64(step));
    Value middle = e.add(tokens.first, e.mul(whole, step));
    e.loop(tokens.first, middle, step,
           [&](Value token) { emitTile(block, token, {step, blocks}); });
    e.loop(middle, tokens.last, 1,
           [&](Value token) { emitTile(block, token, {1, blocks}); });
  });
}

void LinearEmitter::emitTile(Value firstBlock, Value firstToken, Tile size) {
  tile = size;
  tileBlock = firstBlock;
  tileToken = firstToken;
  starts.clear();
  for (int64_t token = 0; token < tile.tokens; ++token)
    starts.push_back(startOf(e.add(firstToken, token)));
  storeSums(readsBytes    ? sumBytes()
            : !scheme     ? sumPlain()
            : inputScheme ? sumInteger()
                          : sumFloat());
}

/// Adds the bias and stores the sums; the last block may be cut short.
void LinearEmitter::storeSums(ValueRange sums) {
  int64_t tileRows = lanes * parts;
  for (int64_t reg = 0; reg < registers(); ++reg) {
    Value row = e.add(e.mul(e.add(tileBlock, reg / parts), tileRows),
                      reg % parts * lanes);
    Value offset;
    if (bias) {
      Type element = e.typeOf(2).getElementType();
      int64_t bytes = element.getIntOrFloatBitWidth() / 8;
      // Reads past the end stay within the weight's 64-byte alignment.
      offset = e.load(e.vectorOf(element, lanes),
                      e.address(bias, e.mul(row, bytes)));
      if (!readsBytes)
        offset = e.toF32(offset);
    }
    Value mask;
    if (outputs % tileRows) {
      Value left = arith::SubIOp::create(e, e.constantI64(outputs), row);
      SmallVector<int64_t> iota = llvm::to_vector(llvm::seq<int64_t>(0, lanes));
      VectorType i64s = e.vectorOf(e.getI64Type(), lanes);
      Value lane = arith::ConstantOp::create(
          e, DenseElementsAttr::get(i64s, ArrayRef<int64_t>(iota)));
      mask = arith::CmpIOp::create(e, arith::CmpIPredicate::slt, lane,
                                   e.broadcast(i64s, left));
    }
    out->moveTo(row, lanes, mask);
    for (int64_t token = 0; token < tile.tokens; ++token) {
      Value sum = sums[sumIndex(token, reg)];
      if (bias)
        sum = readsBytes ? e.add(sum, offset)
                         : Value(arith::AddFOp::create(e, sum, offset));
      out->store(sum, e.add(tileToken, token));
    }
  }
}

Value LinearEmitter::blockAddress(int64_t reg) {
  return e.address(weight, e.mul(e.add(tileBlock, reg / parts), blockBytes));
}

Value LinearEmitter::startOf(Value token) {
  if (!window)
    return e.mul(token, columns);
  return window->startOf(e, token);
}

/// Activation `column + within` of a token in all lanes.
Value LinearEmitter::activation(int64_t token, Value column, int64_t within) {
  Value index = e.add(starts[token], column);
  if (shift)
    index = e.add(index, shift);
  Value x = e.load(e.getF32Type(),
                   e.address(input, e.add(e.mul(index, 4), within * 4)));
  return e.broadcast(f32s, x);
}

//===----------------------------------------------------------------------===//
// Float weights
//===----------------------------------------------------------------------===//

Values LinearEmitter::sumPlain() {
  Type element = weightType.getElementType();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  int64_t tileRows = lanes * parts;
  Values sums(tile.tokens * registers(), e.splatFloat(f32s, 0.0));
  auto body = [&](Value column, int64_t, int64_t count, Values sums) {
    for (int64_t within = 0; within < count; ++within) {
      SmallVector<Value> x;
      for (int64_t token = 0; token < tile.tokens; ++token)
        x.push_back(activation(token, column, within));
      for (int64_t reg = 0; reg < registers(); ++reg) {
        Value offset = e.add(e.mul(column, tileRows * bytes),
                             (within * tileRows + reg % parts * lanes) * bytes);
        Value w = e.toF32(e.load(e.vectorOf(element, lanes),
                                 e.address(blockAddress(reg), offset)));
        for (int64_t token = 0; token < tile.tokens; ++token) {
          Value &sum = sums[sumIndex(token, reg)];
          sum = math::FmaOp::create(e, x[token], w, sum);
        }
      }
    }
    return sums;
  };
  return overSegments(/*step=*/4, sums, body);
}

/// All columns of a row: one run of them, or the segments of a patch.
Values LinearEmitter::overSegments(int64_t step, Values sums, SumColumns body) {
  if (!window)
    return overColumns(e, e.constantI64(0), /*within=*/0, columns, step, sums,
                       body);
  Value segments = e.constantI64(window->segments);
  return e.loop(e.constantI64(0), segments, 1, sums,
                [&](Value segment, ValueRange sums) {
                  Value across = e.constantI64(window->across);
                  Value down = arith::DivUIOp::create(e, segment, across);
                  Value beside = arith::RemUIOp::create(e, segment, across);
                  Value first = e.mul(segment, window->segmentLength);
                  Value place = e.add(e.mul(down, window->tapSteps[0]),
                                      e.mul(beside, window->tapSteps[1]));
                  shift = arith::SubIOp::create(e, place, first);
                  return overColumns(e, first, /*within=*/0,
                                     window->segmentLength, step, sums, body);
                });
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

/// sum + four products a lane. `four`: the input's bytes, as an i32.
Value LinearEmitter::byteDot(Value sum, Value codes, Value four) {
  VectorType bytes = e.vectorOf(e.getI8Type(), 4 * lanes);
  auto spread = [&](Value word) -> Value {
    return vector::BitCastOp::create(e, bytes, e.broadcast(i32s, word));
  };
  if (reader.hasVnni()) {
    StringRef name = lanes == 16 ? "llvm.x86.avx512.vpdpbusd.512"
                                 : "llvm.x86.avx512.vpdpbusd.256";
    return callIntrinsic(e, name, i32s, {sum, spread(four), codes});
  }
  // AVX2 only, so lanes is 8. The sum of two products of whole bytes may not
  // fit 16 bits, so the highest bit of each is multiplied by itself.
  Type i32 = e.getI32Type();
  VectorType halfwords = e.vectorOf(e.getI16Type(), 2 * lanes);
  auto dot = [&](Value word, int64_t factor) {
    Value pairs = callIntrinsic(e, "llvm.x86.avx2.pmadd.ub.sw", halfwords,
                                {spread(word), codes});
    return callIntrinsic(e, "llvm.x86.avx2.pmadd.wd", i32s,
                         {pairs, e.splatInt(halfwords, factor)});
  };
  Value low = arith::AndIOp::create(e, four, e.splatInt(i32, 0x7f7f7f7f));
  Value high = arith::AndIOp::create(
      e, arith::ShRUIOp::create(e, four, e.splatInt(i32, 7)),
      e.splatInt(i32, 0x01010101));
  return e.add(sum, e.add(dot(low, 1), dot(high, 128)));
}

Values LinearEmitter::sumBytes() {
  Values none(tile.tokens * registers(), e.splatInt(i32s, 0));
  auto body = [&](Value column, int64_t within, int64_t count, Values sums) {
    for (int64_t c = within; c < within + count; c += 4) {
      Values x;
      for (int64_t token = 0; token < tile.tokens; ++token) {
        Value place = e.add(e.add(starts[token], column), c);
        if (shift)
          place = e.add(place, shift);
        x.push_back(e.load(e.getI32Type(), e.address(input, place)));
      }
      for (int64_t reg = 0; reg < registers(); ++reg) {
        Value codes = reader.bytes(blockAddress(reg), reg % parts, column, c);
        for (int64_t token = 0; token < tile.tokens; ++token) {
          Value &sum = sums[sumIndex(token, reg)];
          sum = byteDot(sum, codes, x[token]);
        }
      }
    }
    return sums;
  };
  return overSegments(kIntegerColumns, none, body);
}

//===----------------------------------------------------------------------===//
// Float activations
//===----------------------------------------------------------------------===//

/// `sums` are those of the products; behind them, if the scheme has minima, one
/// sum of activations for each token.
Values LinearEmitter::floatColumns(Value column, int64_t within, int64_t count,
                                   Values sums, ArrayRef<Value> groupZeros) {
  size_t products = tile.tokens * registers();
  for (int64_t c = within; c < within + count; ++c) {
    SmallVector<Value> x;
    for (int64_t token = 0; token < tile.tokens; ++token)
      x.push_back(activation(token, column, c));
    for (int64_t reg = 0; reg < registers(); ++reg) {
      Value level = reader.levels(blockAddress(reg), reg % parts, column, c,
                                  groupZeros[reg]);
      for (int64_t token = 0; token < tile.tokens; ++token) {
        Value &sum = sums[sumIndex(token, reg)];
        sum = math::FmaOp::create(e, x[token], level, sum);
      }
    }
    for (size_t i = products; i < sums.size(); ++i)
      sums[i] = arith::AddFOp::create(e, sums[i], x[i - products]);
  }
  return sums;
}

/// sums + inner * scale - minimum * sum of activations.
Values LinearEmitter::finishFloat(Values sums, Value group, ValueRange inner) {
  size_t products = tile.tokens * registers();
  for (int64_t reg = 0; reg < registers(); ++reg) {
    Value scale = reader.scale(blockAddress(reg), reg % parts, group);
    Value minimum = reader.minimum(blockAddress(reg), reg % parts, group);
    if (minimum)
      minimum = arith::NegFOp::create(e, minimum);
    for (int64_t token = 0; token < tile.tokens; ++token) {
      Value &sum = sums[sumIndex(token, reg)];
      sum = math::FmaOp::create(e, inner[sumIndex(token, reg)], scale, sum);
      if (minimum)
        sum = math::FmaOp::create(e, inner[products + token], minimum, sum);
    }
  }
  return sums;
}

Values LinearEmitter::sumFloat() {
  const Scheme &s = scheme.getValue();
  int64_t group = s.groupColumns(columns), run = reader.runColumns();
  bool hasMinima = s.zero == ZeroPoint::Minimum;
  Value zero = e.splatFloat(f32s, 0.0);
  size_t products = tile.tokens * registers();
  Values none(products + (hasMinima ? tile.tokens : 0), zero);
  return overGroups(
      e, columns, group, run, Values(products, zero),
      [&](Value g, Value base, int64_t offset, Values sums) {
        SmallVector<Value> groupZeros;
        for (int64_t reg = 0; reg < registers(); ++reg)
          groupZeros.push_back(reader.zeros(blockAddress(reg), reg % parts, g));
        Values inner = overColumns(
            e, base, offset, group, run, none,
            [&](Value column, int64_t within, int64_t count, Values sums) {
              return floatColumns(column, within, count, sums, groupZeros);
            });
        return finishFloat(sums, g, inner);
      });
}

//===----------------------------------------------------------------------===//
// Integer activations
//===----------------------------------------------------------------------===//

/// How many products of one chunk fit into the 16-bit sums of vpmaddubsw, for
/// activations up to 127, two products a sum.
int64_t LinearEmitter::chunksPerHalfwordSum() const {
  return std::max<int64_t>(1, 32767 / (2 * 127 * reader.largestByte()));
}

/// With VNNI: sum + four products a lane, as i32. Without: adds the products to
/// 16-bit sums, two a lane.
Value LinearEmitter::integerDot(Value sum, Value codes, Value activations) {
  VectorType bytes = e.vectorOf(e.getI8Type(), 4 * lanes);
  bool isSigned = reader.bytesAreSigned();
  if (reader.hasVnni()) {
    // vpdpbusd wants unsigned codes: (code - 128) ^ 0x80 is the code.
    if (isSigned)
      codes = arith::XOrIOp::create(e, codes, e.splatInt(bytes, -128));
    StringRef name = lanes == 16 ? "llvm.x86.avx512.vpdpbusd.512"
                                 : "llvm.x86.avx512.vpdpbusd.256";
    return callIntrinsic(e, name, i32s, {sum, codes, activations});
  }
  // AVX2 only, so lanes is 8. |w| * (x with the sign of w) = w * x.
  if (isSigned) {
    activations =
        callIntrinsic(e, "llvm.x86.avx2.psign.b", bytes, {activations, codes});
    codes = LLVM::AbsOp::create(e, bytes, codes, /*is_int_min_poison=*/false);
  }
  VectorType halfwords = e.vectorOf(e.getI16Type(), 2 * lanes);
  Value products = callIntrinsic(e, "llvm.x86.avx2.pmadd.ub.sw", halfwords,
                                 {codes, activations});
  return sum ? e.add(sum, products) : products;
}

Values LinearEmitter::integerColumns(Value column, int64_t within,
                                     int64_t count, Values sums) {
  VectorType bytes = e.vectorOf(e.getI8Type(), 4 * lanes);
  VectorType halfwords = e.vectorOf(e.getI16Type(), 2 * lanes);
  int64_t chunks = llvm::divideCeil(count, 4);
  int64_t flushEvery = chunksPerHalfwordSum();
  SmallVector<Value> partial(sums.size());
  auto flush = [&] {
    for (auto [sum, part] : llvm::zip(sums, partial)) {
      if (part)
        sum = e.add(sum, callIntrinsic(e, "llvm.x86.avx2.pmadd.wd", i32s,
                                       {part, e.splatInt(halfwords, 1)}));
      part = {};
    }
  };
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    int64_t place = within + chunk * 4;
    SmallVector<Value> x;
    for (int64_t token = 0; token < tile.tokens; ++token) {
      Value codes = e.mul(e.add(tileToken, token), row.bytes);
      Value four = e.load(e.getI32Type(),
                          e.address(input, e.add(e.add(codes, column), place)));
      x.push_back(vector::BitCastOp::create(e, bytes, e.broadcast(i32s, four)));
    }
    for (int64_t reg = 0; reg < registers(); ++reg) {
      Value codes = reader.bytes(blockAddress(reg), reg % parts, column, place);
      for (int64_t token = 0; token < tile.tokens; ++token) {
        size_t i = sumIndex(token, reg);
        Value &target = reader.hasVnni() ? sums[i] : partial[i];
        target = integerDot(target, codes, x[token]);
      }
    }
    if (!reader.hasVnni() &&
        ((chunk + 1) % flushEvery == 0 || chunk + 1 == chunks))
      flush();
  }
  return sums;
}

/// sums + ((exact - zero * sum of activations) * scale - minimum * sum of
/// activations) * activation scale.
Values LinearEmitter::finishInteger(Values sums, Value activationGroup,
                                    ValueRange exact) {
  const Scheme &a = inputScheme.getValue();
  int64_t ratio =
      scheme.getValue().groupColumns(columns) / a.groupColumns(columns);
  Value group = ratio == 1 ? activationGroup
                           : arith::DivSIOp::create(e, activationGroup,
                                                    e.constantI64(ratio))
                                 .getResult();
  for (int64_t reg = 0; reg < registers(); ++reg) {
    Value block = blockAddress(reg);
    Value scale = reader.byteScale(block, reg % parts, group);
    Value zero = reader.byteZeros(block, reg % parts, group);
    Value minimum = reader.minimum(block, reg % parts, group);
    for (int64_t token = 0; token < tile.tokens; ++token) {
      Value place = e.add(e.mul(e.add(tileToken, token), row.bytes),
                          e.mul(activationGroup, 4));
      Value xScale =
          e.broadcast(f32s, e.load(e.getF32Type(),
                                   e.address(input, e.add(place, row.scales))));
      Value xSum =
          e.load(e.getI32Type(), e.address(input, e.add(place, row.sums)));
      size_t i = sumIndex(token, reg);
      Value level = exact[i];
      if (zero)
        level = arith::SubIOp::create(
            e, level, arith::MulIOp::create(e, zero, e.broadcast(i32s, xSum)));
      level = arith::SIToFPOp::create(e, f32s, level);
      Value both = arith::MulFOp::create(e, scale, xScale);
      sums[i] = math::FmaOp::create(e, level, both, sums[i]);
      if (!minimum)
        continue;
      Value x = arith::SIToFPOp::create(e, e.getF32Type(), xSum);
      Value shift =
          arith::NegFOp::create(e, arith::MulFOp::create(e, minimum, xScale));
      sums[i] = math::FmaOp::create(e, e.broadcast(f32s, x), shift, sums[i]);
    }
  }
  return sums;
}

Values LinearEmitter::sumInteger() {
  int64_t group = inputScheme.getValue().groupColumns(columns);
  size_t count = tile.tokens * registers();
  Values zero(count, e.splatFloat(f32s, 0.0));
  Values none(count, e.splatInt(i32s, 0));
  return overGroups(
      e, columns, group, reader.runColumns(), zero,
      [&](Value g, Value base, int64_t offset, Values sums) {
        Values exact = overColumns(
            e, base, offset, group, kIntegerColumns, none,
            [&](Value column, int64_t within, int64_t count, Values sums) {
              return integerColumns(column, within, count, sums);
            });
        return finishInteger(sums, g, exact);
      });
}

LogicalResult lqc::emitLinear(KernelEmitter &e) {
  Operation *op = e.operation();
  RankedTensorType inputType = e.typeOf(0), weightType = e.typeOf(1);
  if (!packedOf(weightType))
    return op->emitOpError("weight must be packed, got: ") << weightType;
  // Four bytes are read at a time.
  int64_t run = weightType.getDimSize(1);
  if (PatchesOp patches = dyn_cast<PatchesOp>(op))
    run = patches.getInput().getType().getShape().back();
  if (isa<IntegerLinearOp>(linearOf(e)) && run % 4)
    return op->emitOpError("bytes must come in fours, got: ") << run;
  SchemeAttr input = schemeOf(inputType), weight = schemeOf(weightType);
  if (input) {
    int64_t columns = weightType.getDimSize(1);
    int64_t a = input.getValue().groupColumns(columns);
    int64_t w = weight.getValue().groupColumns(columns);
    if (w % a)
      return op->emitOpError("the group of the activations must divide the "
                             "group of the weight, got: ")
             << a << " and " << w;
  }
  return LinearEmitter(e).emit();
}
