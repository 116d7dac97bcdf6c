//===- lqc.cpp - the command line of the compiler -------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Driver/Driver.h"
#include "lqc/Support/Error.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

#include <csignal>
#include <cstdlib>
#include <iterator>

namespace cl = llvm::cl;
using llvm::StringRef;

static constexpr const char *kOverview =
    R"(lqc turns a model into one executable with its weights inside

usage: lqc COMMAND [OPTIONS]

  compile    make an executable, or the IR after a phase, from a model
  inspect    say what a checkpoint, an .onnx or .mlir file or an executable is
  interpret  run a model in the reference interpreter
  calibrate  measure a model's activations on text or tensors, for calibrated methods
  eval       measure quality on a text: perplexity, and nearness to a reference

A model is a Hugging Face directory (config.json, safetensors), an .onnx file or a
.mlir file. A directory without safetensors stands for its model.onnx.

examples:
  lqc compile ./Llama-3.2-1B --quantize=int4-g64 -o llama
  lqc compile ./Llama-3.2-1B --quantize=int4-g64 --method=gptq --calibrate=text.txt -o llama
  ./llama "Once upon a time"
  lqc compile mnist.onnx -o mnist && ./mnist --random --output-dir out
  lqc inspect ./Llama-3.2-1B            what would it take at each scheme?
  lqc eval ./llama --reference ./Llama-3.2-1B --text valid.txt
  lqc compile --help                    all options of a command
  lqc --version
)";

static constexpr const char *kCompileExamples = R"(
Schemes, where G weights of a row (16, a multiple of 32, 0: all) share a scale:
  intB-gG, uintB-gG   B bits (2 to 8), fp16 scales; uintB: and zero points
  nf4-gG, fp4-gG      4-bit codebooks, f32 scales; nf4-gG-dq, fp4-gG-dq: 8-bit
                      scales (double quantization)
  fp8-e4m3-gG, fp8-e5m2-gG   8-bit floats, f32 scales
  mxfp4, nvfp4        4-bit floats in groups of 32 and 16, 8-bit scales
  q2_k … q6_k         super-blocks of 256 with two levels of scales
nf4, fp4 and fp8 are multiplied as floats, the others with int8 activations.

Phases: import, simplify, quantize, schedule, lower, link.

examples:
  lqc compile ./model                               weights as stored; writes model, or
                                                    model.out if a folder has that name
  lqc compile ./model --quantize=int4-g64 -o tiny
  lqc compile ./model --quantize=int4-g64 --quantize-override='*.down_proj.*=int8-g64' --head=int8-g64
  lqc compile ./model --quantize=int3-g64 --clip=least-squares --activations=f32
  lqc compile ./model --cpu=haswell -o portable     runs on every CPU with AVX2
  lqc compile ./all-MiniLM-L6-v2 -o minilm          onnx/model.onnx and its tokenizer: text
                                                    in, embeddings out
  lqc compile ./model --tokenizer=qwen2             vocab.json and merges.txt without configuration
  lqc compile ./model --quantize=int3-g64 --method=gptq --calibrate=train.txt -o tiny
  lqc compile ./model --quantize=int3-g64 --method=protect=1%,gptq --calibrate=train.txt -o tiny
  lqc compile classifier.onnx --quantize=int8-g64 --method=gptq --calibrate=images.npy
  lqc compile ./model --bits-per-weight=3.5 --method=gptq --calibrate=train.txt -o tiny
  lqc compile ./model --max-kl=0.02 --schemes=int3-g64,int4-g64,int8-g64 --calibrate=train.txt -o tiny
  lqc compile ./model --quantize=int4-g64 --compile-to=quantize -o model.mlir
  lqc compile model.mlir --compile-from=quantize -o tiny
  lqc compile ./model --quantize=int4-g64 --evaluate=valid.txt -o tiny
  lqc compile ./model --emit=shared -o libtiny.so   and libtiny.h, for C programs
  lqc compile ./model --emit=asm -o - | less        what the kernels look like
)";

