"""Checks what an executable says about kept columns against the model's shapes.

    check_kept.py EXECUTABLE WIDTH WIDER

For tiny-biases at int4-g32 with 10 % of the channels kept. WIDTH and WIDER are the widths of
its inputs: q, k, v, gate and up read WIDTH channels, o and down WIDER.
"""

import json
import math
import subprocess
import sys

LAYERS = 2
# Linears of a layer: rows, reads the wider input, is the first to read its input.
LINEARS = [(64, 0, 1), (32, 0, 0), (32, 0, 0), (32, 1, 1), (64, 0, 1), (64, 0, 0), (32, 1, 1)]


def main():
    executable, *widths = sys.argv[1:]
    widths = [int(width) for width in widths]
    weights = codes = kept = indices = 0
    for rows, wide, isFirst in LINEARS:
        columns = widths[wide]
        count = math.ceil(columns / 10)
        weights += LAYERS * rows * columns
        codes += LAYERS * rows * columns * 4.5 / 8
        kept += LAYERS * rows * count
        indices += LAYERS * isFirst * count * 4
    command = [executable, "--info", "--json"]
    info = json.loads(subprocess.run(command, check=True, stdout=-1).stdout)
    layers = info["weights"]["layers"]
    assert layers["weights"] == weights, (layers, weights)
    assert layers["kept"] == {"bf16": kept}, (layers, kept)
    assert layers["bytes"] == codes + 2 * kept + indices, (layers, codes, kept, indices)
    assert layers["bits_per_weight"] == 8 * layers["bytes"] / weights
    # The file holds these and no more, but for padding and the rotary frequencies.
    all_bytes = sum(part["bytes"] for part in info["weights"].values() if isinstance(part, dict))
    parts = sum(part["tensors"] for part in info["weights"].values() if isinstance(part, dict))
    padding = info["weights_bytes"] - all_bytes
    print(f"{layers['bits_per_weight']:.3f} bits, {padding} bytes of padding")
    # 14 kept, 8 lists of indices, one of frequencies; rows are padded to 16, too.
    assert 0 <= padding <= 64 * (parts + 14 + 8 + 1), padding


if __name__ == "__main__":
    main()
