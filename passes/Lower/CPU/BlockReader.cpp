//===- BlockReader.cpp - packed codes and scales to registers -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/BlockReader.h"

#include "lqc/Numerics/Levels.h"

using namespace mlir;
using namespace lqc;

BlockReader::BlockReader(KernelEmitter &e, const Scheme &scheme,
                         int64_t columns, Layout layout)
    : e(e), scheme(scheme), columns(columns), layout(layout) {
  if (scheme.bits)
    block = blockParts(scheme, columns, layout);
  // 512-bit registers pay off where integers can be multiplied in them.
  bool wide = e.target.has("avx512vnni");
  width = wide ? 16 : 8;
  vnni = wide || e.target.has("avxvnni");
  f32s = e.vectorOf(e.getF32Type(), width);
  i32s = e.vectorOf(e.getI32Type(), width);
}

//===----------------------------------------------------------------------===//
// Small pieces
//===----------------------------------------------------------------------===//

Value lqc::callIntrinsic(KernelEmitter &e, StringRef name, Type result,
                         ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(e, result, e.getStringAttr(name),
                                       operands)
      .getResult(0);
}

static Value shiftLeft(KernelEmitter &e, Value value, int64_t bits) {
  if (!bits)
    return value;
  return arith::ShLIOp::create(e, value, e.splatInt(value.getType(), bits));
}

static Value shiftRight(KernelEmitter &e, Value value, int64_t bits) {
  if (!bits)
    return value;
  return arith::ShRUIOp::create(e, value, e.splatInt(value.getType(), bits));
}

static Value keepBits(KernelEmitter &e, Value value, int64_t mask) {
  return arith::AndIOp::create(e, value, e.splatInt(value.getType(), mask));
}

static Value scaled(KernelEmitter &e, Value value, double factor) {
  if (factor == 1.0)
    return value;
  return arith::MulFOp::create(e, value, e.splatFloat(value.getType(), factor));
}

/// Numbers whose fp16 bits are the low halves of i32 lanes, as f32.
static Value halvesToFloats(KernelEmitter &e, Value words) {
  int64_t lanes = cast<VectorType>(words.getType()).getNumElements();
  Value halves =
      arith::TruncIOp::create(e, e.vectorOf(e.getI16Type(), lanes), words);
  return e.toF32(
      arith::BitcastOp::create(e, e.vectorOf(e.getF16Type(), lanes), halves));
}

/// A table's float constant of as many lanes as there are entries.
static Value floatTable(KernelEmitter &e, ArrayRef<float> entries) {
  VectorType type = e.vectorOf(e.getF32Type(), entries.size());
  return arith::ConstantOp::create(e, DenseElementsAttr::get(type, entries));
}

/// Run `run` after `column` of a bit plane.
Value BlockReader::planeRegister(unsigned plane, int64_t run, Value address,
                                 int64_t part, Value column, Type type) {
  int64_t bits = bitPlanes(scheme.bits)[plane].bits;
  int64_t runBytes = layout.tileRows * layout.tileColumns;
  // A run covers 8 / bits chunks of four columns.
  int64_t bytesPerColumn = runBytes * bits / (8 * layout.tileColumns);
  Value offset = e.add(e.mul(column, bytesPerColumn),
                       int64_t(block.planes[plane]) + run * runBytes +
                           part * width * layout.tileColumns);
  return e.load(type, e.address(address, offset));
}

//===----------------------------------------------------------------------===//
// Columns as floats
//===----------------------------------------------------------------------===//

/// The codes of a column as i32 lanes; of 8 bits, code - 128.
Value BlockReader::codes(Value address, int64_t part, Value column,
                         int64_t within) {
  int64_t chunk = within / 4, byte = within % 4;
  Value code;
  for (auto [index, plane] : llvm::enumerate(bitPlanes(scheme.bits))) {
    int64_t chunks = 8 / plane.bits;
    Value word =
        planeRegister(index, chunk / chunks, address, part, column, i32s);
    if (plane.bits == 8) {
      word = shiftLeft(e, word, 24 - 8 * byte);
      return arith::ShRSIOp::create(e, word, e.splatInt(i32s, 24));
    }
    word = shiftRight(e, word, 8 * byte + chunk % chunks * plane.bits);
    word = shiftLeft(e, keepBits(e, word, (1 << plane.bits) - 1), plane.shift);
    code = code ? arith::OrIOp::create(e, code, word).getResult() : word;
  }
  return code;
}

