//===- Depthwise.cpp - convolutions that leave channels apart -------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Channels lie in lanes. The codes of some channels stay in registers while a
// panel of rows goes by; a row is a sum over the places of the kernel.
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/RowStore.h"
#include "passes/Lower/CPU/Window.h"

using namespace mlir;
using namespace lqc;

namespace {
class DepthwiseEmitter {
public:
  explicit DepthwiseEmitter(KernelEmitter &e)
      : e(e), op(cast<DepthwiseOp>(e.operation())), window(op),
        channels(e.typeOf(1).getDimSize(1)), input(e.argument(0)),
        weight(e.argument(1)), bias(op.getBias() ? e.argument(2) : Value()),
        out(e, channels) {}

  void emit();

private:
  void emitPanel(Value first, Value last, Value channel, int64_t lanes);

  KernelEmitter &e;
  DepthwiseOp op;
  Window window;
  int64_t channels;
  Value input, weight, bias;
  RowStore out;
};
} // namespace

void DepthwiseEmitter::emit() {
  int64_t rows = *e.kernel.getUnitRows();
  e.loop(e.begin, e.end, 1, [&](Value panel) {
    Value first = e.mul(panel, rows);
    Value last = arith::MinSIOp::create(e, e.add(first, rows), e.count);
    e.forColumns(channels, [&](Value channel, int64_t lanes) {
      emitPanel(first, last, channel, lanes);
    });
  });
}

/// Rows [first, last) of the `lanes` channels from `channel` on.
void DepthwiseEmitter::emitPanel(Value first, Value last, Value channel,
                                 int64_t lanes) {
  VectorType i32s = e.vectorOf(e.getI32Type());
  auto loadBytes = [&](Value base, Value index) {
    return e.loadLanes(e.getI8Type(), e.address(base, index), lanes);
  };
  int64_t taps = window.kernel[0] * window.kernel[1];
  SmallVector<Value> codes;
  for (int64_t tap = 0; tap < taps; ++tap)
    codes.push_back(arith::ExtSIOp::create(
        e, i32s, loadBytes(weight, e.add(channel, tap * channels))));
  Value start = e.splatInt(i32s, 0);
  if (bias)
    start =
        e.loadLanes(e.getI32Type(), e.address(bias, e.mul(channel, 4)), lanes);
  out.moveTo(channel, kLanes, lanes == kLanes ? Value() : e.laneMask(lanes));
  e.loop(first, last, 1, [&](Value row) {
    Value place = e.add(window.startOf(e, row), channel);
    Value sum = start;
    for (int64_t tap = 0; tap < taps; ++tap) {
      int64_t down = tap / window.kernel[1], across = tap % window.kernel[1];
      Value bytes =
          loadBytes(input, e.add(place, down * window.tapSteps[0] +
                                            across * window.tapSteps[1]));
      Value x = arith::ExtUIOp::create(e, i32s, bytes);
      sum = e.add(sum, arith::MulIOp::create(e, x, codes[tap]));
    }
    out.store(sum, row);
  });
}

LogicalResult lqc::emitDepthwise(KernelEmitter &e) {
  DepthwiseEmitter(e).emit();
  return success();
}
