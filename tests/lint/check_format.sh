#!/bin/sh
# Asks clang-format 14 whether every C file is as .clang-format wants it; skips where it is missing.
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/../.."

tool=
for name in clang-format-14 clang-format; do
    if "$name" --version 2>/dev/null | grep -q 'version 14\.'; then
        tool=$name
        break
    fi
done
if [ -z "$tool" ]; then
    echo "skipped: clang-format 14 is not installed (apt-get install clang-format-14)"
    exit 77
fi

is_well_formed()
{
    "$tool" --style="file:$PWD/.clang-format" --dry-run -Werror "$@"
}

# It must be able to fail: a function's brace belongs on a line of its own.
sample=$(mktemp -d)
trap 'rm -rf "$sample"' EXIT
printf 'int f(void)\n{\n    return 0;\n}\n' >"$sample/good.c"
printf 'int f(void) {\n  return 0;\n}\n' >"$sample/bad.c"
is_well_formed "$sample/good.c"
if is_well_formed "$sample/bad.c" 2>/dev/null; then
    echo "selftest: a badly formed file passed"
    exit 1
fi
[ "${1-}" != --selftest ] || exit 0

for folder in include lib server tools tests examples bindings; do
    [ ! -d "$folder" ] || find "$folder" -name generated -prune -o -name '*.[ch]' -print
done >"$sample/files"
while IFS= read -r file; do
    set -- "$@" "$file"
done <"$sample/files"
is_well_formed "$@"
echo "$# files are formed as .clang-format says"
