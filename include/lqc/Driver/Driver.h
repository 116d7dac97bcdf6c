//===- Driver.h - what the lqc tool does ------------------------*- C++ -*-===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The commands of `lqc` as functions. Options are the texts that a user gave;
// they are checked here, all before any work begins. Errors are one line, or
// two with a hint ("try: …"). Warnings and remarks go to stderr as they come.
//
//===----------------------------------------------------------------------===//

#ifndef LQC_DRIVER_DRIVER_H
#define LQC_DRIVER_DRIVER_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <optional>
#include <string>
#include <vector>

namespace lqc {

/// What to calibrate on. In all options, an empty text means that the option
/// was not given.
struct CalibrationTextOptions {
  /// A text, or a .u16 or .u32 file; of a graph, lines of text if it embeds
  /// them, else a .npy or .pb file or a folder of them.
  std::string text;
  std::string samples, length, seed; ///< how it is cut
};

/// What quantization may cost. At most one of the first two is given.
struct BudgetOptions {
  std::string bitsPerWeight; ///< real bits a weight of the layers' linears
  std::string maxKl;         ///< KL divergence to the model, nats a token
  std::string schemes;       ///< to choose from: "int2-g64,int4-g64"
};

/// What is made of a model before it is compiled or interpreted.
struct ModelOptions {
  std::string model; ///< a directory, an .onnx file or a .mlir file
  std::string compileFrom, compileTo; ///< names of phases
  std::string context;                ///< positions of the cache
  std::string quantize, embedding, head;
  std::vector<std::string> overrides; ///< GLOB=SCHEME
  std::string clip;                   ///< none, least-squares
  std::string activations;            ///< f32, int8
  BudgetOptions budget;
  std::string method;               ///< calibrated methods, as gptq
  CalibrationTextOptions calibrate; ///< what they are calibrated on
  std::string statistics;           ///< or a file of lqc calibrate
  std::string threads;              ///< of the compiler; none: all
  bool strict = false;
  bool remarks = false;
};

struct CalibrateOptions {
  std::string model;
  std::string compileFrom; ///< of a .mlir file: import or simplify
  std::string context;
  CalibrationTextOptions calibrate;
  std::string keepHessians; ///< a glob of weights; "": none
  std::string output;
  std::string threads;
};

struct CompileOptions : ModelOptions {
  std::string output;    ///< a file, or "-" for the IR of a phase
  std::string cpu;       ///< native, or a name LLVM knows
  std::string emit;      ///< executable, shared, object, llvm, asm
  std::string tokenizer; ///< none: leave it out; or its family
  std::string evaluate;  ///< a text to measure the executable on
  bool stats = false;
};

struct InterpretOptions : ModelOptions {
  std::string tokens; ///< "1,2,3"
  std::string greedy; ///< how many tokens to generate
  std::string logits; ///< a file for f32 rows, or "-"
  /// Of a graph:
  std::vector<std::string> inputs; ///< "NAME=FILE"
  std::string outputDirectory;     ///< where NAME.npy go
  std::string check;               ///< a folder of known results
  std::string relative, absolute;  ///< what the check allows
};

/// The model is the candidate; it may be an executable too.
struct EvalOptions : ModelOptions {
  std::string cpu;            ///< as for compile
  std::string reference;      ///< another model; "": measure one alone
  std::string referenceFrom;  ///< the phase that a .mlir reference is after
  std::string text;           ///< a text, or a .u16 or .u32 file
  std::string window, stride; ///< in tokens
  std::string maxKl, maxPerplexity, minTop1; ///< limits
  bool interpret = false; ///< do not compile: run the reference interpreter
  bool json = false;
};

struct InspectOptions {
  std::string path;
  bool json = false;
  /// The operators of ONNX that are imported, instead of a path.
  bool onnxOperators = false;
};

/// Makes an executable, or the IR after a phase. The report goes to `out`.
llvm::Error compile(const CompileOptions &options, llvm::raw_ostream &out);

/// Measures the inputs of the layers' linears on a text and writes statistics
/// (lqc/Statistics/Statistics.h). The report goes to `out`.
llvm::Error calibrate(const CalibrateOptions &options, llvm::raw_ostream &out);

/// Runs the reference interpreter on a sequence of tokens.
llvm::Error interpret(const InterpretOptions &options, llvm::raw_ostream &out);

/// Measures how well a model predicts a text and how near it comes to another
/// (lqc/Quality/Quality.h). The report goes to `out`. Returns the limits that
/// were not met, as one line; "" if all were.
llvm::Expected<std::string> evaluate(const EvalOptions &options,
                                     llvm::raw_ostream &out);

/// Says what a checkpoint, a .mlir file or an executable is.
llvm::Error inspect(const InspectOptions &options, llvm::raw_ostream &out);

} // namespace lqc

#endif // LQC_DRIVER_DRIVER_H
