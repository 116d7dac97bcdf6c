"""What new_pass.py and new_op.py share: file headers, insertion into records, and
never overwriting anything."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WIDTH = 80


def stop(message):
    sys.exit(f"dev: {message}")


def cpp_header(name, summary):
    start, end = f"//===- {name} - {summary} ", "===//"
    rule = "//===" + "-" * (WIDTH - 10) + "===//"
    return "\n".join(
        [
            start + "-" * max(WIDTH - len(start) - len(end), 3) + end,
            "//",
            "// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.",
            "// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception",
            "//",
            rule,
            "",
        ]
    )


def read(path):
    file = ROOT / path
    if not file.is_file():
        stop(f"{path} does not exist")
    return file.read_text()


class Change:
    """New and changed files, written together at the end: all or none."""

    def __init__(self):
        self.files = {}

    def create(self, path, text):
        if (ROOT / path).exists():
            stop(f"{path} exists already")
        self.files[path] = ("wrote", text)

    def add_record(self, path, record):
        """Puts a record in front of a .td file's closing #endif."""
        head, end, tail = read(path).rpartition("#endif")
        if not end:
            stop(f"{path} must end with an #endif")
        self.files[path] = ("changed", head + record.strip() + "\n\n" + end + tail)

    def replace(self, path, old, new):
        text = read(path)
        if text.count(old) != 1:
            stop(f"{path} must have this once: {old.strip()}")
        self.files[path] = ("changed", text.replace(old, new))

    def write(self):
        for path, (verb, text) in self.files.items():
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(text)
            print(f"{verb} {path}")
        docs = pathlib.Path(__file__).with_name("docs.py")
        subprocess.run([sys.executable, str(docs)], check=True)
