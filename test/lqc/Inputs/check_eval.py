"""Compares what `lqc eval --json` and an executable's `--perplexity --json` print.

    check_eval.py same OWN EVAL      the same perplexity, over the same tokens
    check_eval.py near OWN EVAL      the same to 1e-5, and next to no divergence
    check_eval.py plausible EVAL     figures of a 4-bit model against float
    check_eval.py tokens FILE [N]    writes 600 token ids below N (1024)
"""

import json
import pathlib
import struct
import sys


def read(path):
    return json.loads(pathlib.Path(path).read_text())


def same(own, measured):
    own, measured = read(own), read(measured)
    for key in ["tokens", "window", "stride"]:
        assert own[key] == measured[key], (key, own, measured)
    assert own["perplexity"] == round(measured["perplexity"], 6), (own, measured)


def near(own, measured):
    own, measured = read(own), read(measured)
    error = abs(own["perplexity"] / measured["perplexity"] - 1)
    assert own["tokens"] == measured["tokens"] and error < 1e-5, (own, measured)
    assert measured.get("kl", 0) < 1e-9, measured
    assert measured.get("top1", 1) > 0.99, measured


def plausible(measured):
    figures = read(measured)
    assert 1.0 < figures["reference_perplexity"] < figures["perplexity"] < 100, figures
    assert 0.002 < figures["kl"] < 0.1 < figures["kl_p99"] < 2, figures
    assert 0.8 < figures["top1"] < 0.99, figures
    intervals = figures["intervals"]
    assert intervals["confidence_percent"] == 95, figures
    for key in ["perplexity", "reference_perplexity", "kl", "top1"]:
        low, high = intervals[key]
        assert low < figures[key] < high, (key, figures)
    assert "kl_p99" not in intervals, figures


def tokens(path, vocabulary="1024"):
    ids = [i * i * 31 % int(vocabulary) for i in range(600)]
    pathlib.Path(path).write_bytes(struct.pack(f"<{len(ids)}H", *ids))


if __name__ == "__main__":
    {"same": same, "near": near, "plausible": plausible, "tokens": tokens}[sys.argv[1]](
        *sys.argv[2:]
    )
