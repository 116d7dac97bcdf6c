"""Checks a report of --profile --json (standard input) against the executable.

    check_profile.py EXECUTABLE NM

Every kernel is a symbol of the executable, so that `perf` can name it; shares add
up; and what the linears of a decode step read is known from their shapes.
"""

import json
import re
import subprocess
import sys

executable, nm = sys.argv[1:]
report = json.load(sys.stdin)
symbols = {
    line.split()[-1]
    for line in subprocess.run(
        [nm, executable], check=True, capture_output=True, text=True
    ).stdout.splitlines()
}
for phase in ["prefill", "decode"]:
    part = report[phase]
    kernels = {kernel["name"]: kernel for kernel in part["kernels"]}
    assert kernels and kernels.keys() <= symbols, kernels.keys() - symbols
    assert 0 < sum(k["seconds"] for k in kernels.values()) <= part["seconds"]
    assert abs(sum(k["share"] for k in kernels.values()) - 1) < 0.5
    for kernel in kernels.values():
        assert kernel["fraction_of_limit"] > 0 and kernel["bytes"] > 0, kernel
        assert kernel["limit"] in ("memory", "multiply-add")

# A row of int4-g64 is half a byte a column and 2 bytes of scale for each 64; a token
# in int8 is a byte a column, and 8 bytes of scale and sum for each 64.
for name, kernel in kernels.items():
    match = re.fullmatch(
        r"linear_1x(\d+)_dynamic_int8_g64_(\d+)x(\d+)_int4_g64", name
    )
    if not match:
        continue
    columns, rows, again = map(int, match.groups())
    assert columns == again
    weights = rows * (columns // 2 + columns // 64 * 2)
    token = columns + columns // 64 * 8
    assert kernel["multiply_adds"] == kernel["calls"] * rows * columns
    got, want = kernel["bytes"] / kernel["calls"], weights + token + 4 * rows
    assert abs(got - want) <= 128, (name, got, want)  # parts begin at multiples of 64
    print("checked", name)
