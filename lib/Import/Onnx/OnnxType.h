//===- OnnxType.h - the element types of ONNX -------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_ONNX_ONNXTYPE_H
#define LQC_LIB_IMPORT_ONNX_ONNXTYPE_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>

namespace lqc {

/// TensorProto.DataType of onnx.proto, up to IR version 11. The packaged
/// classes know them up to BFloat16; files are read all the same.
enum class OnnxType : uint8_t {
  Undefined = 0,
  Float = 1,
  Uint8 = 2,
  Int8 = 3,
  Uint16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  String = 8,
  Bool = 9,
  Float16 = 10,
  Double = 11,
  Uint32 = 12,
  Uint64 = 13,
  Complex64 = 14,
  Complex128 = 15,
  BFloat16 = 16,
  Float8E4M3FN = 17,
  Float8E4M3FNUZ = 18,
  Float8E5M2 = 19,
  Float8E5M2FNUZ = 20,
  Uint4 = 21,
  Int4 = 22,
  Float4E2M1 = 23,
};

/// "float", "uint8", as the specification writes them; "undefined".
llvm::StringRef elementName(OnnxType kind);

/// The kind that a file's number stands for, if there is one.
std::optional<OnnxType> elementOfNumber(int64_t number);

/// Bits of one element in raw_data; 0 for strings.
unsigned elementBits(OnnxType kind);

bool isFloat(OnnxType kind);
bool isUnsigned(OnnxType kind); ///< uint4 to uint64
bool isInteger(OnnxType kind);  ///< signed or not; not bool

/// Whether the importer has values of this kind: all but strings and complex
/// numbers.
bool isSupported(OnnxType kind);

} // namespace lqc

#endif // LQC_LIB_IMPORT_ONNX_ONNXTYPE_H
