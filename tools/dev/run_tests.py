"""Runs every test of one build and counts them: GoogleTest programs through
ctest, lit over test/, the developer tools' own unit tests, and the layout check.

The last line is `N passed, N failed, N skipped`; the exit code is 0 only if
something passed and nothing failed. With a filter (a regular expression), only
tests whose name matches are run.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIT = "/usr/lib/llvm-22/bin/lit"
LIT_PASSED = {"PASS", "FLAKYPASS", "XFAIL"}
LIT_SKIPPED = {"UNSUPPORTED", "SKIPPED"}
LIT_NOT_RUN = {"EXCLUDED"}


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Count(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
        )

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def heading(text):
    print(f"== {text}", flush=True)


def run(command, **options):
    return subprocess.run(
        [str(word) for word in command], stdin=subprocess.DEVNULL, cwd=ROOT, **options
    )


def ctest_programs(build):
    """The names of the build's ctest tests, each with its executable's name."""
    listing = run(
        ["ctest", "--test-dir", build, "--show-only=json-v1"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        test["name"]: pathlib.Path(test["command"][0]).name
        for test in json.loads(listing.stdout)["tests"]
        if "command" in test
    }


def count_gtest(report):
    """Cases of one GoogleTest JSON report."""
    count = Count()
    for suite in report.get("testsuites", []):
        for case in suite["testsuite"]:
            if case.get("failures"):
                count.failed += 1
            elif case["result"] == "SKIPPED":
                count.skipped += 1
            elif case["status"] == "RUN":
                count.passed += 1
    return count


def run_unit_tests(build, jobs, name_filter):
    programs = ctest_programs(build)
    wanted = {n: p for n, p in programs.items() if re.search(name_filter, f"unit/{n}")}
    if not wanted:
        return Count()
    heading(f"unit tests ({len(wanted)} programs)")
    count = Count()
    with tempfile.TemporaryDirectory() as reports:
        names = "^(" + "|".join(map(re.escape, wanted)) + ")$"
        result = run(
            ["ctest", "--test-dir", build, "-R", names, "-j", jobs]
            + ["--output-on-failure", "--timeout", "1500", "--progress"],
            env={**os.environ, "GTEST_OUTPUT": f"json:{reports}/"},
        )
        for program in wanted.values():
            report = pathlib.Path(reports, program + ".json")
            if report.is_file():
                count += count_gtest(json.loads(report.read_text()))
            else:  # It crashed, ran out of time, or never started.
                print(f"{program}: wrote no report")
                count.failed += 1
    if result.returncode and not count.failed:
        count.failed += 1
    return count


def run_lit(build, jobs, name_filter):
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "lit.json")
        command = [LIT, "-s" if sys.stdout.isatty() else "-q", "-v", "-j", jobs]
        command += ["--allow-empty-runs", "-o", report]
        if name_filter:
            command += ["--filter", name_filter]
        heading("lit tests")
        result = run(command + [ROOT / build / "test"])
        tests = json.loads(report.read_text())["tests"] if report.is_file() else []
    count = Count()
    for test in tests:
        code = test["code"]
        count.passed += code in LIT_PASSED
        count.skipped += code in LIT_SKIPPED
        count.failed += code not in LIT_PASSED | LIT_SKIPPED | LIT_NOT_RUN
        if code in LIT_SKIPPED:
            print(f"skipped {test['name']}: {skip_reason(test)}")
    if result.returncode and not count.failed:
        count.failed += 1
    return count


def skip_reason(test):
    lines = [line for line in test.get("output", "").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "unsupported here"


def run_tool_tests(name_filter):
    """Python unit tests of the scripts themselves: */test_*.py."""
    suite = unittest.TestSuite()
    for folder in [ROOT / "tools" / "dev", ROOT / "bench"]:
        for found in unittest.TestLoader().discover(str(folder), "test_*.py"):
            for case in flatten(found):
                if re.search(name_filter, "tools/" + case.id()):
                    suite.addTest(case)
    if not suite.countTestCases():
        return Count()
    heading(f"tests of the developer tools ({suite.countTestCases()})")
    total = suite.countTestCases()
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    return Count(total - failed - len(result.skipped), failed, len(result.skipped))


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def run_checks(build, name_filter):
    """Facts about the sources, and runs of other scripts: each is one test."""
    conformance = ["tools/dev/conformance.py", "--lqc", str(build / "bin" / "lqc")]
    checks = {
        "check/layout": [sys.executable, "tools/dev/check_layout.py"],
        "check/reference-docs": [sys.executable, "tools/dev/docs.py", "--check"],
        "check/onnx-conformance": [sys.executable, *conformance, "--sample", "--least", "100"],
        "check/onnx-contrib": [sys.executable, *conformance, "--least", "100", "^contrib/"],
    }
    count = Count()
    for name, command in checks.items():
        if not re.search(name_filter, name):
            continue
        heading(name)
        ok = run(command).returncode == 0
        count += Count(passed=ok, failed=not ok)
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("filter", nargs="?", default="")
    args = parser.parse_args()
    parts = {
        "unit tests": run_unit_tests(args.build, args.jobs, args.filter),
        "lit tests": run_lit(args.build, args.jobs, args.filter),
        "tool tests": run_tool_tests(args.filter),
        "checks": run_checks(args.build, args.filter),
    }
    heading("summary")
    for name, count in parts.items():
        print(f"{name:<10}  {count}")
    total = sum(parts.values(), Count())
    if total.passed + total.failed == 0:
        print(f"no test was run (filter: '{args.filter}')")
    print(total)
    return 0 if total.passed and not total.failed else 1


if __name__ == "__main__":
    sys.exit(main())
