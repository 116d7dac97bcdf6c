//===- ModelOps.cpp - what the operations of a decoder mean ---------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Convert.h"
#include "Dot.h"
#include "Machine.h"
#include "SplitColumns.h"
#include "Types.h"

#include "lqc/Support/Parallel.h"

#include <cmath>
#include <mutex>

using namespace lqc;
using mlir::Value;

static int64_t rowsOf(const TensorValue &value) { return value.shape()[0]; }
static int64_t columnsOf(const TensorValue &value) { return value.shape()[1]; }

static void setMatrix(Frame &frame, Value result, int64_t rows, int64_t columns,
                      std::vector<float> values) {
  frame.set(result, TensorValue::ofFloats({rows, columns}, std::move(values)));
}

/// What types with dynamic sizes leave open.
static llvm::Error checkSame(mlir::Operation *op, const char *what, int64_t got,
                             int64_t expected) {
  if (got == expected)
    return llvm::Error::success();
  return opError(op, "{0} must be {1}, got: {2}", what, expected, got);
}

//===----------------------------------------------------------------------===//
// Embedding, linear, normalization
//===----------------------------------------------------------------------===//

static llvm::Error embedding(EmbeddingOp op, Frame &frame) {
  const TensorValue &table = frame.get(op.getTable());
  const std::vector<int64_t> &indices = frame.get(op.getIndices()).integers();
  int64_t columns = columnsOf(table), count = indices.size();
  std::vector<float> result(count * columns);
  for (int64_t t = 0; t < count; ++t) {
    int64_t index = indices[t];
    if (index < 0 || index >= rowsOf(table))
      return opError(op,
                     "index {0} must be less than the table's {1} rows, "
                     "got: {2}",
                     t, rowsOf(table), index);
    std::copy_n(&table.floats()[index * columns], columns,
                &result[t * columns]);
  }
  setMatrix(frame, op, count, columns, std::move(result));
  return llvm::Error::success();
}

static llvm::Error linear(LinearOp op, Frame &frame) {
  const TensorValue &input = frame.get(op.getInput());
  const TensorValue &weight = frame.get(op.getWeight());
  int64_t tokens = rowsOf(input), columns = columnsOf(input);
  int64_t outputs = rowsOf(weight);
  if (llvm::Error error =
          checkSame(op, "columns of the weight", columnsOf(weight), columns))
    return error;
  std::vector<double> wide(input.floats().begin(), input.floats().end());
  const float *matrix = weight.floats().data();
  const float *bias = nullptr;
  if (op.getBias()) {
    const TensorValue &offsets = frame.get(op.getBias());
    if (llvm::Error error =
            checkSame(op, "elements of the bias", offsets.elements(), outputs))
      return error;
    bias = offsets.floats().data();
  }
  std::vector<float> result(tokens * outputs);
  parallelFor(0, outputs, frame.machine.threads,
              [&](int64_t first, int64_t last) {
                linearOutputs(wide.data(), matrix, bias, tokens, columns,
                              outputs, first, last, result.data());
              });
  setMatrix(frame, op, tokens, outputs, std::move(result));
  return llvm::Error::success();
}

static llvm::Error integerLinear(IntegerLinearOp op, Frame &frame) {
  const TensorValue &input = frame.get(op.getInput());
  const QuantizedTensor &weight = frame.get(op.getWeight()).quantized();
  int64_t rows = rowsOf(input), columns = columnsOf(input);
  if (llvm::Error error =
          checkSame(op, "columns of the weight", weight.columns, columns))
    return error;
  std::vector<int64_t> result(rows * weight.rows);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t o = 0; o < weight.rows; ++o) {
      int64_t sum = op.getBias() ? frame.get(op.getBias()).integers()[o] : 0;
      for (int64_t c = 0; c < columns; ++c)
        sum += (input.integers()[r * columns + c] & 255) *
               (int64_t(weight.codes[o * columns + c]) -
                weight.scheme.symmetricZero());
      result[r * weight.rows + o] = static_cast<int32_t>(sum); // wraps
    }
  frame.set(op,
            TensorValue::ofIntegers({rows, weight.rows}, std::move(result)));
  return llvm::Error::success();
}

