//===- Table.h - aligned tables for people ----------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_SUPPORT_TABLE_H
#define LQC_SUPPORT_TABLE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

#include <string>
#include <vector>

namespace lqc {

/// A table with aligned columns. The header is bold and the rules are drawn
/// when the stream is a terminal with colours; a pipe gets plain text without
/// trailing blanks. A column whose cells all begin with a digit, a sign or are
/// "-" is aligned to the right.
class Table {
public:
  explicit Table(std::vector<std::string> header);

  /// Appends a row; missing cells are empty, surplus cells are an error of the
  /// caller.
  void addRow(std::vector<std::string> cells);
  /// Draws a horizontal line before the next row (a row of sums, say).
  void addRule();

  void print(llvm::raw_ostream &stream) const;

private:
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows; ///< an empty row is a rule
};

/// "999 B", "1.2 MB": decimal units, one digit after the point.
std::string formatBytes(uint64_t bytes);

/// "999", "12.3 K", "1.10 B": three significant digits.
std::string formatCount(uint64_t count);

/// A number with `digits` digits after the point: formatFixed(4.25, 3) is
/// "4.250".
std::string formatFixed(double value, unsigned digits);

} // namespace lqc

#endif // LQC_SUPPORT_TABLE_H
