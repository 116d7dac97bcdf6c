"""Compares embeddings with known ones.

    compare_rows.py ROWS KNOWN [TOLERANCE]    .npy files, or JSON arrays a line
"""

import ast
import json
import math
import pathlib
import struct
import sys


def read(path):
    data = pathlib.Path(path).read_bytes()
    if not data.startswith(b"\x93NUMPY"):
        return [json.loads(line) for line in data.decode().splitlines()]
    size = struct.unpack("<H", data[8:10])[0]
    head = ast.literal_eval(data[10 : 10 + size].decode())
    assert head["descr"] == "<f4" and not head["fortran_order"], head
    *counts, width = head["shape"]
    rows = math.prod(counts)
    numbers = struct.unpack(f"<{rows * width}f", data[10 + size :])
    return [numbers[r * width : (r + 1) * width] for r in range(rows)]


def main():
    rows, known = read(sys.argv[1]), read(sys.argv[2])
    tolerance = float(sys.argv[3]) if len(sys.argv) > 3 else 2e-6
    if [len(row) for row in rows] != [len(row) for row in known]:
        sys.exit(f"shapes differ: {len(rows)} rows, expected {len(known)}")
    worst = max(abs(a - b) for r, k in zip(rows, known) for a, b in zip(r, k))
    if not worst <= tolerance:
        sys.exit(f"the largest difference is {worst}")
    print(f"{len(rows)} rows agree")


if __name__ == "__main__":
    main()