static constexpr const char *kInspectExamples = R"(
examples:
  lqc inspect ./model                memory at each scheme, bits per weight
  lqc inspect ./model/model.safetensors
  lqc inspect ./tiny --json
  lqc inspect stats.safetensors      what lqc calibrate has seen: outliers, unseen channels
  lqc inspect model.onnx             inputs, outputs, operators, numbers
  lqc inspect --onnx-operators       which operators of ONNX, of which operator sets
)";

static constexpr const char *kInterpretExamples = R"(
examples:
  lqc interpret ./model --tokens 1,2,3                 largest logits at each position
  lqc interpret ./model --tokens 1,2,3 --greedy 16
  lqc interpret ./model --tokens 1,2,3 --quantize=int4-g64 --logits logits.f32
  lqc interpret model.mlir --tokens 1,2,3
  lqc interpret graph.onnx --input x=x.npy --output-dir out
  lqc interpret graph.onnx --check test_data_set_0     is it right?
)";

static constexpr const char *kCalibrateExamples = R"(
Statistics are of the model as it is stored. lqc compile --calibrate measures by
itself, layer by layer, what the quantized model really does, which is better; a
file is for passes in lqc-opt and for trying many methods on one measurement.

A run that was stopped leaves what it has in OUTPUT.parts; the same command goes on
from there.

An encoder of text is measured on lines of FILE, any other graph on tensors. FILE is
then a .npy or .pb file whose first dimension counts samples; or a folder with one
for each input, called like it (NAME.npy); or a folder of ONNX's test data
(test_data_set_*/input_0.pb ...), each set one sample. --calibrate takes the same.

examples:
  lqc calibrate ./model --text train.txt -o stats.safetensors
  lqc calibrate ./model --text train.txt --keep-hessians='*' -o stats.safetensors
  lqc calibrate image-classifier.onnx --text images.npy -o stats.safetensors
  lqc-opt model.mlir --lqc-assign-schemes=scheme=int4-g64 --lqc-gptq='statistics=stats.safetensors sidecar=out.lqcw' -o out.mlir
)";

static constexpr const char *kEvalExamples = R"(
The model and its reference are each a Hugging Face directory, a .mlir file or an
executable made by lqc; what is none is compiled to a temporary one. KL divergence
is that of the reference's distribution to the model's, in nats a token. Intervals
are 95 % confidence intervals with windows as independent blocks. A FILE ending in
.u16 or .u32 holds token ids, 16-bit or 32-bit little-endian.

Exit code: 0; 1 after an error; 2 if a limit is not met.

examples:
  lqc eval ./llama --text valid.txt                  perplexity alone
  lqc eval ./llama --reference ./checkpoint --text valid.txt
  lqc eval ./checkpoint --quantize=int4-g64 --reference ./checkpoint --text valid.txt --json
  lqc eval ./llama --reference ./checkpoint --text valid.txt --max-kl=0.02 --min-top1=0.9
  lqc eval ./llama --reference model.mlir --reference-from=quantize --interpret --text ids.u16
)";

static cl::OptionCategory category("Options");
static cl::SubCommand
    compileCommand("compile",
                   "make an executable, or the IR after a phase, from a model");
static cl::SubCommand inspectCommand(
    "inspect",
    "say what a checkpoint, an .onnx or .mlir file or an executable is");
static cl::SubCommand
    interpretCommand("interpret", "run a model in the reference interpreter");
static cl::SubCommand
    evalCommand("eval", "measure quality on a text: perplexity, and nearness "
                        "to a reference");

static cl::SubCommand
    calibrateCommand("calibrate",
                     "measure a model's activations on text or tensors, for "
                     "calibrated methods");

/// The exit status when all went well but a limit of eval is not met.
static constexpr int kLimitStatus = 2;

