//===- ModelFixture.h - the small model that is calibrated ------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_TEST_UNIT_CALIBRATE_MODELFIXTURE_H
#define LQC_TEST_UNIT_CALIBRATE_MODELFIXTURE_H

#include "lqc/Calibrate/Calibrate.h"

#include "lqc/Import/Safetensors/Importer.h"
#include "passes/Common/Dialects.h"
#include "passes/Common/Phases.h"

#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

namespace lqc {

/// A small model with random weights, and token ids to run it on.
class ModelFixture : public testing::Test {
protected:
  ModelFixture() {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    folder = LQC_SOURCE_DIR "/test/golden/tiny-llama3-rope";
    module = cantFail(importSafetensors(&context, folder));
  }

  /// `count` token ids of its vocabulary of 64.
  static std::vector<int32_t> tokens(int32_t count) {
    std::vector<int32_t> ids;
    for (int32_t i = 0; i < count; ++i)
      ids.push_back((i * 37 + 11) % 64);
    return ids;
  }
  /// Runs the phases up to quantize on `target`.
  void quantize(mlir::ModuleOp target, const QuantizeOptions &options) {
    PhaseOptions phases;
    phases.quantize = options;
    mlir::PassManager manager(&context);
    buildPipeline(manager, Phase::Import, Phase::Quantize, phases);
    ASSERT_TRUE(succeeded(manager.run(target)));
  }

  mlir::MLIRContext context;
  std::string folder;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  CalibrationWindows windows;
};

} // namespace lqc

#endif // LQC_TEST_UNIT_CALIBRATE_MODELFIXTURE_H
