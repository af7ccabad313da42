#!/usr/bin/env bash
# Does fine-tuning beat the frozen network on the demo set? The same folds for both, by clips and by
# groove families. Half an hour on two idle cores; a run that was stopped goes on where it was.
#   tools/finetune_demo.sh [PRECISION]     after `make demo`; bf16 (default) needs avx512_bf16, else fp32
# The scores land in build/demo, and in bench/results/finetune_demo.json what was gained.
# How the recipe was found: docs/finetuning_demo.md.
set -euo pipefail
cd "$(dirname "$0")/.."
precision=${1:-bf16}
vggroove=build/release/vggroove
demo=build/demo
data="$demo/genres10/manifest.csv"
if [ ! -f "$data" ] || [ ! -f "$demo/vggish.safetensors" ]; then
  echo "finetune_demo: run make demo first" >&2
  exit 1
fi

folds=(--group family --folds 3 --folds-by both --seed 1)
"$vggroove" crossval "$data" --model "$demo/vggish.safetensors" "${folds[@]}" \
  --hidden 0 --validation 0 --epochs 200 --json "$demo/frozen.json"
# 67 training clips are too few to spare some for validation: all epochs are run, the last is kept.
"$vggroove" crossval "$data" --finetune --base "$demo/vggish.safetensors" "${folds[@]}" \
  --hidden 0 --validation 0 --epochs 5 --lr 3e-4 --warm-up 20 --clip-norm 1 --random-crop --gain 6 \
  --precision "$precision" --work "$demo/finetuned.folds" --resume \
  --json "$demo/finetuned.json" --report "$demo/finetuned"
tools/compare_crossval.py "$demo/frozen.json" "$demo/finetuned.json" --out bench/results/finetune_demo.json
