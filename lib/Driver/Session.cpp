//===- Session.cpp - a context whose messages are single lines ------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/Session.h"

#include "lqc/Support/Error.h"
#include "lqc/Support/Parallel.h"
#include "passes/Common/Dialects.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;
using namespace lqc;

namespace {
/// Prints remarks as lines: "lqc: remark: [category] name: key=value, …".
class RemarkPrinter final : public remark::detail::MLIRRemarkStreamerBase {
public:
  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    llvm::raw_ostream &stream = llvm::errs();
    stream << "lqc: remark: [" << remark.getCombinedCategoryName() << "] "
           << remark.getRemarkName();
    StringRef separator = ": ";
    for (const remark::detail::Remark::Arg &arg : remark.getArgs()) {
      stream << separator << arg.key << "=" << arg.val;
      separator = ", ";
    }
    stream << "\n";
  }
};
} // namespace

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  registerDialects(registry);
  return registry;
}

Session::Session(unsigned threads, bool showRemarks)
    : threadCount(threads ? threads : hardwareThreads()),
      mlirContext(makeRegistry(), MLIRContext::Threading::DISABLED) {
  mlirContext.loadDialect<LQCDialect>();
  if (threadCount > 1) {
    pool = std::make_unique<llvm::DefaultThreadPool>(
        llvm::hardware_concurrency(threadCount));
    mlirContext.setThreadPool(*pool);
  }
  handlerId = mlirContext.getDiagEngine().registerHandler(
      [this](Diagnostic &diagnostic) { return handle(diagnostic); });
  if (!showRemarks)
    return;
  remark::RemarkCategories categories;
  categories.passed = categories.missed = ".*";
  categories.analysis = categories.failed = ".*";
  // Fails only for a second engine in one context.
  (void)remark::enableOptimizationRemarks(
      mlirContext, std::make_unique<RemarkPrinter>(),
      std::make_unique<remark::RemarkEmittingPolicyAll>(), categories);
}

Session::~Session() { mlirContext.getDiagEngine().eraseHandler(handlerId); }

/// "file:line:column: " or "name: ", unless the message has it.
static std::string placeOf(Location location, StringRef message) {
  if (FileLineColLoc file = dyn_cast<FileLineColLoc>(location))
    return llvm::formatv("{0}:{1}:{2}: ", file.getFilename().getValue(),
                         file.getLine(), file.getColumn());
  NameLoc name = dyn_cast<NameLoc>(location);
  if (!name || message.contains(name.getName().getValue()))
    return "";
  return "@" + name.getName().str() + ": ";
}

LogicalResult Session::handle(Diagnostic &diagnostic) {
  std::string message = diagnostic.str();
  message = placeOf(diagnostic.getLocation(), message) + message;
  std::replace(message.begin(), message.end(), '\n', ' ');
  switch (diagnostic.getSeverity()) {
  case DiagnosticSeverity::Error:
    if (firstError.empty())
      firstError = message;
    break;
  case DiagnosticSeverity::Warning:
    llvm::errs() << "lqc: warning: " << message << "\n";
    break;
  case DiagnosticSeverity::Note:
  case DiagnosticSeverity::Remark:
    break;
  }
  return success();
}

llvm::Error Session::takeError(const Twine &what) {
  std::string message = std::move(firstError);
  firstError.clear();
  return makeError("{0}", message.empty() ? what.str() : message);
}

llvm::Expected<OwningOpRef<ModuleOp>> Session::parse(StringRef path) {
  llvm::sys::fs::file_status status;
  if (std::error_code code = llvm::sys::fs::status(path, status))
    return makeError("{0}: {1}", path, code.message());
  if (!llvm::sys::fs::is_regular_file(status))
    return makeError("{0}: must be a file with MLIR", path);
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(path, ParserConfig(&mlirContext));
  if (!module)
    return takeError(path + ": cannot be parsed");
  return module;
}

llvm::Error Session::run(ModuleOp module, const Twine &what,
                         llvm::function_ref<void(OpPassManager &)> build) {
  PassManager manager(&mlirContext);
  build(manager);
  if (failed(manager.run(module)))
    return takeError(what + " failed");
  return llvm::Error::success();
}

llvm::Error Session::check(const Twine &what,
                           llvm::function_ref<LogicalResult()> work) {
  if (failed(work()))
    return takeError(what + " failed");
  return llvm::Error::success();
}

llvm::Error Session::runPhase(ModuleOp module, Phase phase,
                              const PhaseOptions &options) {
  return run(module, "phase " + phaseName(phase), [&](OpPassManager &manager) {
    buildPipeline(manager, Phase(int(phase) - 1), phase, options);
  });
}
