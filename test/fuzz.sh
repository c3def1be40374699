#!/usr/bin/env bash
# fuzz.sh TIME: runs every fuzz target of the module for TIME (such as 5s) each.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:?usage: fuzz.sh TIME}
count=0
while IFS=: read -r file target; do
  package=./$(dirname "$file")
  echo "fuzz $package $target"
  # Without a bound, shortening an input that is new may take all the time: 4 calls a second of FuzzParquet, 740 with it.
  # Where the time ends within a call, go test may call it a failure, without an input that failed.
  if ! out=$(go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 20x "$package" 2>&1); then
    if grep -q 'Failing input' <<<"$out" || ! grep -q 'context deadline exceeded' <<<"$out"; then
      echo "$out"
      exit 1
    fi
    echo "the time ended within a call; no input failed"
  fi
  tail -n 2 <<<"$out"
  count=$((count + 1))
done < <(grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed -E 's/^\.\/([^:]+):[0-9]+:func (.*)$/\1:\2/' | sort -u)
[ "$count" -gt 0 ] || { echo "no fuzz target found" >&2; exit 1; }
echo "$count fuzz targets ran"
