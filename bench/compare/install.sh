#!/bin/sh
# install.sh DIR - makes a Python virtual environment with PyTorch, ONNX Runtime and numpy under DIR, which bench/compare
# measures against. PyTorch takes some gigabytes. Needs python3 with venv, or the interpreter named by PYTHON.
set -eu
dir=${1:?usage: install.sh DIR}
if [ -x "$dir/bin/python" ] && "$dir/bin/python" -c 'import numpy, onnxruntime, torch' 2>/dev/null; then
	exit 0
fi
"${PYTHON:-python3}" -m venv --clear "$dir"
"$dir/bin/python" -m pip install -q --disable-pip-version-check --only-binary=:all: numpy onnxruntime torch
"$dir/bin/python" -c 'import numpy, onnxruntime, torch'
