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
// Float activations: per group, sum_c x[c] * (code[c] - zero), then times the
// scale. Integer activations: per group, the exact int32 sum_c x[c] * code[c],
// minus zero * sum_c x[c] (the latter comes with the activations), then times
// both scales.
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/KernelEmitter.h"

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

using Values = KernelEmitter::Values;

/// Writes the kernel of one linear.
class LinearEmitter {
public:
  explicit LinearEmitter(KernelEmitter &e);
  LogicalResult emit();

private:
  // Loops over tiles.
  Tile mainTile() const;
  void emitBlocks(Value from, Value to, int64_t blocks);
  void emitTile(Value firstBlock, Value firstToken, Tile tile);
  void storeSums(ValueRange sums);

  // Sums over columns: one value for each (token, register of output rows).
  Values sumPlain();
  Values sumFloat();
  Values sumInteger();

  // Pieces of a quantized block. `column` is where runs of all planes start.
  Value planeRegister(unsigned plane, int64_t run, int64_t reg, Value column,
                      Type type);
  Value floatCodes(int64_t reg, Value column, int64_t within);
  Value integerCodes(int64_t reg, Value column, int64_t chunk);
  Value scales(int64_t reg, Value group);
  Value zeros(int64_t reg, Value group);
  Values floatColumns(Value column, int64_t columns, Values sums,
                      ArrayRef<Value> groupZeros);
  Values integerColumns(Value column, int64_t columns, Values sums);
  Value integerDot(Value sum, Value codes, Value activations);
  int64_t chunksPerHalfwordSum() const;
  Values finishInteger(Values sums, Value group, ValueRange exact);
  Values overColumns(Value first, int64_t columns, int64_t step, Values sums,
                     function_ref<Values(Value, int64_t, Values)> body);

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
  int64_t lanes; ///< output rows in one register
  int64_t parts; ///< registers in one block of output rows
  bool vnni;     ///< vpdpbusd is there
  int64_t blockBytes;
  BlockParts block;
  BufferParts buffer; ///< of integer activations
  Value input, weight, bias, out;
  VectorType f32s, i32s;

  // The tile at work.
  Tile tile{1, 1};
  Value tileBlock, tileToken;
};
} // namespace

LinearEmitter::LinearEmitter(KernelEmitter &e)
    : e(e), inputType(e.typeOf(0)), weightType(e.typeOf(1)),
      scheme(schemeOf(weightType)), inputScheme(schemeOf(inputType)),
      outputs(weightType.getDimSize(0)), columns(weightType.getDimSize(1)) {
  // 512-bit registers pay off where integers can be multiplied in them.
  bool wide = e.target.has("avx512vnni");
  lanes = wide ? 16 : 8;
  parts = packedOf(weightType).getTileRows() / lanes;
  vnni = wide || e.target.has("avxvnni");
  f32s = e.vectorOf(e.getF32Type(), lanes);
  i32s = e.vectorOf(e.getI32Type(), lanes);
  Layout layout = packedOf(weightType).getLayout();
  if (scheme)
    block = blockParts(scheme.getValue(), columns, layout);
  blockBytes = scheme ? int64_t(block.bytes)
                      : layout.tileRows * columns *
                            weightType.getElementTypeBitWidth() / 8;
  if (inputScheme)
    buffer =
        bufferParts(inputScheme.getValue(), inputType.getDimSize(0), columns);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// As many sums as fit into registers beside the weights: 16 registers of AVX2,
/// 32 of AVX-512. One token alone takes several blocks, so that enough
/// independent sums hide the latency of a multiply-add.
Tile LinearEmitter::mainTile() const {
  bool wide = lanes == 16;
  if (inputType.getDimSize(0) == 1)
    return inputScheme ? Tile{1, wide ? 4 : 2} : Tile{1, wide ? 8 : 4};
  return wide ? Tile{4, 4} : Tile{4, 1};
}

LogicalResult LinearEmitter::emit() {
  bool hasBias = e.operation()->getNumOperands() == 3;
  input = e.argument(0);
  weight = e.argument(1);
  if (hasBias)
    bias = e.argument(2);
  out = e.argument(hasBias ? 3 : 2);
  int64_t blocks = mainTile().blocks;
  if (blocks == 1) {
    emitBlocks(e.begin, e.end, 1);
    return success();
  }
  // [begin, middle) in tiles of several blocks, [middle, end) one by one.
  Value work = arith::SubIOp::create(e, e.end, e.begin);
  Value whole = arith::DivSIOp::create(e, work, e.constantI64(blocks));
  Value middle = e.add(e.begin, e.mul(whole, blocks));
  emitBlocks(e.begin, middle, blocks);
  emitBlocks(middle, e.end, 1);
  return success();
}

void LinearEmitter::emitBlocks(Value from, Value to, int64_t blocks) {
  e.loop(from, to, blocks, [&](Value first) {
    int64_t tokens = mainTile().tokens;
    Value zero = e.constantI64(0);
    if (inputType.getDimSize(0) == 1)
      return emitTile(first, zero, {1, blocks});
    Value whole = arith::DivSIOp::create(e, e.count, e.constantI64(tokens));
    Value middle = e.mul(whole, tokens);
    e.loop(zero, middle, tokens,
           [&](Value token) { emitTile(first, token, {tokens, blocks}); });
    e.loop(middle, e.count, 1,
           [&](Value token) { emitTile(first, token, {1, blocks}); });
  });
}

void LinearEmitter::emitTile(Value firstBlock, Value firstToken, Tile size) {
  tile = size;
  tileBlock = firstBlock;
  tileToken = firstToken;
  storeSums(!scheme ? sumPlain() : inputScheme ? sumInteger() : sumFloat());
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
      offset = e.toF32(e.load(e.vectorOf(element, lanes),
                              e.address(bias, e.mul(row, bytes))));
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
    for (int64_t token = 0; token < tile.tokens; ++token) {
      Value sum = sums[sumIndex(token, reg)];
      if (bias)
        sum = arith::AddFOp::create(e, sum, offset);
      Value index = e.add(e.mul(e.add(tileToken, token), outputs), row);
      Value place = e.address(out, e.mul(index, 4));
      if (mask)
        LLVM::MaskedStoreOp::create(e, sum, place, mask, 4);
      else
        e.store(sum, place);
    }
  }
}

