#!/usr/bin/env python3
"""Compares LQC's calibrated quantization with other tools', on the CPU.

    compare_quantizers.py LQC MODEL CALIBRATION VALIDATION

LQC is the program, MODEL a Hugging Face directory, the two texts are files of token ids,
16-bit little-endian (.u16). Each of gptqmodel, llmcompressor and auto-round that can be
imported quantizes the linears of the layers, weights only, on the windows of CALIBRATION
that `lqc compile` draws. One routine in PyTorch measures what comes out on VALIDATION as
`lqc eval` does: KL divergence to the float model in nats a token, perplexity, top-1
agreement. LQC's own figures are those of `lqc eval`; rows `check` show that the routine
finds the same for the float model and for rounding to nearest.

The tools don't agree on versions of torch and transformers, so each may live in an
environment of its own. This script needs one with torch and transformers itself:

    python3 -m venv a && a/bin/pip install llmcompressor auto-round
    python3 -m venv b && b/bin/pip install gptqmodel
    a/bin/python bench/compare_quantizers.py build/release/bin/lqc examples/bard-llama \\
        train.u16 valid.u16 --python a/bin/python --python b/bin/python

Real bits count codes, a 16-bit scale a group, and zero points (as wide as a code) where
the tool's format stores them; the GPTQ format does so for symmetric schemes too. What
packing wastes and tables of indices are not counted. A row is marked `!` if a group of a
weight has more values than its bits allow.
"""

import argparse
import array
import hashlib
import json
import math
import pathlib
import subprocess
import sys
import time

import quantizer_tools

ROOT = pathlib.Path(__file__).resolve().parents[1]
WORD = 2**64 - 1
WINDOW = 256  # of the evaluation
# Tools whose format stores the zero points of symmetric schemes.
ALWAYS_ZEROS = ("gptqmodel", "auto-round")
COLUMNS = ["tool", "method", "scheme", "bits", "KL", "perplexity", "top-1", "seconds"]


class MersenneTwister64:
    """C++'s std::mt19937_64 (Matsumoto and Nishimura; parameters of the standard)."""

    def __init__(self, seed):
        self.state = [seed]
        for i in range(1, 312):
            last = self.state[-1]
            self.state.append((6364136223846793005 * (last ^ last >> 62) + i) & WORD)
        self.place = 312

    def refill(self):
        state = self.state
        for i in range(312):
            x = state[i] & ~0x7FFFFFFF | state[(i + 1) % 312] & 0x7FFFFFFF
            twist = 0xB5026F5AA96619E9 if x & 1 else 0
            state[i] = state[(i + 156) % 312] ^ x >> 1 ^ twist
        self.place = 0

    def __call__(self):
        if self.place == 312:
            self.refill()
        x = self.state[self.place]
        self.place += 1
        x ^= x >> 29 & 0x5555555555555555
        x ^= x << 17 & 0x71D67FFFEDA60000
        x ^= x << 37 & 0xFFF7EEE000000000
        return x ^ x >> 43


def read_tokens(path):
    tokens = array.array("H", path.read_bytes())
    if sys.byteorder == "big":
        tokens.byteswap()
    return tokens.tolist()


def draw_windows(tokens, samples, length, seed):
    """The windows that LQC draws (lib/Calibrate/Windows.cpp)."""
    random = MersenneTwister64(seed)
    starts = [random() % (len(tokens) - length + 1) for _ in range(samples)]
    return [tokens[start : start + length] for start in starts]


def scheme_name(bits, group, symmetric):
    return f"{'int' if symmetric else 'uint'}{bits}-g{group}"


def real_bits(bits, group, zeros):
    return bits + (16 + (bits if zeros else 0)) / group


