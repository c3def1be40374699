#!/usr/bin/env bash
# e2e.sh runs every test with the servers and referees that it needs, and counts skips against test/skips.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${RECSYS_TRITON:?the folder of test/triton/install.sh}" "${RECSYS_PYTHON:?the interpreter of test/ort/install.sh}"
command -v redis-server >/dev/null || { echo "e2e.sh: redis-server is not installed" >&2; exit 1; }
skips=test/skips.txt
if [ -z "${RECSYS_DATA:-}" ]; then
  # MovieLens may not be redistributed: without it the tests on it are skipped.
  skips=$(mktemp)
  trap 'rm -f "$skips"' EXIT
  cat test/skips.txt test/skips-data.txt >"$skips"
fi
go test -json -count=1 -timeout 20m ./... | go run ./test/report "$skips"
