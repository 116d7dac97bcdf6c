"""Compares what a budget measured inside the compiler with lqc eval on the executable.

    check_held_out.py cut TEXT LENGTH FILE   the windows of TEXT (.u16) that are held out
    check_held_out.py same OUTPUT EVAL       the same KL in the output of `lqc compile`
                                             and of `lqc eval --json`
"""

import json
import pathlib
import re
import sys


def cut(text, length, file):
    ids, length = pathlib.Path(text).read_bytes(), int(length)
    size = len(ids) // 2
    places = size // (10 * length)
    held = b""
    for place in range(places):
        last = (place + 1) * size // places
        tenth = (last - place * size // places) // 10 // length * length
        held += ids[2 * (last - tenth) : 2 * last]
    # One token more, because eval predicts the tokens behind those it feeds.
    pathlib.Path(file).write_bytes(held + ids[:2])


def same(output, measured):
    text = pathlib.Path(output).read_text()
    inside = float(re.search(r"bits a weight, KL divergence ([0-9.]+)", text)[1])
    outside = json.loads(pathlib.Path(measured).read_text())
    assert abs(inside / outside["kl"] - 1) < 1e-3, (inside, outside)
    assert f"measured on {outside['tokens']} tokens" in text, (text, outside)


if __name__ == "__main__":
    {"cut": cut, "same": same}[sys.argv[1]](*sys.argv[2:])
