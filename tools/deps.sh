#!/usr/bin/env bash
# Installs what is missing from the distribution's packages (Debian 12 or newer, Ubuntu 24.04).
#   tools/deps.sh GROUP...     groups: build test browser lint sanitize demo peers
# Says what it installs and what for; does nothing, quietly, when all of it is there.
set -euo pipefail

# group | package | what for
packages() {
  cat <<'LIST'
build|g++|compiler
build|cmake|build system
build|ninja-build|build system
build|pkg-config|finds libraries
build|libsndfile1-dev|decodes audio files
build|libmpg123-dev|decodes MP3
build|libopus-dev|decodes Opus
build|libopusfile-dev|decodes Opus
build|libsoxr-dev|resamples to 16 kHz
build|libhwy-dev|portable SIMD
build|libdnnl-dev|oneDNN: the portable compute path
build|libcli11-dev|command line
build|libfmt-dev|text formatting
build|nlohmann-json3-dev|JSON
build|libpng-dev|pictures
build|libopenmpi-dev|training in several processes
build|libssl-dev|SHA-256
build|libsnappy-dev|TensorFlow checkpoints: compression
build|libzip-dev|npz and pth archives
build|zlib1g-dev|compression
build|libcurl4|downloads released weights
build|libcurl4-openssl-dev|downloads released weights
build|ca-certificates|downloads released weights
test|libgtest-dev|unit tests
test|libgmock-dev|unit tests
test|openmpi-bin|starts them
test|libleveldb-dev|writes tables to read
test|libbenchmark-dev|benchmarks
test|python3|checks of the source tree
browser|chromium-headless-shell|looks at the report's page
browser|fonts-dejavu-core|letters for it
lint|clang-format|layout of the code
lint|clang-tidy|static analysis
sanitize|clang|fuzzing and sanitizers
sanitize|libclang-rt-14-dev|fuzzing and sanitizers
demo|mma|writes the demo's accompaniments
demo|fluidsynth|plays them into audio files
demo|sox|mixes them
demo|csound-soundfont|instruments
demo|fluidr3mono-gm-soundfont|instruments
peers|python3-venv|PyTorch and ONNX Runtime to compare with
LIST
}

groups=" $* "
missing=()
while IFS='|' read -r group package purpose; do
  [[ $groups == *" $group "* ]] || continue
  if ! dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed; then
    missing+=("$package")
    printf 'missing: %-28s (%s)\n' "$package" "$purpose"
  fi
done < <(packages)
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "deps: no apt-get here; install the packages above with your system's package manager." >&2
  exit 1
fi
run=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "deps: you are not root and sudo is missing; ask an administrator to run:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  run=(sudo)
fi
echo "deps: installing ${#missing[@]} packages with apt-get"
"${run[@]}" apt-get update -qq
"${run[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
