"""Compiles ONNX's tests with lqc, and those of test/golden/contrib, runs the executables
and compares with the known results (`--check`): how much of ONNX works, and why the rest
does not.

A test is a folder with model.onnx and test_data_set_*. The table on standard output
counts results by operator; --docs writes docs/onnx-support.md from them. The exit code
is 0 if at least --least percent of the tests that count pass: those without string,
sequence, optional or training types. --sample runs the tests that ./dev test runs: one
that passes for each operator, as far as tools/dev/conformance.txt goes.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path("/usr/share/libonnx-testdata/data")
SAMPLE = ROOT / "tools" / "dev" / "conformance.txt"
PAGE = ROOT / "docs" / "onnx-support.md"
FOLDERS = ["node", "pytorch-converted", "pytorch-operator", "simple"]
# Tests of ONNX Runtime's own operators, which the project brings along.
GOLDEN = ROOT / "test" / "golden"
CONTRIB = "contrib"
# What LQC says of a model that holds what it does not take at all.
OUT_OF_SCOPE = re.compile(r"string|sequence|optional|training|map\(", re.IGNORECASE)
SIGNALS = "the executable died of signal"


# TensorProto.DataType
TYPES = {
    1: "float", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    8: "string", 9: "bool", 10: "float16", 11: "double", 12: "uint32", 13: "uint64",
    16: "bfloat16",
}  # fmt: skip


#
# Protobuf, as far as names and types need it
#


def varint(data, place):
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place


def fields(data):
    """(number, value) of a message; values are ints or bytes."""
    place = 0
    while place < len(data):
        key, place = varint(data, place)
        kind = key & 7
        if kind == 0:
            value, place = varint(data, place)
        else:
            size, place = varint(data, place) if kind == 2 else (8 if kind == 1 else 4, place)
            value, place = data[place : place + size], place + size
        yield key >> 3, value


def operators_of(model):
    """The operators that a model's graph consists of, without subgraphs: "Add" or
    "com.microsoft.FastGelu"."""
    graph = next(value for number, value in fields(model.read_bytes()) if number == 7)
    names = set()
    for node in (value for number, value in fields(graph) if number == 1):
        parts = {number: value for number, value in fields(node) if number in (4, 7)}
        domain = parts.get(7, b"").decode()
        prefix = f"{domain}." if domain not in ("", "ai.onnx") else ""
        names.add(prefix + parts[4].decode())
    return sorted(names - {"Constant"})


def types_of(test):
    """Element types of a test's inputs."""
    types = set()
    for path in test.glob("test_data_set_*/input_*.pb"):
        types |= {TYPES.get(v) for number, v in fields(path.read_bytes()) if number == 2}
    return sorted(types - {None})


#
# One test
#


def run(command, timeout):
    """Exit code (None: out of time), the last line of output, seconds."""
    start = time.monotonic()
    try:
        result = subprocess.run(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return None, "", timeout
    lines = result.stdout.decode(errors="replace").strip().splitlines()
    return result.returncode, lines[-1] if lines else "", time.monotonic() - start


def stage_of(lqc, model, folder, timeout):
    """`import` if the model does not even become IR, else `compile`."""
    output = pathlib.Path(folder, "import.mlir")
    code, _, _ = run([lqc, "compile", model, "--compile-to=import", "-o", output], timeout)
    return "compile" if code == 0 else "import"


def run_test(lqc, test, timeout):
    model = test / "model.onnx"
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder, "model")
        # Models that hold codes multiply them by floats, as ONNX says.
        command = [lqc, "compile", model, "--activations=f32", "-o", program]
        code, line, seconds = run(command, timeout)
        result = {"test": f"{test.parent.name}/{test.name}", "compile_seconds": seconds}
        if code is None:
            return {**result, "status": "timeout", "reason": "compiling"}
        if code < 0 or code > 1:
            return {**result, "status": "crash", "reason": f"compiling: code {code}: {line}"}
        if code:
            reason = line.replace(str(test), "").removeprefix("lqc: error: ").strip("/ ")
            return {**result, "status": stage_of(lqc, model, folder, timeout), "reason": reason}
        code, line, seconds = run([program, "--check", test], timeout)
        result["run_seconds"] = seconds
        if code == 0:
            return {**result, "status": "pass", "reason": ""}
        if code is None:
            return {**result, "status": "timeout", "reason": "running"}
        if code < 0:
            return {**result, "status": "crash", "reason": f"{SIGNALS} {-code}"}
        return {**result, "status": "wrong", "reason": line.replace(str(test), "")}


def counts(result):
    """False for tests of types that LQC leaves out."""
    return result["status"] == "pass" or not OUT_OF_SCOPE.search(
        result["test"] + " " + result["reason"]
    )


def folder_of(data, test):
    """The folder of a test that reports name."""
    return (GOLDEN if test.startswith(f"{CONTRIB}/") else data) / test


