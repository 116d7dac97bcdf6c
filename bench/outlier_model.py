#!/usr/bin/env python3
"""Writes a model that computes the same and is hard to quantize: with outliers.

    outlier_model.py MODEL OUTPUT [--factor 64] [--part 0.01] [--seed 1]

MODEL is a Hugging Face directory of a Llama-like model in one BF16 or F32 safetensors file.
Of each layer's two norms a part of the gains (at least three channels) is multiplied by a
power of two, and the matching columns of what reads the norm (q, k and v; gate and up) are
divided by it, which both formats hold exactly. So activations get outliers of the kind that
large models have (Dettmers et al. 2022) and the function stays what it was. The last norm
stays: its head may be tied to the embedding.
"""

import argparse
import json
import pathlib
import random
import shutil
import struct

READERS = {
    "input_layernorm": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "post_attention_layernorm": ["mlp.gate_proj", "mlp.up_proj"],
}
# Of each format: struct's letter, and where the exponent starts.
FORMATS = {"BF16": ("H", 7), "F32": ("I", 23)}


class Tensors:
    """The tensors of a safetensors file, changed in place."""

    def __init__(self, path):
        self.data = bytearray(path.read_bytes())
        (size,) = struct.unpack_from("<Q", self.data)
        self.entries = json.loads(self.data[8 : 8 + size])
        self.entries.pop("__metadata__", None)
        self.start = 8 + size

    def shape(self, name):
        return self.entries[name]["shape"]

    def scale(self, name, column, exponent):
        """Multiplies a column (of a vector: an element) by 2^exponent, exactly."""
        entry = self.entries[name]
        letter, shift = FORMATS[entry["dtype"]]
        size = struct.calcsize(letter)
        begin, end = entry["data_offsets"]
        stride = size * (entry["shape"][1] if len(entry["shape"]) == 2 else entry["shape"][0])
        for place in range(self.start + begin + size * column, self.start + end, stride):
            (bits,) = struct.unpack_from("<" + letter, self.data, place)
            power = (bits >> shift) & 0xFF
            if power == 0:
                continue  # zero; trained weights have no subnormals
            if not 1 <= power + exponent <= 254:
                raise SystemExit(f"{name}: a number leaves the range of its format")
            struct.pack_into("<" + letter, self.data, place, bits + (exponent << shift))


def add_outliers(tensors, factor, part, seed):
    exponent = factor.bit_length() - 1
    if 2**exponent != factor:
        raise SystemExit(f"--factor must be a power of two, got: {factor}")
    generator = random.Random(seed)
    for name in sorted(tensors.entries):
        layer, _, norm = name.removesuffix(".weight").rpartition(".")
        if norm not in READERS:
            continue
        (columns,) = tensors.shape(name)
        count = max(3, round(part * columns))
        for channel in generator.sample(range(columns), count):
            tensors.scale(name, channel, exponent)
            for reader in READERS[norm]:
                tensors.scale(f"{layer}.{reader}.weight", channel, -exponent)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--factor", type=int, default=64)
    parser.add_argument("--part", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tensors = Tensors(options.model / "model.safetensors")
    add_outliers(tensors, options.factor, options.part, options.seed)
    options.output.mkdir(parents=True, exist_ok=True)
    for file in options.model.glob("*.json"):
        shutil.copyfile(file, options.output / file.name)
    (options.output / "model.safetensors").write_bytes(tensors.data)
    print(f"wrote {options.output}")


if __name__ == "__main__":
    main()
