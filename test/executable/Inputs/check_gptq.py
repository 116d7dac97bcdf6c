"""Compares GPTQ with rounding to nearest on text that was not calibrated on.

    check_gptq.py LQC MODEL WORK OPTIONS...

WORK holds calibration.txt and unseen.txt. The KL divergence to the float model with
`--method=gptq` must be at most MOST of that without.
"""

import json
import pathlib
import subprocess
import sys

MOST = 0.7


def main():
    lqc, model, work, *options = sys.argv[1:]
    work = pathlib.Path(work)

    def divergence(*more):
        command = [lqc, "eval", model, "--reference", model, "--json"]
        command += ["--text", work / "unseen.txt", *options, *more]
        return json.loads(subprocess.run(command, check=True, stdout=-1).stdout)["kl"]

    nearest = divergence()
    text = work / "calibration.txt"
    gptq = divergence("--method=gptq", f"--calibrate={text}", "--samples=48")
    print(f"{options}: {gptq:.4f} of {nearest:.4f} nats a token")
    assert gptq < MOST * nearest


if __name__ == "__main__":
    main()
