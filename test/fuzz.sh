#!/usr/bin/env bash
# fuzz.sh TIME: runs every fuzz target of the module for TIME (such as 5s) each.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:?usage: fuzz.sh TIME}
count=0
while IFS=: read -r file target; do
  package=./$(dirname "$file")
  echo "fuzz $package $target"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package" | tail -n 2
  count=$((count + 1))
done < <(grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed -E 's/^\.\/([^:]+):[0-9]+:func (.*)$/\1:\2/' | sort -u)
[ "$count" -gt 0 ] || { echo "no fuzz target found" >&2; exit 1; }
echo "$count fuzz targets ran"
