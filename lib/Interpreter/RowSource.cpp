//===- RowSource.cpp - rows of a tensor, made when asked for --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowSource.h"

#include "Quantized.h"
#include "Types.h"

#include "lqc/Support/Error.h"

#include <cmath>
#include <cstring>

using namespace lqc;
using mlir::RankedTensorType;

RowBlock RowBlock::ofBytes(std::vector<char> bytes) {
  RowBlock block;
  block.owned = std::move(bytes);
  block.elements = block.owned;
  return block;
}

RowBlock RowBlock::ofCodes(QuantizedTensor tensor) {
  RowBlock block;
  block.quantized = std::move(tensor);
  return block;
}

int64_t RowSource::rows() const {
  return tensorType.getRank() ? tensorType.getDimSize(0) : 1;
}

int64_t RowSource::rowElements() const {
  return rows() ? tensorType.getNumElements() / rows() : 0;
}

uint64_t RowSource::rowBytes() const {
  return rowElements() * ((tensorType.getElementTypeBitWidth() + 7) / 8);
}

//===----------------------------------------------------------------------===//
// Where rows come from
//===----------------------------------------------------------------------===//

namespace {

/// Plain elements in memory.
class ElementsSource : public RowSource {
public:
  ElementsSource(RankedTensorType type, WeightBytes bytes,
                 std::shared_ptr<const WeightFile> file)
      : RowSource(type), bytes(std::move(bytes)), file(std::move(file)) {}

  llvm::Expected<RowBlock> read(int64_t first, int64_t count) const override {
    RowBlock block;
    block.elements = bytes.bytes.slice(first * rowBytes(), count * rowBytes());
    return block;
  }

  void release(int64_t first, int64_t count) const override {
    if (!file)
      return;
    uint64_t start = bytes.bytes.data() - file->contents.bytes().data();
    file->contents.dropPages(start + first * rowBytes(), count * rowBytes());
  }

private:
  WeightBytes bytes;
  std::shared_ptr<const WeightFile> file;
};

/// Canonical quantized bytes in memory.
class SerializedSource : public RowSource {
public:
  SerializedSource(RankedTensorType type, WeightBytes bytes,
                   std::shared_ptr<const WeightFile> file)
      : RowSource(type), bytes(std::move(bytes)), file(std::move(file)) {}

  llvm::Expected<RowBlock> read(int64_t first, int64_t count) const override;
  void release(int64_t first, int64_t count) const override;

private:
  /// Bytes of each part of the first `rows` rows.
  SerializedParts partsOf(int64_t rows) const {
    return serializedParts(schemeOf(type()).getValue(), rows,
                           type().getDimSize(1));
  }

  WeightBytes bytes;
  std::shared_ptr<const WeightFile> file;
};

/// Normal numbers.
class RandomSource : public RowSource {
public:
  RandomSource(RankedTensorType type, RandomAttr random)
      : RowSource(type), random(random) {}

  llvm::Expected<RowBlock> read(int64_t first, int64_t count) const override {
    FloatFormat format = *floatFormatOf(type());
    int64_t elements = count * rowElements();
    std::vector<float> numbers(elements);
    normalNumbers(random.getSeed(), random.getStd().getValueAsDouble(),
                  first * rowElements(), elements, numbers.data());
    std::vector<char> result(count * rowBytes());
    elementsFromFloats(numbers.data(), format, elements, result.data());
    return RowBlock::ofBytes(std::move(result));
  }

private:
  RandomAttr random;
};

/// A quantized matrix in memory.
class CodesSource : public RowSource {
public:
  CodesSource(RankedTensorType type, QuantizedTensor tensor)
      : RowSource(type), tensor(std::move(tensor)) {}

  llvm::Expected<RowBlock> read(int64_t first, int64_t count) const override {
    llvm::Expected<QuantizedTensor> part =
        sliceQuantized(tensor, first, count, 0, tensor.columns);
    if (!part)
      return part.takeError();
    return RowBlock::ofCodes(std::move(*part));
  }

private:
  QuantizedTensor tensor;
};

} // namespace

