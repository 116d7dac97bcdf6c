#!/usr/bin/env python3
"""Measures what calibrated methods are worth: real bits, KL divergence and perplexity of
every scheme with every method, with float activations and with the default ones.

    bench/methods.py --lqc build/release/bin/lqc --model MODEL --train train.u16 \\
        --valid valid.u16 [--scheme int4-g64 …] [--method gptq …] [--text other.u16 …]

The table is Markdown. A method of '' rounds to nearest. With --text, the KL divergence on
texts that are of another kind than --valid is added, with float activations. Texts are token ids
(.u16) or UTF-8.
"""

import argparse

from compiled import Compiler, row

SCHEMES = ["int4-g64", "uint4-g64", "int3-g64", "uint3-g64", "int2-g64", "uint2-g64"]
METHODS = ["", "gptq", "awq", "awq,gptq", "protect=1%", "protect=1%,gptq"]


def measure(compiler, options, scheme, method):
    """The cells of one row."""

    def compiled(activations, text=None):
        words = [f"--quantize={scheme}"]
        if method:
            words += [f"--method={method}", f"--calibrate={options.train}"]
        return compiler.compile("methods", *words, activations=activations, text=text)[0]

    info = compiled("f32")
    cells = [scheme, method or "nearest", f"{info['bits_per_weight']:.3f}"]
    for each in (info, compiled(None)):
        quality = each["quality"]
        cells += [f"{quality['kl']:.5f}", f"{quality['perplexity']:.3f}"]
    cells += [f"{compiled('f32', text)['quality']['kl']:.5f}" for text in options.text]
    return cells


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lqc", default="build/release/bin/lqc")
    parser.add_argument("--model", required=True)
    parser.add_argument("--train", required=True)
    parser.add_argument("--valid", required=True)
    parser.add_argument("--scheme", action="append", help="default: " + " ".join(SCHEMES))
    parser.add_argument("--method", action="append", help="default: all, '' among them")
    parser.add_argument("--text", action="append", default=[])
    parser.add_argument("--out", default="build/methods")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    head = ["scheme", "method", "bits", "KL, f32", "perplexity", "KL, default", "perplexity"]
    row(*head, *(f"KL, {text}" for text in options.text))
    row(*["---"] * (len(head) + len(options.text)))
    compiler = Compiler(options)
    for scheme in options.scheme or SCHEMES:
        for method in METHODS if options.method is None else options.method:
            row(*measure(compiler, options, scheme, method))


if __name__ == "__main__":
    main()
