//===- CodeGen.cpp - from the LLVM dialect to machine code ----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Target/CPU/CodeGen.h"

#include "lqc/Support/Error.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/X86TargetParser.h"

using namespace lqc;

static constexpr llvm::StringLiteral kTriple = "x86_64-unknown-linux-gnu";
/// Every CPU with AVX2 has the rest of this level.
static constexpr llvm::StringLiteral kBaseCpu = "x86-64-v3";

/// The features that kernels use, in the order in which they are written down:
/// first those that must be there.
static constexpr llvm::StringLiteral kRequired[] = {"avx2", "fma", "f16c",
                                                    "bmi2"};
static constexpr llvm::StringLiteral kAvx512[] = {
    "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni"};
static constexpr llvm::StringLiteral kAvxVnni = "avxvnni";

/// The target of a CPU with these features, by the names of LLVM. AVX-512 is
/// used as a whole or not at all, so that there are few kinds of code to test.
static llvm::Expected<TargetAttr>
makeTarget(mlir::MLIRContext *context, llvm::StringRef cpu,
           llvm::function_ref<bool(llvm::StringRef)> has) {
  llvm::SmallVector<std::string> features;
  for (llvm::StringRef feature : kRequired) {
    if (!has(feature))
      return makeError("the CPU '{0}' lacks {1}, which LQC needs: the least is "
                       "x86-64-v3",
                       cpu, feature);
    features.push_back(("+" + feature).str());
  }
  bool avx512 = llvm::all_of(kAvx512, has);
  if (avx512)
    for (llvm::StringRef feature : kAvx512)
      features.push_back(("+" + feature).str());
  if (has(kAvxVnni))
    features.push_back(("+" + kAvxVnni).str());
  return TargetAttr::get(context, cpu, llvm::join(features, ","));
}

llvm::Expected<TargetAttr> lqc::hostTarget(mlir::MLIRContext *context) {
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  return makeTarget(context, llvm::sys::getHostCPUName(),
                    [&](llvm::StringRef name) { return host.lookup(name); });
}

/// "; did you mean 'znver3'?", or "" if no name is near.
static std::string nearestCpu(llvm::StringRef cpu) {
  llvm::SmallVector<llvm::StringRef> names;
  llvm::X86::fillValidCPUArchList(names, /*Only64Bit=*/true);
  for (unsigned distance = 1; distance <= 2; ++distance)
    for (llvm::StringRef name : names)
      if (cpu.edit_distance(name) <= distance)
        return ("; did you mean '" + name + "'?").str();
  return "";
}

llvm::Expected<TargetAttr> lqc::namedTarget(mlir::MLIRContext *context,
                                            llvm::StringRef cpu) {
  if (llvm::X86::parseArchX86(cpu, /*Only64Bit=*/true) == llvm::X86::CK_None)
    return makeError("unknown CPU '{0}': names are those of LLVM, such as "
                     "haswell, skylake-avx512, znver3, znver5{1}",
                     cpu, nearestCpu(cpu));
  llvm::SmallVector<llvm::StringRef> features;
  llvm::X86::getFeaturesForCPU(cpu, features);
  llvm::StringMap<bool> all; // with those that the listed ones imply
  for (llvm::StringRef feature : features) {
    all[feature] = true;
    llvm::X86::updateImpliedFeatures(feature, true, all);
  }
  return makeTarget(context, cpu,
                    [&](llvm::StringRef name) { return all.lookup(name); });
}

static std::unique_ptr<llvm::TargetMachine>
createTargetMachine(TargetAttr target) {
  static bool initialized = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)initialized;
  std::string error;
  llvm::Triple triple(kTriple);
  const llvm::Target *backend =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!backend)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(backend->createTargetMachine(
      triple, kBaseCpu, target.getFeatures(), llvm::TargetOptions(),
      llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// `vectorizes`: the code is loops over single elements, as a graph's.
static void optimize(llvm::Module &module, llvm::TargetMachine &machine,
                     bool vectorizes) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  // A decoder's kernels are vectors already, and unrolled as far as it pays.
  tuning.LoopUnrolling = vectorizes;
  tuning.LoopInterleaving = vectorizes;
  tuning.LoopVectorization = vectorizes;
  tuning.SLPVectorization = vectorizes;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2)
      .run(module, modules);
}

llvm::Expected<std::unique_ptr<llvm::Module>>
lqc::translateToLLVM(mlir::ModuleOp lowered, llvm::LLVMContext &context) {
  TargetAttr target = lowered->getAttrOfType<TargetAttr>(kTargetAttrName);
  if (!target)
    return makeError("the module has no lqc.target");
  mlir::registerBuiltinDialectTranslation(*lowered->getContext());
  mlir::registerLLVMDialectTranslation(*lowered->getContext());
  std::unique_ptr<llvm::Module> module =
      mlir::translateModuleToLLVMIR(lowered, context, "lqc");
  if (!module)
    return makeError("the lowered module is not LLVM IR");
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(target);
  if (!machine)
    return makeError("LLVM was built without x86-64 code generation");
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  for (llvm::Function &function : *module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", kBaseCpu);
    function.addFnAttr("tune-cpu", target.getCpu());
    function.addFnAttr("target-features", target.getFeatures());
    if (target.has("avx512f"))
      function.addFnAttr("prefer-vector-width", "512");
  }
  optimize(*module, *machine, isGraph(lowered));
  return module;
}

static llvm::Expected<llvm::SmallVector<char, 0>>
compileTo(mlir::ModuleOp lowered, llvm::CodeGenFileType fileType) {
  llvm::LLVMContext context;
  llvm::Expected<std::unique_ptr<llvm::Module>> module =
      translateToLLVM(lowered, context);
  if (!module)
    return module.takeError();
  TargetAttr target = lowered->getAttrOfType<TargetAttr>(kTargetAttrName);
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(target);
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, fileType))
    return makeError("LLVM cannot write code for this target");
  passes.run(**module);
  return bytes;
}

llvm::Expected<llvm::SmallVector<char, 0>>
lqc::compileToObject(mlir::ModuleOp lowered) {
  return compileTo(lowered, llvm::CodeGenFileType::ObjectFile);
}

llvm::Expected<llvm::SmallVector<char, 0>>
lqc::compileToAssembly(mlir::ModuleOp lowered) {
  return compileTo(lowered, llvm::CodeGenFileType::AssemblyFile);
}

llvm::Expected<llvm::SmallVector<char, 0>>
lqc::printLLVM(mlir::ModuleOp lowered) {
  llvm::LLVMContext context;
  llvm::Expected<std::unique_ptr<llvm::Module>> module =
      translateToLLVM(lowered, context);
  if (!module)
    return module.takeError();
  llvm::SmallVector<char, 0> text;
  llvm::raw_svector_ostream stream(text);
  (*module)->print(stream, nullptr);
  return text;
}
