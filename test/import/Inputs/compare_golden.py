"""Compares the interpreter's logits with golden ones.

    compare_golden.py LQC MODEL [GOLDEN]    exit code 1 if a row differs by more
                                            than 1e-4 of its largest magnitude
"""

import array
import json
import pathlib
import subprocess
import sys

TOLERANCE = 1e-4


def floats(data):
    values = array.array("f")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def main():
    lqc, model = sys.argv[1:3]
    folder = pathlib.Path(sys.argv[-1])
    golden = json.loads((folder / "golden.json").read_text())
    tokens = ",".join(map(str, golden["tokens"]))
    command = [lqc, "interpret", model, "--tokens", tokens, "--logits", "-"]
    logits = floats(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    expected = floats((folder / golden["logits_file"]).read_bytes())
    size, worst = golden["vocab"], 0.0
    for index, row in enumerate(golden["rows"]):
        got = logits[row * size : (row + 1) * size]
        want = expected[index * size : (index + 1) * size]
        assert len(got) == len(want) == size
        difference = max(abs(a - b) for a, b in zip(got, want))
        worst = max(worst, difference / max(map(abs, want)))
    print(f"{folder.name}: largest relative difference {worst:.2e}")
    return 0 if worst <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