/// 16 levels are looked up in one register of AVX-512 or two of AVX2. Lookups
/// read the lowest four (three) bits of an index only.
Value BlockReader::codebookLevels(Value address, int64_t part, Value column,
                                  int64_t within) {
  int64_t chunk = within / 4, shift = 8 * (within % 4) + chunk % 2 * 4;
  Value word = planeRegister(0, chunk / 2, address, part, column, i32s);
  Value index = shiftRight(e, word, shift);
  ArrayRef<float> table = levelsOf(scheme);
  if (width == 16)
    return callIntrinsic(e, "llvm.x86.avx512.permvar.sf.512", f32s,
                         {floatTable(e, table), index});
  auto lookUp = [&](ArrayRef<float> half) {
    return callIntrinsic(e, "llvm.x86.avx2.permps", f32s,
                         {floatTable(e, half), index});
  };
  Value low = lookUp(table.take_front(8)), high = lookUp(table.drop_front(8));
  // The index's fourth bit as a sign.
  Value sign = shiftLeft(e, word, 28 - shift);
  Value isHigh = arith::CmpIOp::create(e, arith::CmpIPredicate::slt, sign,
                                       e.splatInt(i32s, 0));
  return arith::SelectOp::create(e, isHigh, high, low);
}

/// 8-bit floats by way of fp16, whose subnormals cost nothing to widen. E5M2 is
/// the upper byte of an fp16; E4M3 has its mantissa one bit lower, and an fp16
/// reads its exponent as if it were smaller by 8. The stored byte has its sign
/// flipped (Packing.h). scale() makes up for both.
Value BlockReader::smallFloats(Value word, int64_t byte) {
  if (scheme.exponentBits == 5) {
    Value half =
        byte ? shiftRight(e, word, 8 * byte - 8) : shiftLeft(e, word, 8);
    return halvesToFloats(e, keepBits(e, half, 0xff00));
  }
  Value top = shiftLeft(e, word, 24 - 8 * byte);
  Value half = arith::ShRSIOp::create(e, top, e.splatInt(i32s, 17));
  return halvesToFloats(e, keepBits(e, half, 0xbf80));
}

Value BlockReader::levels(Value address, int64_t part, Value column,
                          int64_t within, Value zeros) {
  if (scheme.element != ElementKind::Integer && scheme.bits == 4)
    return codebookLevels(address, part, column, within);
  if (scheme.element == ElementKind::Float)
    return smallFloats(
        planeRegister(0, within / 4, address, part, column, i32s), within % 4);
  Value code = codes(address, part, column, within);
  if (zeros)
    code = arith::SubIOp::create(e, code, zeros);
  return arith::SIToFPOp::create(e, f32s, code);
}

/// What a group's levels are to be multiplied by beside the scale.
static double levelFactor(const Scheme &scheme) {
  if (scheme.element != ElementKind::Float || scheme.bits != 8)
    return 1.0;
  return scheme.exponentBits == 4 ? -256.0 : -1.0;
}

//===----------------------------------------------------------------------===//
// Scales, zero points, minima
//===----------------------------------------------------------------------===//

