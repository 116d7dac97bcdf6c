//===- InspectOnnx.cpp - lqc inspect of ONNX files ------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/InspectOnnx.h"

#include "lqc/Import/Onnx/Operators.h"
#include "lqc/Import/Onnx/Summary.h"
#include "lqc/Import/Onnx/TextFiles.h"
#include "lqc/Support/Error.h"
#include "lqc/Support/Table.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

#include <set>

using namespace lqc;
using llvm::StringRef;
namespace json = llvm::json;

static StringRef domainName(StringRef domain) {
  return domain.empty() ? "ai.onnx" : domain;
}

/// A name from a file, without what a terminal would act on.
static std::string plain(StringRef name) {
  std::string text = quote(name);
  return text.substr(1, text.size() - 2);
}

//===----------------------------------------------------------------------===//
// What can be imported
//===----------------------------------------------------------------------===//

void lqc::inspectOnnxOperators(bool asJson, llvm::raw_ostream &out) {
  json::Array rows;
  Table table({"operator", "domain", "operator sets", "limits"});
  for (const OnnxOperator &op : onnxOperators()) {
    rows.push_back(json::Object{{"domain", op.domain},
                                {"name", op.name},
                                {"versions", json::Array(op.versions)},
                                {"limits", op.limits}});
    std::string versions;
    for (int64_t since : op.versions)
      versions += (versions.empty() ? "" : ", ") + std::to_string(since);
    table.addRow({op.name.str(), domainName(op.domain).str(), versions,
                  op.limits.str()});
  }
  if (asJson)
    printJson(json::Object{{"operators", std::move(rows)}}, out);
  else
    table.print(out);
}

namespace {
/// The operators that the importer has builders of.
class KnownOperators {
public:
  KnownOperators() {
    for (const OnnxOperator &op : onnxOperators())
      known.emplace(op.domain.str(), op.name.str());
  }
  bool has(const OnnxUse &use) const {
    return use.isFunction || known.count({use.domain, use.name});
  }

private:
  std::set<std::pair<std::string, std::string>> known;
};
} // namespace

//===----------------------------------------------------------------------===//
// A model
//===----------------------------------------------------------------------===//

static OnnxStorage totalOf(const OnnxSummary &summary) {
  OnnxStorage total;
  for (const OnnxStorage &entry : summary.storage) {
    total.tensors += entry.tensors;
    total.elements += entry.elements;
    total.bytes += entry.bytes;
  }
  return total;
}

/// The files of the model's tokenizer and configuration.
static std::vector<std::string> filesBeside(StringRef path) {
  std::string relative = textFolder(path);
  if (relative.empty())
    return {};
  StringRef parent = llvm::sys::path::parent_path(path);
  llvm::SmallString<256> folder(parent.empty() ? "." : parent);
  llvm::sys::path::append(folder, relative);
  return textFiles(folder);
}

static json::Array valuesJson(const std::vector<OnnxValue> &values) {
  json::Array array;
  for (const OnnxValue &value : values) {
    json::Object object{{"name", json::fixUTF8(value.name)},
                        {"type", value.type},
                        {"dims", nullptr}};
    if (value.dims) {
      json::Array dims;
      for (const std::string &dim : *value.dims) {
        int64_t size = 0;
        if (StringRef(dim).getAsInteger(10, size))
          dims.push_back(json::fixUTF8(dim));
        else
          dims.push_back(size);
      }
      object["dims"] = std::move(dims);
    }
    array.push_back(std::move(object));
  }
  return array;
}

static json::Array operatorsJson(const OnnxSummary &summary) {
  KnownOperators known;
  json::Array array;
  for (const OnnxUse &use : summary.operators)
    array.push_back(json::Object{{"domain", json::fixUTF8(use.domain)},
                                 {"name", json::fixUTF8(use.name)},
                                 {"count", use.count},
                                 {"imported", known.has(use)}});
  return array;
}

static json::Object summaryJson(const OnnxSummary &summary, StringRef path) {
  json::Array storage, dataFiles, functions;
  json::Object opsets;
  for (const auto &[domain, version] : summary.opsets)
    opsets[json::fixUTF8(domainName(domain))] = version;
  for (const OnnxStorage &entry : summary.storage)
    storage.push_back(json::Object{{"type", entry.type},
                                   {"tensors", entry.tensors},
                                   {"count", entry.elements},
                                   {"bytes", entry.bytes}});
  for (const OnnxDataFile &data : summary.dataFiles)
    dataFiles.push_back(json::Object{
        {"path", json::fixUTF8(data.path)},
        {"tensors", data.tensors},
        {"bytes", data.bytes},
        {"file_bytes",
         data.fileBytes ? json::Value(*data.fileBytes) : nullptr}});
  for (const OnnxFunction &function : summary.functions)
    functions.push_back(json::Object{{"domain", json::fixUTF8(function.domain)},
                                     {"name", json::fixUTF8(function.name)},
                                     {"nodes", function.nodes}});
  const OnnxStorage total = totalOf(summary);
  return json::Object{{"name", json::fixUTF8(summary.name)},
                      {"producer", json::fixUTF8(summary.producer)},
                      {"ir_version", summary.irVersion},
                      {"opsets", std::move(opsets)},
                      {"file_bytes", summary.fileBytes},
                      {"parameters", total.elements},
                      {"bytes", total.bytes},
                      {"inputs", valuesJson(summary.inputs)},
                      {"outputs", valuesJson(summary.outputs)},
                      {"types", std::move(storage)},
                      {"external_data", std::move(dataFiles)},
                      {"operators", operatorsJson(summary)},
                      {"functions", std::move(functions)},
                      {"beside", json::Array(filesBeside(path))}};
}

