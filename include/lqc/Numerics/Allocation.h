//===- Allocation.h - choosing under a budget -------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each item (a tensor) takes one of its choices (schemes), which have a size
// and a cost (the quality that is lost). Costs add up, and so do sizes: a
// multiple-choice knapsack problem. The front of all combinations that no other
// one beats in both is built item by item (Nemhauser and Ullmann 1969):
//
//   front of no item    {(0 bytes, cost 0)}
//   ... and item i      every point plus every choice of i, sorted by bytes;
//                       what is not cheaper than a smaller point is dropped
//
// It answers both questions: the least cost within so many bytes, and the least
// bytes within so much cost. A front of more than `limit` points is thinned to
// one point in each of `limit` equal ranges of bytes, the cheapest one; the
// points that stay are real combinations with their true sizes, so a budget is
// never exceeded. Models of a few dozen tensors stay below the limit: there the
// answers are exact.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_NUMERICS_ALLOCATION_H
#define LQC_NUMERICS_ALLOCATION_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace lqc {

/// What one choice takes and costs. The cost is finite.
struct AllocationChoice {
  uint64_t bytes = 0;
  double cost = 0;
};

/// The choices of one item, at least one.
using AllocationItem = llvm::SmallVector<AllocationChoice, 8>;

/// One choice for each item.
struct Allocation {
  std::vector<unsigned> choices; ///< indices, in the order of the items
  uint64_t bytes = 0;
  double cost = 0;
};

/// The combinations that nothing beats. Of equals, the first choice counts, so
/// the same items give the same answers everywhere.
class AllocationFront {
public:
  static constexpr size_t kLimit = 1 << 14;

  explicit AllocationFront(llvm::ArrayRef<AllocationItem> items,
                           size_t limit = kLimit);

  /// The least cost that `bytes` allow; nothing if the smallest combination
  /// is larger.
  std::optional<Allocation> cheapestWithin(uint64_t bytes) const;

  /// The least bytes at a cost of at most `cost`; nothing if the cheapest
  /// combination costs more.
  std::optional<Allocation> smallestWithin(double cost) const;

private:
  /// A point of the front so far.
  struct Point {
    uint64_t bytes;
    double cost;
    uint32_t parent; ///< point of the front before this item
    uint32_t choice;
  };
  /// How a point came about.
  struct Step {
    uint32_t parent, choice;
  };

  static void dropBeaten(std::vector<Point> &points);
  static void thin(std::vector<Point> &points, size_t limit);
  Allocation trace(size_t point) const;

  std::vector<Point> front;             ///< bytes rise, costs fall
  std::vector<std::vector<Step>> steps; ///< (items, points after the item)
};

} // namespace lqc

#endif // LQC_NUMERICS_ALLOCATION_H
