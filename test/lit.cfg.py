# How lit runs the tests below test/: which files are tests, what %names mean, and
# which features a REQUIRES: line can name. Paths come from lit.site.cfg.py.

import os
import subprocess

import lit.formats

config.name = "LQC"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "golden", "unit"]
config.test_source_root = os.path.join(config.lqc_source_dir, "test")
config.test_exec_root = os.path.join(config.lqc_binary_dir, "test")

lqc_bin = os.path.join(config.lqc_binary_dir, "bin")
config.environment["PATH"] = os.pathsep.join(
    [lqc_bin, config.llvm_tools_dir, config.environment["PATH"]]
)
for name in ["ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"]:
    if name in os.environ:
        config.environment[name] = os.environ[name]

shared_models = os.environ.get(
    "LQC_SHARED_MODELS",
    os.path.join(config.lqc_source_dir, os.pardir, "shared", "models"),
)
shared_models = os.path.abspath(shared_models)

# Longer names first: lit substitutes in this order, by prefix.
config.substitutions += [
    ("%lqc_runtime", os.path.join(config.lqc_binary_dir, "lib", "liblqc_runtime.a")),
    ("%lqc-opt", os.path.join(lqc_bin, "lqc-opt")),
    ("%lqc", os.path.join(lqc_bin, "lqc")),
    ("%examples", os.path.join(config.lqc_source_dir, "examples")),
    ("%test_root", os.path.join(config.lqc_source_dir, "test")),
    ("%golden", os.path.join(config.lqc_source_dir, "test", "golden")),
    ("%shared_models", shared_models),
    # Debian's libonnx-testdata
    ("%onnx_data", "/usr/share/libonnx-testdata/data"),
    ("%python", config.python),
]

# shared-models: real checkpoints that are not part of the project.
if os.path.isdir(shared_models):
    config.available_features.add("shared-models")


def cpu_macros():
    """What this machine's CPU can do, as the compiler's predefined macros: asked
    of the CPU itself, because /proc/cpuinfo does not tell everything in some
    virtual machines."""
    clang = os.path.join(config.llvm_tools_dir, "clang")
    command = [clang, "-march=native", "-dM", "-E", "-x", "c", os.devnull]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {line.split()[1] for line in text.splitlines()}


FEATURE_OF_MACRO = {
    "__AVX2__": "avx2",
    "__AVX512F__": "avx512f",
    "__AVX512VNNI__": "avx512vnni",
    "__AVX512BF16__": "avx512bf16",
    "__AVXVNNI__": "avxvnni",
}
for macro in cpu_macros() & FEATURE_OF_MACRO.keys():
    config.available_features.add(FEATURE_OF_MACRO[macro])
if config.lqc_sanitize not in ("", "OFF"):
    config.available_features.add("sanitizer")
