#!/usr/bin/env bash
# Runs every fuzzer of a sanitizer build for a while, JOBS at a time, from the committed corpus.
#   tools/fuzz.sh BUILD_DIR SECONDS JOBS
# New inputs go to a scratch folder; a crash is kept under BUILD_DIR/fuzz-findings and fails the run.
set -euo pipefail
build=$1 seconds=$2 jobs=$3
corpus=$(dirname "$0")/../tests/fuzz/corpus
findings=$build/fuzz-findings
mkdir -p "$findings"

run_one() {
  local fuzzer=$1 name scratch
  name=$(basename "$fuzzer" | sed 's/^fuzz_//')
  scratch=$(mktemp -d)
  # rss_limit: no input may make a parser ask for more memory than its own size warrants.
  if "$fuzzer" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 \
      -artifact_prefix="$findings/$name-" -print_final_stats=1 -verbosity=0 \
      "$scratch" "$corpus/$name" >"$findings/$name.log" 2>&1; then
    echo "fuzz: $name: $(grep -o 'number_of_executed_units: *[0-9]*' "$findings/$name.log" | grep -o '[0-9]*$') inputs, no findings"
  else
    echo "fuzz: $name FAILED; its log:" >&2
    tail -n 60 "$findings/$name.log" >&2
    return 1
  fi
  rm -rf "$scratch"
}
export -f run_one
export seconds corpus findings

mapfile -t fuzzers < <(find "$build/tests/fuzz" -maxdepth 1 -type f -name 'fuzz_*' -perm -u+x | sort)
[ ${#fuzzers[@]} -gt 0 ] || { echo "fuzz: no fuzzers in $build/tests/fuzz" >&2; exit 1; }
printf '%s\n' "${fuzzers[@]}" | xargs -P "$jobs" -I{} bash -c 'run_one {}'