def verdict(scheme, rows):
    """One line: is LQC's best row of a scheme no worse than the others' best?"""
    rows = [row for row in rows if row["scheme"] == scheme]
    ours = [row for row in rows if row["tool"] == "LQC"]
    others = [row for row in rows if row["tool"] not in ("LQC", "check")]
    if not ours or not others:
        return f"{scheme}: nothing to compare"
    best, other = (min(found, key=lambda row: row["KL"]) for found in (ours, others))
    fair = best["KL"] <= other["KL"] and best["bits"] <= other["bits"]
    return (
        f"{scheme}: LQC {best['method']} has {best['KL']:.5f} at {best['bits']:.2f} bits, "
        f"{other['tool']} {other['method']} {other['KL']:.5f} at {other['bits']:.2f}: "
        f"LQC is {'no worse' if fair else 'WORSE'}"
    )


def cell(column, value):
    if value is None:
        return ""
    digits = {"bits": 2, "KL": 5, "perplexity": 3, "top-1": 4, "seconds": 0}
    return f"{value:.{digits[column]}f}" if column in digits else str(value)


def table(rows):
    """Plain text, a line a row; numbers to the right."""
    cells = [COLUMNS]
    cells += [[cell(column, row[column]) for column in COLUMNS] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    marks = [""] + [" !" if row.get("suspect") else "" for row in rows]
    lines = []
    for line, mark in zip(cells, marks):
        words = [word.ljust(width) for word, width in zip(line[:3], widths)]
        words += [word.rjust(width) for word, width in zip(line[3:], widths[3:])]
        lines.append("  ".join(words) + mark)
    return "\n".join(lines)


class Measurement:
    """The float model, its distributions on the text, and what others differ by."""

    def __init__(self, folder, tokens, threads):
        import torch
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(threads)
        self.torch = torch
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.model = model.eval()
        self.floats = {name: w.clone() for name, w in model.state_dict().items()}
        self.linears = [
            name + ".weight"
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear) and ".layers." in name
        ]
        ids = torch.tensor(tokens)
        starts = range(0, len(tokens) - 1, WINDOW)
        self.windows = [ids[start : start + WINDOW + 1] for start in starts]
        self.reference = [self.log_probabilities(w) for w in self.windows]

    def log_probabilities(self, window):
        with self.torch.no_grad():
            logits = self.model(window[None, :-1], use_cache=False).logits[0]
        return logits.double().log_softmax(-1).float()

    def load(self, weights):
        """Puts a tool's weights into the model; what it must not touch is as it was."""
        merged = self.floats | {k: w.float() for k, w in weights.items()}
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            if name in merged and not merged[name].equal(self.floats[name]):
                raise SystemExit(f"{name} is not what the model has")
        self.model.load_state_dict(merged)

    def measure(self, weights):
        """Of a model with these weights: {KL, perplexity, top-1}."""
        self.load(weights)
        nll = kl = agreed = count = 0
        for window, reference in zip(self.windows, self.reference):
            found = self.log_probabilities(window)
            nll -= found.gather(1, window[1:, None]).double().sum().item()
            kl += (reference.double().exp() * (reference - found)).sum().item()
            agreed += (found.argmax(-1) == reference.argmax(-1)).sum().item()
            count += len(found)
        return {"KL": kl / count, "perplexity": math.exp(nll / count), "top-1": agreed / count}

    def suspects(self, weights, bits, group):
        """Linears with a group of more than 2^bits values, or left as they were."""
        found = []
        for name in self.linears:
            groups = weights[name].float().reshape(-1, group).sort(-1).values
            steps = groups.diff(dim=-1) > 1e-6 * groups.abs().amax(-1, keepdim=True)
            if steps.sum(-1).max() >= 2**bits or weights[name].equal(self.floats[name]):
                found.append(name)
        return found

    def nearest(self, bits, group):
        """The linears in intB-gG, rounded to nearest (docs/quantization.md)."""
        torch, weights = self.torch, {}
        for name in self.linears:
            groups = self.floats[name].reshape(-1, group)
            places = groups.abs().argmax(1, keepdim=True)
            scale = (groups.gather(1, places) / -(2 ** (bits - 1))).half().float()
            scale = torch.where(scale == 0, torch.full_like(scale, 2.0**-24), scale)
            codes = (groups / scale).round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            weights[name] = (codes * scale).reshape(self.floats[name].shape)
        return weights


