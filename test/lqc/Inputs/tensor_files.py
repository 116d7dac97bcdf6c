"""Writes and shows files of tensors.

    tensor_files.py write FILE.npy|FILE.pb DTYPE SHAPE NUMBERS
    tensor_files.py show FILE.npy

DTYPE: float32, int64 or uint8. SHAPE: 2x3, or - for a scalar. NUMBERS: 1,2,3.
"""

import ast
import pathlib
import struct
import sys

# Of NumPy, of struct, and the number of ONNX's data type.
TYPES = {"float32": ("<f4", "f", 1), "int64": ("<i8", "q", 7), "uint8": ("|u1", "B", 2)}


def varint(value):
    text = b""
    while value > 127:
        text += bytes([value & 127 | 128])
        value >>= 7
    return text + bytes([value])


def proto(dtype, shape, data):
    """A TensorProto: dims = 1, data_type = 2, raw_data = 9."""
    text = b"".join(varint(1 << 3) + varint(size) for size in shape)
    text += varint(2 << 3) + varint(TYPES[dtype][2])
    return text + varint(9 << 3 | 2) + varint(len(data)) + data


def npy(dtype, shape, data):
    header = repr({"descr": TYPES[dtype][0], "fortran_order": False, "shape": tuple(shape)})
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def write(path, dtype, shape, numbers):
    shape = [int(size) for size in shape.split("x")] if shape != "-" else []
    kind = float if dtype == "float32" else int
    numbers = [kind(number) for number in numbers.split(",") if number]
    data = struct.pack("<%d%s" % (len(numbers), TYPES[dtype][1]), *numbers)
    make = proto if path.endswith(".pb") else npy
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_bytes(make(dtype, shape, data))


def show(path):
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    (length,) = struct.unpack_from("<H", data, 8)
    header = ast.literal_eval(data[10 : 10 + length].decode())
    (letter,) = [t[1] for t in TYPES.values() if t[0] == header["descr"]]
    count = (len(data) - 10 - length) // struct.calcsize("<" + letter)
    print(header["descr"], header["shape"], *struct.unpack_from("<%d%s" % (count, letter), data, 10 + length))


if __name__ == "__main__":
    {"write": write, "show": show}[sys.argv[1]](*sys.argv[2:])
