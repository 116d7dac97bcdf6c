#!/usr/bin/env python3
"""Measures what `--bits-per-weight` and `--max-kl` are worth: against one scheme for
all weights, against schemes drawn at random, and against exhaustive search.

    bench/budgets.py --lqc build/release/bin/lqc --model MODEL \\
        --train train.u16 --valid valid.u16 [--part line --part kl --part exhaustive]

line        KL at 3.5 bits beside the straight line of log KL between int3-g64 and
            int4-g64 for all, and beside three random choices of 3.5 bits
kl          what --max-kl=X gives on the validation text
exhaustive  the size that --max-kl=X finds for three weights and three schemes, beside
            the best of all 27 choices; both measured on the text that was held out

Both texts are token ids (.u16). Executables go to --out (default: build/budgets).
"""

import argparse
import itertools
import json
import math
import pathlib
import random
import re
import subprocess
import sys

from compiled import Compiler, row

GROUP = 64
BITS = 3.5
LIMITS = [0.1, 0.03, 0.01]
WINDOW = 256
HELD_OUT_WINDOWS = 128
# Of the first layer: weights that lose much and little.
OPEN = ["self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"]
OPEN_BITS = [2, 3, 4]


def scheme(bits):
    return f"int{bits}-g{GROUP}"


def real_bits(bits):
    return bits + 16 / GROUP


class Bench(Compiler):
    def evaluate(self, text, *words):
        """KL on a text, of a model that is compiled for it alone."""
        reference = self.out / "reference"
        if not reference.exists():
            command = [self.options.lqc, "compile", self.options.model, "-o", reference]
            subprocess.run(command, capture_output=True, check=True)
        command = [self.options.lqc, "eval", self.options.model, "--reference", reference]
        command += ["--text", text, "--activations=f32", "--json", *words]
        done = subprocess.run(command, capture_output=True, check=True)
        return json.loads(done.stdout)["kl"]

    def method(self):
        return [f"--method={self.options.method}"] if self.options.method else []

    def calibrate(self):
        return [f"--calibrate={self.options.train}"]

    def weights(self):
        """{name: elements} of the layers' linears, from what a budget chooses."""
        words = [f"--bits-per-weight={real_bits(8)}", f"--schemes={scheme(8)},{scheme(7)}"]
        _, said = self.compile("names", *words, *self.calibrate(), "--remarks")
        return {
            name: int(size) / real_bits(8) * 8
            for name, _, size in chosen(said)
        }


def chosen(said):
    """(weight, scheme, bytes) of each remark about a choice."""
    return re.findall(r"SchemeChosen: weight=(\S+), scheme=(\S+), bytes=(\d+)", said)


def kl_of(info):
    return info["quality"]["kl"]


#
# The straight line
#


def draw(weights, seed):
    """Bits for each weight, drawn at random and then moved to the budget."""
    source = random.Random(seed)
    bits = {name: source.choice([2, 3, 4, 5]) for name in weights}
    total = sum(weights.values())

    def average():
        return sum(real_bits(bits[name]) * weights[name] for name in bits) / total

    while not BITS - 0.02 < average() <= BITS:
        name = source.choice(list(bits))
        step = -1 if average() > BITS else 1
        bits[name] = min(max(bits[name] + step, 2), 5)
    return bits, average()


def measure_line(bench):
    row("choice", "bits", "KL")
    row("---", "---", "---")
    uniform = {}
    for bits in (3, 4):
        words = [f"--quantize={scheme(bits)}", *bench.method()]
        info, _ = bench.compile("uniform", *words, *(bench.calibrate() if words[1:] else []))
        uniform[bits] = kl_of(info)
        row(f"{scheme(bits)} for all", real_bits(bits), f"{uniform[bits]:.6f}")
    info, _ = bench.compile(
        "budget", f"--bits-per-weight={BITS}", *bench.method(), *bench.calibrate()
    )
    row(f"--bits-per-weight={BITS}", f"{info['bits_per_weight']:.4f}", f"{kl_of(info):.6f}")
    part = BITS - real_bits(3)
    line = math.exp((1 - part) * math.log(uniform[3]) + part * math.log(uniform[4]))
    row("straight line", BITS, f"{line:.6f}")
    weights = bench.weights()
    for seed in (1, 2, 3):
        bits, average = draw(weights, seed)
        words = [f"--quantize-override={name}={scheme(b)}" for name, b in bits.items()]
        calibrate = bench.calibrate() if bench.method() else []
        info, _ = bench.compile("random", *words, *bench.method(), *calibrate)
        row(f"at random, seed {seed}", f"{average:.4f}", f"{kl_of(info):.6f}")


