"""Writes the skeleton of an op: its record with documentation, and its lit test,
which passes as it is. Then it is yours to change.

    ./dev new-op NAME [--family FAMILY]      ./dev new-op soft_cap
"""

import argparse
import pathlib
import re

from skeleton import ROOT, Change, read, stop

DIALECT = pathlib.PurePath("dialects", "LQC")

RECORD = """
def LQC_{camel}Op : LQC_TensorOp<"{name}", [
    AllTypesMatch<["input", "result"]>]> {{
  let summary = "elementwise function of activations";
  let description = [{{
    The formula, with its source: `result[t, i] = f(input[t, i])`.

    ```mlir
    %y = lqc.{name} %x : tensor<?x256xf32>
    ```
  }}];
  let arguments = (ins LQC_Activations:$input);
  let results = (outs LQC_Activations:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}}
"""

TEST = """\
// RUN: lqc-opt %s | lqc-opt | FileCheck %s

// CHECK-LABEL: func.func @{name}
// CHECK-SAME: (%[[X:.*]]: tensor<?x256xf32>)
func.func @{name}(%x: tensor<?x256xf32>) -> tensor<?x256xf32> {{
  // CHECK: %[[Y:.*]] = lqc.{name} %[[X]] : tensor<?x256xf32>
  // CHECK: return %[[Y]]
  %y = lqc.{name} %x : tensor<?x256xf32>
  return %y : tensor<?x256xf32>
}}
"""


def families():
    files = (ROOT / DIALECT).glob("*Ops.td")
    return sorted(file.stem for file in files if file.stem != "LQCOps")


def main():
    parser = argparse.ArgumentParser(
        prog="./dev new-op", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="lower case with underscores, without lqc.")
    parser.add_argument("--family", default="ModelOps", help=", ".join(families()))
    args = parser.parse_args()
    if args.family not in families():
        stop(f"no family is called {args.family}; there are {', '.join(families())}")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", args.name):
        stop(f"an op is named like soft_cap, got: {args.name}")
    camel = "".join(word.capitalize() for word in args.name.split("_"))
    for family in families():
        if f'"{args.name}"' in read(DIALECT / f"{family}.td"):
            stop(f"{DIALECT}/{family}.td has an op lqc.{args.name} already")
    names = dict(name=args.name, camel=camel)
    change = Change()
    change.add_record(DIALECT / f"{args.family}.td", RECORD.format(**names))
    test = pathlib.PurePath("test", "dialect", f"{args.name}.mlir")
    change.create(test, TEST.format(**names))
    change.write()
    print(
        f"next: ./dev test dialect/{args.name}; then write it, and give it a reference "
        "meaning in lib/Interpreter and a lowering in passes/Lower/CPU"
    )


if __name__ == "__main__":
    main()
