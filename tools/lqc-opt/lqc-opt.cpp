//===- lqc-opt.cpp - runs passes over .mlir files -------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/Help.h"
#include "passes/Common/Dialects.h"
#include "passes/Common/Phases.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

static constexpr const char *kHelp =
    R"(lqc-opt runs passes over a .mlir file: single ones, phases, or all of them

usage: lqc-opt [OPTIONS] [FILE]      without FILE: from standard input

examples:
  lqc compile ./model --compile-to=import -o model.mlir
  lqc-opt model.mlir --lqc-simplify                      a phase
  lqc-opt model.mlir --lqc-quantize='scheme=int4-g64' --remarks-filter='lqc-.*'
  lqc-opt model.mlir --lqc-pipeline='from=import to=schedule' -o steps.mlir
  lqc-opt model.mlir --lqc-share-weights --canonicalize  a pass, and one of MLIR
  lqc-opt model.mlir --lqc-simplify --mlir-print-ir-after-all
  lqc-opt --help-hidden                                  the options of MLIR too

Phases: --lqc-simplify, --lqc-quantize, --lqc-schedule; --lqc-lower for what
lqc compile --compile-to=schedule wrote, which names the CPU.

)";

int main(int argc, char **argv) {
  lqc::registerPassesAndPipelines();
  if (lqc::asksForHelp(argc, argv)) {
    llvm::outs() << kHelp;
    mlir::printRegisteredPasses(); // those of LQC: MLIR's come below
    return 0;
  }
  mlir::registerAllPasses();
  mlir::DialectRegistry registry;
  lqc::registerDialects(registry);
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "LQC pass driver\n", registry));
}
