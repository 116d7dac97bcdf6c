//===- Payload.h - what stands behind the code in the file ------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An LQC executable is
//
//   [ELF: code + runtime] padding to 4096
//   [payload: sections, each starting at a multiple of 4096]
//   [PayloadFooter, the file's last bytes]
//
// The footer is found at the end of the file, so that the payload can be
// streamed out behind a finished ELF file. All integers are little-endian.
//
// Sections:
//   Weights    packed weights, at the offsets that the code knows
//   TokenizerTables  see lqc/Runtime/Tokenizer.h; size 0: the model has none
//              and takes token ids
//   Info       UTF-8 JSON, one object, for --info: what was compiled, schemes,
//              bits per weight, normalised options, input hashes. The runtime
//              prints it and never parses it.
//   Summary    the same for people: UTF-8 text, as --info prints it
//   Generation GenerationDefaults; size 0: those of LQC
//   Encoder    EncoderDefaults of a graph that makes embeddings of text; size 0:
//              the executable takes tensors alone
//   Tensors    a list of TensorEntry, then their names: --verify says which
//              tensor is damaged; size 0: it cannot
//
//===----------------------------------------------------------------------===//

#ifndef LQC_RUNTIME_PAYLOAD_H
#define LQC_RUNTIME_PAYLOAD_H

#include <cstdint>

namespace lqc::runtime {

enum Section : uint32_t {
  Weights,
  TokenizerTables,
  Info,
  Summary,
  Generation,
  Encoder,
  Tensors,
  SectionCount
};

inline constexpr uint64_t kPageBytes = 4096;
inline constexpr uint64_t kPayloadMagic = 0x444c5941'5043514cULL; // "LQCPAYLD"
inline constexpr uint32_t kPayloadVersion = 3;

struct SectionRange {
  uint64_t offset; ///< from the start of the file, a multiple of kPageBytes
  uint64_t bytes;
  uint64_t hash; ///< hashBytes of the section (lqc/Runtime/Hash.h)
};
static_assert(sizeof(SectionRange) == 24);

/// What the model's makers want when the user says nothing. See Sampler.h.
struct GenerationDefaults {
  double temperature = 0;
  double topP = 0.95;
  double minP = 0.05;
  double repeatPenalty = 1;
  int64_t topK = 40;
  int64_t count = 256; ///< tokens to generate at most
};
static_assert(sizeof(GenerationDefaults) == 48);

/// How the rows of a text's tokens become one.
enum class Pooling : int64_t {
  None, ///< the graph gives a row for each text
  Mean, ///< of all tokens
  Cls,  ///< the first token's
};

/// Where a graph takes text, and what its makers want of the embeddings.
struct EncoderDefaults {
  // Inputs of the graph, int64 or int32 (batch, sequence); all others are 0.
  int64_t ids = 0;
  int64_t mask = -1;      ///< 1 for tokens; -1: the graph has none
  int64_t positions = -1; ///< 0, 1, …; -1: the graph has none
  // Outputs; -1: the graph has none.
  int64_t tokens = -1; ///< (batch, sequence, width)
  int64_t text = -1;   ///< (batch, width)
  int64_t pooling = int64_t(Pooling::Mean);
  int64_t normalize = 1; ///< 1: embeddings have the length 1
  int64_t maxLength = 0; ///< tokens of a text, special ones too; 0: any number
  int64_t longest = 0;   ///< the most that the model can take; 0: any number
  int64_t pad = 0;       ///< the token behind shorter texts of a batch
};
static_assert(sizeof(EncoderDefaults) == 80);

/// One tensor of the weights. The section begins with one entry whose `bytes`
/// is the number of those that follow it.
struct TensorEntry {
  uint64_t offset; ///< from the start of the weights section
  uint64_t bytes;
  uint64_t hash;
  uint32_t name; ///< of its first byte, from the start of the section
  uint32_t nameBytes;
};
static_assert(sizeof(TensorEntry) == 32);

struct PayloadFooter {
  SectionRange sections[SectionCount];
  uint64_t fileBytes; ///< of the whole file, this footer included
  uint32_t version;   ///< kPayloadVersion
  uint32_t reserved;  ///< 0
  uint64_t hash;      ///< hashBytes of all fields before this one
  uint64_t magic;     ///< kPayloadMagic

  const SectionRange &operator[](Section section) const {
    return sections[uint32_t(section)];
  }
  SectionRange &operator[](Section section) {
    return sections[uint32_t(section)];
  }
};
static_assert(sizeof(PayloadFooter) == 24 * SectionCount + 32);

} // namespace lqc::runtime

#endif // LQC_RUNTIME_PAYLOAD_H
