#!/usr/bin/env bash
# clang-format on every source file of the repository.
#   tools/format.sh OPTION...     -i rewrites them, --dry-run -Werror only looks
set -euo pipefail
git ls-files -z '*.cpp' '*.h' '*.cu' '*.cuh' | xargs -0 clang-format "$@"