def run(*command):
    """Runs a command to its end: its stdout. One line and its errors if it fails."""
    result = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise RuntimeError((result.stderr.strip() or "no message").splitlines()[-1])
    return result.stdout


def find_tools(args):
    """{tool: (python, version)} of those that can be imported; a line for the others."""
    found = {}
    for tool in args.tools:
        module = quantizer_tools.MODULES[tool]
        ask = f"import importlib.metadata as m, {module}; print(m.version({tool!r}))"
        for python in args.python:
            try:
                found[tool] = (python, run(python, "-c", ask).splitlines()[-1])
                break
            except (OSError, RuntimeError) as error:
                reason = error
        if tool in found:
            print(f"{tool} {found[tool][1]}", flush=True)
        else:
            print(f"{tool} is left out: {reason}", flush=True)
    return found


def lqc_eval(args, model, *options):
    """(row, perplexity of the float model) as `lqc eval` finds them."""
    command = [args.lqc, "eval", model, "--reference", args.reference, "--json"]
    command += ["--text", args.validation, f"--window={WINDOW}"]
    found = json.loads(run(*command, f"--threads={args.threads}", *options))
    row = {"KL": found["kl"], "perplexity": found["perplexity"], "top-1": found["top1"]}
    return row, found["reference_perplexity"]


def lqc_row(args, method, bits, symmetric):
    scheme = scheme_name(bits, args.group, symmetric)
    output = args.work / f"lqc.{method}.{scheme}"
    command = [args.lqc, "compile", args.model, f"--quantize={scheme}", "-o", output]
    command += [f"--method={method}", "--calibrate", args.calibration, "--strict"]
    command += [f"--samples={args.samples}", f"--length={args.length}"]
    command += [f"--seed={args.seed}", f"--threads={args.threads}", "--activations=f32"]
    start = time.monotonic()
    run(*command)
    seconds = time.monotonic() - start
    info = json.loads(run(output, "--info", "--json"))
    row = {"tool": "LQC", "method": method, "scheme": scheme, "seconds": seconds}
    row["bits"] = info["weights"]["layers"]["bits_per_weight"]
    return row | lqc_eval(args, output)[0]


def check_rows(args, measurement):
    """The float model and rounding to nearest, by the routine and by `lqc eval`."""
    scheme = scheme_name(4, args.group, True)
    eval_row, perplexity = lqc_eval(
        args, args.model, f"--quantize={scheme}", "--activations=f32"
    )
    floats = {"KL": 0.0, "perplexity": perplexity, "top-1": 1.0}
    nearest = measurement.nearest(4, args.group)
    bits = real_bits(4, args.group, False)
    return [
        row | {"tool": "check", "method": by, "scheme": name, "bits": width, "seconds": None}
        for by, name, width, row in [
            ("this routine", "float", None, measurement.measure({})),
            ("lqc eval", "float", None, floats),
            ("this routine", scheme, bits, measurement.measure(nearest)),
            ("lqc eval", scheme, bits, eval_row),
        ]
    ]


def job_of(args, windows, tool, method, bits, symmetric):
    return {
        "tool": tool,
        "method": method,
        "model": str(args.model),
        "windows": windows,
        "bits": bits,
        "group": args.group,
        "symmetric": symmetric,
        "iterations": args.iterations,
        "threads": args.threads,
    }


