//===- KernelCost.cpp - what a kernel touches and multiplies --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/CPU/KernelEmitter.h"

using namespace mlir;
using namespace lqc;

/// Bytes of a row of activations, or of a table's row.
static int64_t bytesOfRow(RankedTensorType type) {
  SchemeAttr scheme = schemeOf(type);
  if (packedOf(type))
    return int64_t(weightBytes(type)) / type.getDimSize(0);
  if (scheme)
    return activationRow(scheme.getValue(), type.getDimSize(1)).bytes;
  int64_t columns = type.getRank() == 2 ? type.getDimSize(1) : 1;
  return columns * type.getElementTypeBitWidth() / 8;
}

/// Keys and values of one position of one layer.
static int64_t bytesOfPosition(CacheType cache) {
  return int64_t(cache.getSlotBytes()) /
         (cache.getLayers() * cache.getPositions());
}

/// Adds what one argument of the kernel costs by its type alone.
static void addArgument(BlockArgument argument, KernelCost &cost) {
  RankedTensorType type = dyn_cast<RankedTensorType>(argument.getType());
  if (!type)
    return; // the cache: see the operation
  Operation *user = argument.use_empty() ? nullptr : *argument.user_begin();
  // Tokens, positions, slots.
  bool isIndex = type.getElementType().isInteger() &&
                 !isa_and_nonnull<SplitColumnsOp>(user);
  if (type.getRank() == 2)
    cost.rowBytes += bytesOfRow(type);
  else if (isIndex)
    cost.rowBytes += bytesOfRow(type);
  else
    cost.weightBytes += int64_t(weightBytes(type)); // a gain, a bias, columns
}

KernelCost KernelCost::of(KernelOp kernel) {
  KernelCost cost;
  Block &block = kernel.getBlock();
  for (BlockArgument argument : block.getArguments())
    addArgument(argument, cost);
  Operation &op = block.front();
  if (LinearOp linear = dyn_cast<LinearOp>(op)) {
    // The weight is read once, whatever the rows.
    RankedTensorType weight =
        cast<RankedTensorType>(linear.getWeight().getType());
    cost.rowBytes -= bytesOfRow(weight);
    cost.weightBytes += int64_t(lqc::weightBytes(weight));
    cost.rowMultiplyAdds = weight.getNumElements();
    cost.integer = bool(schemeOf(linear.getInput().getType()));
  } else if (CacheAppendOp append = dyn_cast<CacheAppendOp>(op)) {
    cost.rowBytes +=
        bytesOfPosition(cast<CacheType>(append.getCache().getType()));
  } else if (AttentionOp attention = dyn_cast<AttentionOp>(op)) {
    cost.seenBytes =
        bytesOfPosition(cast<CacheType>(attention.getCache().getType()));
    // Scores, and the weighted sum of the values.
    cost.seenMultiplyAdds =
        2 *
        cast<RankedTensorType>(attention.getQueries().getType()).getDimSize(1);
  }
  return cost;
}
