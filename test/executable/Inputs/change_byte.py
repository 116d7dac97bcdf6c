"""Copies an executable and changes one byte of a tensor.

    change_byte.py SOURCE TARGET TENSOR    the first whose name begins with TENSOR
"""

import pathlib
import struct
import sys

SECTIONS = 7  # lqc/Runtime/Payload.h
WEIGHTS, TENSORS = 0, 6

source, target, tensor = sys.argv[1:]
data = bytearray(pathlib.Path(source).read_bytes())
footer = len(data) - (24 * SECTIONS + 32)
ranges = [struct.unpack_from("<QQQ", data, footer + 24 * i) for i in range(SECTIONS)]
weights, table = ranges[WEIGHTS][0], ranges[TENSORS][0]
(count,) = struct.unpack_from("<8xQ16x", data, table)
for i in range(1, count + 1):
    entry = struct.unpack_from("<QQQII", data, table + 32 * i)
    offset, size, _, name, length = entry
    if data[table + name : table + name + length].decode().startswith(tensor):
        data[weights + offset + size // 2] ^= 1
        break
else:
    sys.exit(f"no tensor {tensor}")
path = pathlib.Path(target)
path.write_bytes(data)
path.chmod(0o755)
