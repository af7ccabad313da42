#!/usr/bin/env bash
# Does fine-tuning beat the frozen network on synthetic music? The same folds for both, by groove families
# and by clips. About an hour on two idle cores; a run that was stopped goes on where it was.
#   tools/finetune_demo.sh [PRECISION]     after `make demo`; bf16 (default) needs avx512_bf16, else fp32
# The scores land in build/demo, and in bench/results what was gained.
# How the recipe was found: docs/finetuning_demo.md.
set -euo pipefail
cd "$(dirname "$0")/.."
precision=${1:-bf16}
vggroove=build/release/vggroove
demo=build/demo
data="$demo/genres10/manifest.csv"
network="$demo/vggish.safetensors"
if [ ! -f "$data" ] || [ ! -f "$network" ]; then
  echo "finetune_demo: run make demo first" >&2
  exit 1
fi

# judge NAME FOLDS_BY REPEATS: bench/results/finetune_NAME.json says what fine-tuning gained.
judge() {
  local name=$1
  local folds=(--group family --folds 3 --folds-by "$2" --repeats "$3" --seed 1)
  "$vggroove" crossval "$data" --model "$network" "${folds[@]}" \
    --hidden 0 --validation 0 --epochs 200 --json "$demo/frozen_$name.json"
  # So few training clips can spare none for validation: all epochs are run, the last is kept.
  "$vggroove" crossval "$data" --finetune --base "$network" "${folds[@]}" \
    --hidden 0 --validation 0 --epochs 20 --lr 3e-4 --warm-up 20 --clip-norm 1 \
    --random-crop --time-stretch 1.25 --band-shift 4 --gain 6 --filter 6 \
    --mixup 0.2 --time-masks 1 --band-masks 1 \
    --precision "$precision" --work "$demo/finetuned_$name.folds" --resume \
    --json "$demo/finetuned_$name.json" --report "$demo/finetuned_$name"
  tools/compare_crossval.py "$demo/frozen_$name.json" "$demo/finetuned_$name.json" \
    --out "bench/results/finetune_$name.json"
}

# Groups are few and differ: where families are kept together, the folds are drawn twice.
judge families groups 2
judge clips clips 1
