"""Writes a copy of a safetensors file with some numbers of an F32 tensor changed.

    edit_safetensors.py FROM TO TENSOR VALUE [INDEX]

Without INDEX every number of the tensor becomes VALUE.
"""

import json
import pathlib
import struct
import sys


def main():
    source, target, tensor, value, *index = sys.argv[1:]
    data = bytearray(pathlib.Path(source).read_bytes())
    (size,) = struct.unpack_from("<Q", data)
    entry = json.loads(data[8 : 8 + size])[tensor]
    assert entry["dtype"] == "F32", entry
    begin, end = (8 + size + offset for offset in entry["data_offsets"])
    places = [begin + 4 * int(index[0])] if index else range(begin, end, 4)
    for place in places:
        struct.pack_into("<f", data, place, float(value))
    pathlib.Path(target).write_bytes(data)


if __name__ == "__main__":
    main()
