#!/usr/bin/env bash
# Everything that needs a GPU, into one report: the tests labelled gpu, compute-sanitizer's tools
# over the kernels' tests, and the benchmarks.
#   tools/gpu_check.sh BUILD_DIR [REPORT]     default: BUILD_DIR/gpu_report.txt
# Exit codes: 0 all good, 1 something failed, 77 no device (and no report).
set -euo pipefail
build=$1 report=${2:-$1/gpu_report.txt}
tests=$build/tests/kernels/gpu_kernels_test bench=$build/bench/kernel_bench

for program in "$tests" "$bench"; do
  if [ ! -x "$program" ]; then
    echo "gpu-check: $program is missing: no CUDA toolkit was found when $build was configured" >&2
    exit 1
  fi
done
# The cheapest of the tests says whether there is a device.
if ! said=$("$tests" --gtest_filter=LogMel.of_no_examples_launches_nothing 2>&1); then
  echo "gpu-check: ${said##*$'\n'}" >&2
  echo "gpu-check: nothing was checked; run it on a machine with an NVIDIA GPU" >&2
  exit 77
fi

: >"$report"
failed=()
# part NAME COMMAND...: its output goes into the report, and on.
part() {
  local name=$1
  shift
  printf '\n== %s\n' "$name" | tee -a "$report"
  "$@" 2>&1 | tee -a "$report" || failed+=("$name")
}

printf 'vggroove %s, %s\n' "$(git describe --always --dirty 2>/dev/null || echo unknown)" "$(date -u +%FT%TZ)" >>"$report"
part "device" nvidia-smi
part "tests" ctest --test-dir "$build" -L gpu --output-on-failure --no-tests=error
# Not initcheck: it follows cudaMalloc's memory, the tests' is managed (and starts as NaN).
for tool in memcheck racecheck synccheck; do
  part "compute-sanitizer $tool" compute-sanitizer --tool "$tool" --error-exitcode 1 "$tests" --gtest_brief=1
done
part "benchmarks" "$bench"

if [ ${#failed[@]} -gt 0 ]; then
  printf '\nFAILED: %s\n' "$(IFS=,; echo "${failed[*]}")" | tee -a "$report" >&2
  exit 1
fi
printf '\nAll good. Report: %s\n' "$report" | tee -a "$report"
