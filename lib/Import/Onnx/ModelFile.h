//===- ModelFile.h - an ONNX file and the tensors in it ---------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The file is mapped; protobuf decodes its skeleton (lqc/Support/OnnxFile.h),
// so no weight is read or copied. Nothing here knows of MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_IMPORT_ONNX_MODELFILE_H
#define LQC_LIB_IMPORT_ONNX_MODELFILE_H

#include "lib/Import/Onnx/OnnxType.h"
#include "lqc/Support/MappedFile.h"
#include "lqc/Support/OnnxFile.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"

#include <memory>
#include <string>
#include <vector>

namespace onnx {
class ModelProto;
class TensorProto;
} // namespace onnx

namespace lqc {

/// A tensor of the file: what it is and where its bytes are.
struct StoredTensor {
  OnnxType element = OnnxType::Undefined;
  llvm::SmallVector<int64_t, 4> shape;
  int64_t elements = 0; ///< the product of the shape
  /// Little-endian and row-major as raw_data has them: bool a byte each, 4-bit
  /// elements two a byte, the first in the low half.
  llvm::ArrayRef<char> bytes;
  /// Where the bytes are; no file if they were decoded from varints.
  std::string file;   ///< relative to the model's folder
  std::string header; ///< identifies the file, for `#lqc.file`
  FilePlace place;
  std::shared_ptr<const std::vector<char>> decoded; ///< owns them if so
};

class ModelFile {
public:
  /// Opens the model at `path`. Errors are one line that begins with the path.
  static llvm::Expected<std::unique_ptr<ModelFile>> open(llvm::StringRef path);
  /// The same of bytes in memory that came from `path`; they must live on.
  static llvm::Expected<std::unique_ptr<ModelFile>>
  parse(llvm::ArrayRef<char> bytes, llvm::StringRef path);
  ~ModelFile();

  const onnx::ModelProto &model() const { return *proto; }
  llvm::StringRef path() const { return filePath; }

  /// What a tensor of the model is. Checked: the type, the dimensions, the
  /// number of bytes, the path and size of external data. Errors (without the
  /// tensor's name): "rule, got: value".
  llvm::Expected<StoredTensor> read(const onnx::TensorProto &tensor);

private:
  struct DataFile {
    MappedFile contents;
    std::string header;
  };

  ModelFile();
  llvm::Error parseBytes(llvm::ArrayRef<char> bytes);
  llvm::Error readExternal(const onnx::TensorProto &tensor,
                           StoredTensor &result);
  llvm::Error readInside(const onnx::TensorProto &tensor, StoredTensor &result);
  llvm::Expected<const DataFile *> openData(llvm::StringRef location);

  std::string filePath, folder, fileName, fingerprint;
  MappedFile mapped;
  llvm::ArrayRef<char> contents;
  std::unique_ptr<onnx::ModelProto> proto;
  llvm::StringMap<std::unique_ptr<DataFile>> dataFiles;
};

/// Whether the place of external data is within the model's folder.
bool staysInFolder(llvm::StringRef location);

/// Reads a file that holds one TensorProto (the input_*.pb of ONNX's tests).
/// Its bytes are copied.
llvm::Expected<StoredTensor> readStoredTensor(llvm::StringRef path);

} // namespace lqc

#endif // LQC_LIB_IMPORT_ONNX_MODELFILE_H
