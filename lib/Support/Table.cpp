//===- Table.cpp - aligned tables for people ------------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/Table.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Unicode.h"

#include <algorithm>
#include <cassert>
#include <cmath>

using namespace lqc;

static constexpr unsigned kColumnGap = 2;

Table::Table(std::vector<std::string> header) : header(std::move(header)) {}

void Table::addRow(std::vector<std::string> cells) {
  assert(cells.size() <= header.size() && "more cells than columns");
  cells.resize(header.size());
  rows.push_back(std::move(cells));
}

void Table::addRule() { rows.emplace_back(); }

static unsigned widthOf(llvm::StringRef text) {
  int width = llvm::sys::unicode::columnWidthUTF8(text);
  return width >= 0 ? width : text.size();
}

static bool looksNumeric(llvm::StringRef cell) {
  if (cell.empty() || cell == "-")
    return true;
  cell = cell.ltrim("+-~<>");
  return !cell.empty() && llvm::isDigit(cell.front());
}

static void printCell(llvm::raw_ostream &stream, llvm::StringRef cell,
                      unsigned width, bool toTheRight, bool isLast) {
  unsigned blanks = width - widthOf(cell);
  if (toTheRight)
    stream.indent(blanks);
  stream << cell;
  if (!isLast)
    stream.indent((toTheRight ? 0 : blanks) + kColumnGap);
}

void Table::print(llvm::raw_ostream &stream) const {
  size_t columns = header.size();
  std::vector<unsigned> widths(columns);
  std::vector<char> numeric(columns, !rows.empty());
  for (size_t c = 0; c < columns; ++c)
    widths[c] = widthOf(header[c]);
  for (const std::vector<std::string> &row : rows) {
    for (size_t c = 0; c < row.size(); ++c) {
      widths[c] = std::max(widths[c], widthOf(row[c]));
      numeric[c] = numeric[c] && looksNumeric(row[c]);
    }
  }
  unsigned lineWidth = 0;
  for (unsigned width : widths)
    lineWidth += width + kColumnGap;
  lineWidth -= std::min(lineWidth, kColumnGap);

  auto printRow = [&](const std::vector<std::string> &row) {
    // Blanks behind the last cell that says something would only be noise.
    size_t used = columns;
    while (used > 0 && row[used - 1].empty())
      --used;
    for (size_t c = 0; c < used; ++c)
      printCell(stream, row[c], widths[c], numeric[c], c + 1 == used);
    stream << '\n';
  };
  bool isTerminal = stream.is_displayed() && stream.has_colors();
  if (isTerminal)
    stream.changeColor(llvm::raw_ostream::SAVEDCOLOR, /*Bold=*/true);
  printRow(header);
  if (isTerminal)
    stream.resetColor();
  for (const std::vector<std::string> &row : rows) {
    if (row.empty())
      stream << std::string(lineWidth, '-') << '\n';
    else
      printRow(row);
  }
}

std::string lqc::formatFixed(double value, unsigned digits) {
  std::string text;
  llvm::raw_string_ostream(text)
      << llvm::format("%.*f", static_cast<int>(digits), value);
  return text;
}

/// The largest unit in which `value` is at least 1, after rounding to `round`
/// of it. `value` is left in that unit.
static unsigned scaleDown(double &value, unsigned units, double round) {
  unsigned unit = 0;
  while (unit + 1 < units && std::round(value / round) * round >= 1000.0) {
    value /= 1000.0;
    ++unit;
  }
  return unit;
}

std::string lqc::formatBytes(uint64_t bytes) {
  static const char *const kUnits[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes);
  unsigned unit = scaleDown(value, std::size(kUnits), 0.1);
  return formatFixed(value, unit ? 1 : 0) + " " + kUnits[unit];
}

std::string lqc::formatCount(uint64_t count) {
  static const char *const kUnits[] = {"", " K", " M", " B", " T", " Q", " Qi"};
  double value = static_cast<double>(count);
  unsigned unit = scaleDown(value, std::size(kUnits), 1.0);
  if (unit == 0)
    return formatFixed(value, 0);
  unsigned digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return formatFixed(value, digits) + kUnits[unit];
}
