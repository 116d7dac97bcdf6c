//===- Model.h - a model on its way through the phases ----------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LQC_LIB_DRIVER_MODEL_H
#define LQC_LIB_DRIVER_MODEL_H

#include "dialects/LQC/LQC.h"
#include "lib/Driver/Session.h"
#include "lqc/Driver/Driver.h"
#include "lqc/Support/TemporaryFile.h"

#include "mlir/IR/OwningOpRef.h"

namespace lqc {

/// What calibrated methods work with, after it was checked.
struct CalibrationPlan {
  std::string text;       ///< to be run on: text, or tensors of a graph; or
  std::string statistics; ///< a file of lqc calibrate
  int64_t samples = 128, length = 256, seed = 0;
  bool hasLength = false; ///< it was asked for
  /// The family of an encoder's bare vocabulary, or "".
  std::string tokenizer;
  /// A tenth of the text is kept to measure on.
  bool holdsOut = false;
};

/// A budget for the layers' linears, after it was checked.
struct BudgetPlan {
  std::optional<double> bitsPerWeight, maxKl; ///< one of them, if any
  llvm::SmallVector<SchemeAttr> schemes;      ///< to choose from

  bool isGiven() const { return bitsPerWeight || maxKl; }
};

/// Options after they were checked.
struct Plan {
  Phase from = Phase::Import; ///< done already, or to be done by the importer
  Phase to = Phase::Link;
  bool isDirectory = false; ///< the model is a checkpoint
  bool isOnnx = false;      ///< the model is an ONNX file
  std::string onnxFile;     ///< which one; perhaps within the folder given
  std::optional<int64_t> context;
  PhaseOptions phases;
  CalibrationPlan calibration;
  BudgetPlan budget;
  /// Where the results of calibrated methods go; "": a temporary file.
  std::string sidecar;
  /// The sidecar belongs to the output. Else it goes with the model.
  bool keepsSidecar = false;

  /// The model is files that an importer reads, and not IR.
  bool startsWithImport() const { return isDirectory || isOnnx; }
  bool runs(Phase phase) const { return phase > from && phase <= to; }
};

/// Sets what kind of files the model at `path` is, which exists.
void findModel(llvm::StringRef path, bool isFolder, Plan &plan);

/// Checks options that have to do with a model. `defaultTo`: the last phase if
/// --compile-to is not given.
llvm::Expected<Plan> makePlan(Session &session, const ModelOptions &options,
                              Phase defaultTo);

/// The same for the interpreter, which runs the IR of any phase up to schedule
/// (default: quantize). A .mlir file that is after quantize or schedule, or for
/// which no phase is named, runs as it is.
llvm::Expected<Plan> makeInterpretPlan(Session &session, ModelOptions options);

/// The first option given that is about how to quantize, or "".
llvm::StringRef givenQuantizeOption(const ModelOptions &options);

/// Reads a whole number from `minimum` to `maximum`. `option`: its name, for
/// the message.
llvm::Expected<int64_t> parseNumber(llvm::StringRef option,
                                    llvm::StringRef text, int64_t minimum,
                                    int64_t maximum);

/// The number of --threads; 0 if it was not given.
llvm::Expected<unsigned> parseThreads(llvm::StringRef text);

/// "message" and, on a line of its own, "try: hint".
llvm::Error errorWithHint(const llvm::Twine &message, const llvm::Twine &hint);

struct BudgetReport;

/// A module and the folder that its `#lqc.file` paths are relative to.
struct Model {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string root;
  /// Holds what calibrated methods have found, if nobody else does.
  std::shared_ptr<TemporaryFile> searchFile = nullptr;
  /// How a budget was spent, if there was one.
  std::shared_ptr<const BudgetReport> budget = nullptr;
};

/// Refuses an output that is one of the files read: `files`, or one that the
/// model consists of. Standard output ("-") is none.
llvm::Error checkNoInput(llvm::StringRef output, const Model &model,
                         llvm::ArrayRef<llvm::StringRef> files);

/// Imports a directory, or parses a file.
llvm::Expected<Model> loadModel(Session &session, const ModelOptions &options,
                                const Plan &plan);

/// Runs one phase and records on the module what --info will say about it.
llvm::Error runPhase(Session &session, Model &model, Phase phase,
                     const Plan &plan, const ModelOptions &options);

/// Runs the quantize phase and the calibrated methods before it. `name`: of the
/// model, for messages.
llvm::Error quantize(Session &session, Model &model, const Plan &plan,
                     llvm::StringRef name);

/// What the module says of the model; an error that names `name` if nothing.
llvm::Expected<ModelAttr> modelAttribute(const Model &model,
                                         llvm::StringRef name);

/// Turns the model's tokenizer into tables; nothing if it has none. `root`:
/// what its path is relative to. `family`: of a bare vocabulary that does not
/// tell it, else "".
llvm::Expected<std::optional<std::vector<char>>>
buildTokenizer(ModelAttr attribute, llvm::StringRef root,
               llvm::StringRef family);

/// The same of a language model called `name`.
llvm::Expected<std::optional<std::vector<char>>>
buildTokenizer(const Model &model, llvm::StringRef name);

/// The model's name: of its folder, or of its file without the ending.
std::string modelName(llvm::StringRef path);

/// Writes the module as text to `path` ("-": stdout), with paths relative to
/// the folder of `path`. The file appears complete or not at all.
llvm::Error writeModule(const Model &model, llvm::StringRef path);

/// Writes a file ("-": stdout) that appears complete or not at all.
llvm::Error writeText(llvm::StringRef path,
                      llvm::function_ref<void(llvm::raw_ostream &)> write);

} // namespace lqc

#endif // LQC_LIB_DRIVER_MODEL_H