#
# Limits
#


def measure_limits(bench):
    row("--max-kl", "bits", "KL, validation", "of X", "KL, held out", "choices tried")
    row(*["---"] * 6)
    for limit in LIMITS:
        info, said = bench.compile(
            "limit", f"--max-kl={limit}", *bench.method(), *bench.calibrate()
        )
        held = re.search(r"bits a weight, KL divergence ([\d.]+)", said)[1]
        tried = re.search(r"(\d+) choices? w", said)[1]
        kl = kl_of(info)
        row(limit, f"{info['bits_per_weight']:.4f}", f"{kl:.6f}", f"{kl / limit:.2f}", held, tried)


#
# Exhaustive search
#


def held_out(text):
    """The windows that lqc holds out and measures on (include/lqc/Calibrate)."""
    tokens = [text[i : i + 2] for i in range(0, len(text), 2)]
    size = len(tokens)
    places = min(max(size // (10 * WINDOW), 1), 64)
    held = []
    for place in range(places):
        first, last = place * size // places, (place + 1) * size // places
        tenth = (last - first) // 10
        tenth -= tenth % WINDOW if tenth >= WINDOW else 0
        held += tokens[last - tenth : last]
    count = len(held) // WINDOW
    windows = min(count, HELD_OUT_WINDOWS)
    first = [i * count // windows * WINDOW for i in range(windows)]
    return b"".join(b"".join(held[i : i + WINDOW]) for i in first)


def fixed(names):
    """Overrides that leave the other weights as they are."""
    return [f"--quantize-override={name}=float" for name in names]


def measure_exhaustive(bench):
    text = bench.out / "held-out.u16"
    text.write_bytes(held_out(pathlib.Path(bench.options.train).read_bytes()))
    weights = bench.weights()
    opened = [name for name in weights if ".0." in name and any(o in name for o in OPEN)]
    others = fixed(name for name in weights if name not in opened)
    points = []
    for bits in itertools.product(OPEN_BITS, repeat=len(opened)):
        words = [f"--quantize-override={n}={scheme(b)}" for n, b in zip(opened, bits)]
        size = sum(weights[n] * real_bits(b) / 8 for n, b in zip(opened, bits))
        points.append((size, bench.evaluate(text, *words), bits))
        if bench.options.verbose:
            print(points[-1], file=sys.stderr, flush=True)
    row("--max-kl", "bytes", "KL", "best bytes", "its KL", "more")
    row(*["---"] * 6)
    schemes = ",".join(scheme(bits) for bits in OPEN_BITS)
    for limit in LIMITS:
        words = [f"--max-kl={limit}", f"--schemes={schemes}", *others]
        info, said = bench.compile("found", *words, *bench.calibrate(), "--remarks", text=text)
        size = sum(int(bytes_) for _, _, bytes_ in chosen(said))
        best = min(point for point in points if point[1] <= limit)
        more = f"{100 * (size / best[0] - 1):+.1f} %"
        row(limit, size, f"{kl_of(info):.6f}", int(best[0]), f"{best[1]:.6f}", more)


PARTS = {
    "line": measure_line,
    "kl": measure_limits,
    "exhaustive": measure_exhaustive,
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lqc", default="build/release/bin/lqc")
    parser.add_argument("--model", required=True)
    parser.add_argument("--train", required=True)
    parser.add_argument("--valid", required=True)
    parser.add_argument("--method", default="gptq", help="'': round to nearest")
    parser.add_argument("--part", action="append", choices=PARTS, help="default: all")
    parser.add_argument("--out", default="build/budgets")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    for part in options.part or PARTS:
        print(f"\n{part}\n")
        PARTS[part](Bench(options))


if __name__ == "__main__":
    main()
