"""Quantizes a model with outliers in its activations, and the same one without.

    check_outliers.py LQC MODEL OUTLIERS WORK

OUTLIERS computes what MODEL does (bench/outlier_model.py). WORK holds calibration.txt and
unseen.txt. Static int8 activations must break on it; SmoothQuant, and AWQ for weights, must
bring its divergence within 1.5 times that of MODEL.
"""

import json
import pathlib
import subprocess
import sys

LARGEST_RATIO = 1.5


def main():
    lqc, model, outliers, work = sys.argv[1:]
    work = pathlib.Path(work)
    text = f"--calibrate={work / 'calibration.txt'}"

    def divergence(which, *options):
        command = [lqc, "eval", which, "--reference", model, "--json"]
        command += ["--text", work / "unseen.txt", *options]
        return json.loads(subprocess.run(command, check=True, stdout=-1).stdout)["kl"]

    assert divergence(outliers) < 1e-9, "the function must be the same"
    static = ["--quantize=int8-g64", "--activations=static-int8", text, "--samples=48"]
    broken, whole = divergence(outliers, *static), divergence(model, *static)
    print(f"static: {broken:.5f}, without outliers {whole:.5f}")
    assert broken > 5 * whole
    awq = ["--quantize=int3-g64", "--activations=f32", text, "--samples=48", "--method=awq"]
    for options in [[*static, "--method=smoothquant"], awq]:
        scaled, untouched = divergence(outliers, *options), divergence(model, *options)
        print(f"{options[-1]}: {scaled:.5f}, without outliers {untouched:.5f}")
        assert scaled < LARGEST_RATIO * untouched, options


if __name__ == "__main__":
    main()