Value LinearEmitter::blockAddress(int64_t reg) {
  return e.address(weight, e.mul(e.add(tileBlock, reg / parts), blockBytes));
}

/// Runs `body` over `count` columns from `first`, `step` at a time; the last
/// piece may be shorter.
Values
LinearEmitter::overColumns(Value first, int64_t count, int64_t step,
                           Values sums,
                           function_ref<Values(Value, int64_t, Values)> body) {
  int64_t tail = count % step, main = count - tail;
  if (main)
    sums = e.loop(first, e.add(first, main), step, sums,
                  [&](Value column, ValueRange carried) {
                    return body(column, step, Values(carried));
                  });
  return tail ? body(e.add(first, main), tail, sums) : sums;
}

/// Activation `column + within` of a token in all lanes.
Value LinearEmitter::activation(int64_t token, Value column, int64_t within) {
  Value index = e.add(e.mul(e.add(tileToken, token), columns), column);
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
  auto body = [&](Value column, int64_t count, Values sums) {
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
  return overColumns(e.constantI64(0), columns, /*step=*/4, sums, body);
}

//===----------------------------------------------------------------------===//
// Pieces of a quantized block
//===----------------------------------------------------------------------===//

/// Run `run` after `column` of a bit plane, for the output rows of `reg`.
Value LinearEmitter::planeRegister(unsigned plane, int64_t run, int64_t reg,
                                   Value column, Type type) {
  int64_t bits = bitPlanes(scheme.getValue().bits)[plane].bits;
  Layout layout = packedOf(weightType).getLayout();
  int64_t runBytes = layout.tileRows * layout.tileColumns;
  // A run covers 8 / bits chunks of four columns.
  int64_t bytesPerColumn = runBytes * bits / (8 * layout.tileColumns);
  Value offset = e.add(e.mul(column, bytesPerColumn),
                       int64_t(block.planes[plane]) + run * runBytes +
                           reg % parts * lanes * layout.tileColumns);
  return e.load(type, e.address(blockAddress(reg), offset));
}

/// Codes of column `column + within`, as i32 lanes; the 8-bit plane's are
/// code - 128.
Value LinearEmitter::floatCodes(int64_t reg, Value column, int64_t within) {
  int64_t chunk = within / 4, byte = within % 4;
  Value code;
  for (auto [index, plane] :
       llvm::enumerate(bitPlanes(scheme.getValue().bits))) {
    int64_t chunks = 8 / plane.bits;
    Value word = planeRegister(index, chunk / chunks, reg, column, i32s);
    if (plane.bits == 8) {
      word = arith::ShLIOp::create(e, word, e.splatInt(i32s, 24 - 8 * byte));
      return arith::ShRSIOp::create(e, word, e.splatInt(i32s, 24));
    }
    int64_t shift = 8 * byte + chunk % chunks * plane.bits;
    if (shift)
      word = arith::ShRUIOp::create(e, word, e.splatInt(i32s, shift));
    word =
        arith::AndIOp::create(e, word, e.splatInt(i32s, (1 << plane.bits) - 1));
    if (plane.shift)
      word = arith::ShLIOp::create(e, word, e.splatInt(i32s, plane.shift));
    code = code ? arith::OrIOp::create(e, code, word).getResult() : word;
  }
  return code;
}

/// Codes of chunk `chunk` after `column`, four bytes a lane: unsigned, or for
/// 8 bits code - 128.
Value LinearEmitter::integerCodes(int64_t reg, Value column, int64_t chunk) {
  VectorType bytes = e.vectorOf(e.getI8Type(), 4 * lanes);
  Value code;
  for (auto [index, plane] :
       llvm::enumerate(bitPlanes(scheme.getValue().bits))) {
    int64_t chunks = 8 / plane.bits;
    Value word = planeRegister(index, chunk / chunks, reg, column, bytes);
    if (plane.bits == 8)
      return word;
    if (int64_t shift = chunk % chunks * plane.bits)
      word = arith::ShRUIOp::create(e, word, e.splatInt(bytes, shift));
    word = arith::AndIOp::create(e, word,
                                 e.splatInt(bytes, (1 << plane.bits) - 1));
    if (plane.shift)
      word = arith::ShLIOp::create(e, word, e.splatInt(bytes, plane.shift));
    code = code ? arith::OrIOp::create(e, code, word).getResult() : word;
  }
  return code;
}

Value LinearEmitter::scales(int64_t reg, Value group) {
  int64_t tileRows = lanes * parts;
  Value offset = e.add(e.mul(group, tileRows * 2),
                       int64_t(block.scales) + reg % parts * lanes * 2);
  return e.toF32(e.load(e.vectorOf(e.getF16Type(), lanes),
                        e.address(blockAddress(reg), offset)));
}

/// Zero points of a group, as i32 lanes, on the codes' footing: for 8 bits
/// minus 128.
Value LinearEmitter::zeros(int64_t reg, Value group) {
  const Scheme &s = scheme.getValue();
  int64_t footing = s.bits == 8 ? 128 : 0;
  if (s.isSymmetric())
    return e.splatInt(i32s, s.symmetricZero() - footing);
  int64_t maskBytes = lanes * parts / 8;
  Value masks =
      e.address(blockAddress(reg),
                e.add(e.mul(group, s.bits * maskBytes), int64_t(block.zeros)));
  SmallVector<int32_t> shifts;
  for (int64_t lane = 0; lane < lanes; ++lane)
    shifts.push_back(reg % parts * lanes + lane);
  Value shift = arith::ConstantOp::create(
      e, DenseElementsAttr::get(i32s, ArrayRef<int32_t>(shifts)));
  Value zero = e.splatInt(i32s, -footing);
  for (int64_t bit = 0; bit < s.bits; ++bit) {
    Value mask = e.load(e.getIntegerType(maskBytes * 8),
                        e.address(masks, bit * maskBytes));
    mask = e.broadcast(i32s, arith::ExtUIOp::create(e, e.getI32Type(), mask));
    Value one = arith::AndIOp::create(e, arith::ShRUIOp::create(e, mask, shift),
                                      e.splatInt(i32s, 1));
    zero = e.add(zero, arith::ShLIOp::create(e, one, e.splatInt(i32s, bit)));
  }
  return zero;
}

//===----------------------------------------------------------------------===//
// Float activations
//===----------------------------------------------------------------------===//

Values LinearEmitter::floatColumns(Value column, int64_t count, Values sums,
                                   ArrayRef<Value> groupZeros) {
  const Scheme &s = scheme.getValue();
  bool subtract = !(s.isSymmetric() && s.bits == 8); // that zero is 0
  for (int64_t within = 0; within < count; ++within) {
    SmallVector<Value> x;
    for (int64_t token = 0; token < tile.tokens; ++token)
      x.push_back(activation(token, column, within));
    for (int64_t reg = 0; reg < registers(); ++reg) {
      Value code = floatCodes(reg, column, within);
      if (subtract)
        code = arith::SubIOp::create(e, code, groupZeros[reg]);
      Value level = arith::SIToFPOp::create(e, f32s, code);
      for (int64_t token = 0; token < tile.tokens; ++token) {
        Value &sum = sums[sumIndex(token, reg)];
        sum = math::FmaOp::create(e, x[token], level, sum);
      }
    }
  }
  return sums;
}

Values LinearEmitter::sumFloat() {
  int64_t group = scheme.getValue().groupColumns(columns);
  int64_t step =
      columnsPerRun(scheme.getValue().bits, packedOf(weightType).getLayout());
  Values zero(tile.tokens * registers(), e.splatFloat(f32s, 0.0));
  return e.loop(e.constantI64(0), e.constantI64(columns / group), 1, zero,
                [&](Value g, ValueRange carried) {
                  SmallVector<Value> groupZeros;
                  for (int64_t reg = 0; reg < registers(); ++reg)
                    groupZeros.push_back(zeros(reg, g));
                  Values inner = overColumns(
                      e.mul(g, group), group, step, zero,
                      [&](Value column, int64_t count, Values sums) {
                        return floatColumns(column, count, sums, groupZeros);
                      });
                  Values sums(carried);
                  for (int64_t reg = 0; reg < registers(); ++reg) {
                    Value scale = scales(reg, g);
                    for (int64_t token = 0; token < tile.tokens; ++token) {
                      size_t i = sumIndex(token, reg);
                      sums[i] =
                          math::FmaOp::create(e, inner[i], scale, sums[i]);
                    }
                  }
                  return sums;
                });
}

//===----------------------------------------------------------------------===//
// Integer activations
//===----------------------------------------------------------------------===//

/// How many products of one chunk fit into the 16-bit sums of vpmaddubsw, for
/// codes up to 2^bits - 1 and activations up to 127, two products a sum.
int64_t LinearEmitter::chunksPerHalfwordSum() const {
  int64_t bits = scheme.getValue().bits;
  int64_t largest = bits == 8 ? 128 : (1 << bits) - 1;
  return std::max<int64_t>(1, 32767 / (2 * 127 * largest));
}

static Value intrinsic(KernelEmitter &e, StringRef name, Type result,
                       ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(e, result, e.getStringAttr(name),
                                       operands)
      .getResult(0);
}

/// With VNNI: sum + four products a lane, as i32. Without: adds the products to
/// 16-bit sums, two a lane.
Value LinearEmitter::integerDot(Value sum, Value codes, Value activations) {
  VectorType bytes = e.vectorOf(e.getI8Type(), 4 * lanes);
  bool isSigned = scheme.getValue().bits == 8;
  if (vnni) {
    // vpdpbusd wants unsigned codes: (code - 128) ^ 0x80 is the code.
    if (isSigned)
      codes = arith::XOrIOp::create(e, codes, e.splatInt(bytes, -128));
    StringRef name = lanes == 16 ? "llvm.x86.avx512.vpdpbusd.512"
                                 : "llvm.x86.avx512.vpdpbusd.256";
    return intrinsic(e, name, i32s, {sum, codes, activations});
  }
  // AVX2 only, so lanes is 8. |w| * (x with the sign of w) = w * x.
  if (isSigned) {
    activations =
        intrinsic(e, "llvm.x86.avx2.psign.b", bytes, {activations, codes});
    codes = LLVM::AbsOp::create(e, bytes, codes, /*is_int_min_poison=*/false);
  }
  VectorType halfwords = e.vectorOf(e.getI16Type(), 2 * lanes);
  Value products = intrinsic(e, "llvm.x86.avx2.pmadd.ub.sw", halfwords,
                             {codes, activations});
  return sum ? e.add(sum, products) : products;
}

Values LinearEmitter::integerColumns(Value column, int64_t count, Values sums) {
  VectorType bytes = e.vectorOf(e.getI8Type(), 4 * lanes);
  VectorType halfwords = e.vectorOf(e.getI16Type(), 2 * lanes);
  int64_t chunks = llvm::divideCeil(count, 4);
  int64_t flushEvery = chunksPerHalfwordSum();
  SmallVector<Value> partial(sums.size());
  auto flush = [&] {
    for (auto [sum, part] : llvm::zip(sums, partial)) {
      if (part)
        sum = e.add(sum, intrinsic(e, "llvm.x86.avx2.pmadd.wd", i32s,
                                   {part, e.splatInt(halfwords, 1)}));
      part = {};
    }
  };
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    SmallVector<Value> x;
    for (int64_t token = 0; token < tile.tokens; ++token) {
      Value row = e.mul(e.add(tileToken, token), buffer.codeStride);
      Value four =
          e.load(e.getI32Type(),
                 e.address(input, e.add(e.add(row, column), chunk * 4)));
      x.push_back(vector::BitCastOp::create(e, bytes, e.broadcast(i32s, four)));
    }
    for (int64_t reg = 0; reg < registers(); ++reg) {
      Value codes = integerCodes(reg, column, chunk);
      for (int64_t token = 0; token < tile.tokens; ++token) {
        size_t i = sumIndex(token, reg);
        Value &target = vnni ? sums[i] : partial[i];
        target = integerDot(target, codes, x[token]);
      }
    }
    if (!vnni && ((chunk + 1) % flushEvery == 0 || chunk + 1 == chunks))
      flush();
  }
  return sums;
}

