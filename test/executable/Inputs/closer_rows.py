"""Says how much nearer one set of embeddings is to known ones than another.

    closer_rows.py KNOWN ROWS NEARER FACTOR    .npy files

Fails unless the squared error of NEARER, times FACTOR, is below that of ROWS.
"""

import sys

from compare_rows import read


def error(rows, known):
    return sum((a - b) ** 2 for r, k in zip(rows, known) for a, b in zip(r, k))


def main():
    known, rows, nearer = (read(path) for path in sys.argv[1:4])
    before, after = error(rows, known), error(nearer, known)
    if not after * float(sys.argv[4]) < before:
        sys.exit(f"squared error {after}, without {before}")
    print("nearer")


if __name__ == "__main__":
    main()
