"""Compares calibrated methods on text that was not calibrated on.

    check_methods.py LQC MODEL WORK METHOD MOST OTHER OPTIONS...

WORK holds calibration.txt and unseen.txt. The KL divergence to the float model with
`--method=METHOD` must be at most MOST of that with `--method=OTHER`; `nearest` is no method.
"""

import json
import pathlib
import subprocess
import sys


def main():
    lqc, model, work, method, most, other, *options = sys.argv[1:]
    work = pathlib.Path(work)

    def divergence(name):
        command = [lqc, "eval", model, "--reference", model, "--json"]
        command += ["--text", work / "unseen.txt", *options]
        if name != "nearest":
            command.append(f"--method={name}")
        if name != "nearest" or "--activations=static-int8" in options:
            command += [f"--calibrate={work / 'calibration.txt'}", "--samples=48"]
        return json.loads(subprocess.run(command, check=True, stdout=-1).stdout)["kl"]

    got, limit = divergence(method), divergence(other)
    print(f"{options}: {method} {got:.4f}, {other} {limit:.4f} nats a token")
    assert got < float(most) * limit


if __name__ == "__main__":
    main()
