#!/usr/bin/env python3
"""Compares compiled ONNX models with ONNX Runtime, and counts MNIST's digits.

    python3 -m venv venv && venv/bin/pip install numpy onnxruntime
    venv/bin/python bench/onnx_models.py [--models ../shared/models/onnx] [LQC FLAGS]

Every .onnx file below the folder is compiled (with the flags that are not this script's)
and run on input_0.pb … if these lie beside it, else on random numbers of the right types;
outputs agree if |difference| <= 1e-3 + 1e-3 * |expected|. The models in a folder called
mnist read the test images of mnist-images, all 10,000, one process for each: the share of
right digits is the executable's own. Exit code 1 if a model fails or differs.

    venv/bin/python bench/onnx_models.py --only cnn_mnist --calibration-images 256 \\
        --quantize=int2-g0 --method=gptq

calibrates on the first of these images, and counts the others' digits.
"""

import argparse
import concurrent.futures
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parents[1]
TOLERANCE = 1e-3
# Sizes of dimensions that have only a name.
SIZES = {"length": 40, "batch": 2, "batch_size": 2}
# What CNTK's and PyTorch's models were trained on.
MNIST_SCALE = {"mnist": (0.0, 1 / 255), "cnn_mnist_pytorch": (0.1307, 0.3081)}


def read_proto(path):
    """A float TensorProto with raw data: enough for the inputs beside models."""
    import struct

    data, dims, raw, kind, at = path.read_bytes(), [], b"", 1, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            value = varint()
            if key >> 3 == 1:
                dims.append(value)
            elif key >> 3 == 2:
                kind = value
        else:
            size = varint()
            if key >> 3 == 9 or (key >> 3 == 4 and kind == 1):
                raw = data[at : at + size]
            elif key >> 3 == 1:
                end, packed = at + size, []
                while at < end:
                    packed.append(varint())
                dims, at = packed, end - size
            at += size
    assert kind == 1, f"{path}: must be floats"
    return numpy.array(struct.unpack(f"<{len(raw) // 4}f", raw), "f").reshape(dims)


def make_up(value, random):
    """Numbers for an input."""
    shape = [d if isinstance(d, int) else SIZES.get(d, 3) for d in value.shape]
    if value.type == "tensor(float)":
        return random.random(shape, dtype=numpy.float32)
    kinds = {"int32": numpy.int32, "int64": numpy.int64, "uint8": numpy.uint8}
    kind = value.type.removeprefix("tensor(").removesuffix(")")
    return random.integers(0, 120, shape).astype(kinds[kind])


def inputs_of(session, model):
    random = numpy.random.default_rng(1)
    tensors = {}
    for i, value in enumerate(session.get_inputs()):
        proto = model.parent / f"input_{i}.pb"
        tensors[value.name] = read_proto(proto) if proto.exists() else make_up(value, random)
    return tensors


def run(program, tensors, folder):
    """The executable's outputs, in order; None and the message if it fails."""
    arguments = []
    for i, (name, tensor) in enumerate(tensors.items()):
        path = folder / f"in{i}.npy"
        numpy.save(path, tensor)
        arguments += ["--input", f"{name}={path}"]
    out = folder / "out"
    arguments += ["--output-dir", out]
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode:
        return None, done.stderr.strip()
    return {path.stem: numpy.load(path) for path in out.iterdir()}, ""


def compile_model(options, model, program):
    command = [options.lqc, "compile", model, "-o", program, *options.flags]
    if options.calibration_images:
        batch = program.parent / "calibration.npy"
        numpy.save(batch, read_digits(options, model)[0][: options.calibration_images, 0])
        command.append(f"--calibrate={batch}")
    done = subprocess.run(command, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr.strip().splitlines()[0]


def compare(options, model):
    """A row of the table."""
    row = {"model": str(model.relative_to(options.models))}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        program = folder / "model"
        if error := compile_model(options, model, program):
            return {**row, "error": error}
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        tensors = inputs_of(session, model)
        expected = session.run(None, tensors)
        found, error = run(program, tensors, folder)
        if error:
            return {**row, "error": error}
        worst = outside = count = 0
        for value, known in zip(session.get_outputs(), expected):
            got = found[value.name]
            difference = numpy.abs(got.astype("d") - known)
            worst = max(worst, float(difference.max()))
            outside += int((difference > TOLERANCE + TOLERANCE * numpy.abs(known)).sum())
            count += known.size
        row |= {"numbers": count, "outside": outside, "largest_difference": worst}
        if model.parent.name == "mnist":
            row["digits"] = count_digits(options, model, program)
    return row


def read_images(options):
    folder = options.models / "mnist-images"
    images = gzip.open(folder / "t10k-images-idx3-ubyte.gz").read()[16:]
    labels = gzip.open(folder / "t10k-labels-idx1-ubyte.gz").read()[8:]
    images = numpy.frombuffer(images, numpy.uint8).reshape(-1, 1, 1, 28, 28)
    return images, numpy.frombuffer(labels, numpy.uint8)


def read_digits(options, model):
    """MNIST's images as the model takes them, (images, 1, 1, 28, 28), and their digits."""
    images, labels = read_images(options)
    mean, scale = MNIST_SCALE[model.stem]
    pixels = images.astype(numpy.float32)
    if mean:
        pixels = ((pixels / 255 - mean) / scale).astype(numpy.float32)
    return pixels, labels


def count_digits(options, model, program):
    """The share of MNIST's test images that the executable reads right."""
    pixels, labels = read_digits(options, model)
    name = onnxruntime.InferenceSession(model).get_inputs()[0].name

    def digits_of(part):
        with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
            folder = pathlib.Path(folder)
            for i in part:
                found, error = run(program, {name: pixels[i]}, folder)
                yield (i, int(numpy.argmax(next(iter(found.values()))))) if not error else (i, -1)

    count = min(options.images, len(labels))
    workers = os.cpu_count() or 1
    first = options.calibration_images
    parts = [range(first + w, count, workers) for w in range(workers)]
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        results = pool.map(lambda part: list(digits_of(part)), parts)
    right = sum(digit == labels[i] for part in results for i, digit in part)
    return right / (count - first)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=pathlib.Path, default=ROOT.parent / "shared/models/onnx")
    parser.add_argument("--lqc", default=ROOT / "build/dev/bin/lqc")
    parser.add_argument("--only", default="", help="models whose path contains this")
    parser.add_argument("--images", type=int, default=10_000, help="of MNIST")
    parser.add_argument("--calibration-images", type=int, default=0, help="of MNIST")
    parser.add_argument("--json", type=pathlib.Path, help="write the rows there too")
    options, options.flags = parser.parse_known_args()
    options.scratch = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    rows = []
    for model in sorted(options.models.rglob("*.onnx")):
        if options.only not in str(model):
            continue
        row = compare(options, model)
        rows.append(row)
        if "error" in row:
            print(f"{row['model']}: {row['error']}")
            continue
        digits = f", {row['digits']:.2%} of the digits" if "digits" in row else ""
        print(
            f"{row['model']}: {row['outside']} of {row['numbers']} outside, "
            f"largest difference {row['largest_difference']:.2g}{digits}",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    sys.exit(any(row.get("outside", 1) for row in rows))


if __name__ == "__main__":
    main()
