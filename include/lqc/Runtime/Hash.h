//===- Hash.h - a quick 64-bit hash of bytes --------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Detects damage, not malice: eight independent lanes of multiply-xorshift over
// 64-byte stripes, so that it runs at memory speed, and a final mix of the
// lanes and the length. Incremental, because the payload is streamed.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_HASH_H
#define LQC_RUNTIME_HASH_H

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lqc::runtime {

/// Hash of a sequence of bytes given piece by piece: the pieces' boundaries do
/// not matter.
class Hasher {
public:
  void update(const void *data, size_t bytes) {
    const char *p = static_cast<const char *>(data);
    total += bytes;
    while (bytes) {
      size_t take = sizeof(stripe) - filled;
      take = take < bytes ? take : bytes;
      std::memcpy(stripe + filled, p, take);
      filled += take, p += take, bytes -= take;
      if (filled == sizeof(stripe))
        consume();
    }
  }

  uint64_t finish() {
    if (filled) {
      std::memset(stripe + filled, 0, sizeof(stripe) - filled);
      consume();
    }
    uint64_t result = mix(total, 0);
    for (uint64_t lane : lanes)
      result = mix(result, lane);
    return result;
  }

private:
  static uint64_t mix(uint64_t state, uint64_t word) {
    state = (state ^ word) * 0x9e3779b97f4a7c15ULL;
    return state ^ (state >> 29);
  }
  void consume() {
    for (int i = 0; i < 8; ++i) {
      uint64_t word;
      std::memcpy(&word, stripe + 8 * i, 8);
      lanes[i] = mix(lanes[i], word);
    }
    filled = 0;
  }

  uint64_t lanes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  char stripe[64];
  size_t filled = 0;
  uint64_t total = 0;
};

inline uint64_t hashBytes(const void *data, size_t bytes) {
  Hasher hasher;
  hasher.update(data, bytes);
  return hasher.finish();
}

} // namespace lqc::runtime

#endif // LQC_RUNTIME_HASH_H
