#!/usr/bin/env bash
# clang-format on every source file, clang-tidy on the program's (tests are left to the compiler).
#   tools/lint.sh BUILD_DIR JOBS
# Looks at all files even when one has findings; fails when any has, or when clang-tidy dies on it.
set -euo pipefail
build=$1 jobs=$2

"$(dirname "$0")/format.sh" --dry-run -Werror
echo "lint: clang-format is content"

# clang-tidy falls back to its own checks, and succeeds, where it cannot read its configuration.
while IFS= read -r config; do
  clang-tidy --config-file="$config" --list-checks >/dev/null ||
    { echo "lint: $config is not a configuration" >&2; exit 1; }
done < <(git ls-files --cached --others --exclude-standard .clang-tidy '*/.clang-tidy')

# Prints nothing for a clean file, else all that clang-tidy said, in one piece.
tidy_one() {
  local said status=0
  said=$(clang-tidy --quiet -p "$build" "$1" 2>&1) || status=$?
  [ "$status" -ne 0 ] || return 0
  printf '%s\nlint: %s: clang-tidy exit status %d\n' "$said" "$1" "$status" >&2
  return 1
}
export -f tidy_one
export build

# Only what this build compiles: clang-tidy would guess the flags of any other file.
sources=$(git ls-files '*.cpp' | grep -v -E '^(tests|bench)/' | sort)
compiled=$(sed -n "s|^ *\"file\": \"$PWD/\(.*\)\",\?$|\1|p" "$build/compile_commands.json" | sort -u)
mapfile -t left_out < <(comm -23 <(echo "$sources") <(echo "$compiled"))
mapfile -t files < <(comm -12 <(echo "$sources") <(echo "$compiled"))
[ ${#files[@]} -gt 0 ] || { echo "lint: $build compiles none of the sources" >&2; exit 1; }
[ ${#left_out[@]} -eq 0 ] || printf 'lint: %s: not part of this build, clang-tidy leaves it out\n' "${left_out[@]}"

# The largest first, so that no core waits long for the last file.
ls -S "${files[@]}" | xargs -P "$jobs" -I{} bash -c 'tidy_one "$1"' tidy {} ||
  { echo "lint: clang-tidy FAILED (findings above; ${#files[@]} files, $SECONDS s)" >&2; exit 1; }
echo "lint: clang-tidy is content with ${#files[@]} files ($SECONDS s)"