def quantized(args, python, version, job):
    """The file of a tool's weights: an earlier run's, if it did the same job."""
    scheme = scheme_name(job["bits"], job["group"], job["symmetric"])
    stem = args.work / f"{job['tool']}.{job['method']}.{scheme}"
    text = json.dumps([version, job], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    output = pathlib.Path(f"{stem}.safetensors")
    job = job | {"output": str(output), "digest": digest}
    job_file = pathlib.Path(f"{stem}.json")
    job_file.write_text(json.dumps(job))
    if not output.is_file() or quantizer_tools.metadata_of(output)["digest"] != digest:
        run(python, pathlib.Path(quantizer_tools.__file__).resolve(), job_file)
    return output


def tool_row(args, measurement, output, job):
    from safetensors.torch import load_file

    weights = load_file(output)
    always = job["tool"] in ALWAYS_ZEROS
    return {
        "tool": job["tool"],
        "method": job["method"],
        "scheme": scheme_name(job["bits"], job["group"], job["symmetric"]),
        "bits": real_bits(job["bits"], job["group"], always or not job["symmetric"]),
        "seconds": float(quantizer_tools.metadata_of(output)["seconds"]),
        "suspect": bool(measurement.suspects(weights, job["bits"], job["group"])),
    } | measurement.measure(weights)


def tool_rows(args, measurement, tools, windows, bits, symmetric):
    """A row for each method of each tool; a line for one that fails."""
    for tool, method in quantizer_tools.METHODS:
        if tool not in tools or (args.methods and method not in args.methods):
            continue
        job = job_of(args, windows, tool, method, bits, symmetric)
        try:
            yield tool_row(args, measurement, quantized(args, *tools[tool], job), job)
        except RuntimeError as error:
            scheme = scheme_name(bits, args.group, symmetric)
            print(f"{tool} {method} {scheme} failed: {error}", flush=True)


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("lqc", type=pathlib.Path, help="LQC's program")
    add("model", type=pathlib.Path, help="a Hugging Face directory")
    add("calibration", type=pathlib.Path, help="token ids (.u16) to calibrate on")
    add("validation", type=pathlib.Path, help="token ids (.u16) to measure on")
    add("--python", action="append", help="a Python to look for tools in (repeatable)")
    known = list(quantizer_tools.MODULES)
    add("--tools", nargs="*", choices=known, default=known, help="default: all")
    add("--methods", nargs="*", help="of the tools; default: all that the script knows")
    ours = ["gptq", "awq,gptq"]
    add("--lqc-methods", nargs="+", default=ours, help="default: gptq awq,gptq")
    add("--bits", nargs="+", type=int, default=[4, 3, 2], help="default: 4 3 2")
    kinds = ["symmetric", "asymmetric"]
    add("--kinds", nargs="+", choices=kinds, default=kinds, help="default: both")
    add("--group", type=int, default=64, help="weights that share a scale (64)")
    add("--samples", type=int, default=128, help="calibration windows (128)")
    add("--length", type=int, default=256, help="tokens of each (256)")
    add("--seed", type=int, default=0, help="which windows are drawn (0)")
    add("--iterations", type=int, default=200, help="of SignRound, a layer (200)")
    add("--threads", type=int, default=1, help="of every program (1)")
    add("--work", type=pathlib.Path, default=ROOT / "build/compare_quantizers",
        help="folder for results (build/compare_quantizers); a tool's weights that are "
        "there already are not made again")
    add("--json", type=pathlib.Path, help="file to write the rows to")
    args = parser.parse_args(arguments)
    args.python = args.python or [sys.executable]
    for name in ("lqc", "model", "calibration", "validation", "work"):
        setattr(args, name, getattr(args, name).resolve())
    return args


def main():
    args = parse_arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    windows = draw_windows(
        read_tokens(args.calibration), args.samples, args.length, args.seed
    )
    tools = find_tools(args)
    args.reference = args.work / "lqc.float"
    run(args.lqc, "compile", args.model, "-o", args.reference)
    measurement = Measurement(args.model, read_tokens(args.validation), args.threads)
    rows = check_rows(args, measurement)
    print(table(rows), flush=True)
    schemes = [(bits, kind == "symmetric") for bits in args.bits for kind in args.kinds]
    for bits, symmetric in schemes:
        start = len(rows)
        rows += tool_rows(args, measurement, tools, windows, bits, symmetric)
        rows += [lqc_row(args, method, bits, symmetric) for method in args.lqc_methods]
        print(table(rows[start:]), flush=True)
    print("\n" + table(rows) + "\n")
    for bits, symmetric in schemes:
        print(verdict(scheme_name(bits, args.group, symmetric), rows))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
