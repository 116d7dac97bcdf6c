"""What `./dev demo` does after the build: compiles the bundled model as float, int8
and int4, lets two of them tell a story, measures all three against the float one,
and prints a table.
Every number in it was measured in this run. Executables are compiled again only
when the compiler, the runtime or the model is newer.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "examples" / "bard-llama"
OUT = ROOT / "build" / "demo"
SCHEMES = {"float": None, "int8": "int8-g64", "int4": "int4-g64"}
STORYTELLERS = ["float", "int4"]
PROMPT = "First Citizen:\n"
STORY = ["-n", "110", "--temperature", "0.8", "--seed", "42"]


def run(command, **options):
    """Runs a command; its own message and the exit code end the demo."""
    words = [str(word) for word in command]
    result = subprocess.run(words, stdin=subprocess.DEVNULL, text=True, **options)
    if result.returncode:
        sys.stderr.write(result.stderr or "")
        sys.exit(f"demo: failed with exit code {result.returncode}: {' '.join(words)}")
    return result.stdout


def output_of(*command):
    return run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def newest(paths):
    return max(path.stat().st_mtime for path in paths if path.is_file())


def compile_model(build, name, scheme):
    """The executable build/demo/bard-NAME, made anew if anything it comes from is."""
    executable = OUT / f"bard-{name}"
    lqc = build / "bin" / "lqc"
    sources = [lqc, *(build / "lib").glob("*.a"), *MODEL.iterdir()]
    command = [lqc.relative_to(ROOT), "compile", MODEL.relative_to(ROOT)]
    command += [f"--quantize={scheme}"] if scheme else []
    command += ["-o", executable.relative_to(ROOT)]
    print("$ " + " ".join(map(str, command)), flush=True)
    if executable.is_file() and executable.stat().st_mtime > newest(sources):
        print("  up to date")
        return executable
    run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return executable


def tell_story(name, executable):
    command = [executable.relative_to(ROOT), *STORY, PROMPT]
    shown = [word if word != PROMPT else f"${PROMPT!r}" for word in map(str, command)]
    print(f"\n$ {' '.join(shown)}")
    text = output_of(ROOT / command[0], *command[1:])
    print(textwrap.indent(text.strip(), "  | ", lambda line: True), flush=True)


def measure(build, executable, reference):
    """Size, bits per weight, quality and speed of one executable."""
    text = MODEL / "valid-slice.txt"
    info = json.loads(output_of(executable, "--info", "--json"))
    evaluate = [build / "bin" / "lqc", "eval", executable, "--reference", reference]
    quality = json.loads(output_of(*evaluate, "--text", text, "--json"))
    speed = json.loads(output_of(executable, "--bench", "--json"))
    return [
        f"{executable.stat().st_size / 1e6:.2f} MB",
        f"{info['bits_per_weight']:.2f}",
        f"{quality['perplexity']:.3f}",
        f"{quality['kl']:.5f}",
        f"{100 * quality['top1']:.1f} %",
        f"{speed['decode_tokens_per_second']:.0f}",
    ]


def print_table(rows):
    header = ["", "file size", "bits/weight", "perplexity", "KL", "top-1", "tokens/s"]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        first = row[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join([first, *rest]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    args = parser.parse_args()
    build = (ROOT / args.build).resolve()
    OUT.mkdir(parents=True, exist_ok=True)
    executables = {
        name: compile_model(build, name, scheme) for name, scheme in SCHEMES.items()
    }
    for name in STORYTELLERS:
        tell_story(name, executables[name])
    print(f"\nmeasured on {(MODEL / 'valid-slice.txt').relative_to(ROOT)}:\n")
    rows = [
        [scheme or "float", *measure(build, executables[name], executables["float"])]
        for name, scheme in SCHEMES.items()
    ]
    print_table(rows)
    print("\nKL: mean divergence from float, nats a token; top-1: tokens it agrees on")
    return 0


if __name__ == "__main__":
    sys.exit(main())
