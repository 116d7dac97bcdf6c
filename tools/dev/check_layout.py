"""Checks that the sources lie where docs/architecture.md says and only know what
they may know: the include arrows, a test for every pass and op, a short README in
every folder, the licence line in every file.

    check_layout.py [ROOT]    prints one line for each violation; exit code 1 if any
"""

import pathlib
import re
import sys

# What each area may include besides itself. An area that is not listed (tests,
# measurements) may include everything.
BASE = {"Support", "Numerics", "Runtime"}
MODEL = BASE | {"dialects"}
READERS = {"Import", "Interpreter", "Statistics"}
ALLOWED = {
    "Support": set(),
    "Numerics": {"Support"},
    "Runtime": set(),
    "Quality": BASE,
    "dialects": BASE,
    "Import": MODEL,
    "Interpreter": MODEL,
    "Statistics": MODEL | {"Import"},
    "passes": MODEL | READERS,
    "Target": MODEL | READERS | {"passes"},
    "Calibrate": MODEL | READERS | {"passes", "Target", "Quality"},
    "Driver": MODEL | READERS | {"passes", "Target", "Calibrate", "Quality"},
    "CAPI": MODEL | READERS | {"passes", "Target", "Calibrate", "Driver"},
    "tools": MODEL | READERS | {"passes", "Target", "Calibrate", "Driver"},
    "python_bindings": {"CAPI"},
}
# Libraries from outside that an area must not know: the runtime is linked into
# users' executables, and numerics are used without any IR.
FORBIDDEN_OUTSIDE = {
    "Runtime": ("llvm/", "mlir/", "llvm-c/", "mlir-c/"),
    "Numerics": ("mlir/", "mlir-c/"),
    "Support": ("mlir/", "mlir-c/"),
}
SOURCE_FOLDERS = ["dialects", "passes", "lib", "include", "tools", "python_bindings"]
DOCUMENTED_FOLDERS = ["dialects", "passes", "lib", "tools", "python_bindings"]
README_FOLDERS = [*DOCUMENTED_FOLDERS, "bench", "test", "docs", "examples"]
README_LINES = 30
CODE = {".cpp", ".h", ".c", ".td"}

INCLUDE = re.compile(r'^\s*#?\s*include\s+["<]([^">]+)[">]', re.MULTILINE)
PASS = re.compile(r'def\s+(\w+)\s*:\s*\w*Pass<\s*"lqc-([a-z0-9-]+)"')
OP = re.compile(r'def\s+LQC_\w+Op\s*:\s*\w+<\s*"([a-z0-9_]+)"')


def area_of_path(path):
    """The area that a file or include path (parts from the root) belongs to."""
    if path.parts[:2] == ("include", "lqc"):
        path = pathlib.PurePath(*path.parts[1:])
    if path.parts[0] in ("lib", "lqc") and len(path.parts) > 2:
        return path.parts[1]
    if path.parts[0] in ALLOWED and len(path.parts) > 1:
        return path.parts[0]
    return None


def phase_of(path):
    """Simplify for passes/Simplify/X.h, Lower/CPU for passes/Lower/CPU/X.h."""
    if path.parts[0] != "passes" or len(path.parts) < 3:
        return None
    return "/".join(path.parts[1:-1])


def files_below(root, folders, suffixes):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path.relative_to(root)


def check_include(file, include):
    """Why this include is against the rules, or nothing."""
    area, target = area_of_path(file), pathlib.PurePath(include)
    if ".." in target.parts:
        return "an include is an address from a root, never '..'"
    for prefix in FORBIDDEN_OUTSIDE.get(area, ()):
        if include.startswith(prefix):
            return f"{area} must not know {prefix[:-1]}"
    included = area_of_path(target)
    if included is None or included not in ALLOWED:
        return None
    if included != area:
        if target.parts[0] == "lib":
            return f"{include} is private to {included}"
        if area in ALLOWED and included not in ALLOWED[area]:
            return f"{area} must not include {included}"
    phase, other = phase_of(file), phase_of(target)
    if phase and other and other not in (phase, "Common") and target.name != "Passes.h":
        return f"the phase {phase} must not include {other}: share it in passes/Common"
    return None


def check_arrows(root):
    for file in files_below(root, SOURCE_FOLDERS, CODE):
        for include in INCLUDE.findall((root / file).read_text()):
            problem = check_include(file, include)
            if problem:
                yield f'{file}: #include "{include}": {problem}'


def camel_case(name):
    return "".join(word.capitalize() for word in name.split("-"))


def check_passes(root):
    tests = {path.name for path in (root / "test").rglob("*.mlir")}
    for file in files_below(root, ["passes"], {".td"}):
        for record, name in PASS.findall((root / file).read_text()):
            if f"{name}.mlir" not in tests:
                yield f"{file}: pass lqc-{name} has no test, missing: test/**/{name}.mlir"
            if record != camel_case(name) + "Pass":
                yield f"{file}: pass lqc-{name} is called {record}, expected: {camel_case(name)}Pass"
            source = file.with_name(camel_case(name) + ".cpp")
            if not (root / source).is_file():
                yield f"{file}: pass lqc-{name} has no file of its own, missing: {source}"


def check_ops(root):
    stems = [path.stem for path in (root / "test" / "dialect").rglob("*.mlir")]
    for file in files_below(root, ["dialects"], {".td"}):
        for mnemonic in OP.findall((root / file).read_text()):
            named_after = re.compile(re.escape(mnemonic) + r"([_.-].*)?")
            if not any(named_after.fullmatch(stem) for stem in stems):
                yield (
                    f"{file}: op lqc.{mnemonic} has no test, "
                    f"missing: test/dialect/{mnemonic}.mlir"
                )


def check_readmes(root):
    for readme in files_below(root, README_FOLDERS, {".md"}):
        if readme.name != "README.md":
            continue
        lines = len((root / readme).read_text().splitlines())
        if lines > README_LINES:
            yield f"{readme}: a README has at most {README_LINES} lines, got: {lines}"
    folders = {file.parent for file in files_below(root, DOCUMENTED_FOLDERS, CODE)}
    for folder in sorted(folders):
        documented = [folder, *folder.parents]
        if not any((root / at / "README.md").is_file() for at in documented[:-2]):
            yield f"{folder}: no README.md here or in a folder above"


def check_headers(root):
    for file in files_below(root, [*SOURCE_FOLDERS, "bench", "test"], CODE):
        if "SPDX-License-Identifier: Apache-2.0 WITH LLVM" not in (root / file).read_text():
            yield f"{file}: the licence line is missing"


def check_entry_points(root):
    wanted = {".ci/run": ["./dev test"], "README.md": ["./dev demo", "./dev test"]}
    for name, commands in wanted.items():
        text = (root / name).read_text() if (root / name).is_file() else ""
        for command in commands:
            if command not in text:
                yield f"{name}: must name {command}"


CHECKS = [
    check_arrows,
    check_passes,
    check_ops,
    check_readmes,
    check_headers,
    check_entry_points,
]


def violations(root):
    return [line for check in CHECKS for line in check(root)]


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    if len(sys.argv) > 1:
        root = pathlib.Path(sys.argv[1])
    found = violations(root)
    for line in found:
        print(line)
    if not found:
        print("layout: includes, tests, READMEs and licence lines are in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