def find_tests(data, name_filter, sample):
    folders = [*(data / name for name in FOLDERS), GOLDEN / CONTRIB]
    tests = [path.parent for folder in folders for path in sorted(folder.glob("*/model.onnx"))]
    chosen = set(SAMPLE.read_text().split()) if sample else None
    return [
        test
        for test in tests
        if re.search(name_filter, f"{test.parent.name}/{test.name}")
        and (chosen is None or f"{test.parent.name}/{test.name}" in chosen)
    ]


#
# Reports
#


def by_operator(results, data):
    """{operator: results of the tests that are about it}: those that have no other."""
    found = collections.defaultdict(list)
    for result in results:
        operators = operators_of(folder_of(data, result["test"]) / "model.onnx")
        if len(operators) == 1 or result["test"].startswith("pytorch"):
            for operator in operators:
                found[operator].append(result)
    return found


def choose_sample(results, data, count=150):
    """Passing tests, one for each operator in turn, until there are enough."""
    queues = [
        [r["test"] for r in found if r["status"] == "pass"]
        for _, found in sorted(by_operator(results, data).items())
    ]
    chosen = []
    while len(chosen) < count and any(queues):
        for queue in filter(None, queues):
            test = queue.pop(0)
            if test not in chosen and len(chosen) < count:
                chosen.append(test)
    SAMPLE.write_text("\n".join(sorted(chosen)) + "\n")


def write_page(results, lqc, data):
    command = [lqc, "inspect", "--onnx-operators", "--json"]
    table = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    tests = by_operator(results, data)
    scope = [result for result in results if counts(result)]
    passed = sum(result["status"] == "pass" for result in results)
    lines = [
        "<!-- Generated by ./dev conformance --docs; do not edit. -->",
        "# ONNX support",
        "",
        "`lqc compile model.onnx` imports these operators, of the operator sets 7 to 23. The numbers name the sets in which a",
        "definition changed; all that are not newer than the model's are done. *Tests* are those of ONNX (Debian's",
        "`libonnx-testdata`) about the operator, and for ONNX Runtime's own (`com.microsoft`) those of `test/golden/contrib`,",
        "compiled and run; *types* are what their inputs have.",
        "",
        f"{passed} of the {len(scope)} tests without string, sequence, optional or training types pass.",
        "",
        "| operator | operator sets | tests | types | limits |",
        "|---|---|---|---|---|",
    ]
    for row in table["operators"]:
        name = row["name"] if not row["domain"] else f"{row['domain']}.{row['name']}"
        found = tests.get(name, [])
        passing = [result for result in found if result["status"] == "pass"]
        types = sorted({t for result in passing for t in types_of(folder_of(data, result["test"]))})
        ratio = f"{len(passing)} of {len(found)}" if found else ""
        versions = ", ".join(map(str, row["versions"]))
        lines.append(f"| {name} | {versions} | {ratio} | {', '.join(types)} | {row['limits']} |")
    lines += ["", "## Tests that do not pass", ""]
    lines += ["| test | stage | reason |", "|---|---|---|"]
    for result in results:
        if result["status"] != "pass":
            reason = result["reason"].replace("|", "\\|")
            lines.append(f"| {result['test']} | {result['status']} | {reason} |")
    PAGE.write_text("\n".join(lines) + "\n")


def report(results, data):
    for operator, found in sorted(by_operator(results, data).items()):
        statuses = collections.Counter(result["status"] for result in found)
        print(f"{operator:<32} " + ", ".join(f"{n} {s}" for s, n in sorted(statuses.items())))
    for result in results:
        if result["status"] != "pass":
            print(f"{result['status']:<8} {result['test']}: {result['reason']}")
    statuses = collections.Counter(result["status"] for result in results)
    scope = [result for result in results if counts(result)]
    passed = statuses["pass"]
    percent = 100 * passed / max(1, len(scope))
    print(", ".join(f"{n} {s}" for s, n in statuses.most_common()))
    print(f"{passed} of {len(scope)} tests that count pass ({percent:.1f} %)")
    return percent


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--lqc", type=pathlib.Path, required=True, help="the compiler")
    parser.add_argument("--data", type=pathlib.Path, default=DATA)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout", type=float, default=60, help="seconds for one step")
    parser.add_argument("--least", type=float, default=0, help="percent that must pass")
    parser.add_argument("--json", type=pathlib.Path, help="write the results here")
    parser.add_argument("--docs", action="store_true", help="write docs/onnx-support.md")
    parser.add_argument("--sample", action="store_true", help="only the tests of ./dev test")
    parser.add_argument("--choose-sample", action="store_true", help="write conformance.txt anew")
    parser.add_argument("filter", nargs="?", default="", help="a regular expression")
    args = parser.parse_args()
    tests = find_tests(args.data, args.filter, args.sample)
    if not tests:
        print(f"no test in {args.data} (is libonnx-testdata installed?)", file=sys.stderr)
        return 1
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        results = list(pool.map(lambda t: run_test(args.lqc, t, args.timeout), tests))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    if args.docs:
        write_page(results, args.lqc, args.data)
    if args.choose_sample:
        choose_sample(results, args.data)
    return 0 if report(results, args.data) >= args.least else 1


if __name__ == "__main__":
    sys.exit(main())
