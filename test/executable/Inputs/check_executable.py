"""Compiles a model and checks what the executable computes.

    check_executable.py LQC MODEL GOLDEN WORK CHECK [COMPILE OPTIONS...]

GOLDEN is a folder of test/golden, WORK one to write to. CHECK is one of
    golden       logits are the golden ones                    (1e-4 relative)
    interpreter  logits are the reference interpreter's        (1e-4 relative)
    greedy       ten greedy continuations are the golden ones, for 1, 2 and 3 threads
    chunks       a token has the same bits in prefill and in decode
    perplexity   of the golden text, for the scheme given      (0.2 %)
    activations  int8 activations add at most 0.002 nat KL divergence
Differences are relative to the largest magnitude of a row.
"""

import array
import json
import math
import pathlib
import subprocess
import sys

LOGITS_TOLERANCE = 1e-4
PERPLEXITY_TOLERANCE = 2e-3
MOST_ADDED_KL = 2e-3


class Checker:
    def __init__(self, lqc, model, golden, work, options):
        self.lqc, self.model, self.options = lqc, model, options
        self.golden_folder = pathlib.Path(golden)
        self.golden = json.loads((self.golden_folder / "golden.json").read_text())
        self.size = self.golden["vocab"]
        self.work = pathlib.Path(work)
        self.work.mkdir(parents=True, exist_ok=True)

    def compile(self, name, options):
        output = self.work / name
        subprocess.run(
            [self.lqc, "compile", self.model, "-o", output, *options],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return output

    def executable(self):
        return self.compile("model", self.options)

    def logits(self, command, tokens):
        """Rows of logits, one for each token."""
        data = subprocess.run(
            [*command, "--tokens", ",".join(map(str, tokens))],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        values = array.array("f")
        values.frombytes(data)
        assert len(values) == self.size * len(tokens), len(values)
        return [values[i : i + self.size] for i in range(0, len(values), self.size)]

    def worst(self, got, want):
        return max(
            max(abs(a - b) for a, b in zip(x, y)) / max(map(abs, y))
            for x, y in zip(got, want)
        )

    def report(self, what, value, limit):
        print(f"{what}: {value:.3g} (at most {limit:g})")
        assert value <= limit

    def check_golden(self):
        rows = self.logits([self.executable(), "--logits"], self.golden["tokens"])
        values = array.array("f")
        path = self.golden_folder / self.golden["logits_file"]
        values.frombytes(path.read_bytes())
        want = [values[i : i + self.size] for i in range(0, len(values), self.size)]
        got = [rows[row] for row in self.golden["rows"]]
        self.report("largest difference", self.worst(got, want), LOGITS_TOLERANCE)

    def check_interpreter(self):
        tokens = self.golden["tokens"][:90]
        interpret = [self.lqc, "interpret", self.model, "--logits", "-", *self.options]
        got = self.logits([self.executable(), "--logits"], tokens)
        want = self.logits(interpret, tokens)
        self.report("largest difference", self.worst(got, want), LOGITS_TOLERANCE)

    def check_greedy(self):
        executable = self.executable()
        assert len(self.golden["greedy"]) == 10
        for case in self.golden["greedy"]:
            for threads in (1, 2, 3):
                text = subprocess.run(
                    [executable, "--tokens", ",".join(map(str, case["tokens"]))]
                    + ["-n", "64", "--print-tokens", "--threads", str(threads)],
                    check=True,
                    stdout=subprocess.PIPE,
                    text=True,
                ).stdout
                got = [int(token) for token in text.split(",")]
                assert got == case["continuation"], (case["prompt"], threads)
        print("10 prompts, 64 tokens, 1, 2 and 3 threads: identical")

    def check_chunks(self):
        # The chunk is 64 tokens: the 65th is decoded alone if it is the last.
        command = [self.executable(), "--logits"]
        tokens = self.golden["tokens"][:70]
        whole = self.logits(command, tokens)
        alone = self.logits(command, tokens[:65])
        assert whole[:65] == alone
        one_by_one = [self.logits(command, tokens[:n])[-1] for n in (1, 2, 6, 64, 65)]
        assert one_by_one == [whole[n - 1] for n in (1, 2, 6, 64, 65)]
        print("prefill and decode: identical bits")

    def check_perplexity(self):
        scheme = "float"
        for option in self.options:
            if option.startswith("--quantize="):
                scheme = option.removeprefix("--quantize=")
        text = pathlib.Path(self.model) / pathlib.Path(self.golden["perplexity_file"]).name
        printed = subprocess.run(
            [self.executable(), "--perplexity", text, "--json"],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        result = json.loads(printed)
        want = self.golden["perplexity"][scheme]
        assert result["tokens"] == self.golden["perplexity_tokens"] - 1
        off = abs(result["perplexity"] / want - 1)
        self.report(f"{scheme}: {result['perplexity']:.4f}, off by", off, PERPLEXITY_TOLERANCE)

    def check_activations(self):
        tokens = self.golden["tokens"]

        def rows(name, options):
            command = [self.compile(name, options), "--logits"]
            return [log_softmax(row) for row in self.logits(command, tokens)]

        reference = rows("float", [])
        exact = rows("exact", [*self.options, "--activations=f32"])
        rounded = rows("rounded", [*self.options, "--activations=int8"])
        added = divergence(reference, rounded) - divergence(reference, exact)
        self.report("added KL divergence", added, MOST_ADDED_KL)
        assert rounded != exact


def log_softmax(row):
    largest = max(row)
    total = math.log(sum(math.exp(x - largest) for x in row)) + largest
    return [x - total for x in row]


def divergence(reference, other):
    """Mean KL divergence in nats a token."""
    rows = zip(reference, other)
    return sum(
        sum(math.exp(p) * (p - q) for p, q in zip(a, b)) for a, b in rows
    ) / len(reference)


def main():
    lqc, model, golden, work, check, *options = sys.argv[1:]
    getattr(Checker(lqc, model, golden, work, options), "check_" + check)()


if __name__ == "__main__":
    main()
