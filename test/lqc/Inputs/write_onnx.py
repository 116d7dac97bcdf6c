"""Writes an ONNX file with what few models have, field by field.

    write_onnx.py FILE [negative]

A tensor of four bits, external data that are there and that are not, an unknown
operator, a subgraph, a function; negative: a dimension below 0.
"""

import pathlib
import struct
import sys


def varint(number):
    data = b""
    number &= (1 << 64) - 1
    while number > 127:
        data += bytes([number & 127 | 128])
        number >>= 7
    return data + bytes([number])


def integer(field, number):
    return varint(field << 3) + varint(number)


def message(field, *parts):
    data = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name, kind, dims, *data):
    """TensorProto."""
    return b"".join([*(integer(1, d) for d in dims), integer(2, kind), *data, message(8, name)])


def external(path):
    location = message(13, message(1, "location"), message(2, path))
    return location + integer(14, 1)


def value(name, kind):
    """ValueInfoProto with a TypeProto."""
    return message(1, name) + message(2, kind)


def node(op, inputs, outputs, *more):
    """NodeProto."""
    return b"".join(
        [*(message(1, i) for i in inputs), *(message(2, o) for o in outputs), message(4, op), *more]
    )


def main():
    path = pathlib.Path(sys.argv[1])
    rows = -2 if sys.argv[2:] == ["negative"] else 2
    (path.parent / "numbers.bin").write_bytes(struct.pack("<6f", *range(6)))
    float16 = message(
        1, integer(1, 10), message(2, message(1, message(2, "n")), message(1, integer(1, 3)), message(1))
    )  # fmt: skip
    branch = message(1, node("Nonesuch", ["x"], ["z"])) + message(2, "branch")
    then = message(5, message(1, "then_branch"), message(6, branch), integer(20, 5))
    graph = [
        message(1, node("If", ["x"], ["z"], then)),
        message(1, node("Nonesuch", ["z"], ["v"])),
        message(1, node("Twice", ["v"], ["y"], message(7, "org.example"))),
        message(2, "odd"),
        message(5, tensor("w", 1, [rows, 3], external("numbers.bin"))),
        message(5, tensor("u", 1, [4], external("/etc/passwd"))),
        message(5, tensor("q", 22, [3], message(9, b"\x21\x03"))),
        message(11, value("x", float16)),
        message(11, value("s", message(4, message(1, message(1, integer(1, 1)))))),
        message(12, value("y", message(1, integer(1, 8)))),
    ]
    function = [
        message(1, "Twice"), message(4, "a"), message(5, "b"), message(10, "org.example"),
        message(7, node("Add", ["a", "a"], ["b"])),
    ]  # fmt: skip
    model = [
        integer(1, 9), message(2, "by hand"), message(7, *graph),
        message(8, integer(2, 18)), message(8, message(1, "org.example"), integer(2, 3)),
        message(25, *function),
    ]  # fmt: skip
    path.write_bytes(b"".join(model))


main()