namespace {
/// A flag with a text. Numbers and choices are checked by the driver.
struct Text : public cl::opt<std::string> {
  template <typename... Ts>
  Text(StringRef name, const char *value, const char *description, Ts &&...more)
      : cl::opt<std::string>(name, cl::value_desc(value), cl::desc(description),
                             cl::cat(category), std::forward<Ts>(more)...) {}
};

struct Switch : public cl::opt<bool> {
  template <typename... Ts>
  Switch(StringRef name, const char *description, Ts &&...more)
      : cl::opt<bool>(name, cl::desc(description), cl::cat(category),
                      std::forward<Ts>(more)...) {}
};

/// The flags of all commands.
struct Flags {
  cl::sub compile{compileCommand}, inspect{inspectCommand},
      interpret{interpretCommand}, eval{evalCommand},
      calibrate{calibrateCommand};

  cl::list<std::string> paths{
      cl::Positional, cl::desc("MODEL"), cl::cat(category),
      compile,        inspect,           interpret,
      eval,           calibrate};
  Text quantize{"quantize",
                "SCHEME",
                "scheme of the layers' linears, as int4-g64 (default: as "
                "stored)",
                compile,
                interpret,
                eval};
  cl::list<std::string> overrides{
      "quantize-override",
      cl::value_desc("GLOB=SCHEME"),
      cl::desc("scheme, or float, of weights whose name matches; may be given "
               "several times, the last match counts"),
      cl::cat(category),
      compile,
      interpret,
      eval};
  Text embedding{
      "embedding", "SCHEME",  "scheme of the embedding (default: as stored)",
      compile,     interpret, eval};
  Text head{"head",  "SCHEME",  "scheme of the head (default: as stored)",
            compile, interpret, eval};
  Text clip{"clip",
            "HOW",
            "none (default), or least-squares: the range of a group with the "
            "least squared error",
            compile,
            interpret,
            eval};
  Text activations{"activations",
                   "TYPE",
                   "inputs of linears with integer weights: int8 (default), "
                   "rounded token by token; static-int8, with scales that "
                   "--calibrate finds; or f32",
                   compile,
                   interpret,
                   eval};
  Text bitsPerWeight{"bits-per-weight", "B",
                     "a budget: bits a weight of the layers' linears, scales "
                     "counted; chooses the scheme of each weight that loses "
                     "least (needs --calibrate)",
                     compile};
  Text klBudget{"max-kl", "X",
                "a budget: KL divergence to the model as stored, nats a token, "
                "on text held out of --calibrate; chooses the smallest schemes "
                "that meet it",
                compile};
  Text schemes{"schemes", "SCHEME,…",
               "what a budget chooses from (default: those of 2 to 8 bits like "
               "--quantize, or int2-g64 to int8-g64)",
               compile};
  Text method{"method",
              "NAME,…",
              "calibrated methods, which run in this order: smoothquant, awq, "
              "protect=P% (keeps the P % most salient input channels in 16 "
              "bits), gptq (default: none, round to nearest)",
              compile,
              interpret,
              eval};
  Text calibration{"calibrate",
                   "FILE",
                   "what to calibrate on: text like what the model is used "
                   "for, 30,000 tokens or more (.u16, .u32: token ids); of a "
                   "graph without text, a .npy file of samples or a folder of "
                   "them (see lqc calibrate --help)",
                   compile,
                   interpret,
                   eval};
  Text statistics{"statistics",
                  "FILE",
                  "statistics of lqc calibrate --keep-hessians, instead of a "
                  "text",
                  compile,
                  interpret,
                  eval};
  Text samples{"samples",
               "N",
               "windows drawn from the calibration text, or lines or samples "
               "(default: 128)",
               compile,
               interpret,
               eval,
               calibrate};
  Text length{"length",
              "N",
              "tokens of each window, of a line at most (default: 256)",
              compile,
              interpret,
              eval,
              calibrate};
  Text seed{
      "seed",   "N",       "which windows or samples are drawn (default: 0)",
      compile,  interpret, eval,
      calibrate};
  Text keepHessians{"keep-hessians", "GLOB",
                    "keep the second moments of the inputs of weights whose "
                    "name matches, for methods that need them ('*': all)",
                    calibrate};
  Text context{"context",
               "N",
               "positions of the cache (default: the model's, at most 4096)",
               compile,
               interpret,
               eval,
               calibrate};
  Text compileFrom{
      "compile-from", "PHASE",   "the phase that a .mlir file is after",
      compile,        interpret, eval,
      calibrate};
  Text compileTo{"compile-to", "PHASE",
                 "the last phase to run (default: link for compile, quantize "
                 "for interpret)",
                 compile, interpret};
  Text threads{"threads",
               "N",
               "threads of the compiler (default: one for each processor)",
               compile,
               interpret,
               eval,
               calibrate};
  Switch strict{"strict",
                "a weight that cannot take its scheme is an error, not a "
                "warning",
                compile, interpret, eval};
  Switch remarks{"remarks", "print every decision", compile, interpret, eval};