/// Codes of at most 8 bits, one a group, as i32 lanes.
Value BlockReader::groupCodes(uint64_t offset, Value address, int64_t part,
                              Value group) {
  unsigned bits = scaleBits(scheme.scale);
  VectorType bytes = e.vectorOf(e.getI8Type(), width);
  Value code;
  for (auto [plane, start] :
       llvm::zip(bitPlanes(bits),
                 groupPlanes(bits, scheme.groups(columns), layout))) {
    int64_t inByte = 8 / plane.bits;
    Value run = arith::DivUIOp::create(e, group, e.constantI64(inByte));
    Value place = e.add(e.mul(run, layout.tileRows),
                        int64_t(offset + start) + part * width);
    Value word = arith::ExtUIOp::create(
        e, i32s, e.load(bytes, e.address(address, place)));
    if (inByte > 1) {
      Value shift = arith::RemUIOp::create(e, group, e.constantI64(inByte));
      shift =
          arith::TruncIOp::create(e, e.getI32Type(), e.mul(shift, plane.bits));
      word = arith::ShRUIOp::create(e, word, e.broadcast(i32s, shift));
      word = keepBits(e, word, (1 << plane.bits) - 1);
    }
    word = shiftLeft(e, word, plane.shift);
    code = code ? arith::OrIOp::create(e, code, word).getResult() : word;
  }
  return code;
}

/// The 256 numbers of the map are a constant in memory.
Value BlockReader::dynamicMap(Value codes) {
  constexpr StringLiteral kName = "lqc_dynamic_map";
  ModuleOp module = e.function->getParentOfType<ModuleOp>();
  LLVM::GlobalOp table = module.lookupSymbol<LLVM::GlobalOp>(kName);
  if (!table) {
    std::vector<float> numbers;
    for (int code = 0; code < 256; ++code)
      numbers.push_back(scaleFromCode(ScaleFormat::Dynamic8, code));
    OpBuilder::InsertionGuard guard(e);
    e.setInsertionPointToStart(module.getBody());
    table = LLVM::GlobalOp::create(
        e, LLVM::LLVMArrayType::get(e.getF32Type(), 256), /*isConstant=*/true,
        LLVM::Linkage::Internal, kName,
        DenseElementsAttr::get(RankedTensorType::get({256}, e.getF32Type()),
                               ArrayRef<float>(numbers)));
  }
  Value base = LLVM::AddressOfOp::create(e, table);
  Type pointers = e.vectorOf(base.getType(), width);
  Value places = LLVM::GEPOp::create(e, pointers, e.getF32Type(), base,
                                     ArrayRef<LLVM::GEPArg>{codes});
  Value all = e.splatInt(e.vectorOf(e.getI1Type(), width), 1);
  return LLVM::masked_gather::create(e, f32s, places, all,
                                     e.splatFloat(f32s, 0.0),
                                     e.getI32IntegerAttr(4))
      .getResult();
}

/// One number in the scheme's scale format for each row, for group `group`.
Value BlockReader::scaleNumbers(uint64_t offset, Value address, int64_t part,
                                Value group) {
  if (scaleBits(scheme.scale) > 8)
    return wholeScales(scheme.scale, offset, address, part, group);
  Value codes = groupCodes(offset, address, part, group);
  auto integer = [&](int64_t footing) {
    if (footing)
      codes = arith::SubIOp::create(e, codes, e.splatInt(i32s, footing));
    return arith::SIToFPOp::create(e, f32s, codes);
  };
  switch (scheme.scale) {
  case ScaleFormat::E8M0: {
    // Code 0 is the subnormal 2^-127.
    Value word = arith::MaxUIOp::create(e, shiftLeft(e, codes, 23),
                                        e.splatInt(i32s, 0x00400000));
    return arith::BitcastOp::create(e, f32s, word);
  }
  case ScaleFormat::E4M3: {
    Value sign = shiftLeft(e, keepBits(e, codes, 0x80), 8);
    Value magnitude = shiftLeft(e, keepBits(e, codes, 0x7f), 7);
    return scaled(
        e, halvesToFloats(e, arith::OrIOp::create(e, sign, magnitude)), 256);
  }
  case ScaleFormat::Int6:
    return integer(32);
  case ScaleFormat::Int8:
    return integer(128);
  case ScaleFormat::Dynamic8:
    return dynamicMap(codes);
  default:
    return integer(0);
  }
}

