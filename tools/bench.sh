#!/usr/bin/env bash
# Runs every benchmark of a build once; each verifies its result in the same run. kernel_bench without
# a GPU says so and is left out (exit code 77).
#   tools/bench.sh BUILD_DIR
set -euo pipefail
build=$1
for bench in "$build"/bench/*_bench; do
  echo "== $(basename "$bench")"
  "$bench" || { status=$?; [ $status -eq 77 ] || exit $status; }
done
