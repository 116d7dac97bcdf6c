"""Compares a graph's executable with the interpreter, for some schemes.

    check_schemes.py LQC GRAPH.mlir FOLDER FLAGS …

Each of FLAGS is the flags of one compilation, separated by blanks. Every one must agree
with the interpreter, and differ from the float graph.
"""

import math
import pathlib
import random
import struct
import subprocess
import sys

from compare_rows import read

ROWS, COLUMNS = 70, 256  # more than a panel of rows
TOLERANCE = 2e-5


def write(path):
    random.seed(3)
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({ROWS}, {COLUMNS}), }}\n".encode()
    numbers = [random.gauss(0, 1) for _ in range(ROWS * COLUMNS)]
    data = struct.pack("<H", len(head)) + head + struct.pack(f"<{len(numbers)}f", *numbers)
    path.write_bytes(b"\x93NUMPY\x01\x00" + data)


def distance(a, b):
    """The largest difference, over the largest number."""
    largest = max(abs(x) for row in b for x in row)
    return max(abs(x - y) for r, s in zip(a, b) for x, y in zip(r, s)) / largest


def main():
    lqc, graph, folder, flags = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), sys.argv[4:]
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "x.npy")

    def run(*command):
        subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)

    def outputs(name, *command):
        run(*command, "--input", f"x={folder / 'x.npy'}", "--output-dir", folder / name)
        return [read(folder / name / f"{output}.npy") for output in "yz"]

    float_rows = outputs("float", lqc, "interpret", graph, "--compile-from=import")
    for text in flags:
        words = text.replace("CALIBRATION", str(folder / "x.npy")).split()
        module = folder / "q.mlir"
        run(lqc, "compile", graph, "--compile-from=import", "--compile-to=quantize", *words,
            "-o", module)  # fmt: skip
        run(lqc, "compile", module, "--compile-from=quantize", "-o", folder / "exe")
        expected = outputs("interpreted", lqc, "interpret", module)
        for got, want, exact in zip(outputs("executed", folder / "exe"), expected, float_rows):
            if not distance(got, want) <= TOLERANCE:
                sys.exit(f"{text}: differs by {distance(got, want)}")
            if not 1e-4 < distance(want, exact) < 1 or math.isnan(distance(want, exact)):
                sys.exit(f"{text}: {distance(want, exact)} from the float graph")
    print(f"{len(flags)} compilations agree")


main()
