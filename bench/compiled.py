"""Compiles a model, measures it on a text, and tells what came out; for the benchmarks."""

import json
import pathlib
import subprocess
import sys


class Compiler:
    """`options` has lqc, model, valid (a text), out (a folder) and threads."""

    def __init__(self, options):
        self.options = options
        self.out = pathlib.Path(options.out)
        self.out.mkdir(parents=True, exist_ok=True)

    def compile(self, name, *words, text=None, activations="f32"):
        """(facts of --info, what was printed). `activations`: None is the default."""
        executable = self.out / name
        command = [self.options.lqc, "compile", self.options.model, *words]
        if activations:
            command.append(f"--activations={activations}")
        command += [f"--evaluate={text or self.options.valid}", "-o", str(executable)]
        if self.options.threads:
            command.append(f"--threads={self.options.threads}")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        info = subprocess.run(
            [executable, "--info", "--json"], capture_output=True, check=True
        )
        executable.unlink()
        return json.loads(info.stdout), done.stdout + done.stderr


def row(*cells):
    """Prints a row of a Markdown table."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)
