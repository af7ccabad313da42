#!/usr/bin/env bash
# Installs a build into a scratch prefix, builds a project that uses it through find_package, and
# runs both programs from there.
#   tests/install/run.sh BUILD_DIR
set -euo pipefail
build=$1
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cmake --install "$build" --prefix "$scratch/prefix" >/dev/null
cmake -S "$here/consumer" -B "$scratch/consumer" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$scratch/prefix" --log-level=WARNING
cmake --build "$scratch/consumer" >/dev/null

"$scratch/prefix/bin/vggroove" --version
"$scratch/prefix/bin/vggroove" weights init --seed 1 --out "$scratch/model.safetensors"
python3 - "$scratch/tone.wav" <<'PY'
import math, struct, sys, wave
with wave.open(sys.argv[1], "wb") as f:
    f.setnchannels(1); f.setsampwidth(2); f.setframerate(16000)
    f.writeframes(b"".join(struct.pack("<h", int(8000 * math.sin(i / 5))) for i in range(48000)))
PY
printed=$("$scratch/consumer/consumer" "$scratch/model.safetensors" "$scratch/tone.wav")
[ "$printed" = "3 examples" ] || { echo "install: the consumer printed: $printed" >&2; exit 1; }
echo "install: find_package(vggroove) works, the installed program runs"