/// A whole float for each row, number `index` of its part of the block.
Value BlockReader::wholeScales(ScaleFormat format, uint64_t offset,
                               Value address, int64_t part, Value index) {
  int64_t bytes = scaleBits(format) / 8;
  Type element = format == ScaleFormat::F32 ? e.getF32Type() : e.getF16Type();
  Value place = e.add(e.mul(index, layout.tileRows * bytes),
                      int64_t(offset) + part * width * bytes);
  return e.toF32(e.load(e.vectorOf(element, width), e.address(address, place)));
}

Value BlockReader::superGroup(Value group) {
  if (scheme.supers(columns) == 1)
    return e.constantI64(0);
  return arith::DivUIOp::create(e, group, e.constantI64(scheme.superGroups));
}

Value BlockReader::scaleTimes(double factor, Value address, int64_t part,
                              Value group) {
  Value result = scaleNumbers(block.scales, address, part, group);
  if (scheme.isTwoLevel())
    result =
        arith::MulFOp::create(e, result,
                              wholeScales(scheme.superScale, block.superScales,
                                          address, part, superGroup(group)));
  if (scheme.shiftedScales)
    result =
        arith::AddFOp::create(e, result,
                              wholeScales(scheme.superScale, block.superOffsets,
                                          address, part, superGroup(group)));
  return scaled(e, result, factor);
}

Value BlockReader::scale(Value address, int64_t part, Value group) {
  return scaleTimes(levelFactor(scheme), address, part, group);
}

Value BlockReader::byteScale(Value address, int64_t part, Value group) {
  return scaleTimes(levelStep(scheme), address, part, group);
}

Value BlockReader::minimum(Value address, int64_t part, Value group) {
  if (scheme.zero != ZeroPoint::Minimum)
    return {};
  return arith::MulFOp::create(
      e, scaleNumbers(block.zeros, address, part, group),
      wholeScales(scheme.superScale, block.superOffsets, address, part,
                  superGroup(group)));
}

/// Zero points out of bit masks, minus `footing`.
Value BlockReader::maskedZeros(Value address, int64_t part, Value group,
                               int64_t footing) {
  int64_t maskBytes = layout.tileRows / 8;
  Value masks = e.address(address, e.add(e.mul(group, scheme.bits * maskBytes),
                                         int64_t(block.zeros)));
  SmallVector<int32_t> shifts;
  for (int64_t lane = 0; lane < width; ++lane)
    shifts.push_back(part * width + lane);
  Value shift = arith::ConstantOp::create(
      e, DenseElementsAttr::get(i32s, ArrayRef<int32_t>(shifts)));
  Value zero = e.splatInt(i32s, -footing);
  for (int64_t bit = 0; bit < scheme.bits; ++bit) {
    Value mask = e.load(e.getIntegerType(maskBytes * 8),
                        e.address(masks, bit * maskBytes));
    mask = e.broadcast(i32s, arith::ExtUIOp::create(e, e.getI32Type(), mask));
    Value one = keepBits(e, arith::ShRUIOp::create(e, mask, shift), 1);
    zero = e.add(zero, shiftLeft(e, one, bit));
  }
  return zero;
}

Value BlockReader::zeros(Value address, int64_t part, Value group) {
  // codes() of 8 bits are code - 128.
  int64_t footing = scheme.bits == 8 ? 128 : 0;
  if (scheme.zero == ZeroPoint::Integer)
    return maskedZeros(address, part, group, footing);
  int64_t zero = scheme.symmetricZero() - footing;
  bool isInteger = scheme.element == ElementKind::Integer;
  return isInteger && zero ? e.splatInt(i32s, zero) : Value();
}

//===----------------------------------------------------------------------===//
// Columns as bytes
//===----------------------------------------------------------------------===//

/// What is added to levels in steps of levelStep() so that none is negative.
static int64_t byteFooting(const Scheme &scheme) {
  return scheme.element == ElementKind::Integer
             ? 0
             : int64_t(largestLevel(scheme) / levelStep(scheme));
}

