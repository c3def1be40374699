#!/bin/sh
# install.sh DIR - makes a Python virtual environment with ONNX Runtime, the ONNX checker and tritonclient under DIR,
# for the tests that compare with them: RECSYS_PYTHON=DIR/bin/python go test ./...
#
# Needs python3 (3.10 to 3.12) with venv, or the interpreter named by PYTHON. A second run with the same
# requirements does nothing. Every package is pinned by version and hash.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
dir=${1:?usage: install.sh DIR}
python=${PYTHON:-python3}

stamp=$(cat "$here/install.sh" "$here/requirements.txt" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$dir/.stamp" 2>/dev/null || true)" = "$stamp" ]; then
	echo "already installed: $dir"
	exit 0
fi
if ! "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))'; then
	echo "install.sh: $python is $("$python" --version 2>&1); numpy 1.26 needs Python 3.10 to 3.12: name one with PYTHON=/path/to/python3.11" >&2
	exit 1
fi

rm -f "$dir/.stamp"
"$python" -m venv --clear "$dir"
"$dir/bin/python" -m pip install -q --disable-pip-version-check --require-hashes --only-binary=:all: \
	-r "$here/requirements.txt"
"$dir/bin/python" -c 'import numpy, onnx, onnxruntime, tritonclient.grpc, tritonclient.http'
echo "$stamp" >"$dir/.stamp"
echo "installed: $dir"