  Text output{"o", "FILE",
              "the file to write (compile without it: the model's name; - "
              "prints the IR of a phase)",
              compile, calibrate};
  Text cpu{"cpu", "NAME",
           "the CPU to compile for: native (default) or a name of LLVM's",
           compile, eval};
  Text emit{"emit", "WHAT",
            "executable (default), shared: a library and its C header, object: "
            "an object file, its payload and the header, llvm or asm: the code "
            "as text",
            compile};
  Text tokenizer{"tokenizer", "HOW",
                 "none: leave it out, the executable takes token ids or "
                 "tensors; gpt2, "
                 "qwen2 (vocab.json) or bert (vocab.txt): the family of a "
                 "vocabulary whose configuration does not tell it",
                 compile};
  Switch stats{"stats", "print the time of each phase and the peak memory",
               compile};

  Text evaluate{"evaluate", "FILE",
                "measure the executable on a text against the model as stored "
                "(see lqc eval) and keep the figures for --info",
                compile};

  Switch json{"json", "print JSON", inspect, eval};
  Switch onnxOperators{"onnx-operators",
                       "list the operators of ONNX that are imported", inspect};

  Text reference{"reference", "MODEL",
                 "what to compare with: directory, .mlir file or executable",
                 eval};
  Text referenceFrom{"reference-from", "PHASE",
                     "the phase that a .mlir reference is after", eval};
  Text text{"text", "FILE",
            "the text; the (reference) model's tokenizer cuts it into tokens "
            "(calibrate: or a graph's tensors, see below)",
            eval, calibrate};
  Text window{"window", "N",
              "tokens of a window (default: 256, or the context if that is "
              "less)",
              eval};
  Text stride{"stride", "N", "tokens from window to window (default: a window)",
              eval};
  Text maxKl{"max-kl", "X", "exit with 2 if the mean KL divergence is above X",
             eval};
  Text maxPerplexity{"max-perplexity", "X",
                     "exit with 2 if the perplexity is above X", eval};
  Text minTop1{"min-top1", "X",
               "exit with 2 if the top-1 agreement is below X (0 to 1)", eval};
  Switch runInterpreter{"interpret",
                        "run directories and .mlir files in the reference "
                        "interpreter instead of compiling them",
                        eval};

  Text tokens{"tokens", "IDS", "the tokens of one sequence, as 1,2,3",
              interpret};
  Text greedy{"greedy", "N", "generate N tokens and print them", interpret};
  Text logits{"logits", "FILE",
              "write the logits of all positions as f32 rows (-: to stdout)",
              interpret};
  cl::list<std::string> inputs{
      "input", cl::value_desc("NAME=FILE"),
      cl::desc("a tensor for an input of a graph: a .npy file, or a .pb file "
               "with an ONNX TensorProto"),
      cl::cat(category), cl::sub(interpretCommand)};
  Text outputDirectory{"output-dir", "DIR",
                       "write each output of the graph to DIR/NAME.npy",
                       interpret};
  Text check{"check", "DIR",
             "compare the graph's outputs with known ones: a folder with "
             "input_*.pb and output_*.pb, or with folders test_data_set_*",
             interpret};
  Text relative{"rtol", "X",
                "what --check allows: atol + rtol * |expected| "
                "(default: 0.001)",
                interpret};
  Text absolute{"atol", "X", "see --rtol (default: 1e-07)", interpret};

