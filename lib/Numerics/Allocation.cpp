//===- Allocation.cpp - choosing under a budget ---------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Numerics/Allocation.h"

#include "llvm/ADT/STLExtras.h"

#include <tuple>

using namespace lqc;

AllocationFront::AllocationFront(llvm::ArrayRef<AllocationItem> items,
                                 size_t limit)
    : front({{0, 0, 0, 0}}) {
  for (const AllocationItem &item : items) {
    std::vector<Point> next;
    next.reserve(front.size() * item.size());
    for (auto [index, choice] : llvm::enumerate(item))
      for (auto [parent, point] : llvm::enumerate(front))
        next.push_back({point.bytes + choice.bytes, point.cost + choice.cost,
                        uint32_t(parent), uint32_t(index)});
    dropBeaten(next);
    thin(next, limit);
    std::vector<Step> &step = steps.emplace_back();
    step.reserve(next.size());
    for (const Point &point : next)
      step.push_back({point.parent, point.choice});
    front = std::move(next);
  }
}

/// Leaves points whose costs fall while their bytes rise.
void AllocationFront::dropBeaten(std::vector<Point> &points) {
  // Of equals the first choice stays.
  llvm::sort(points, [](const Point &a, const Point &b) {
    return std::tie(a.bytes, a.cost, a.choice, a.parent) <
           std::tie(b.bytes, b.cost, b.choice, b.parent);
  });
  size_t kept = 0;
  for (const Point &point : points)
    if (!kept || point.cost < points[kept - 1].cost)
      points[kept++] = point;
  points.resize(kept);
}

/// The cheapest of each range is its last; the smallest point of all stays too,
/// so that a budget which can be met is met.
void AllocationFront::thin(std::vector<Point> &points, size_t limit) {
  if (points.size() <= limit)
    return;
  const uint64_t least = points.front().bytes;
  const double span = double(points.back().bytes - least) + 1;
  auto rangeOf = [&](const Point &point) {
    return size_t(double(point.bytes - least) / span * double(limit));
  };
  size_t kept = 1;
  for (size_t i = 1; i < points.size(); ++i)
    if (i + 1 == points.size() || rangeOf(points[i]) != rangeOf(points[i + 1]))
      points[kept++] = points[i];
  points.resize(kept);
}

Allocation AllocationFront::trace(size_t point) const {
  Allocation result;
  result.bytes = front[point].bytes;
  result.cost = front[point].cost;
  result.choices.resize(steps.size());
  for (size_t item = steps.size(); item-- > 0;) {
    result.choices[item] = steps[item][point].choice;
    point = steps[item][point].parent;
  }
  return result;
}

std::optional<Allocation>
AllocationFront::cheapestWithin(uint64_t bytes) const {
  auto behind = llvm::partition_point(
      front, [&](const Point &point) { return point.bytes <= bytes; });
  if (behind == front.begin())
    return std::nullopt;
  return trace(size_t(behind - front.begin()) - 1);
}

std::optional<Allocation> AllocationFront::smallestWithin(double cost) const {
  auto first = llvm::partition_point(
      front, [&](const Point &point) { return point.cost > cost; });
  if (first == front.end())
    return std::nullopt;
  return trace(size_t(first - front.begin()));
}
