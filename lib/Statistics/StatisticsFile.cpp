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
static constexpr llvm::StringLiteral kTextKey = "text";
static constexpr llvm::StringLiteral kHessiansKey = "hessians";

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

namespace {
/// The header of a file, and where it puts the next tensor.
class HeaderBuilder {
public:
  void add(llvm::StringRef name, llvm::StringRef dtype,
           llvm::ArrayRef<int64_t> shape, uint64_t bytes) {
    header[name.str()] =
        json::Object{{"dtype", dtype},
                     {"shape", json::Array(shape)},
                     {"data_offsets",
                      json::Array{int64_t(offset), int64_t(offset + bytes)}}};
    offset += bytes;
  }
  /// The length and the header, padded to whole words.
  void write(json::Object metadata, llvm::raw_ostream &out);

private:
  json::Object header;
  uint64_t offset = 0;
};
} // namespace

static void writeWord(uint64_t word, llvm::raw_ostream &out) {
  char bytes[8];
  llvm::support::endian::write64le(bytes, word);
  out.write(bytes, sizeof(bytes));
}

void HeaderBuilder::write(json::Object metadata, llvm::raw_ostream &out) {
  header["__metadata__"] = std::move(metadata);
  std::string text = llvm::formatv("{0}", json::Value(std::move(header)));
  text.resize(llvm::alignTo(text.size(), 8), ' ');
  writeWord(text.size(), out);
  out << text;
}

static json::Object
metadataOf(llvm::StringRef model, const CalibrationRecord &calibration,
           const std::map<std::string, std::string> &readers) {
  json::Object inputs;
  for (const auto &[weight, input] : readers)
    inputs[weight] = input;
  return json::Object{
      {kVersionKey, kVersion},
      {kModelKey, model},
      {kTextKey, calibration.text},
      {"samples", std::to_string(calibration.samples)},
      {"length", std::to_string(calibration.length)},
      {"seed", std::to_string(calibration.seed)},
      {kHessiansKey, calibration.hessians},
      {kReadersKey,
       llvm::formatv("{0}", json::Value(std::move(inputs))).str()}};
}

static std::vector<float> means(llvm::ArrayRef<double> sums, int64_t tokens) {
  std::vector<float> result;
  for (double sum : sums)
    result.push_back(float(tokens ? sum / double(tokens) : 0));
  return result;
}

static void writeTable(const StatisticsTable &table, llvm::raw_ostream &out) {
  HeaderBuilder header;
  for (const auto &[name, input] : table.inputs) {
    int64_t columns = input.columns;
    header.add(name + ".tokens", "I64", {1}, 8);
    for (const char *part : {".mean_abs", ".max_abs", ".mean_square"})
      header.add(name + part, "F32", {columns}, 4 * columns);
    if (!input.gram.empty())
      header.add(name + ".gram", "F32", {columns, columns},
                 4 * columns * columns);
  }
  header.write(metadataOf(table.model, table.calibration, table.readers), out);
  auto writeFloats = [&](llvm::ArrayRef<float> values) {
    out.write(reinterpret_cast<const char *>(values.data()), 4 * values.size());
  };
  for (const auto &[name, input] : table.inputs) {
    writeWord(input.tokens, out);
    writeFloats(means(input.sumAbs, input.tokens));
    writeFloats(input.maxAbs);
    writeFloats(means(input.sumSquare, input.tokens));
    writeFloats(input.gram);
  }
}

llvm::Error lqc::writeStatistics(const StatisticsTable &table,
                                 llvm::StringRef path) {
  return writeOutputFile(
      path, [&](llvm::raw_ostream &out) { writeTable(table, out); });
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
  /// All but the inputs.
  llvm::Expected<StatisticsTable> readHead();
  llvm::Expected<StatisticsTable> read();

private:
  llvm::Error readMetadata();
  llvm::Error readCalibration();
  llvm::StringRef metadata(llvm::StringRef key) const;
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

llvm::StringRef TableReader::metadata(llvm::StringRef key) const {
  const std::map<std::string, std::string> &all = file.files().front().metadata;
  auto found = all.find(key.str());
  return found == all.end() ? llvm::StringRef()
                            : llvm::StringRef(found->second);
}

/// What a file of an older version does not say stays empty.
llvm::Error TableReader::readCalibration() {
  CalibrationRecord &record = table.calibration;
  record.text = metadata(kTextKey).str();
  record.hessians = metadata(kHessiansKey).str();
  for (auto [key, number] :
       {std::pair("samples", &record.samples),
        std::pair("length", &record.length), std::pair("seed", &record.seed)}) {
    llvm::StringRef text = metadata(key);
    if (!text.empty() && text.getAsInteger(10, *number))
      return makeError("{0}: metadata {1} must be a number, got: {2}", path,
                       key, quote(text));
  }
  return llvm::Error::success();
}

llvm::Error TableReader::readMetadata() {
  if (!isStatistics(file.files().front().metadata))
    return makeError("{0}: must be a file of lqc calibrate (metadata {1} = "
                     "{2}), got: {3}",
                     path, kVersionKey, kVersion, quote(metadata(kVersionKey)));
  table.model = metadata(kModelKey).str();
  if (llvm::Error error = readCalibration())
    return error;
  return readReaders(metadata(kReadersKey));
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

llvm::Expected<StatisticsTable> TableReader::readHead() {
  if (llvm::Error error = readMetadata())
    return std::move(error);
  return std::move(table);
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

bool lqc::isStatistics(const std::map<std::string, std::string> &metadata) {
  auto found = metadata.find(kVersionKey.str());
  return found != metadata.end() && found->second == kVersion;
}

llvm::Expected<StatisticsTable> lqc::readStatistics(llvm::StringRef path) {
  llvm::Expected<Checkpoint> file = Checkpoint::open(path);
  if (!file)
    return file.takeError();
  return TableReader(*file, path).read();
}

//===----------------------------------------------------------------------===//
// Merging
//===----------------------------------------------------------------------===//

llvm::Error lqc::mergeStatistics(llvm::ArrayRef<std::string> parts,
                                 llvm::StringRef path) {
  std::vector<Checkpoint> files;
  StatisticsTable whole;
  HeaderBuilder header;
  for (const std::string &part : parts) {
    llvm::Expected<Checkpoint> file = Checkpoint::open(part);
    if (!file)
      return file.takeError();
    files.push_back(std::move(*file));
    llvm::Expected<StatisticsTable> table =
        TableReader(files.back(), part).readHead();
    if (!table)
      return table.takeError();
    whole.model = table->model;
    whole.calibration = table->calibration;
    whole.readers.insert(table->readers.begin(), table->readers.end());
    for (const CheckpointTensor &tensor : files.back().tensors())
      header.add(tensor.name, storageTypeName(tensor.type), tensor.shape,
                 tensor.bytes);
  }
  return writeOutputFile(path, [&](llvm::raw_ostream &out) {
    header.write(metadataOf(whole.model, whole.calibration, whole.readers),
                 out);
    for (const Checkpoint &file : files)
      for (const CheckpointTensor &tensor : file.tensors()) {
        llvm::ArrayRef<char> bytes = file.bytesOf(tensor);
        out.write(bytes.data(), bytes.size());
        file.dropPages(tensor);
      }
  });
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
