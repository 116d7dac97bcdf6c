#!/usr/bin/env python3
"""Measures LQC on a synthetic Llama, from import to tokens a second, beside the
limits of the machine. `./dev bench` builds what it needs and calls it.

    ./dev bench                            1.1 billion parameters at int4-g64
    ./dev bench --scheme int8-g64          another scheme
    ./dev bench --limits                   only the machine's limits
    ./dev bench --json result.json         the numbers for a program

The model is made once, below build/bench/. Times are of this run; the page cache
is warm, because the model has just been written or read.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
FIRST_TOKEN_ROUNDS = 5
FIRST_TOKEN_PROMPT = "1,7,42,99,1000,12,5,8"
POLL_SECONDS = 0.01


def rss_anon(pid):
    """Anonymous resident bytes of a process now, 0 if it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def fail(command, result, error):
    sys.stderr.write(error)
    sys.exit(f"bench: exit code {result}: {' '.join(map(str, command))}")


def run(*command):
    """Runs a command to its end: (stdout, seconds, peak anonymous bytes)."""
    start, peak = time.monotonic(), 0
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    outputs = {}
    reader = threading.Thread(
        target=lambda: outputs.update(zip(["out", "err"], process.communicate()))
    )
    reader.start()
    while reader.is_alive():
        peak = max(peak, rss_anon(process.pid))
        reader.join(POLL_SECONDS)
    seconds = time.monotonic() - start
    if process.returncode:
        fail(command, process.returncode, outputs["err"])
    return outputs["out"], seconds, peak


def seconds_to_first_token(executable):
    """From the start of the process to its first byte of output, the median."""
    command = [executable, "--tokens", FIRST_TOKEN_PROMPT, "-n", "1", "--print-tokens"]
    times = []
    for _ in range(FIRST_TOKEN_ROUNDS):
        start = time.monotonic()
        with subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            bufsize=0,
        ) as process:
            first = process.stdout.read(1)
            times.append(time.monotonic() - start)
            process.stdout.read()
        if not first or process.returncode:
            fail(command, process.returncode, "no token came out\n")
    return sorted(times)[len(times) // 2]


def make_model(args):
    if args.model:
        return args.model
    folder = ROOT / "build" / "bench" / f"llama-{args.preset}"
    if not (folder / "config.json").is_file():  # written last
        print(f"writing a synthetic model to {folder.relative_to(ROOT)}", flush=True)
        run(
            *[sys.executable, ROOT / "bench" / "synthetic_llama.py", folder],
            *["--preset", args.preset],
        )
    return folder


def bytes_a_token(model, weights_bytes):
    """What decoding one token reads: all weights, except that an embedding table
    of its own (stored as BF16) is only looked up."""
    config = json.loads((model / "config.json").read_text())
    if config["tie_word_embeddings"]:
        return weights_bytes
    return weights_bytes - 2 * config["vocab_size"] * config["hidden_size"]


def measure_limits(build, threads=None):
    options = ["--threads", threads] if threads else []
    return json.loads(run(build / "bin" / "lqc-limits", "--json", *options)[0])


def measure_compiler(lqc, model, scheme, out):
    """Import alone, then everything; the executable is at out / "model"."""
    text = out / "import.mlir"
    _, seconds, _ = run(lqc, "compile", model, "--compile-to=import", "-o", text)
    result = {"import_seconds": seconds, "ir_bytes": text.stat().st_size}
    executable = out / "model"
    command = [lqc, "compile", model, "-o", executable]
    command += [f"--quantize={scheme}"] if scheme != "float" else []
    _, seconds, peak = run(*command)
    result["compile_seconds"] = seconds
    result["compile_peak_bytes"] = peak
    result["executable_bytes"] = executable.stat().st_size
    return result


def measure_executable(build, executable, model, threads):
    options = ["--threads", str(threads)] if threads else []
    info = json.loads(run(executable, "--info", "--json")[0])
    run(executable, "--tokens", "1", "-n", "1", "--print-tokens")  # warms the cache
    result = {
        "bits_per_weight": info["bits_per_weight"],
        "first_token_seconds": seconds_to_first_token(executable),
    }
    before = measure_limits(build, threads)
    speed = json.loads(run(executable, "--bench", "--json", *options)[0])
    after = measure_limits(build, threads)
    # The bandwidth just before and just after: machines drift.
    bandwidth = max(limits["read_bytes_per_second"][1] for limits in (before, after))
    bytes_read = bytes_a_token(model, speed["weights_bytes"])
    rate = speed["decode_tokens_per_second"]
    result |= {
        "threads": speed["threads"],
        "prefill_tokens_per_second": speed["prefill_tokens_per_second"],
        "decode_tokens_per_second": rate,
        "decode_bytes_per_token": bytes_read,
        "read_bytes_per_second": bandwidth,
        "decode_limit_tokens_per_second": bandwidth / bytes_read,
        "decode_fraction_of_limit": rate * bytes_read / bandwidth,
        "limits": after,
    }
    return result


def table(result):
    rows = [
        ("import", f"{result['import_seconds']:.2f} s"),
        ("IR after import", f"{result['ir_bytes'] / 1e6:.2f} MB"),
        ("compile", f"{result['compile_seconds']:.1f} s"),
        ("peak memory of compile", f"{result['compile_peak_bytes'] / 1e9:.2f} GB"),
        ("executable", f"{result['executable_bytes'] / 1e6:.1f} MB"),
        ("bits per weight", f"{result['bits_per_weight']:.3f}"),
        ("first token", f"{result['first_token_seconds']:.3f} s"),
        ("threads", str(result["threads"])),
        ("prefill", f"{result['prefill_tokens_per_second']:.1f} tokens/s"),
        ("decode", f"{result['decode_tokens_per_second']:.1f} tokens/s"),
        ("memory a token", f"{result['decode_bytes_per_token'] / 1e6:.1f} MB"),
        ("read bandwidth", f"{result['read_bytes_per_second'] / 1e9:.1f} GB/s"),
        ("decode limit", f"{result['decode_limit_tokens_per_second']:.1f} tokens/s"),
        ("decode / limit", f"{100 * result['decode_fraction_of_limit']:.0f} %"),
    ]
    return "\n".join(f"{name:<24}{value:>18}" for name, value in rows)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--preset", default="1.1b", help="of bench/synthetic_llama.py")
    parser.add_argument("--model", type=pathlib.Path, help="another model's folder")
    parser.add_argument("--scheme", default="int4-g64", help="or float")
    parser.add_argument("--threads", type=int, help="of the executable")
    parser.add_argument("--limits", action="store_true", help="measure only these")
    parser.add_argument("--json", type=pathlib.Path, help="file to write")
    args = parser.parse_args()
    args.build = args.build.resolve()
    return args


def main():
    args = parse_arguments()
    if args.limits:
        options = ["--threads", args.threads] if args.threads else []
        print(run(args.build / "bin" / "lqc-limits", *options)[0], end="")
        return 0
    out = ROOT / "build" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    model = make_model(args)
    print(f"compiling {model} at {args.scheme}", flush=True)
    lqc = args.build / "bin" / "lqc"
    result = {"model": model.name, "scheme": args.scheme}
    result |= measure_compiler(lqc, model, args.scheme, out)
    result |= measure_executable(args.build, out / "model", model, args.threads)
    print(table(result))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