// The bytes of some rows are cut out of each part and put together as a tensor
// of their own. Every eighth row starts on a byte in all parts.
llvm::Expected<RowBlock> SerializedSource::read(int64_t first,
                                                int64_t count) const {
  const Scheme &scheme = schemeOf(type()).getValue();
  int64_t columns = type().getDimSize(1);
  int64_t start = first / 8 * 8, end = first + count;
  std::vector<char> part;
  uint64_t offset = 0;
  for (auto [skipped, taken, whole] :
       llvm::zip(partsOf(start).list(), partsOf(end - start).list(),
                 partsOf(rows()).list())) {
    llvm::ArrayRef<char> piece = bytes.bytes.slice(offset + skipped, taken);
    part.insert(part.end(), piece.begin(), piece.end());
    offset += whole;
  }
  llvm::Expected<QuantizedTensor> tensor =
      deserialize(part, scheme, end - start, columns);
  if (!tensor)
    return tensor.takeError();
  if (start == first)
    return RowBlock::ofCodes(std::move(*tensor));
  tensor = sliceQuantized(*tensor, first - start, count, 0, columns);
  if (!tensor)
    return tensor.takeError();
  return RowBlock::ofCodes(std::move(*tensor));
}

void SerializedSource::release(int64_t first, int64_t count) const {
  if (!file)
    return;
  uint64_t start = bytes.bytes.data() - file->contents.bytes().data();
  uint64_t skipped = partsOf(first).codes;
  file->contents.dropPages(start + skipped,
                           partsOf(first + count).codes - skipped);
}

RowSourcePtr lqc::memorySource(RankedTensorType type, WeightBytes bytes,
                               std::shared_ptr<const WeightFile> file) {
  if (schemeOf(type))
    return std::make_shared<SerializedSource>(type, std::move(bytes),
                                              std::move(file));
  return std::make_shared<ElementsSource>(type, std::move(bytes),
                                          std::move(file));
}

RowSourcePtr lqc::randomSource(RankedTensorType type, RandomAttr random) {
  return std::make_shared<RandomSource>(type, random);
}

RowSourcePtr lqc::codesSource(RankedTensorType type, QuantizedTensor tensor) {
  return std::make_shared<CodesSource>(type, std::move(tensor));
}

//===----------------------------------------------------------------------===//
// Quantization
//===----------------------------------------------------------------------===//

/// "[1, 2]" for element number `index` of a tensor.
static std::string indexText(llvm::ArrayRef<int64_t> shape, int64_t index) {
  std::string text;
  for (int64_t size : llvm::reverse(shape)) {
    text = std::to_string(index % size) + (text.empty() ? "" : ", ") + text;
    index /= size;
  }
  return "[" + text + "]";
}

llvm::Error lqc::checkFinite(llvm::ArrayRef<char> elements,
                             RankedTensorType type, int64_t offset) {
  std::optional<FloatFormat> format = floatFormatOf(type);
  if (!format || schemeOf(type))
    return llvm::Error::success();
  int64_t count = elements.size() / bytesOf(*format);
  int64_t found = firstNotFinite(elements.data(), *format, count);
  if (found < 0)
    return llvm::Error::success();
  float value;
  floatsFromElements(elements.data() + found * bytesOf(*format), *format, 1,
                     &value);
  const char *what = std::isnan(value) ? "nan"
                     : value > 0       ? "infinite"
                                       : "minus infinite";
  return makeError("element {0} is {1}",
                   indexText(type.getShape(), offset + found), what);
}

namespace {

class QuantizeSource : public RowSource {
public:
  QuantizeSource(RankedTensorType type, RowSourcePtr input, ClipSearch clip,
                 std::string name)
      : RowSource(type), input(std::move(input)), clip(clip),
        name(std::move(name)) {}

  llvm::Expected<RowBlock> read(int64_t first, int64_t count) const override;
  void release(int64_t first, int64_t count) const override {
    input->release(first, count);
  }

private:
  RowSourcePtr input;
  ClipSearch clip;
  std::string name;
};

class DequantizeSource : public RowSource {
public:
  DequantizeSource(RankedTensorType type, RowSourcePtr input)
      : RowSource(type), input(std::move(input)) {}

  llvm::Expected<RowBlock> read(int64_t first, int64_t count) const override {
    llvm::Expected<RowBlock> block = input->read(first, count);
    if (!block)
      return block.takeError();
    std::vector<float> values = dequantize(*block->quantized);
    std::vector<char> result(count * rowBytes());
    elementsFromFloats(values.data(), *floatFormatOf(type()), values.size(),
                       result.data());
    return RowBlock::ofBytes(std::move(result));
  }
  void release(int64_t first, int64_t count) const override {
    input->release(first, count);
  }

private:
  RowSourcePtr input;
};

/// Codes of a file with their scales.
class AssembleSource : public RowSource {
public:
  AssembleSource(RankedTensorType type, RowSourcePtr codes,
                 std::vector<float> scales, std::vector<char> zeros,
                 std::string name)
      : RowSource(type), codes(std::move(codes)), scales(std::move(scales)),
        zeros(std::move(zeros)), name(std::move(name)) {}