  void readModelOptions(lqc::ModelOptions &options) const;
};
} // namespace

void Flags::readModelOptions(lqc::ModelOptions &options) const {
  options.model = paths.front();
  options.compileFrom = compileFrom;
  options.compileTo = compileTo;
  options.context = context;
  options.quantize = quantize;
  options.embedding = embedding;
  options.head = head;
  options.overrides.assign(overrides.begin(), overrides.end());
  options.clip = clip;
  options.budget = {bitsPerWeight, klBudget, schemes};
  options.method = method;
  options.calibrate = {calibration, samples, length, seed};
  options.statistics = statistics;
  options.activations = activations;
  options.threads = threads;
  options.strict = strict;
  options.remarks = remarks;
}

/// Prints "lqc: error: message"; a second line of the message is a hint.
static int fail(StringRef message, int status = 1) {
  llvm::outs().flush();
  llvm::errs() << "lqc: error: " << message << "\n";
  return status;
}

/// lqc eval: the exit status.
static int runEval(const Flags &flags) {
  lqc::EvalOptions options;
  flags.readModelOptions(options);
  options.cpu = flags.cpu;
  options.reference = flags.reference;
  options.referenceFrom = flags.referenceFrom;
  options.text = flags.text;
  options.window = flags.window;
  options.stride = flags.stride;
  options.maxKl = flags.maxKl;
  options.maxPerplexity = flags.maxPerplexity;
  options.minTop1 = flags.minTop1;
  options.interpret = flags.runInterpreter;
  options.json = flags.json;
  llvm::Expected<std::string> broken = lqc::evaluate(options, llvm::outs());
  if (!broken)
    return fail(llvm::toString(broken.takeError()));
  return broken->empty() ? 0 : fail(*broken, kLimitStatus);
}

static llvm::Error runCalibrate(const Flags &flags) {
  lqc::CalibrateOptions options;
  options.model = flags.paths.front();
  options.context = flags.context;
  options.compileFrom = flags.compileFrom;
  options.calibrate = {flags.text, flags.samples, flags.length, flags.seed};
  options.keepHessians = flags.keepHessians;
  options.output = flags.output;
  options.threads = flags.threads;
  return lqc::calibrate(options, llvm::outs());
}

static llvm::Error runCommand(const Flags &flags) {
  if (calibrateCommand)
    return runCalibrate(flags);
  if (inspectCommand)
    return lqc::inspect({flags.paths.empty() ? "" : flags.paths.front(),
                         flags.json, flags.onnxOperators},
                        llvm::outs());
  if (interpretCommand) {
    lqc::InterpretOptions options;
    flags.readModelOptions(options);
    options.tokens = flags.tokens;
    options.greedy = flags.greedy;
    options.logits = flags.logits;
    options.inputs.assign(flags.inputs.begin(), flags.inputs.end());
    options.outputDirectory = flags.outputDirectory;
    options.check = flags.check;
    options.relative = flags.relative;
    options.absolute = flags.absolute;
    return lqc::interpret(options, llvm::outs());
  }
  lqc::CompileOptions options;
  flags.readModelOptions(options);
  options.output = flags.output;
  options.cpu = flags.cpu;
  options.emit = flags.emit;
  options.tokenizer = flags.tokenizer;
  options.evaluate = flags.evaluate;
  options.stats = flags.stats;
  return lqc::compile(options, llvm::outs());
}

