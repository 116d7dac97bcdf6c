//===- lqc-lsp-server.cpp - .mlir files in an editor ----------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Support/Help.h"
#include "passes/Common/Dialects.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "llvm/Support/raw_ostream.h"

static constexpr const char *kHelp =
    R"(lqc-lsp-server shows an editor mistakes, meanings and definitions in .mlir files

usage: lqc-lsp-server [OPTIONS]

It is started by an editor and speaks the language server protocol on standard
input and output; typed by hand it waits for messages (leave it with Ctrl-C).

examples:
  VS Code  the extension "MLIR", with mlir.server_path set to this program
  Neovim   vim.lsp.start({name = "lqc", cmd = {"lqc-lsp-server"}})
  Emacs    (add-to-list 'eglot-server-programs '(mlir-mode . ("lqc-lsp-server")))
  lqc compile ./model --compile-to=quantize -o model.mlir    something to look at
  lqc-lsp-server --help-hidden                 the options of MLIR's server
)";

int main(int argc, char **argv) {
  if (lqc::asksForHelp(argc, argv)) {
    llvm::outs() << kHelp;
    return 0;
  }
  mlir::DialectRegistry registry;
  lqc::registerDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
