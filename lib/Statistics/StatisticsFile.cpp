//===- StatisticsFile.cpp - statistics in a safetensors file --------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Import/Safetensors/Checkpoint.h"
#include "lqc/Statistics/Statistics.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Json.h"
#include "lqc/Support/OutputFile.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace lqc;
namespace json = llvm::json;

static constexpr llvm::StringLiteral kVersionKey = "lqc.statistics";
static constexpr llvm::StringLiteral kVersion = "1";
static constexpr llvm::StringLiteral kModelKey = "model";
static constexpr llvm::StringLiteral kReadersKey = "readers";

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

namespace {
/// Collects the header and writes the tensors behind it.
class TableWriter {
public:
  explicit TableWriter(const StatisticsTable &table) : table(table) {}
  void write(llvm::raw_ostream &out);

private:
  void plan(const std::string &name, llvm::StringRef dtype, json::Array shape,
            uint64_t bytes);
  static std::vector<float> means(llvm::ArrayRef<double> sums, int64_t tokens);

  const StatisticsTable &table;
  json::Object header;
  uint64_t offset = 0;
};
} // namespace

void TableWriter::plan(const std::string &name, llvm::StringRef dtype,
                       json::Array shape, uint64_t bytes) {
  header[name] = json::Object{
      {"dtype", dtype},
      {"shape", std::move(shape)},
      {"data_offsets", json::Array{int64_t(offset), int64_t(offset + bytes)}}};
  offset += bytes;
}

std::vector<float> TableWriter::means(llvm::ArrayRef<double> sums,
                                      int64_t tokens) {
  std::vector<float> result;
  for (double sum : sums)
    result.push_back(float(tokens ? sum / double(tokens) : 0));
  return result;
}

void TableWriter::write(llvm::raw_ostream &out) {
  json::Object readers;
  for (const auto &[weight, input] : table.readers)
    readers[weight] = input;
  header["__metadata__"] = json::Object{
      {kVersionKey, kVersion},
      {kModelKey, table.model},
      {kReadersKey,
       llvm::formatv("{0}", json::Value(std::move(readers))).str()}};
  for (const auto &[name, input] : table.inputs) {
    int64_t columns = input.columns;
    plan(name + ".tokens", "I64", json::Array{1}, 8);
    for (const char *part : {".mean_abs", ".max_abs", ".mean_square"})
      plan(name + part, "F32", json::Array{columns}, 4 * columns);
    if (!input.gram.empty())
      plan(name + ".gram", "F32", json::Array{columns, columns},
           4 * columns * columns);
  }
  std::string text = llvm::formatv("{0}", json::Value(std::move(header)));
  text.resize(llvm::alignTo(text.size(), 8), ' ');
  char length[8];
  llvm::support::endian::write64le(length, text.size());
  out.write(length, sizeof(length));
  out << text;
  auto writeFloats = [&](llvm::ArrayRef<float> values) {
    out.write(reinterpret_cast<const char *>(values.data()), 4 * values.size());
  };
  for (const auto &[name, input] : table.inputs) {
    llvm::support::endian::write64le(length, input.tokens);
    out.write(length, sizeof(length));
    writeFloats(means(input.sumAbs, input.tokens));
    writeFloats(input.maxAbs);
    writeFloats(means(input.sumSquare, input.tokens));
    writeFloats(input.gram);
  }
}

llvm::Error lqc::writeStatistics(const StatisticsTable &table,
                                 llvm::StringRef path) {
  return writeOutputFile(
      path, [&](llvm::raw_ostream &out) { TableWriter(table).write(out); });
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
/// Reads one file.
class TableReader {
public:
  TableReader(const Checkpoint &file, llvm::StringRef path)
      : file(file), path(path) {}
  llvm::Expected<StatisticsTable> read();

private:
  llvm::Error readMetadata();
  llvm::Error readReaders(llvm::StringRef text);
  llvm::Error readInput(const std::string &name);
  llvm::Expected<std::vector<float>> floats(const std::string &name,
                                            llvm::ArrayRef<int64_t> shape);

  const Checkpoint &file;
  llvm::StringRef path;
  StatisticsTable table;
};
} // namespace

llvm::Error TableReader::readReaders(llvm::StringRef text) {
  llvm::Expected<json::Value> parsed = parseJson(text, path);
  if (!parsed)
    return parsed.takeError();
  const json::Object *object = parsed->getAsObject();
  if (!object)
    return makeError("{0}: readers must be an object, got: {1}", path,
                     describeJson(&*parsed));
  for (const auto &[weight, input] : *object) {
    std::optional<llvm::StringRef> name = input.getAsString();
    if (!name)
      return makeError("{0}: reader {1} must name an input, got: {2}", path,
                       quote(weight), describeJson(&input));
    table.readers[weight.str()] = name->str();
  }
  return llvm::Error::success();
}

llvm::Error TableReader::readMetadata() {
  const std::map<std::string, std::string> &metadata =
      file.files().front().metadata;
  auto find = [&](llvm::StringRef key) -> llvm::StringRef {
    auto found = metadata.find(key.str());
    return found == metadata.end() ? llvm::StringRef()
                                   : llvm::StringRef(found->second);
  };
  if (find(kVersionKey) != kVersion)
    return makeError("{0}: must be a file of lqc calibrate (metadata {1} = "
                     "{2}), got: {3}",
                     path, kVersionKey, kVersion, quote(find(kVersionKey)));
  table.model = find(kModelKey).str();
  return readReaders(find(kReadersKey));
}

