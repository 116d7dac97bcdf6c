//===- lqc-reduce.cpp - makes a failing .mlir file smaller ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/Help.h"
#include "passes/Common/Dialects.h"
#include "passes/Common/Phases.h"
#include "passes/Common/Reduction.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"

static constexpr const char *kHelp =
    R"(lqc-reduce makes a .mlir file that shows a problem smaller

usage: lqc-reduce FILE -o FILE --reduction-tree='OPTIONS' [OPTIONS]

A script that gets a file says whether it shows the problem still: any exit code
but 0 means yes. For a pass that fails:

  #!/bin/sh
  ! lqc-opt "$1" --lqc-schedule 2>&1 | grep -q "has no kernel"

examples:
  lqc-reduce model.mlir -o small.mlir \
    --reduction-tree='traversal-mode=0 test=./interesting.sh'
  lqc-reduce model.mlir -o small.mlir \
    --reduction-tree='traversal-mode=0 test=./interesting.sh' \
    --opt-reduction-pass='opt-pass=symbol-dce test=./interesting.sh' \
    --opt-reduction-pass='opt-pass=lqc-drop-unused-weights test=./interesting.sh'
  lqc-reduce --help-hidden      the options of MLIR too
)";

int main(int argc, char **argv) {
  if (lqc::asksForHelp(argc, argv)) {
    llvm::outs() << kHelp;
    return 0;
  }
  mlir::registerAllPasses();
  lqc::registerPassesAndPipelines();
  mlir::DialectRegistry registry;
  lqc::registerDialects(registry);
  lqc::registerReductionPatterns(registry);
  mlir::MLIRContext context(registry);
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context));
}