/// Runs at every exit, that of --help too: LLVM's own answer to a full disk
/// behind standard output is a fatal error.
static void finishOutput() {
  llvm::outs().flush();
  std::error_code failure = llvm::outs().error();
  llvm::outs().clear_error();
  if (!failure)
    return;
  if (failure != std::errc::broken_pipe) // else the reader has seen enough
    llvm::errs() << "lqc: error: cannot write to standard output: "
                 << failure.message() << "\n";
  std::_Exit(1);
}

/// What the parser says of a bad command line, as one line and a hint.
static std::string cleanParserMessage(StringRef text, StringRef command) {
  std::string help = ("lqc " + command + " --help").str();
  StringRef line = text.split('\n').first;
  line.consume_front("lqc: ");
  if (!line.consume_front("Unknown command line argument '"))
    return (line.rtrim("!") + "\ntry: " + help).str();
  StringRef given = line.split("'.  Try").first;
  // The parser guesses always; a guess helps if it is near.
  StringRef guess =
      text.split("Did you mean '").second.split('\'').first.split('=').first;
  bool isNear =
      !guess.empty() && guess.edit_distance(given.split('=').first) <= 2;
  return ("lqc " + command + " has no option '" + given +
          "'\ntry: " + (isNear ? guess : StringRef(help)))
      .str();
}

static const char *examplesOf(StringRef command) {
  return command == "compile"     ? kCompileExamples
         : command == "inspect"   ? kInspectExamples
         : command == "interpret" ? kInterpretExamples
         : command == "eval"      ? kEvalExamples
         : command == "calibrate" ? kCalibrateExamples
                                  : nullptr;
}

/// LLVM's handlers remove temporary files and pass the signal on. One that this
/// process was started to ignore (nohup, a job in the background) would then
/// not end it but take its files away.
static void installSignalHandlers(int &argc, char **&argv) {
  constexpr int kSignals[] = {SIGHUP, SIGINT, SIGTERM};
  struct sigaction before[std::size(kSignals)];
  for (auto [signal, action] : llvm::zip(kSignals, before))
    ::sigaction(signal, nullptr, &action);
  static llvm::InitLLVM init(argc, argv);
  for (auto [signal, action] : llvm::zip(kSignals, before))
    if (action.sa_handler == SIG_IGN)
      ::sigaction(signal, &action, nullptr);
  // A file that reaches the limit of its size is an error like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
}

int main(int argc, char **argv) {
  installSignalHandlers(argc, argv);
  llvm::outs(); // made before, so that it is still there at the exit
  std::atexit(finishOutput);
  StringRef command = argc > 1 ? argv[1] : "--help";
  if (command == "--help" || command == "-h" || command == "help") {
    llvm::outs() << kOverview;
    return 0;
  }
  if (command == "--version") {
    llvm::outs() << "lqc " LQC_VERSION "\n";
    return 0;
  }
  const char *examples = examplesOf(command);
  if (!examples)
    return fail("lqc has no command " + lqc::quote(command) +
                "\ntry: lqc --help");
  Flags flags;
  cl::extrahelp moreHelp(examples);
  for (cl::SubCommand *sub :
       {&compileCommand, &inspectCommand, &interpretCommand, &evalCommand,
        &calibrateCommand})
    cl::HideUnrelatedOptions(category, *sub);
  std::string text;
  llvm::raw_string_ostream errors(text);
  if (!cl::ParseCommandLineOptions(argc, argv, "", &errors)) {
    if (text.empty()) { // the parser told standard error itself: a value
      llvm::errs() << "try: lqc " << command << " --help\n";
      return 1;
    }
    return fail(cleanParserMessage(text, command));
  }
  if (flags.paths.size() != size_t(!flags.onnxOperators))
    return fail(
        ("lqc " + command +
         (flags.onnxOperators ? " --onnx-operators takes no model, got: "
                              : " takes one model, got: ") +
         llvm::Twine(flags.paths.size()) + "\ntry: lqc " + command + " --help")
            .str());
  if (evalCommand)
    return runEval(flags);
  if (llvm::Error error = runCommand(flags))
    return fail(llvm::toString(std::move(error)));
  return 0;
}
