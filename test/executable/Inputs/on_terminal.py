"""Runs a program with standard input and standard error on a terminal and prints what
appears there, \\r as a new line; the exit code is the program's.

    on_terminal.py PROGRAM ARGUMENT...
"""

import os
import pty
import subprocess
import sys

master, slave = pty.openpty()
program = subprocess.Popen(sys.argv[1:], stdin=slave, stderr=slave, stdout=subprocess.DEVNULL)
os.close(slave)
text = b""
while True:
    try:
        piece = os.read(master, 4096)
    except OSError:  # the other end is closed
        break
    if not piece:
        break
    text += piece
print(text.decode().replace("\r", "\n"))
sys.exit(program.wait())