llvm::Expected<std::vector<float>>
TableReader::floats(const std::string &name, llvm::ArrayRef<int64_t> shape) {
  const CheckpointTensor *tensor = file.find(name);
  if (!tensor)
    return makeError("{0}: tensor {1} is missing", path, quote(name));
  if (tensor->type != StorageType::F32 ||
      llvm::ArrayRef<int64_t>(tensor->shape) != shape)
    return makeError(
        "{0}: tensor {1}: must be F32 of shape [{2:$[, ]}], got: "
        "{3} of shape [{4:$[, ]}]",
        path, quote(name), llvm::make_range(shape.begin(), shape.end()),
        storageTypeName(tensor->type),
        llvm::make_range(tensor->shape.begin(), tensor->shape.end()));
  std::vector<float> values(tensor->bytes / 4);
  std::memcpy(values.data(), file.bytesOf(*tensor).data(), tensor->bytes);
  for (auto [index, value] : llvm::enumerate(values))
    if (!std::isfinite(value))
      return makeError("{0}: tensor {1}: must be finite, got: {2} at element "
                       "{3}",
                       path, quote(name), value, index);
  return values;
}

llvm::Error TableReader::readInput(const std::string &name) {
  const CheckpointTensor *mean = file.find(name + ".mean_abs");
  if (!mean || mean->shape.size() != 1)
    return makeError("{0}: input {1}: must have a vector {2}", path,
                     quote(name), quote(name + ".mean_abs"));
  const int64_t columns = mean->shape[0];
  const CheckpointTensor *tokens = file.find(name + ".tokens");
  if (!tokens || tokens->type != StorageType::I64 || tokens->bytes != 8)
    return makeError("{0}: input {1}: must have a count {2}", path, quote(name),
                     quote(name + ".tokens"));
  InputStatistics input(columns);
  input.tokens = llvm::support::endian::read64le(file.bytesOf(*tokens).data());
  if (input.tokens < 1)
    return makeError("{0}: input {1}: tokens must be at least 1, got: {2}",
                     path, quote(name), input.tokens);
  struct Part {
    const char *suffix;
    std::vector<double> *sums;
  };
  for (Part part : {Part{".mean_abs", &input.sumAbs},
                    Part{".mean_square", &input.sumSquare}}) {
    llvm::Expected<std::vector<float>> values =
        floats(name + part.suffix, {columns});
    if (!values)
      return values.takeError();
    for (auto [sum, value] : llvm::zip(*part.sums, *values))
      sum = double(value) * double(input.tokens);
  }
  llvm::Expected<std::vector<float>> largest =
      floats(name + ".max_abs", {columns});
  if (!largest)
    return largest.takeError();
  input.maxAbs = std::move(*largest);
  if (file.find(name + ".gram")) {
    llvm::Expected<std::vector<float>> gram =
        floats(name + ".gram", {columns, columns});
    if (!gram)
      return gram.takeError();
    input.gram = std::move(*gram);
  }
  table.inputs.emplace(name, std::move(input));
  return llvm::Error::success();
}

llvm::Expected<StatisticsTable> TableReader::read() {
  if (llvm::Error error = readMetadata())
    return std::move(error);
  for (const auto &[weight, input] : table.readers)
    if (!table.inputs.count(input))
      if (llvm::Error error = readInput(input))
        return std::move(error);
  return std::move(table);
}

llvm::Expected<StatisticsTable> lqc::readStatistics(llvm::StringRef path) {
  llvm::Expected<Checkpoint> file = Checkpoint::open(path);
  if (!file)
    return file.takeError();
  return TableReader(*file, path).read();
}

//===----------------------------------------------------------------------===//
// FileStatistics
//===----------------------------------------------------------------------===//

llvm::Expected<std::unique_ptr<FileStatistics>>
FileStatistics::open(llvm::StringRef path, mlir::ModuleOp module) {
  llvm::Expected<StatisticsTable> table = readStatistics(path);
  if (!table)
    return table.takeError();
  std::string model = fingerprintOf(module);
  if (table->model != model)
    return makeError("{0}: statistics are stale: they were taken on another "
                     "model (fingerprint {1}, expected {2}); run lqc calibrate "
                     "again",
                     path, quote(table->model), model);
  return std::unique_ptr<FileStatistics>(new FileStatistics(std::move(*table)));
}

InputStatistics *FileStatistics::find(llvm::StringRef weight) {
  auto reader = table.readers.find(weight.str());
  return reader == table.readers.end() ? nullptr
                                       : &table.inputs.at(reader->second);
}

llvm::Expected<const InputStatistics *>
FileStatistics::inputOf(llvm::StringRef weight) {
  return find(weight);
}

llvm::Error FileStatistics::divideChannels(llvm::StringRef weight,
                                           llvm::ArrayRef<float> scales) {
  if (InputStatistics *input = find(weight))
    input->divideChannels(scales);
  return llvm::Error::success();
}
