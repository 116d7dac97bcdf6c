//===- EncoderFiles.h - what makes embeddings of an encoder -----*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An encoder gives a row for each token. How these become one embedding stands,
// if anywhere, in the files that sentence-transformers writes:
//
//   modules.json               Transformer, Pooling and perhaps Normalize
//   1_Pooling/config.json      {"pooling_mode_mean_tokens": true, …}
//   sentence_bert_config.json  {"max_seq_length": 256, …}
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_ONNX_ENCODERFILES_H
#define LQC_LIB_IMPORT_ONNX_ENCODERFILES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace lqc {

/// What config.json says that concerns encoders; 0: nothing.
struct EncoderConfig {
  int64_t positions = 0; ///< max_position_embeddings
  int64_t pad = 0;       ///< pad_token_id
};

/// Names of the files of `folder` that importEncoderFiles() reads.
std::vector<std::string> encoderFiles(llvm::StringRef folder);

/// Sets `lqc.encoder` on the module if the graph `main` takes tokens and gives
/// rows for them or for the text: where these are, pooling, length. Without
/// files, the mean of the tokens, normalised. What the files ask for and is not
/// done is a warning, and the graph stays one of tensors.
llvm::Error importEncoderFiles(mlir::func::FuncOp main, llvm::StringRef folder,
                               const EncoderConfig &config);

/// int64 or int32 of a batch and a sequence: tokens, masks and positions.
bool isTokens(mlir::Type type);

} // namespace lqc

#endif // LQC_LIB_IMPORT_ONNX_ENCODERFILES_H
