"""Compiles a model, damages the executable, uses it in odd ways, and checks that each
ends clearly: one line that names what is wrong, exit code 1; nothing else anywhere.

    check_robustness.py LQC MODEL WORK CHECK

CHECK is one of
    damage    changed bytes of each section and of the footer
    cut       the file ends early
    pipe      the reader of the output goes away
    context   the context is full
    text      a prompt that is not UTF-8
"""

import pathlib
import random
import signal
import struct
import subprocess
import sys

# lqc/Runtime/Payload.h: (offset, bytes, hash) of each section, then 32 bytes.
SECTIONS = ["weights", "tokenizer", "info", "summary", "generation", "encoder", "tensors"]
FOOTER_BYTES = 24 * len(SECTIONS) + 32


class Checker:
    def __init__(self, lqc, model, work):
        work = pathlib.Path(work)
        work.mkdir(parents=True, exist_ok=True)
        self.path = work / "model"
        command = [lqc, "compile", model, "--quantize=int4-g64", "-o", self.path]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self.bytes = self.path.read_bytes()
        footer = self.bytes[-FOOTER_BYTES:]
        self.sections = {
            name: struct.unpack_from("<QQ", footer, 24 * index)
            for index, name in enumerate(SECTIONS)
        }

    def run(self, *arguments):
        return subprocess.run([self.path, *arguments], capture_output=True, timeout=60)

    def expect_refused(self, result, start, what):
        """One line that begins with `start`, exit code 1, no output."""
        errors = result.stderr.decode()
        ok = (
            result.returncode == 1
            and result.stdout == b""
            and errors.startswith("model: " + start)
            and errors.count("\n") == 1
        )
        if not ok:
            sys.exit(f"{what}: expected '{start}', got: {result}")

    def with_changed_byte(self, offset, *arguments):
        with open(self.path, "r+b") as file:
            file.seek(offset)
            file.write(bytes([self.bytes[offset] ^ 0x10]))
        result = self.run(*arguments)
        with open(self.path, "r+b") as file:
            file.seek(offset)
            file.write(self.bytes[offset : offset + 1])
        return result


def check_damage(checker):
    rng = random.Random(1)
    for name, (offset, size) in checker.sections.items():
        arguments = ["--verify"] if name == "weights" else ["--tokens", "1", "-n", "1"]
        if not size:  # the model has none
            continue
        places = [0, size - 1, *(rng.randrange(size) for _ in range(6))]
        for place in places:
            result = checker.with_changed_byte(offset + place, *arguments)
            # Of the weights --verify names the tensor.
            rule = "" if name == "weights" else "hash must be "
            expected = f"payload section {name}: {rule}"
            checker.expect_refused(result, expected, f"{name}, byte {place}")
    for place in range(FOOTER_BYTES):
        offset = len(checker.bytes) - FOOTER_BYTES + place
        result = checker.with_changed_byte(offset, "--tokens", "1", "-n", "1")
        checker.expect_refused(result, "payload footer: ", f"footer, byte {place}")
    if checker.run("--verify").returncode:
        sys.exit("the executable must be whole again")


def check_cut(checker):
    code_end = min(offset for offset, _ in checker.sections.values())
    size = len(checker.bytes)
    places = [size - 1, size - FOOTER_BYTES, size - FOOTER_BYTES - 1]
    places += [offset for offset, _ in checker.sections.values()]
    places += [random.Random(2).randrange(code_end, size) for _ in range(10)]
    for place in sorted(places, reverse=True):
        with open(checker.path, "r+b") as file:
            file.truncate(place)
        checker.expect_refused(checker.run("--info"), "payload footer: ", f"cut at {place}")


def check_pipe(checker):
    process = subprocess.Popen(
        [checker.path, "The king", "-n", "300"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    text = process.stdout.read(10)
    process.stdout.close()
    errors = process.stderr.read()
    status = process.wait()
    if len(text) != 10 or errors or status != -signal.SIGPIPE:
        sys.exit(f"expected a quiet end by SIGPIPE, got: {status}, {errors}")


def check_context(checker):
    result = checker.run("--tokens", "1,2,3", "-c", "16", "-n", "100", "--print-tokens")
    tokens = result.stdout.decode().strip().split(",")
    # The last token needs no place: nothing is computed from it.
    if result.returncode or len(tokens) != 16 - 3 + 1:
        sys.exit(f"expected 14 tokens, got: {result}")
    if result.stderr != b"model: context of 16 tokens is full\n":
        sys.exit(f"expected a line that says why it ends, got: {result.stderr}")


def check_text(checker):
    broken = b"The \xff\xfe king \xc3("
    repaired = broken.decode(errors="replace").encode()
    options = ["-n", "8", "--temperature", "0"]
    result = checker.run(broken, *options)
    if result.returncode or result.stderr or not result.stdout.startswith(broken):
        sys.exit(f"expected the prompt and what follows, got: {result}")
    follows = result.stdout[len(broken) :]
    wanted = checker.run(repaired, *options).stdout[len(repaired) :]
    if follows != wanted:
        sys.exit(f"expected what follows U+FFFD, {wanted}, got: {follows}")
    follows.decode()  # UTF-8 whatever the prompt was


def main():
    lqc, model, work, check = sys.argv[1:]
    globals()["check_" + check](Checker(lqc, model, work))


if __name__ == "__main__":
    main()
