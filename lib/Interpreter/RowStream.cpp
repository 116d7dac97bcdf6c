//===- RowStream.cpp - a source's rows as the bytes of a weight -----------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocks of rows are computed side by side and given to the sink in order. What
// a block is depends on the tensor alone, so the bytes do not depend on the
// number of threads.
//
//===----------------------------------------------------------------------===//

#include "RowSource.h"

#include "Types.h"

#include "lqc/Support/Error.h"
#include "lqc/Support/Parallel.h"

using namespace lqc;
using mlir::RankedTensorType;

/// Elements of a block, roughly: 1 MB as float32.
static constexpr int64_t kBlockElements = 1 << 18;
/// Blocks start at multiples of this many rows: a tile of every layout, and
/// whole bytes of every bit stream.
static constexpr int64_t kBlockRows = 16;
/// Blocks that wait for the sink, for each thread.
static constexpr int64_t kBlocksPerThread = 8;

namespace {

/// The bytes of one block of rows, or why there are none.
struct EncodedBlock {
  RowBlock rows;
  std::vector<char> owned;
  llvm::ArrayRef<char> bytes;
  /// Of canonical quantized bytes: what comes behind the codes.
  std::array<std::vector<char>, 4> tails;
  std::string error;
};

/// Turns rows into the bytes of one type.
class BlockEncoder {
public:
  BlockEncoder(const RowSource &source, RankedTensorType type,
               const std::string &name, bool mustBeFinite)
      : source(source), type(type), name(name), mustBeFinite(mustBeFinite) {}

  EncodedBlock encode(int64_t first, int64_t count) const;

private:
  void serializeRows(int64_t count, EncodedBlock &block) const;
  void packRows(int64_t first, int64_t count, EncodedBlock &block) const;

  const RowSource &source;
  RankedTensorType type;
  const std::string &name;
  const bool mustBeFinite;
};

} // namespace

/// Canonical bytes: all codes come first, so scales and the like wait.
void BlockEncoder::serializeRows(int64_t count, EncodedBlock &block) const {
  const QuantizedTensor &tensor = *block.rows.quantized;
  std::vector<char> all = serialize(tensor);
  std::array<uint64_t, 5> parts =
      serializedParts(tensor.scheme, count, tensor.columns).list();
  std::vector<char>::iterator place = all.begin() + parts.front();
  for (size_t i = 0; i < block.tails.size(); ++i) {
    block.tails[i].assign(place, place + parts[i + 1]);
    place += parts[i + 1];
  }
  all.resize(parts.front());
  block.owned = std::move(all);
  block.bytes = block.owned;
}

/// Packed bytes: pack() rounds the end of a tensor up to 64 bytes, which only
/// the last block keeps.
void BlockEncoder::packRows(int64_t first, int64_t count,
                            EncodedBlock &block) const {
  Layout layout = packedOf(type).getLayout();
  int64_t columns = source.rowElements();
  bool isLast = first + count == source.rows();
  int64_t tiles = count / layout.tileRows;
  uint64_t bytes;
  if (block.rows.quantized) {
    const Scheme &scheme = block.rows.quantized->scheme;
    block.owned.resize(packedBytes(scheme, count, columns, layout));
    pack(*block.rows.quantized, layout, block.owned);
    bytes = tiles * blockParts(scheme, columns, layout).bytes;
  } else {
    unsigned size = source.rowBytes() / columns;
    block.owned.resize(packedBytes(size, count, columns, layout));
    pack(block.rows.elements, size, count, columns, layout, block.owned);
    bytes = tiles * layout.tileRows * columns * size;
  }
  block.bytes = llvm::ArrayRef(block.owned)
                    .take_front(isLast ? block.owned.size() : bytes);
}

EncodedBlock BlockEncoder::encode(int64_t first, int64_t count) const {
  EncodedBlock block;
  llvm::Expected<RowBlock> rows = source.read(first, count);
  if (!rows) {
    block.error = llvm::toString(rows.takeError());
    return block;
  }
  block.rows = std::move(*rows);
  if (mustBeFinite && !block.rows.quantized)
    if (llvm::Error error = checkFinite(block.rows.elements, source.type(),
                                        first * source.rowElements())) {
      block.error = name + ": " + llvm::toString(std::move(error));
      return block;
    }
  if (packedOf(type))
    packRows(first, count, block);
  else if (block.rows.quantized)
    serializeRows(count, block);
  else
    block.bytes = block.rows.elements;
  if (!block.owned.empty())
    block.rows = RowBlock();
  return block;
}

static int64_t blockRowsOf(const RowSource &source) {
  int64_t rows = kBlockElements / std::max<int64_t>(1, source.rowElements());
  return std::max(kBlockRows, rows / kBlockRows * kBlockRows);
}

llvm::Error lqc::streamRows(const RowSource &source, RankedTensorType type,
                            const std::string &name, bool mustBeFinite,
                            unsigned threads, WeightStore::Sink sink) {
  if (type.getNumElements() == 0)
    return llvm::Error::success();
  BlockEncoder encoder(source, type, name, mustBeFinite);
  std::array<std::vector<char>, 4> tails;
  int64_t rows = source.rows(), blockRows = blockRowsOf(source);
  int64_t blocks = (rows + blockRows - 1) / blockRows;
  int64_t batch = kBlocksPerThread * threads;
  for (int64_t begin = 0; begin < blocks; begin += batch) {
    int64_t end = std::min(blocks, begin + batch);
    std::vector<EncodedBlock> encoded(end - begin);
    parallelFor(begin, end, threads, [&](int64_t from, int64_t to) {
      for (int64_t b = from; b < to; ++b) {
        int64_t first = b * blockRows;
        encoded[b - begin] =
            encoder.encode(first, std::min(blockRows, rows - first));
      }
    });
    for (EncodedBlock &block : encoded) {
      if (!block.error.empty())
        return makeError("{0}", block.error);
      if (llvm::Error error = sink(block.bytes))
        return error;
      for (auto [all, part] : llvm::zip(tails, block.tails))
        all.insert(all.end(), part.begin(), part.end());
    }
    int64_t first = begin * blockRows;
    source.release(first, std::min(end * blockRows, rows) - first);
  }
  for (llvm::ArrayRef<char> tail : tails)
    if (!tail.empty())
      if (llvm::Error error = sink(tail))
        return error;
  return llvm::Error::success();
}
