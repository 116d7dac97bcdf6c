"""Shows that budgets are met, and that choosing schemes is worth it.

    check_budget.py LQC MODEL WORK

WORK holds calibration.txt and unseen.txt. The executable of `--bits-per-weight=B` takes
at most B bits, and hardly less; on unseen text it loses less than the straight line of
log KL between one scheme for all below B and one above. That of `--max-kl=X` comes near X.
"""

import json
import math
import pathlib
import subprocess
import sys

BITS = 3.5
LIMIT = 0.05


def main():
    lqc, model, work = sys.argv[1:]
    work = pathlib.Path(work)

    def run(*command):
        return subprocess.run(command, check=True, stdout=-1, text=True).stdout

    def facts(name, *words):
        executable = work / name
        run(lqc, "compile", model, "--activations=f32", "-o", executable, *words)
        return executable, json.loads(run(executable, "--info", "--json"))

    reference, _ = facts("reference")

    def divergence(candidate):
        words = ["--reference", reference, "--text", work / "unseen.txt", "--json"]
        return json.loads(run(lqc, "eval", candidate, *words))["kl"]

    text = [f"--calibrate={work / 'calibration.txt'}", "--samples=16"]
    executable, info = facts("bits", f"--bits-per-weight={BITS}", *text)
    print(info["bits_per_weight"], "bits of", BITS)
    assert BITS - 0.005 < info["bits_per_weight"] <= BITS
    budget = divergence(executable)
    below, above = (
        math.log(divergence(facts("uniform", f"--quantize=int{bits}-g64")[0]))
        for bits in (3, 4)
    )
    line = math.exp(below + (BITS - 3.25) * (above - below))
    print(f"KL {budget:.5f}, straight line {line:.5f}")
    assert budget < 0.95 * line

    executable, info = facts("kl", f"--max-kl={LIMIT}", "--schemes=int2-g64,int3-g64,int4-g64", *text)
    limited = divergence(executable)
    print(f"KL {limited:.5f} of {LIMIT} with {info['bits_per_weight']} bits")
    assert 0.6 * LIMIT < limited < 1.3 * LIMIT


if __name__ == "__main__":
    main()
