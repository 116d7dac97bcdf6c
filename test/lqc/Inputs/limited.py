"""Runs a command that may not write a file larger, or use more memory, than given.

    limited.py [--file-bytes N] [--memory-bytes N] COMMAND...

Memory is address space: libraries that are mapped count. The exit code is the
command's, or 128 + the signal that killed it.
"""

import argparse
import resource
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--file-bytes", type=int)
    parser.add_argument("--memory-bytes", type=int)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    limits = {resource.RLIMIT_FSIZE: args.file_bytes, resource.RLIMIT_AS: args.memory_bytes}

    def apply():
        for limit, value in limits.items():
            if value is not None:
                resource.setrlimit(limit, (value, value))

    code = subprocess.run(args.command, preexec_fn=apply).returncode
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
