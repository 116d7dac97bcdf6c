"""Interrupts compilations at many moments and checks what is left.

    interrupt.py LQC MODEL FOLDER SIGNAL killed|ignored [OPTIONS...]

The signal goes to the compiler alone, as `kill` sends it. After it: no temporary
file (but SIGKILL may leave some), and under the output's name either what was
there before or the whole new file. The exit status is that of the signal. A signal
that was ignored when the compiler started (nohup) changes nothing.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

MOMENTS = 8
OLD = b"old"


class Compilation:
    def __init__(self, lqc, model, folder, options):
        self.output = folder / "out"
        self.temporary = folder / "tmp"
        self.folder = folder
        self.command = [lqc, "compile", model, "-o", str(self.output), *options]

    def start(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.temporary.mkdir(parents=True)
        self.output.write_bytes(OLD)
        return subprocess.Popen(
            self.command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(self.temporary)},
        )

    def leftovers(self):
        """What is neither the output nor its sidecar. Files of the system's compiler
        driver (cc and six letters) are its own: it removes them on SIGTERM, but for
        one that it has only just made."""
        names = [
            str(path)
            for path in self.temporary.iterdir()
            if not re.fullmatch(r"cc[A-Za-z0-9]{6}(\..*)?", path.name)
        ]
        names += [
            path.name
            for path in self.folder.iterdir()
            if path.name not in ("tmp", "out", "out.lqcw")
        ]
        return names


def linkers():
    """Command lines of running linkers, to see one that was left behind."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            pass
    return found


def interrupt_after(compilation, seconds, number):
    process = compilation.start()
    time.sleep(seconds)
    process.send_signal(number)
    errors = process.communicate()[1]
    return process.returncode, errors


def check(compilation, whole, code, errors, number):
    """Why the state after an interruption is wrong, or nothing."""
    contents = compilation.output.read_bytes()
    if code not in (0, -number):
        return f"exit status must be 0 or that of the signal, got: {code}, {errors}"
    if contents != whole and (code == 0 or contents != OLD):
        return f"output must be old or whole, got: {len(contents)} bytes"
    if errors:
        return f"nothing must be said, got: {errors}"
    if number == signal.SIGKILL:
        return None
    if compilation.leftovers():
        return f"no temporary file must be left, got: {compilation.leftovers()}"
    if any(str(compilation.output) + ".tmp" in line for line in linkers()):
        return "no linker must be left"
    return None


def main():
    lqc, model, folder, name, action, *options = sys.argv[1:]
    number = signal.Signals[name]
    if number != signal.SIGKILL:  # what the compiler inherits
        signal.signal(number, signal.SIG_IGN if action == "ignored" else signal.SIG_DFL)
    compilation = Compilation(lqc, model, pathlib.Path(folder), options)
    begin = time.monotonic()
    if compilation.start().wait() != 0:
        sys.exit("the compilation alone failed")
    duration = time.monotonic() - begin
    whole = compilation.output.read_bytes()

    interrupted = 0
    for moment in range(MOMENTS):
        seconds = duration * moment / MOMENTS
        code, errors = interrupt_after(compilation, seconds, number)
        problem = check(compilation, whole, code, errors, number)
        if problem:
            sys.exit(f"{name} after {seconds:.3f} s: {problem}")
        interrupted += code != 0
    if action == "ignored" and interrupted:
        sys.exit(f"{name} must be ignored, got: {interrupted} interrupted compilations")
    if action == "killed" and interrupted < MOMENTS // 4:
        sys.exit(f"at least {MOMENTS // 4} compilations must be interrupted, got: {interrupted}")
    # A linker that outlives a killed compiler may write there for a moment.
    while any(str(compilation.output) in line for line in linkers()):
        time.sleep(0.05)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
