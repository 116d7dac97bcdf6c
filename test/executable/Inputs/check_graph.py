"""Runs the executable of graph.mlir and compares with numbers worked out here.

    check_graph.py EXECUTABLE FOLDER
"""

import ast
import math
import pathlib
import struct
import subprocess
import sys

program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
FORMATS = {"<f4": "f", "<i8": "q", "|b1": "?"}


def write(name, descr, shape, values):
    head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    body = struct.pack(f"<{len(values)}{FORMATS[descr]}", *values)
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + body
    (folder / f"{name}.npy").write_bytes(data)
    return f"--input={name}={folder / (name + '.npy')}"


def read(name):
    data = (folder / "out" / f"{name}.npy").read_bytes()
    size = struct.unpack("<H", data[8:10])[0]
    head = ast.literal_eval(data[10 : 10 + size].decode())
    assert head["fortran_order"] is False
    body = data[10 + size :]
    return head["shape"], list(struct.unpack(f"<{len(body) // 4}f", body))


def run(*options):
    return subprocess.run([program, *map(str, options)], capture_output=True, text=True)


def require(condition, what):
    if not condition:
        sys.exit(f"failed: {what}")


def near(got, expected):
    shape, numbers = got
    count = math.prod(shape)
    return count == len(numbers) == len(expected) and all(
        abs(a - b) <= 1e-6 * max(1, abs(b)) for a, b in zip(numbers, expected)
    )


def softmax(row):
    exps = [math.exp(x - max(row)) for x in row]
    return [e / sum(exps) for e in exps]


def check(rows, times, flag, threads):
    x = [[math.sin(i * 4 + j) for j in range(4)] for i in range(rows)]
    z = [[math.cos(i * 4 + j) for j in range(4)] for i in range(rows)]
    flat = lambda matrix: [value for row in matrix for value in row]
    inputs = [
        write("x", "<f4", (rows, 4), flat(x)),
        write("z", "<f4", (rows, 4), flat(z)),
        write("times", "<i8", (), [times]),
        write("flag", "|b1", (), [flag]),
    ]
    result = run(*inputs, "--output-dir", folder / "out", "--threads", threads)
    require(result.returncode == 0, result.stderr)
    require(result.stdout == "", "output files alone")
    sums = [a + b + 10 * (j + 1) for r, s in zip(x, z) for j, (a, b) in enumerate(zip(r, s))]
    require(near(read("sum"), sums), "sum")
    require(near(read("soft_max"), flat(map(softmax, x))), "softmax")
    padded = [[0, *row, 0] for row in x] + [[0] * 6]
    require(read("padded")[0] == (rows + 1, 6), "shape of padded")
    require(near(read("padded"), flat(padded)), "padded")
    require(near(read("columns"), [sum(row[j] for row in x) for j in range(4)]), "columns")
    require(near(read("doubled"), [2**times * v for v in flat(z if flag else x)]), "doubled")
    return [(folder / "out" / f"{n}.npy").read_bytes() for n in ("sum", "soft_max", "columns")]


(folder / "out").mkdir(parents=True, exist_ok=True)
check(3, 0, True, 1)
check(0, 1, False, 2)
one, four = check(5000, 3, False, 1), check(5000, 3, False, 4)
require(one == four, "the same bits for any number of threads")

failed = run(write("times", "<i8", (), [9]), "--random", "--dim=rows=2")
require(failed.returncode == 1, "exit code of a failed assertion")
require(
    failed.stderr == f"{pathlib.Path(program).name}: node 'loop' (Loop): times must be at most 8\n",
    failed.stderr,
)
print("the graph is right")
