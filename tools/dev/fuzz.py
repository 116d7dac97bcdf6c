"""Runs libFuzzer programs (test/fuzz) one after the other: each begins with seeds
made from the repository's files and what earlier runs found worth keeping in
build/fuzz/corpus/TARGET. An input that makes a target fail is kept in
build/fuzz/failures; the exit code is then 1.

    fuzz.py --build BUILD [TARGET] [SECONDS]    all targets, 60 seconds each
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

PREFIX = "fuzz-"
# One input may take this long (seconds) and this much memory (MB).
LIMITS = ["-timeout=20", "-rss_limit_mb=1024", "-malloc_limit_mb=512"]


def targets_of(build):
    folder = build / "test" / "fuzz"
    return sorted(
        path.name.removeprefix(PREFIX)
        for path in folder.glob(PREFIX + "*")
        if os.access(path, os.X_OK)
    )


def fuzz(build, target, seconds):
    """Prints one line; returns whether the target survived."""
    program = build / "test" / "fuzz" / (PREFIX + target)
    corpus, failures = build / "corpus" / target, build / "failures"
    for folder in (corpus, failures):
        folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "LQC_FUZZ_SEEDS": str(corpus)}
    subprocess.run([program], env=environment, check=True)
    command = [program, f"-max_total_time={seconds}", "-print_final_stats=1"]
    command += [*LIMITS, f"-artifact_prefix={failures}/{target}-", corpus]
    result = subprocess.run(
        ["nice", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if result.returncode:
        print(result.stderr[-8000:])
        print(f"{target}: FAILED; {program} FILE runs it on one input again")
        return False
    units = re.search(r"number_of_executed_units: *(\d+)", result.stderr)
    print(f"{target}: {units[1] if units else '?'} inputs in {seconds} s, no failure", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("target", nargs="?", default="all")
    parser.add_argument("seconds", nargs="?", type=int, default=60)
    args = parser.parse_args()
    known = targets_of(args.build)
    if args.target not in ["all", *known]:
        sys.exit(f"fuzz: no target is called {args.target}: {', '.join(known)}, all")
    chosen = known if args.target == "all" else [args.target]
    return 0 if all([fuzz(args.build, name, args.seconds) for name in chosen]) else 1


if __name__ == "__main__":
    sys.exit(main())
