#!/usr/bin/env python3
"""Times compiled ONNX models beside ONNX Runtime, in turns, on two threads.

    python3 -m venv venv && venv/bin/pip install numpy onnx onnxruntime
    venv/bin/python bench/onnx_speed.py MODEL.onnx [batch=1 sequence=128 …] [--int8] [LQC FLAGS]

Inputs are random: floats from a normal distribution, integers 0 or 1. Dimensions that have
only a name get the sizes given. In each round both run for about a second, one after the
other; the ratio is that of the medians of a round, and what is printed is the median ratio
of all rounds: above 1 LQC is faster. --int8: LQC compiles the float model with
--quantize=int8-g64, ONNX Runtime runs what its own quantize_dynamic makes of it (per
channel). --json writes the numbers for a program.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parents[1]
TYPES = {
    "tensor(float)": numpy.float32,
    "tensor(double)": numpy.float64,
    "tensor(int64)": numpy.int64,
    "tensor(int32)": numpy.int32,
    "tensor(uint8)": numpy.uint8,
    "tensor(bool)": numpy.bool_,
}


def open_session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options)


def random_inputs(session, sizes):
    generator = numpy.random.default_rng(0)
    feed = {}
    for value in session.get_inputs():
        for dim in value.shape:
            if not isinstance(dim, int) and dim not in sizes:
                sys.exit(f"{value.name}: dimension {dim} needs a size: add {dim}=N")
        shape = [dim if isinstance(dim, int) else sizes[dim] for dim in value.shape]
        kind = TYPES[value.type]
        if numpy.issubdtype(kind, numpy.floating):
            feed[value.name] = generator.normal(size=shape).astype(kind)
        else:
            feed[value.name] = generator.integers(0, 2, shape).astype(kind)
    return feed


def quantized(model, folder):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    path = folder / "int8.onnx"
    quantize_dynamic(model, path, weight_type=QuantType.QInt8, per_channel=True)
    return path


def time_runtime(session, feed, seconds):
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        session.run(None, feed)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def time_executable(executable, arguments):
    printed = subprocess.run(
        [executable, *arguments, "--bench"], check=True, capture_output=True, text=True
    ).stdout
    return float(re.search(r"^median +([\d.]+) ms", printed, re.MULTILINE)[1])


def measure(options, flags, folder):
    executable = folder / "model"
    if options.int8:
        flags = ["--quantize=int8-g64", *flags]
    command = [options.lqc, "compile", options.model, "-o", executable, *flags]
    subprocess.run(command, check=True, capture_output=True)
    sizes = dict(part.split("=") for part in options.sizes)
    path = quantized(options.model, folder) if options.int8 else options.model
    session = open_session(path, options.threads)
    feed = random_inputs(session, {name: int(n) for name, n in sizes.items()})
    arguments = ["--threads", str(options.threads)]
    for name, value in feed.items():
        numpy.save(folder / f"{len(arguments)}.npy", value)
        arguments += ["--input", f"{name}={folder / f'{len(arguments)}.npy'}"]
    session.run(None, feed)
    rounds = [
        (time_runtime(session, feed, 1.0), time_executable(executable, arguments))
        for _ in range(options.rounds)
    ]
    return {
        "onnxruntime_ms": statistics.median(a for a, _ in rounds),
        "lqc_ms": statistics.median(b for _, b in rounds),
        "ratio": statistics.median(a / b for a, b in rounds),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("sizes", nargs="*", help="NAME=SIZE of a dimension")
    parser.add_argument("--int8", action="store_true", help="int8 on both sides")
    parser.add_argument("--lqc", default=ROOT / "build/release/bin/lqc")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=pathlib.Path, help="write the numbers there")
    options, flags = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options, flags, pathlib.Path(folder))
    print(
        f"{options.model.stem}: ONNX Runtime {result['onnxruntime_ms']:.2f} ms, "
        f"LQC {result['lqc_ms']:.2f} ms, ratio {result['ratio']:.2f}"
    )
    if options.json:
        options.json.write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
