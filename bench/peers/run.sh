#!/usr/bin/env bash
# Races vggroove against PyTorch, ONNX Runtime and scikit-learn on this machine (about 25 minutes, 10 GB of disk).
#   bench/peers/run.sh BUILD_DIR [compare.py options]
set -euo pipefail
build=$1
shift
here=$(dirname "$0")
venv=$build/peers-venv
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import torch, onnxruntime, sklearn, soundfile, soxr' 2>/dev/null; then
  echo "peers: installing PyTorch, ONNX Runtime and scikit-learn into $venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q -r "$here/requirements.txt"
fi
"$venv/bin/python" "$here/compare.py" --program "$build/vggroove" --network-bench "$build/bench/network_bench" \
  --work "$build/peers" --out "bench/results/peers.json" "$@"
"$venv/bin/python" "$here/train_race.py" --program "$build/vggroove" --training-bench "$build/bench/training_bench" \
  --work "$build/peers" --out "bench/results/training.json"
"$venv/bin/python" "$here/heads_race.py" --program "$build/vggroove" \
  --work "$build/peers" --out "bench/results/heads.json"