/// sums + (exact - zero * sum of activations) * scale * activation scale.
Values LinearEmitter::finishInteger(Values sums, Value activationGroup,
                                    ValueRange exact) {
  const Scheme &s = scheme.getValue();
  const Scheme &a = inputScheme.getValue();
  int64_t ratio = s.groupColumns(columns) / a.groupColumns(columns);
  Value group = ratio == 1 ? activationGroup
                           : arith::DivSIOp::create(e, activationGroup,
                                                    e.constantI64(ratio))
                                 .getResult();
  // What vpdpbusd multiplies is the unsigned code, whatever the bits.
  int64_t footing = s.bits == 8 && vnni ? 128 : 0;
  for (int64_t reg = 0; reg < registers(); ++reg) {
    Value scale = scales(reg, group);
    Value zero = zeros(reg, group);
    if (footing)
      zero = e.add(zero, e.splatInt(i32s, footing));
    for (int64_t token = 0; token < tile.tokens; ++token) {
      Value place =
          e.mul(e.add(e.mul(e.add(tileToken, token), a.groups(columns)),
                      activationGroup),
                4);
      Value xScale =
          e.load(e.getF32Type(), e.address(input, e.add(place, buffer.scales)));
      Value xSum =
          e.load(e.getI32Type(), e.address(input, e.add(place, buffer.sums)));
      Value shift = arith::MulIOp::create(e, zero, e.broadcast(i32s, xSum));
      size_t i = sumIndex(token, reg);
      Value level = arith::SIToFPOp::create(
          e, f32s, arith::SubIOp::create(e, exact[i], shift));
      Value both = arith::MulFOp::create(e, scale, e.broadcast(f32s, xScale));
      sums[i] = math::FmaOp::create(e, level, both, sums[i]);
    }
  }
  return sums;
}

Values LinearEmitter::sumInteger() {
  int64_t group = inputScheme.getValue().groupColumns(columns);
  size_t count = tile.tokens * registers();
  Values zero(count, e.splatFloat(f32s, 0.0));
  Values none(count, e.splatInt(i32s, 0));
  return e.loop(e.constantI64(0), e.constantI64(columns / group), 1, zero,
                [&](Value g, ValueRange carried) {
                  Values exact = overColumns(
                      e.mul(g, group), group, kIntegerColumns, none,
                      [&](Value column, int64_t count, Values sums) {
                        return integerColumns(column, count, sums);
                      });
                  return finishInteger(Values(carried), g, exact);
                });
}

LogicalResult lqc::emitLinear(KernelEmitter &e) {
  Operation *op = e.operation();
  RankedTensorType inputType = e.typeOf(0), weightType = e.typeOf(1);
  if (!packedOf(weightType))
    return op->emitOpError("weight must be packed, got: ") << weightType;
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
