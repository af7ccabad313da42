#!/usr/bin/env bash
# Without a device, tools/gpu_check.sh says so, fails, and leaves no report that could pass for one.
#   gpu_check_test.sh SOURCE_DIR BUILD_DIR
# Exit code 77, "skipped", where there is a device.
set -euo pipefail
source=$1 build=$2
if "$build/tests/kernels/gpu_kernels_test" --gtest_filter=LogMel.of_no_examples_launches_nothing; then
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
status=0
"$source/tools/gpu_check.sh" "$build" "$folder/report.txt" >"$folder/out" 2>"$folder/err" || status=$?
cat "$folder/err"
[ $status -eq 77 ]
grep -q "no device: " "$folder/err"
grep -q "nothing was checked" "$folder/err"
[ ! -e "$folder/report.txt" ]