  llvm::Expected<RowBlock> read(int64_t first, int64_t count) const override;
  void release(int64_t first, int64_t count) const override {
    codes->release(first, count);
  }

private:
  /// The part of a vector of all rows that belongs to some of them.
  template <typename T>
  llvm::ArrayRef<T> part(const std::vector<T> &all, int64_t first,
                         int64_t count) const {
    const int64_t width = all.size() / rows();
    return llvm::ArrayRef<T>(all).slice(first * width, count * width);
  }

  RowSourcePtr codes;
  std::vector<float> scales;
  std::vector<char> zeros;
  std::string name;
};

} // namespace

/// Errors count rows from the start of the block: counts them from the start
/// of the tensor.
static llvm::Error describeRow(llvm::Error error, int64_t first,
                               llvm::StringRef name) {
  std::string message = llvm::toString(std::move(error));
  auto [what, rest] = llvm::StringRef(message).split(" of row ");
  int64_t row;
  if (!rest.consumeInteger(10, row))
    message = (what + " of row " + llvm::Twine(first + row) + rest).str();
  return makeError("{0}: {1}", name, message);
}

llvm::Expected<RowBlock> QuantizeSource::read(int64_t first,
                                              int64_t count) const {
  llvm::Expected<RowBlock> block = input->read(first, count);
  if (!block)
    return block.takeError();
  int64_t columns = rowElements(), elements = count * columns;
  if (llvm::Error error =
          checkFinite(block->elements, input->type(), first * columns))
    return prefixError(name, std::move(error));
  std::vector<float> values(elements);
  floatsFromElements(block->elements.data(), *floatFormatOf(input->type()),
                     elements, values.data());
  llvm::Expected<QuantizedTensor> result =
      quantize(values, count, columns, schemeOf(type()).getValue(), clip);
  if (!result)
    return describeRow(result.takeError(), first, name);
  return RowBlock::ofCodes(std::move(*result));
}

llvm::Expected<RowBlock> AssembleSource::read(int64_t first,
                                              int64_t count) const {
  llvm::Expected<RowBlock> block = codes->read(first, count);
  if (!block)
    return block.takeError();
  llvm::Expected<QuantizedTensor> result = assemble(
      block->elements, part(scales, first, count), part(zeros, first, count),
      schemeOf(type()).getValue(), count, rowElements());
  if (!result)
    return describeRow(result.takeError(), first, name);
  return RowBlock::ofCodes(std::move(*result));
}

RowSourcePtr lqc::assembleSource(RankedTensorType type, RowSourcePtr codes,
                                 std::vector<float> scales,
                                 std::vector<char> zeros, std::string name) {
  return std::make_shared<AssembleSource>(type, std::move(codes),
                                          std::move(scales), std::move(zeros),
                                          std::move(name));
}

RowSourcePtr lqc::quantizeSource(RankedTensorType type, RowSourcePtr input,
                                 ClipSearch clip, std::string name) {
  return std::make_shared<QuantizeSource>(type, std::move(input), clip,
                                          std::move(name));
}

RowSourcePtr lqc::dequantizeSource(RankedTensorType type, RowSourcePtr input) {
  return std::make_shared<DequantizeSource>(type, std::move(input));
}

//===----------------------------------------------------------------------===//
// Slices and concatenations
//===----------------------------------------------------------------------===//

namespace {

class SliceSource : public RowSource {
public:
  SliceSource(RankedTensorType type, RowSourcePtr input, int64_t firstRow,
              int64_t firstColumn)
      : RowSource(type), input(std::move(input)), firstRow(firstRow),
        firstColumn(firstColumn) {}

  llvm::Expected<RowBlock> read(int64_t first, int64_t count) const override {
    llvm::Expected<RowBlock> block = input->read(firstRow + first, count);
    if (!block || input->rowElements() == rowElements())
      return block;
    uint64_t from = input->rowBytes(), to = rowBytes();
    uint64_t skipped = firstColumn * (to / rowElements());
    std::vector<char> result(count * to);
    for (int64_t row = 0; row < count; ++row)
      std::memcpy(result.data() + row * to,
                  block->elements.data() + row * from + skipped, to);
    return RowBlock::ofBytes(std::move(result));
  }
  void release(int64_t first, int64_t count) const override {
    input->release(firstRow + first, count);
  }

private:
  RowSourcePtr input;
  int64_t firstRow, firstColumn;
};

class ConcatRowsSource : public RowSource {
public:
  ConcatRowsSource(RankedTensorType type, std::vector<RowSourcePtr> inputs)
      : RowSource(type), inputs(std::move(inputs)) {}

