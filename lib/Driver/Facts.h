//===- Facts.h - what a module says of how it was made ----------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Facts are attributes of the module, recorded by the phase that knows them, so
// that a compilation in several steps ends in the same bytes as one in one go:
//
//   lqc.inputs   after import: hashes of the files that the model comes from
//   lqc.generation after import: how the model wants to be sampled, from
//                generation_config.json; LQC's own defaults if it is not there
//   lqc.encoder  after import: how a graph embeds text
//   lqc.options  after quantize: what was asked for, normalised
//   lqc.bits     after quantize: what the weights cost
//   lqc.graph    after import: a graph's name, producer, …
//   lqc.graph_values after lower: its inputs and outputs
//   lqc.payload  after lower: where the bytes of the payload are, in order
//   lqc.payload_names  and which weights they are
//
// What was measured on the executable itself (compile --evaluate) is no fact of
// the module; it is handed over. No paths, times or names of machines.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_DRIVER_FACTS_H
#define LQC_LIB_DRIVER_FACTS_H

#include "lib/Driver/Evaluate.h"
#include "lqc/Driver/Driver.h"
#include "lqc/Runtime/Payload.h"
#include "passes/Quantize/BitsReport.h"

#include "llvm/Support/JSON.h"

namespace lqc {

inline constexpr llvm::StringLiteral kInputsAttrName = "lqc.inputs";
inline constexpr llvm::StringLiteral kOptionsAttrName = "lqc.options";
inline constexpr llvm::StringLiteral kBitsAttrName = "lqc.bits";
inline constexpr llvm::StringLiteral kPayloadAttrName = "lqc.payload";
inline constexpr llvm::StringLiteral kPayloadNamesAttrName =
    "lqc.payload_names";

/// After import: config.json and the tokenizer's files by their content,
/// safetensors files by their headers.
llvm::Error recordInputs(mlir::ModuleOp module, llvm::StringRef directory);

/// The same of an ONNX file: all of it but the numbers, and its external data.
llvm::Error recordGraphInput(mlir::ModuleOp module, llvm::StringRef path);

/// After quantize. `methods`: searchMethodsText() of the calibrated ones.
/// `budget`: as text, or "none".
void recordQuantization(mlir::ModuleOp module, const ModelOptions &options,
                        llvm::StringRef methods, llvm::StringRef budget);

/// The report of lqc.bits, or nothing.
std::optional<BitsReport> bitsOf(mlir::ModuleOp module);

/// What `lqc.generation` says, checked; LQC's own defaults if it is not there.
llvm::Expected<runtime::GenerationDefaults> generationOf(mlir::ModuleOp module);

/// What `lqc.encoder` says, checked; nothing if it is not there.
llvm::Expected<std::optional<runtime::EncoderDefaults>>
encoderOf(mlir::ModuleOp module);

/// "mean pooling, normalised, at most 256 tokens"
std::string encoderText(const runtime::EncoderDefaults &encoder);

/// The table that a compilation ends with.
void printBits(const BitsReport &bits, llvm::raw_ostream &out);

/// The sections Info (one JSON object) and Summary (text) of an executable.
/// `weightsBytes`: of its weights section. `encoder`: of one that embeds text,
/// or null. `measured`: its quality, or null.
std::string infoJson(mlir::ModuleOp module, uint64_t weightsBytes,
                     const runtime::GenerationDefaults &generation,
                     const Measurement *measured);
std::string summaryText(mlir::ModuleOp module, uint64_t weightsBytes,
                        const runtime::GenerationDefaults &generation,
                        const runtime::EncoderDefaults *encoder,
                        const Measurement *measured);

/// {"layers": {"tensors": …, "weights": …, "bytes": …, "bits_per_weight": …},
/// …}.
llvm::json::Object bitsJson(const BitsReport &bits);

} // namespace lqc

#endif // LQC_LIB_DRIVER_FACTS_H