static void printHead(const OnnxSummary &summary, StringRef path,
                      llvm::raw_ostream &out) {
  std::string opsets;
  for (const auto &[domain, version] : summary.opsets)
    opsets += (opsets.empty() ? "" : ", ") + plain(domainName(domain)) + " " +
              std::to_string(version);
  out << "onnx:       " << plain(summary.name) << ", "
      << formatCount(totalOf(summary).elements) << " parameters, "
      << formatBytes(summary.fileBytes) << "\n"
      << "producer:   " << plain(summary.producer) << "\n"
      << "opsets:     " << opsets << "\n"
      << "ir version: " << summary.irVersion << "\n";
  std::vector<std::string> beside = filesBeside(path);
  if (!beside.empty())
    out << "beside it:  " << llvm::join(beside, ", ") << "\n";
}

static void printValues(const OnnxSummary &summary, llvm::raw_ostream &out) {
  Table table({"value", "name", "type", "dims"});
  for (auto [kind, values] : {std::pair("input", &summary.inputs),
                              std::pair("output", &summary.outputs)})
    for (const OnnxValue &value : *values)
      table.addRow({kind, plain(value.name), value.type,
                    value.dims
                        ? "[" + plain(llvm::join(*value.dims, ", ")) + "]"
                        : "unknown"});
  out << "\n";
  table.print(out);
}

static void printStorage(const OnnxSummary &summary, llvm::raw_ostream &out) {
  if (summary.storage.empty())
    return;
  Table table({"parameters", "tensors", "count", "size"});
  auto addRow = [&](const OnnxStorage &entry, StringRef name) {
    table.addRow({name.str(), std::to_string(entry.tensors),
                  formatCount(entry.elements), formatBytes(entry.bytes)});
  };
  for (const OnnxStorage &entry : summary.storage)
    addRow(entry, entry.type);
  table.addRule();
  addRow(totalOf(summary), "all");
  out << "\n";
  table.print(out);
}

static void printDataFiles(const OnnxSummary &summary, llvm::raw_ostream &out) {
  if (summary.dataFiles.empty())
    return;
  Table table({"external data", "tensors", "size", "file"});
  for (const OnnxDataFile &data : summary.dataFiles)
    table.addRow({plain(data.path), std::to_string(data.tensors),
                  formatBytes(data.bytes),
                  data.fileBytes ? formatBytes(*data.fileBytes) : "missing"});
  out << "\n";
  table.print(out);
}

static void printOperators(const OnnxSummary &summary, llvm::raw_ostream &out) {
  KnownOperators known;
  Table table({"operator", "domain", "count", "imported"});
  for (const OnnxUse &use : summary.operators)
    table.addRow({plain(use.name), plain(domainName(use.domain)),
                  std::to_string(use.count),
                  use.isFunction   ? "yes, a function"
                  : known.has(use) ? "yes"
                                   : "no"});
  out << "\n";
  table.print(out);
}

static void printFunctions(const OnnxSummary &summary, llvm::raw_ostream &out) {
  if (summary.functions.empty())
    return;
  Table table({"function", "domain", "nodes"});
  for (const OnnxFunction &function : summary.functions)
    table.addRow({plain(function.name), plain(domainName(function.domain)),
                  std::to_string(function.nodes)});
  out << "\n";
  table.print(out);
}

llvm::Error lqc::inspectOnnx(StringRef path, bool asJson,
                             llvm::raw_ostream &out) {
  llvm::Expected<OnnxSummary> summary = summarizeOnnx(path);
  if (!summary)
    return summary.takeError();
  if (asJson) {
    printJson(summaryJson(*summary, path), out);
    return llvm::Error::success();
  }
  printHead(*summary, path, out);
  printValues(*summary, out);
  printStorage(*summary, out);
  printDataFiles(*summary, out);
  printOperators(*summary, out);
  printFunctions(*summary, out);
  return llvm::Error::success();
}
