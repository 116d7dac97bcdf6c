//===- lqc.cpp - the command line of the compiler -------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lqc/Driver/Driver.h"
#include "lqc/Support/Error.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

namespace cl = llvm::cl;
using llvm::StringRef;

static constexpr const char *kOverview =
    R"(lqc turns a language model into one executable with its weights inside

usage: lqc COMMAND [OPTIONS]

  compile    make an executable, or the IR after a phase, from a model
  inspect    say what a checkpoint, a .mlir file or an executable is
  interpret  run a model in the reference interpreter

A model is a Hugging Face directory (config.json, safetensors) or a .mlir file.

examples:
  lqc compile ./Llama-3.2-1B --quantize=int4-g64 -o llama
  ./llama "Once upon a time"
  lqc inspect ./Llama-3.2-1B            what would it take at each scheme?
  lqc compile --help                    all options of a command
)";

static constexpr const char *kCompileExamples = R"(
A scheme is intB-gG or uintB-gG: B bits (2 to 8) a weight, G weights of a row
(a multiple of 32, 0: all) share a scale; uintB has a zero point as well.

Phases: import, simplify, quantize, schedule, lower, link.

examples:
  lqc compile ./model                               weights as stored
  lqc compile ./model --quantize=int4-g64 -o tiny
  lqc compile ./model --quantize=int4-g64 --quantize-override='*.down_proj.*=int8-g64' --head=int8-g64
  lqc compile ./model --quantize=int3-g64 --clip=least-squares --activations=f32
  lqc compile ./model --quantize=int4-g64 --compile-to=quantize -o model.mlir
  lqc compile model.mlir --compile-from=quantize -o tiny
)";

static constexpr const char *kInspectExamples = R"(
examples:
  lqc inspect ./model                memory at each scheme, bits per weight
  lqc inspect ./model/model.safetensors
  lqc inspect ./tiny --json
)";

static constexpr const char *kInterpretExamples = R"(
examples:
  lqc interpret ./model --tokens 1,2,3                 largest logits at each position
  lqc interpret ./model --tokens 1,2,3 --greedy 16
  lqc interpret ./model --tokens 1,2,3 --quantize=int4-g64 --logits logits.f32
  lqc interpret model.mlir --tokens 1,2,3
)";

static cl::OptionCategory category("Options");
static cl::SubCommand
    compileCommand("compile",
                   "make an executable, or the IR after a phase, from a model");
static cl::SubCommand
    inspectCommand("inspect",
                   "say what a checkpoint, a .mlir file or an executable is");
static cl::SubCommand
    interpretCommand("interpret", "run a model in the reference interpreter");

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

/// The flags of all commands. `both`: of compile and interpret.
struct Flags {
  cl::sub compile{compileCommand}, inspect{inspectCommand},
      interpret{interpretCommand};

  cl::list<std::string> paths{cl::Positional,    cl::desc("MODEL"),
                              cl::cat(category), compile,
                              inspect,           interpret};
  Text quantize{"quantize", "SCHEME",
                "scheme of the layers' linears, as int4-g64 (default: as "
                "stored)",
                compile, interpret};
  cl::list<std::string> overrides{
      "quantize-override",
      cl::value_desc("GLOB=SCHEME"),
      cl::desc("scheme, or float, of weights whose name matches; may be given "
               "several times, the last match counts"),
      cl::cat(category),
      compile,
      interpret};
  Text embedding{"embedding", "SCHEME",
                 "scheme of the embedding (default: as stored)", compile,
                 interpret};
  Text head{"head", "SCHEME", "scheme of the head (default: as stored)",
            compile, interpret};
  Text clip{"clip", "HOW",
            "none (default), or least-squares: the range of a group with the "
            "least squared error",
            compile, interpret};
  Text activations{"activations", "TYPE",
                   "inputs of linears with integer weights: int8 (default), "
                   "rounded token by token, or f32",
                   compile, interpret};
  Text context{"context", "N",
               "positions of the cache (default: the model's, at most 4096)",
               compile, interpret};
  Text compileFrom{"compile-from", "PHASE",
                   "the phase that a .mlir file is after", compile, interpret};
  Text compileTo{"compile-to", "PHASE",
                 "the last phase to run (default: link for compile, quantize "
                 "for interpret)",
                 compile, interpret};
  Text threads{"threads", "N",
               "threads of the compiler (default: one for each processor)",
               compile, interpret};
  Switch strict{"strict",
                "a weight that cannot take its scheme is an error, not a "
                "warning",
                compile, interpret};
  Switch remarks{"remarks", "print every decision", compile, interpret};

  Text output{"o", "FILE",
              "the output (default: the model's name; - prints the IR of a "
              "phase)",
              compile};
  Text cpu{"cpu", "NAME",
           "the CPU to compile for: native (default) or a name of LLVM's",
           compile};
  Text tokenizer{"tokenizer", "none",
                 "leave out the tokenizer: the executable takes token ids",
                 compile};
  Switch stats{"stats", "print the time of each phase and the peak memory",
               compile};

  Switch json{"json", "print JSON", inspect};

  Text tokens{"tokens", "IDS", "the tokens of one sequence, as 1,2,3",
              interpret};
  Text greedy{"greedy", "N", "generate N tokens and print them", interpret};
  Text logits{"logits", "FILE",
              "write the logits of all positions as f32 rows (-: to stdout)",
              interpret};

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
  options.activations = activations;
  options.threads = threads;
  options.strict = strict;
  options.remarks = remarks;
}

static llvm::Error runCommand(const Flags &flags) {
  if (inspectCommand)
    return lqc::inspect({flags.paths.front(), flags.json}, llvm::outs());
  if (interpretCommand) {
    lqc::InterpretOptions options;
    flags.readModelOptions(options);
    options.tokens = flags.tokens;
    options.greedy = flags.greedy;
    options.logits = flags.logits;
    return lqc::interpret(options, llvm::outs());
  }
  lqc::CompileOptions options;
  flags.readModelOptions(options);
  options.output = flags.output;
  options.cpu = flags.cpu;
  options.tokenizer = flags.tokenizer;
  options.stats = flags.stats;
  return lqc::compile(options, llvm::outs());
}

/// Prints "lqc: error: message"; a second line of the message is a hint.
static int fail(StringRef message) {
  llvm::outs().flush();
  llvm::errs() << "lqc: error: " << message << "\n";
  return 1;
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
                                  : nullptr;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  StringRef command = argc > 1 ? argv[1] : "--help";
  if (command == "--help" || command == "-h" || command == "help") {
    llvm::outs() << kOverview;
    return 0;
  }
  const char *examples = examplesOf(command);
  if (!examples)
    return fail("lqc has no command " + lqc::quote(command) +
                "\ntry: lqc --help");
  Flags flags;
  cl::extrahelp moreHelp(examples);
  for (cl::SubCommand *sub :
       {&compileCommand, &inspectCommand, &interpretCommand})
    cl::HideUnrelatedOptions(category, *sub);
  std::string text;
  llvm::raw_string_ostream errors(text);
  if (!cl::ParseCommandLineOptions(argc, argv, "", &errors))
    return fail(cleanParserMessage(text, command));
  if (flags.paths.size() != 1)
    return fail(("lqc " + command +
                 " takes one model, got: " + llvm::Twine(flags.paths.size()) +
                 "\ntry: lqc " + command + " --help")
                    .str());
  if (llvm::Error error = runCommand(flags))
    return fail(llvm::toString(std::move(error)));
  return 0;
}
