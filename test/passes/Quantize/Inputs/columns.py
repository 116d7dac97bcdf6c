"""What lqc-protect-salient reads and writes.

    columns.py louder STATISTICS OUT CHANNEL...   a copy of a file of lqc calibrate whose
                                                  CHANNELs have a million times the squares
    columns.py print SIDECAR                      the lists of indices in a sidecar
"""

import array
import json
import pathlib
import struct
import sys


def read(path):
    data = bytearray(pathlib.Path(path).read_bytes())
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    places = {}
    for name, tensor in header.items():
        begin, end = tensor["data_offsets"]
        places[name] = (tensor["dtype"], 8 + length + begin, 8 + length + end)
    return data, places


def louder(path, out, *channels):
    data, places = read(path)
    for name, (_, begin, end) in places.items():
        if not name.endswith(".mean_square"):
            continue
        values = array.array("f", bytes(data[begin:end]))
        for channel in map(int, channels):
            values[channel] *= 1e6
        data[begin:end] = values.tobytes()
    pathlib.Path(out).write_bytes(data)


def show(path):
    data, places = read(path)
    for dtype, begin, end in places.values():
        if dtype == "I32":
            print(list(array.array("i", bytes(data[begin:end]))))


{"louder": louder, "print": show}[sys.argv[1]](*sys.argv[2:])
