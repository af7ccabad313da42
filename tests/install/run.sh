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
python3 - "$scratch/tone.wav" "$scratch/pca.npz" <<'PY'
import math, struct, sys, wave, zipfile
with wave.open(sys.argv[1], "wb") as f:
    f.setnchannels(1); f.setsampwidth(2); f.setframerate(16000)
    f.writeframes(b"".join(struct.pack("<h", int(8000 * math.sin(i / 5))) for i in range(48000)))
with zipfile.ZipFile(sys.argv[2], "w") as f:  # PCA parameters that change nothing, without NumPy
    for name, shape in ("pca_eigen_vectors", (128, 128)), ("pca_means", (128, 1)):
        header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        values = [float(i == j and shape[1] > 1) for i in range(shape[0]) for j in range(shape[1])]
        f.writestr(name + ".npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + header.encode() +
                   struct.pack(f"<{len(values)}f", *values))
PY
for plugin in "$build"/libvggroove_*.so; do
  [ -e "$plugin" ] || continue
  installed=$(find "$scratch/prefix" -path "*/vggroove/$(basename "$plugin")")
  "$scratch/prefix/bin/vggroove" info | grep -qF "$installed" ||
    { echo "install: the installed program does not find ${installed:-$plugin}" >&2; exit 1; }
done
printed=$("$scratch/consumer/consumer" "$scratch/model.safetensors" "$scratch/tone.wav")
[ "$printed" = "3 examples" ] || { echo "install: the consumer printed: $printed" >&2; exit 1; }

# The installed program finds the head that was installed with it.
"$scratch/prefix/bin/vggroove" weights import "$scratch/model.safetensors" --pca "$scratch/pca.npz" \
  --released --out "$scratch/released.safetensors" >/dev/null
row=$(env -u VGGROOVE_DATA_DIR "$scratch/prefix/bin/vggroove" classify "$scratch/tone.wav" \
  --model "$scratch/released.safetensors" --format jsonl)
[[ $row == *'"reggae":'* ]] || { echo "install: classify wrote: $row" >&2; exit 1; }
echo "install: find_package(vggroove) works, the installed program runs and finds its head"
