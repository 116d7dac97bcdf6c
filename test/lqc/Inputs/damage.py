"""Compiles damaged copies of a model and checks how each ends.

    damage.py LQC MODEL FOLDER COUNT

A copy has bytes flipped in a file's text (JSON, the header of safetensors), a
number made huge or negative, a piece doubled or left out, or a file cut short. It
compiles (the damage was harmless) or ends in an error: exit code 1, at most three
lines, and no file where the output would be.
"""

import os
import pathlib
import random
import re
import shutil
import subprocess
import sys

TIMEOUT = 120  # seconds
NUMBERS = [b"-1", b"0", b"2147483648", b"18446744073709551615", b"1e999", b"99999999999999999999"]


def text_range(name, data):
    """Where the text of a file lies: all of it, or the header of safetensors with
    the eight bytes of its length."""
    if not name.endswith(".safetensors"):
        return len(data)
    return 8 + int.from_bytes(data[:8], "little")


def flip(data, end, rng):
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(end)
        data[at] ^= 1 << rng.randrange(8)
    return data


def change_number(data, end, rng):
    places = list(re.finditer(rb"\d+", bytes(data[8:end])))
    place = rng.choice(places)
    number = rng.choice(NUMBERS)
    begin, stop = 8 + place.start(), 8 + place.end()
    return data[:begin] + number + data[stop:]


def change_number_in_place(data, end, rng):
    """The same length, so that the header of safetensors stays whole."""
    places = list(re.finditer(rb"\d{3,}", bytes(data[8:end]))) or [None]
    place = rng.choice(places)
    if place is None:
        return flip(data, end, rng)
    for at in range(8 + place.start(), 8 + place.end()):
        data[at] = rng.choice(b"123456789")
    return data


def double_piece(data, end, rng):
    begin = rng.randrange(end)
    piece = data[begin : min(end, begin + rng.randint(1, 200))]
    return data[:begin] + piece + data[begin:]


def leave_out(data, end, rng):
    begin = rng.randrange(end)
    return data[:begin] + data[min(end, begin + rng.randint(1, 200)) :]


def cut(data, end, rng):
    return data[: rng.randrange(rng.choice([end, len(data)]))]


def wild_length(data, end, rng):
    """Eight bytes at the beginning: a safetensors file's length of its header."""
    size = rng.choice([0, 1, end, 1 << 31, 1 << 40, 1 << 63, (1 << 64) - 1])
    data[:8] = size.to_bytes(8, "little")
    return data


DAMAGES = [flip, flip, change_number, change_number_in_place, double_piece, leave_out, cut]


def damage(source, folder, rng):
    """Makes a damaged copy; says what was done."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    name = rng.choice(["config.json", "model.safetensors", "tokenizer.json"])
    data = bytearray((folder / name).read_bytes())
    ways = DAMAGES + ([wild_length] if name == "model.safetensors" else [])
    way = rng.choice(ways)
    (folder / name).write_bytes(way(data, text_range(name, data), rng))
    return f"{name}: {way.__name__}"


def problem_of(lqc, folder, output):
    """What is wrong with how the compilation of `folder` ends, or nothing."""
    result = subprocess.run(
        [lqc, "compile", folder, "-o", output], capture_output=True, text=True, timeout=TIMEOUT
    )
    lines = result.stderr.splitlines()
    if len(lines) > 3:
        return f"stderr must have at most three lines, got: {result.stderr}"
    left = [path.name for path in output.parent.iterdir()]
    if result.returncode == 0:
        return None if left == [output.name] else f"one output must be there, got: {left}"
    if result.returncode != 1:
        return f"exit code must be 0 or 1, got: {result.returncode}: {result.stderr}"
    if not lines or not any(line.startswith("lqc: error: ") for line in lines):
        return f"an error must be named, got: {result.stderr}"
    return f"no file must be left, got: {left}" if left else None


def main():
    lqc, source, folder, count = sys.argv[1:]
    folder = pathlib.Path(folder)
    refused = 0
    for number in range(int(count)):
        rng = random.Random(number)
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "out").mkdir(parents=True)
        what = damage(source, folder / "model", rng)
        output = folder / "out" / "model"
        problem = problem_of(lqc, folder / "model", output)
        if problem:
            sys.exit(f"copy {number}, {what}: {problem}")
        refused += not os.path.exists(output)
    if refused < int(count) // 2:
        sys.exit(f"most damaged copies must be refused, got: {refused} of {count}")
    print(f"{refused} of {count} damaged copies were refused")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
