#!/usr/bin/env bash
# Installs what building, testing and developing LQC needs on Debian 12. When
# nothing is missing it only asks dpkg, and returns at once.
set -euo pipefail

packages=(
  # building
  build-essential cmake ninja-build ccache git python3
  clang-22 lld-22 llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools
  libclang-rt-22-dev zlib1g-dev
  # the executable's command line, regular expressions and Unicode tables
  libcli11-dev libpcre2-dev libutf8proc-dev
  # the classes that ONNX files are decoded with
  libonnx-dev libprotobuf-dev
  # tests and measurements; the models and tensors that ONNX is tested with
  libgtest-dev libbenchmark-dev libonnx-testdata
  # keeping the sources in shape
  clang-format-22 clang-tidy-22
)

if ! command -v dpkg-query >/dev/null; then
  echo "setup: this is not a Debian system; install by hand the equivalents of:" >&2
  echo "  ${packages[*]}" >&2
  echo "and run with LQC_SKIP_SETUP=1" >&2
  exit 1
fi

installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null |
  awk '$2 == "installed" { print $1 }' || true)
missing=()
for package in "${packages[@]}"; do
  grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null || ! { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
    echo "setup: packages are missing and this user cannot install them; as root, run:" >&2
    echo "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 \
    -o Dpkg::Use-Pty=0 "$@" </dev/null
}

echo "installing: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt update && apt install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "setup: apt-get failed (Debian 12 has the LLVM 22 packages in bookworm-security)" >&2
  exit 1
fi
