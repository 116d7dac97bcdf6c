//===- KernelJit.cpp - kernels compiled into this process -----------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Calibrate/KernelJit.h"

#include "lqc/Support/Error.h"
#include "lqc/Target/CPU/CodeGen.h"
#include "passes/Lower/CPU/KernelEmitter.h"
#include "passes/Lower/CPU/Passes.h"
#include "passes/Schedule/KernelTable.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"

using namespace mlir;
using namespace lqc;

KernelJit::KernelJit(MLIRContext *context, TargetAttr target)
    : context(context), target(target) {}

KernelJit::~KernelJit() = default;

llvm::Expected<std::unique_ptr<KernelJit>>
KernelJit::create(MLIRContext *context) {
  llvm::Expected<TargetAttr> target = hostTarget(context);
  if (!target)
    return target.takeError();
  return std::unique_ptr<KernelJit>(new KernelJit(context, *target));
}

llvm::Expected<JitKernel> KernelJit::get(Operation *op, ArrayRef<Type> inputs,
                                         ArrayRef<Type> results) {
  std::string key;
  llvm::raw_string_ostream os(key);
  NamedAttrList attributes(op->getAttrs());
  attributes.erase("layer"); // the kernel's argument, not its own
  os << op->getName() << attributes.getDictionary(context);
  for (Type type : inputs)
    os << ',' << type;
  for (Type type : results)
    os << ';' << type;
  auto found = kernels.find(key);
  if (found != kernels.end())
    return found->second;
  llvm::Expected<JitKernel> kernel = compile(op, inputs, results);
  if (kernel)
    kernels[key] = *kernel;
  return kernel;
}

llvm::Expected<JitKernel> KernelJit::compile(Operation *op,
                                             ArrayRef<Type> inputs,
                                             ArrayRef<Type> results) {
  Location loc = UnknownLoc::get(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  (*module)->setAttr(kTargetAttrName, target);
  OpBuilder builder = OpBuilder::atBlockBegin(module->getBody());
  func::FuncOp anchor = func::FuncOp::create(builder, loc, "anchor",
                                             builder.getFunctionType({}, {}));
  anchor.setPrivate();
  SymbolTable symbols(*module);
  KernelOp kernel = KernelTable(anchor, symbols).get(op, inputs, results);
  if (!kernel)
    return makeError("{0}: has no kernel for this machine",
                     op->getName().getStringRef());
  anchor.erase();
  // One namespace for all kernels of this process.
  std::string name = "kernel_" + std::to_string(kernels.size());
  kernel.setSymName(name);
  KernelUnits units = KernelUnits::of(kernel);

  PassManager manager(context);
  buildLowerCPUPipeline(manager);
  if (failed(manager.run(*module)))
    return makeError("{0}: lowering failed", op->getName().getStringRef());
  llvm::Expected<llvm::SmallVector<char, 0>> object = compileToObject(*module);
  if (!object)
    return object.takeError();
  if (!jit) {
    // Only now: compiling has initialised LLVM's code generator.
    auto created = llvm::orc::LLJITBuilder().create();
    if (!created)
      return created.takeError();
    jit = std::move(*created);
  }
  auto buffer = llvm::MemoryBuffer::getMemBufferCopy(
      StringRef(object->data(), object->size()), name);
  if (llvm::Error error = jit->addObjectFile(std::move(buffer)))
    return std::move(error);
  auto address = jit->lookup(name);
  if (!address)
    return address.takeError();
  return JitKernel{address->toPtr<lqc_kernel_function *>(), units.units,
                   units.rows == 1, units.grain};
}
