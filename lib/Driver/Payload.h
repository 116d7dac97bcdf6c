//===- Payload.h - the weights of a compiled module -------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_DRIVER_PAYLOAD_H
#define LQC_LIB_DRIVER_PAYLOAD_H

#include "lqc/Interpreter/WeightStore.h"
#include "lqc/Target/Link/PayloadWriter.h"
#include "passes/Common/Payload.h"

#include "mlir/IR/OwningOpRef.h"

namespace lqc {

/// The weights that an executable carries, and the way to their bytes.
class Payload {
public:
  /// Of a module after schedule, which must outlive this.
  static Payload ofScheduled(mlir::ModuleOp scheduled, std::string root,
                             unsigned threads);
  /// Of a module after lower, whose `lqc.payload` says where the bytes are.
  static llvm::Expected<Payload> ofLowered(mlir::ModuleOp lowered,
                                           std::string root, unsigned threads);

  /// Bytes of the weights section.
  uint64_t bytes() const { return payloadBytes(weights); }

  /// Writes the weights section.
  llvm::Error writeTo(PayloadWriter &writer);

  /// The tensors section; after writeTo, which learns the hashes.
  std::string tensorTable() const;

  /// Writes the bytes into a sidecar at `path` and refers to them from
  /// `lqc.payload` of `lowered`, with paths relative to the sidecar's folder.
  llvm::Error writeSidecar(llvm::StringRef path, mlir::ModuleOp lowered);

private:
  llvm::SmallVector<PayloadWeight> weights;
  std::vector<std::string> names; ///< of the weights, from before lower
  std::vector<uint64_t> hashes;   ///< of the weights' bytes
  /// Holds the weights of a lowered module.
  mlir::OwningOpRef<mlir::ModuleOp> holder;
  std::unique_ptr<WeightStore> store;
};

} // namespace lqc

#endif // LQC_LIB_DRIVER_PAYLOAD_H