Value BlockReader::bytes(Value address, int64_t part, Value column,
                         int64_t within) {
  VectorType type = e.vectorOf(e.getI8Type(), 4 * width);
  int64_t chunk = within / 4;
  Value code;
  for (auto [index, plane] : llvm::enumerate(bitPlanes(scheme.bits))) {
    int64_t chunks = 8 / plane.bits;
    Value word =
        planeRegister(index, chunk / chunks, address, part, column, type);
    if (plane.bits == 8)
      return word;
    word = shiftRight(e, word, chunk % chunks * plane.bits);
    word = shiftLeft(e, keepBits(e, word, (1 << plane.bits) - 1), plane.shift);
    code = code ? arith::OrIOp::create(e, code, word).getResult() : word;
  }
  if (scheme.element == ElementKind::Integer)
    return code;
  SmallVector<int8_t> table;
  for (int64_t lane = 0; lane < 4 * width; ++lane)
    table.push_back(int8_t(levelsOf(scheme)[lane % 16] / levelStep(scheme)) +
                    byteFooting(scheme));
  StringRef name =
      width == 16 ? "llvm.x86.avx512.pshuf.b.512" : "llvm.x86.avx2.pshuf.b";
  Value entries = arith::ConstantOp::create(
      e, DenseElementsAttr::get(type, ArrayRef<int8_t>(table)));
  return callIntrinsic(e, name, type, {entries, code});
}

int64_t BlockReader::largestByte() const {
  if (scheme.bits == 8)
    return 128;
  return scheme.element == ElementKind::Integer ? (1 << scheme.bits) - 1
                                                : 2 * byteFooting(scheme);
}

Value BlockReader::byteZeros(Value address, int64_t part, Value group) {
  if (scheme.element == ElementKind::Integer &&
      scheme.zero == ZeroPoint::Integer)
    return maskedZeros(address, part, group,
                       bytesAreSigned() && !vnni ? 128 : 0);
  int64_t zero = scheme.symmetricZero() + byteFooting(scheme) -
                 (bytesAreSigned() && !vnni ? 128 : 0);
  return zero ? e.splatInt(i32s, zero) : Value();
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

KernelEmitter::Values
lqc::overGroups(KernelEmitter &e, int64_t columns, int64_t group, int64_t run,
                ValueRange sums,
                function_ref<KernelEmitter::Values(Value, Value, int64_t,
                                                   KernelEmitter::Values)>
                    body) {
  int64_t unit = group % run == 0 || group == columns ? 1 : run / group;
  int64_t groups = columns / group, whole = groups / unit * unit;
  auto several = [&](Value first, int64_t count, KernelEmitter::Values sums) {
    Value base = e.mul(first, group);
    for (int64_t k = 0; k < count; ++k)
      sums = body(e.add(first, k), base, k * group, sums);
    return sums;
  };
  KernelEmitter::Values result(sums);
  if (whole)
    result =
        e.loop(e.constantI64(0), e.constantI64(whole), unit, sums,
               [&](Value first, ValueRange carried) {
                 return several(first, unit, KernelEmitter::Values(carried));
               });
  return groups == whole
             ? result
             : several(e.constantI64(whole), groups - whole, result);
}

KernelEmitter::Values
lqc::overColumns(KernelEmitter &e, Value base, int64_t within, int64_t group,
                 int64_t step, ValueRange sums,
                 function_ref<KernelEmitter::Values(Value, int64_t, int64_t,
                                                    KernelEmitter::Values)>
                     body) {
  // A group that starts inside a run is not longer than it.
  if (within || group < step)
    return body(base, within, group, KernelEmitter::Values(sums));
  int64_t tail = group % step, main = group - tail;
  KernelEmitter::Values result =
      e.loop(base, e.add(base, main), step, sums,
             [&](Value column, ValueRange carried) {
               return body(column, 0, step, KernelEmitter::Values(carried));
             });
  return tail ? body(e.add(base, main), 0, tail, result) : result;
}