  llvm::Expected<RowBlock> read(int64_t first, int64_t count) const override;
  void release(int64_t first, int64_t count) const override {
    forEachPart(first, count,
                [](const RowSource &input, int64_t start, int64_t rows) {
                  input.release(start, rows);
                  return true;
                });
  }

private:
  /// Calls `body(input, first row of the input, rows)` for the inputs that hold
  /// rows [first, first + count), until it gives false.
  void forEachPart(
      int64_t first, int64_t count,
      llvm::function_ref<bool(const RowSource &, int64_t, int64_t)> body) const;

  std::vector<RowSourcePtr> inputs;
};

class ConcatColumnsSource : public RowSource {
public:
  ConcatColumnsSource(RankedTensorType type, std::vector<RowSourcePtr> inputs)
      : RowSource(type), inputs(std::move(inputs)) {}

  llvm::Expected<RowBlock> read(int64_t first, int64_t count) const override;
  void release(int64_t first, int64_t count) const override {
    for (const RowSourcePtr &input : inputs)
      input->release(first, count);
  }

private:
  std::vector<RowSourcePtr> inputs;
};

} // namespace

void ConcatRowsSource::forEachPart(
    int64_t first, int64_t count,
    llvm::function_ref<bool(const RowSource &, int64_t, int64_t)> body) const {
  int64_t end = first + count, start = 0;
  for (const RowSourcePtr &input : inputs) {
    int64_t from = std::max(first, start);
    int64_t to = std::min(end, start + input->rows());
    if (from < to && !body(*input, from - start, to - from))
      return;
    start += input->rows();
  }
}

/// Blocks of the same kind, one below the other.
static RowBlock joinBlocks(std::vector<RowBlock> blocks) {
  if (blocks.size() == 1)
    return std::move(blocks.front());
  if (blocks.front().quantized) {
    std::vector<const QuantizedTensor *> parts;
    for (const RowBlock &block : blocks)
      parts.push_back(&*block.quantized);
    return RowBlock::ofCodes(concatRows(parts));
  }
  std::vector<char> bytes;
  for (const RowBlock &block : blocks)
    bytes.insert(bytes.end(), block.elements.begin(), block.elements.end());
  return RowBlock::ofBytes(std::move(bytes));
}

llvm::Expected<RowBlock> ConcatRowsSource::read(int64_t first,
                                                int64_t count) const {
  std::vector<RowBlock> blocks;
  llvm::Error failure = llvm::Error::success();
  forEachPart(
      first, count, [&](const RowSource &input, int64_t start, int64_t rows) {
        llvm::Expected<RowBlock> block = input.read(start, rows);
        if (!block) {
          failure = llvm::joinErrors(std::move(failure), block.takeError());
          return false;
        }
        blocks.push_back(std::move(*block));
        return true;
      });
  if (failure)
    return std::move(failure);
  return joinBlocks(std::move(blocks));
}

llvm::Expected<RowBlock> ConcatColumnsSource::read(int64_t first,
                                                   int64_t count) const {
  std::vector<char> result(count * rowBytes());
  uint64_t column = 0;
  for (const RowSourcePtr &input : inputs) {
    llvm::Expected<RowBlock> block = input->read(first, count);
    if (!block)
      return block.takeError();
    uint64_t width = input->rowBytes();
    for (int64_t row = 0; row < count; ++row)
      std::memcpy(result.data() + row * rowBytes() + column,
                  block->elements.data() + row * width, width);
    column += width;
  }
  return RowBlock::ofBytes(std::move(result));
}

RowSourcePtr lqc::sliceSource(RankedTensorType type, RowSourcePtr input,
                              int64_t firstRow, int64_t firstColumn) {
  return std::make_shared<SliceSource>(type, std::move(input), firstRow,
                                       firstColumn);
}

RowSourcePtr lqc::concatRowsSource(RankedTensorType type,
                                   std::vector<RowSourcePtr> inputs) {
  return std::make_shared<ConcatRowsSource>(type, std::move(inputs));
}

RowSourcePtr lqc::concatColumnsSource(RankedTensorType type,
                                      std::vector<RowSourcePtr> inputs) {
  return std::make_shared<ConcatColumnsSource>(type, std::move(inputs));
}
