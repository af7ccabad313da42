#!/usr/bin/env bash
# Runs every benchmark of a build once; each verifies its result before it times anything.
#   tools/bench.sh BUILD_DIR
set -euo pipefail
build=$1
for bench in "$build"/bench/*_bench; do
  echo "== $(basename "$bench")"
  "$bench"
done
