"""Writes the skeleton of a pass: its record, its file, its place in CMake, and its
lit test, which passes as it is. Then it is yours to change.

    ./dev new-pass PHASE NAME       ./dev new-pass Simplify fuse-norms
"""

import argparse
import pathlib
import re

from skeleton import ROOT, Change, cpp_header, read, stop

RECORD = """
def {camel}Pass : Pass<"lqc-{name}", "::mlir::ModuleOp"> {{
  let summary = "Visits every linear of the module";
  let description = [{{
    What the pass does and why, in a paragraph; the IR before and after; when it
    fails. As written by `./dev new-pass`, it changes nothing.

    ```mlir
    %y = lqc.linear %x, %w : (tensor<?x32xf32>, tensor<64x32xf32>) -> tensor<?x64xf32>
    // stays as it is
    ```

    Never fails.
  }}];
}}
"""

SOURCE = """
#include "passes/{phase}/Passes.h"

#include "dialects/LQC/LQC.h"

namespace lqc {{
#define GEN_PASS_DEF_{upper}PASS
#include "passes/{phase}/Passes.h.inc"
}} // namespace lqc

using namespace mlir;
using namespace lqc;

/// Whether the pass has something to do at this linear.
static bool isCandidate(LinearOp) {{ return false; }}

namespace {{
struct {camel}Pass : public lqc::impl::{camel}PassBase<{camel}Pass> {{
  void runOnOperation() override {{
    bool changed = false;
    getOperation()->walk([&](LinearOp op) {{ changed |= isCandidate(op); }});
    if (!changed)
      markAllAnalysesPreserved();
  }}
}};
}} // namespace
"""

TEST = """\
// RUN: lqc-opt %s --lqc-{name} | FileCheck %s

// CHECK-LABEL: func.func @linear
// CHECK-SAME: (%[[X:.*]]: tensor<?x32xf32>, %[[W:.*]]: tensor<64x32xf32>)
func.func @linear(%x: tensor<?x32xf32>, %w: tensor<64x32xf32>) -> tensor<?x64xf32> {{
  // CHECK: %[[Y:.*]] = lqc.linear %[[X]], %[[W]]
  // CHECK: return %[[Y]]
  %y = lqc.linear %x, %w : (tensor<?x32xf32>, tensor<64x32xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}}
"""


def phases():
    folders = (ROOT / "passes").rglob("Passes.td")
    return sorted(str(file.parent.relative_to(ROOT / "passes")) for file in folders)


def add_source(text, file):
    """The CMake text with `file` among the library's sources, in order."""
    call = re.search(r"lqc_add_library\((\w+)\s+([^)]*?)(\s+LINK\b)", text)
    if not call:
        stop("the phase's CMakeLists.txt must call lqc_add_library(NAME files LINK …)")
    names = sorted([*call.group(2).split(), file], key=str.lower)
    lines, line = [], " "
    for name in names:
        if len(line) + 1 + len(name) > 80:
            lines.append(line)
            line = " "
        line += " " + name
    sources = "\n".join([*lines, line])
    return text[: call.start(2)].rstrip() + "\n" + sources + text[call.start(3) :]


def main():
    parser = argparse.ArgumentParser(
        prog="./dev new-pass", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("phase", help=", ".join(phases()))
    parser.add_argument("name", help="lower case with dashes, without lqc-")
    args = parser.parse_args()
    if args.phase not in phases():
        stop(f"no phase is called {args.phase}; there are {', '.join(phases())}")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", args.name):
        stop(f"a pass is named like fuse-norms, got: {args.name}")
    camel = "".join(word.capitalize() for word in args.name.split("-"))
    names = dict(
        name=args.name, phase=args.phase, camel=camel, upper=camel.upper()
    )
    folder = pathlib.PurePath("passes", args.phase)
    cmake = folder / "CMakeLists.txt"
    if f'"lqc-{args.name}"' in read(folder / "Passes.td"):
        stop(f"passes/{args.phase}/Passes.td has a pass lqc-{args.name} already")
    change = Change()
    change.add_record(folder / "Passes.td", RECORD.format(**names))
    header = cpp_header(f"{camel}.cpp", "visits every linear")
    change.create(folder / f"{camel}.cpp", header + SOURCE.format(**names))
    change.replace(cmake, read(cmake), add_source(read(cmake), f"{camel}.cpp"))
    test = pathlib.PurePath("test", "passes", args.phase, f"{args.name}.mlir")
    change.create(test, TEST.format(**names))
    change.write()
    print(f"next: ./dev test {args.name}; then write it, and add it to {folder}/Pipeline.cpp")


if __name__ == "__main__":
    main()
