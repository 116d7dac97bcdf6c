"""Kills `lqc calibrate` in the middle and starts it again.

    check_resume.py LQC MODEL WORK TEXT

The second run must go on from what the first has left, and write the file that a run in one
go writes. With other options it must refuse.
"""

import pathlib
import subprocess
import sys
import time


def main():
    lqc, model, work, text = sys.argv[1:]
    work = pathlib.Path(work)
    command = [lqc, "calibrate", model, f"--text={text}", "--keep-hessians=*", "--samples=64"]

    def run(output, *options):
        arguments = [*command, "-o", work / output, *options]
        return subprocess.run(arguments, capture_output=True, text=True)

    assert run("whole").returncode == 0
    parts = work / "stats.parts"
    # On a busy machine it may end before it is killed: then once more.
    for _ in range(20):
        (work / "stats").unlink(missing_ok=True)
        process = subprocess.Popen([*command, "-o", work / "stats"], stdout=subprocess.DEVNULL)
        while process.poll() is None and not list(parts.glob("0*.safetensors")):
            time.sleep(0.001)
        process.kill()
        process.wait()
        if list(parts.glob("0*.safetensors")):
            break
    assert not (work / "stats").exists(), "it was too quick to be killed"
    (parts / "000009.safetensors.half-written").write_bytes(b"junk")

    other = run("stats", "--seed=1")
    assert other.returncode == 1 and "another model, text or options" in other.stderr, other.stderr
    again = run("stats")
    assert again.returncode == 0, again.stderr
    assert "going on behind" in again.stdout, again.stdout
    assert (work / "stats").read_bytes() == (work / "whole").read_bytes()
    left = {path.name for path in work.iterdir()}
    assert left == {"stats", "whole"}, left
    print(again.stdout.strip())


if __name__ == "__main__":
    main()