static llvm::Error splitColumns(SplitColumnsOp op, Frame &frame) {
  const TensorValue &input = frame.get(op.getInput());
  const std::vector<int64_t> &indices = frame.get(op.getIndices()).integers();
  int64_t rows = rowsOf(input), columns = columnsOf(input);
  if (llvm::Error error = checkColumnIndices(indices, columns))
    return opError(op, "{0}", llvm::toString(std::move(error)));
  std::vector<float> rest = input.floats(), kept;
  kept.reserve(rows * indices.size());
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t index : indices) {
      kept.push_back(rest[row * columns + index]);
      rest[row * columns + index] = 0;
    }
  roundFloats(kept.data(), *floatFormatOf(op.getKept().getType()), kept.size());
  setMatrix(frame, op.getRest(), rows, columns, std::move(rest));
  setMatrix(frame, op.getKept(), rows, indices.size(), std::move(kept));
  return llvm::Error::success();
}

static llvm::Error rmsNorm(RmsNormOp op, Frame &frame) {
  const TensorValue &input = frame.get(op.getInput());
  const std::vector<float> &gain = frame.get(op.getGain()).floats();
  double epsilon = op.getEpsilon().convertToFloat();
  int64_t tokens = rowsOf(input), columns = columnsOf(input);
  if (llvm::Error error =
          checkSame(op, "elements of the gain", gain.size(), columns))
    return error;
  std::vector<float> result(tokens * columns);
  for (int64_t t = 0; t < tokens; ++t) {
    const float *row = &input.floats()[t * columns];
    double mean = dot(row, row, columns) / columns;
    double factor = 1 / std::sqrt(mean + epsilon);
    for (int64_t i = 0; i < columns; ++i)
      result[t * columns + i] = static_cast<float>(row[i] * factor * gain[i]);
  }
  setMatrix(frame, op, tokens, columns, std::move(result));
  return llvm::Error::success();
}

