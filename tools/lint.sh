#!/usr/bin/env bash
# clang-format on every source file, clang-tidy on the program's (tests are left to the compiler).
#   tools/lint.sh BUILD_DIR JOBS
set -euo pipefail
build=$1 jobs=$2

git ls-files '*.cpp' '*.h' '*.cu' '*.cuh' | xargs clang-format --dry-run -Werror
echo "lint: clang-format is content"
git ls-files '*.cpp' | grep -v -E '^(tests|bench)/' |
  xargs -P "$jobs" -n 4 clang-tidy --quiet -p "$build" 2> >(grep -v -E 'warnings? (generated|treated)|Suppressed|Use -header-filter' >&2)
echo "lint: clang-tidy is content"
