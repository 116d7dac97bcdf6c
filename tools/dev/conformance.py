"""Compiles ONNX's tests with lqc, runs the executables and compares with the known
results (`--check`): how much of ONNX works, and why the rest does not.

A test is a folder with model.onnx and test_data_set_*. The results are written as
JSON; the table on standard output counts them by operator. The exit code is 0 if at
least --least percent of the tests that count pass: those without string, sequence,
optional or training types.
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

DATA = pathlib.Path("/usr/share/libonnx-testdata/data")
FOLDERS = ["node", "pytorch-converted", "pytorch-operator", "simple"]
# What LQC says of a model that holds what it does not take at all.
OUT_OF_SCOPE = re.compile(r"string|sequence|optional|training|map\(", re.IGNORECASE)
SIGNALS = "the executable died of signal"


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
        code, line, seconds = run([lqc, "compile", model, "-o", program], timeout)
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


def operator_of(name):
    """test_reduce_sum_keepdims_example -> reduce_sum, as far as names tell."""
    words = name.split("/")[1].removeprefix("test_").split("_")
    return words[0] if len(words) < 2 or words[0] not in ("reduce", "cast") else "_".join(words[:2])


def find_tests(data, name_filter):
    tests = [path.parent for name in FOLDERS for path in sorted((data / name).glob("*/model.onnx"))]
    return [test for test in tests if re.search(name_filter, f"{test.parent.name}/{test.name}")]


def report(results):
    by_operator = collections.defaultdict(collections.Counter)
    for result in results:
        by_operator[operator_of(result["test"])][result["status"]] += 1
    for operator, statuses in sorted(by_operator.items()):
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
    parser.add_argument("filter", nargs="?", default="", help="a regular expression")
    args = parser.parse_args()
    tests = find_tests(args.data, args.filter)
    if not tests:
        print(f"no test in {args.data} (is libonnx-testdata installed?)", file=sys.stderr)
        return 1
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        results = list(pool.map(lambda t: run_test(args.lqc, t, args.timeout), tests))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0 if report(results) >= args.least else 1


if __name__ == "__main__":
    sys.exit(main())