static llvm::Error layerNorm(LayerNormOp op, Frame &frame) {
  const TensorValue &input = frame.get(op.getInput());
  const std::vector<float> &gain = frame.get(op.getGain()).floats();
  int64_t tokens = rowsOf(input), columns = columnsOf(input);
  if (llvm::Error error =
          checkSame(op, "elements of the gain", gain.size(), columns))
    return error;
  std::vector<float> bias(columns);
  if (op.getBias())
    bias = frame.get(op.getBias()).floats();
  if (llvm::Error error =
          checkSame(op, "elements of the bias", bias.size(), columns))
    return error;
  double epsilon = op.getEpsilon().convertToFloat();
  std::vector<float> result(tokens * columns);
  for (int64_t t = 0; t < tokens; ++t) {
    llvm::ArrayRef<float> row =
        llvm::ArrayRef(input.floats()).slice(t * columns, columns);
    double mean = 0, variance = 0;
    for (float x : row)
      mean += x / double(columns);
    for (float x : row)
      variance += (x - mean) * (x - mean) / double(columns);
    double factor = 1 / std::sqrt(variance + epsilon);
    for (int64_t i = 0; i < columns; ++i)
      result[t * columns + i] =
          static_cast<float>((row[i] - mean) * factor * gain[i] + bias[i]);
  }
  setMatrix(frame, op, tokens, columns, std::move(result));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------===//

static llvm::Error rotaryTable(RotaryTableOp op, Frame &frame) {
  const std::vector<int64_t> &positions =
      frame.get(op.getPositions()).integers();
  const std::vector<float> &frequencies =
      frame.get(op.getFrequencies()).floats();
  int64_t tokens = positions.size(), half = frequencies.size();
  std::vector<float> result(tokens * 2 * half);
  for (int64_t t = 0; t < tokens; ++t) {
    float *row = &result[t * 2 * half];
    for (int64_t i = 0; i < half; ++i) {
      // In float32, as the models were trained.
      float angle = static_cast<float>(positions[t]) * frequencies[i];
      row[i] = static_cast<float>(std::cos(static_cast<double>(angle)));
      row[half + i] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  }
  setMatrix(frame, op, tokens, 2 * half, std::move(result));
  return llvm::Error::success();
}

static llvm::Error rope(RopeOp op, Frame &frame) {
  const TensorValue &input = frame.get(op.getInput());
  const TensorValue &table = frame.get(op.getTable());
  int64_t tokens = rowsOf(input), columns = columnsOf(input);
  int64_t headDim = op.getHeadDim(), half = headDim / 2;
  if (llvm::Error error =
          checkSame(op, "rows of the table", rowsOf(table), tokens))
    return error;
  if (llvm::Error error =
          checkSame(op, "columns of the table", columnsOf(table), headDim))
    return error;
  if (llvm::Error error =
          checkSame(op, "columns beyond the last head", columns % headDim, 0))
    return error;
  std::vector<float> result(tokens * columns);
  for (int64_t t = 0; t < tokens; ++t) {
    const float *cosines = &table.floats()[t * headDim];
    const float *sines = cosines + half;
    for (int64_t head = 0; head < columns; head += headDim) {
      const float *x = &input.floats()[t * columns + head];
      float *y = &result[t * columns + head];
      for (int64_t i = 0; i < half; ++i) {
        double a = x[i], b = x[i + half], c = cosines[i], s = sines[i];
        y[i] = static_cast<float>(a * c - b * s);
        y[i + half] = static_cast<float>(b * c + a * s);
      }
    }
  }
  setMatrix(frame, op, tokens, columns, std::move(result));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Gated activation
//===----------------------------------------------------------------------===//

static double activate(ActivationKind kind, double x) {
  if (kind == ActivationKind::silu)
    return x / (1 + std::exp(-x));
  double inner = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
  return x / 2 * (1 + std::tanh(inner));
}

static llvm::Error gatedActivation(GatedActivationOp op, Frame &frame) {
  const TensorValue &gate = frame.get(op.getGate());
  const std::vector<float> &up = frame.get(op.getUp()).floats();
  const std::vector<float> &g = gate.floats();
  if (llvm::Error error =
          checkSame(op, "elements of the second operand", up.size(), g.size()))
    return error;
  std::vector<float> result(g.size());
  parallelFor(
      0, g.size(), frame.machine.threads, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i)
          result[i] = static_cast<float>(activate(op.getKind(), g[i]) * up[i]);
      });
  setMatrix(frame, op.getResult(), rowsOf(gate), columnsOf(gate),
            std::move(result));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Cache and attention
//===----------------------------------------------------------------------===//

/// The cache of token `t`'s slot, after checking its position.
template <typename Op>
static llvm::Expected<LayerCache *> cacheOf(Op op, Frame &frame, int64_t t) {
  CacheType type = op.getCache().getType();
  int64_t position = frame.get(op.getPositions()).integers()[t];
  if (position < 0 || position >= type.getPositions())
    return opError(op,
                   "position of token {0} must be one of the cache's {1}, "
                   "got: {2}",
                   t, type.getPositions(), position);
  int64_t slot = frame.get(op.getSlots()).integers()[t];
  llvm::Expected<LayerCache *> cache =
      frame.machine.layerCache(type, op.getLayer(), slot);
  if (!cache)
    return opError(op, "token {0}: {1}", t, llvm::toString(cache.takeError()));
  return cache;
}

/// One position and one slot for each row.
template <typename Op>
static llvm::Error checkTokens(Op op, Frame &frame, int64_t rows) {
  if (llvm::Error error = checkSame(
          op, "positions", frame.get(op.getPositions()).elements(), rows))
    return error;
  return checkSame(op, "slots", frame.get(op.getSlots()).elements(), rows);
}

static llvm::Error cacheAppend(CacheAppendOp op, Frame &frame) {
  const TensorValue &keys = frame.get(op.getKeys());
  const TensorValue &values = frame.get(op.getValues());
  CacheType type = op.getCache().getType();
  int64_t columns = type.getHeads() * type.getHeadDim();
  if (llvm::Error error = checkTokens(op, frame, rowsOf(keys)))
    return error;
  if (llvm::Error error = checkSame(op, "elements of keys", keys.elements(),
                                    rowsOf(keys) * columns))
    return error;
  if (llvm::Error error = checkSame(op, "elements of values", values.elements(),
                                    keys.elements()))
    return error;
  for (int64_t t = 0; t < rowsOf(keys); ++t) {
    llvm::Expected<LayerCache *> cache = cacheOf(op, frame, t);
    if (!cache)
      return cache.takeError();
    LayerCache &layer = **cache;
    size_t position = frame.get(op.getPositions()).integers()[t];
    if (position >= layer.isWritten.size()) {
      layer.isWritten.resize(position + 1);
      layer.keys.resize((position + 1) * columns);
      layer.values.resize((position + 1) * columns);
    }
    layer.isWritten[position] = true;
    std::copy_n(&keys.floats()[t * columns], columns,
                &layer.keys[position * columns]);
    std::copy_n(&values.floats()[t * columns], columns,
                &layer.values[position * columns]);
  }
  return llvm::Error::success();
}

/// The first position up to `last` that nothing was written to, or -1.
static int64_t firstUnwritten(const LayerCache &layer, int64_t last) {
  for (int64_t position = 0; position <= last; ++position)
    if (position >= static_cast<int64_t>(layer.isWritten.size()) ||
        !layer.isWritten[position])
      return position;
  return -1;
}

/// softmax(scale * q . k) v over positions 0 to `last`. `keys` and `values`
/// point to the head's part of position 0; positions are `stride` apart.
static void attend(const float *query, const float *keys, const float *values,
                   int64_t last, int64_t stride, int64_t headDim, double scale,
                   float *result) {
  std::vector<double> weights(last + 1), sums(headDim);
  double largest = -INFINITY, total = 0;
  for (int64_t p = 0; p <= last; ++p) {
    weights[p] = scale * dot(query, keys + p * stride, headDim);
    largest = std::max(largest, weights[p]);
  }
  for (int64_t p = 0; p <= last; ++p) {
    double weight = std::exp(weights[p] - largest);
    total += weight;
    addScaled(weight, values + p * stride, headDim, sums.data());
  }
  for (int64_t i = 0; i < headDim; ++i)
    result[i] = static_cast<float>(sums[i] / total);
}

static llvm::Error attention(AttentionOp op, Frame &frame) {
  const TensorValue &queries = frame.get(op.getQueries());
  const std::vector<int64_t> &positions =
      frame.get(op.getPositions()).integers();
  CacheType type = op.getCache().getType();
  int64_t tokens = rowsOf(queries), columns = columnsOf(queries);
  int64_t headDim = type.getHeadDim(), stride = type.getHeads() * headDim;
  int64_t queriesPerHead = columns / stride;
  if (llvm::Error error = checkTokens(op, frame, tokens))
    return error;
  if (llvm::Error error = checkSame(op, "columns beyond the last head group",
                                    columns % stride, 0))
    return error;
  std::vector<LayerCache *> layers;
  for (int64_t t = 0; t < tokens; ++t) {
    llvm::Expected<LayerCache *> layer = cacheOf(op, frame, t);
    if (!layer)
      return layer.takeError();
    int64_t unwritten = firstUnwritten(**layer, positions[t]);
    if (unwritten >= 0)
      return opError(op,
                     "token {0} must read positions that were written, "
                     "got: {1}",
                     t, unwritten);
    layers.push_back(*layer);
  }
  double scale = op.getScale().convertToFloat();
  std::vector<float> result(tokens * columns);
  int64_t heads = columns / headDim;
  parallelFor(0, tokens * heads, frame.machine.threads,
              [&](int64_t first, int64_t last) {
                for (int64_t i = first; i < last; ++i) {
                  int64_t t = i / heads, head = i % heads;
                  int64_t offset = head / queriesPerHead * headDim;
                  attend(&queries.floats()[i * headDim],
                         &layers[t]->keys[offset], &layers[t]->values[offset],
                         positions[t], stride, headDim, scale,
                         &result[i * headDim]);
                }
              });
  setMatrix(frame, op.getResult(), tokens, columns, std::move(result));
  return llvm::Error::success();
}

void lqc::addModelOps(OpTable &table) {
  addOp<EmbeddingOp>(table, embedding);
  addOp<IntegerLinearOp>(table, integerLinear);
  addOp<LinearOp>(table, linear);
  addOp<SplitColumnsOp>(table, splitColumns);
  addOp<RmsNormOp>(table, rmsNorm);
  addOp<LayerNormOp>(table, layerNorm);
  addOp<RotaryTableOp>(table, rotaryTable);
  addOp<RopeOp>(table, rope);
  addOp<GatedActivationOp>(table, gatedActivation);
  addOp<CacheAppendOp>(table, cacheAppend);
  addOp<AttentionOp>(table, attention);
}
