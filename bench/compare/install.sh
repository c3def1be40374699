#!/bin/sh
# install.sh DIR - makes Python virtual environments under DIR, which bench/compare measures against: DIR itself with
# PyTorch, ONNX Runtime and numpy, some gigabytes, and DIR/nvt with NVTabular and Polars. Needs python3.11 with venv, or
# the interpreter named by PYTHON.
set -eu
dir=${1:?usage: install.sh DIR}
python=${PYTHON:-python3.11}
if ! "$dir/bin/python" -c 'import numpy, onnxruntime, torch' 2>/dev/null; then
	"$python" -m venv --clear "$dir"
	"$dir/bin/python" -m pip install -q --disable-pip-version-check --only-binary=:all: numpy onnxruntime torch
	"$dir/bin/python" -c 'import numpy, onnxruntime, torch'
fi
# NVTabular names packages that only GPUs need, so its own are named here; newer ones of the others do not fit it.
if ! "$dir/nvt/bin/python" -W ignore -c 'import nvtabular, polars' 2>/dev/null; then
	"$python" -m venv --clear "$dir/nvt"
	"$dir/nvt/bin/python" -m pip install -q --disable-pip-version-check 'setuptools<70' wheel
	"$dir/nvt/bin/python" -m pip install -q --disable-pip-version-check --no-deps nvtabular==23.8.0 merlin-core==23.8.0 merlin-dataloader==23.8.0
	"$dir/nvt/bin/python" -m pip install -q --disable-pip-version-check dask==2023.5.0 distributed==2023.5.0 'pandas<2' 'numpy<1.25' \
		'pyarrow<15' 'tritonclient[grpc]<2.40' 'grpcio<1.60' 'protobuf<4' 'betterproto<2' 'tensorflow-metadata<1.15' 'pynvml<11.5' \
		npy-append-array==0.9.16 scipy numba packaging fsspec tqdm polars==2.1.0
	"$dir/nvt/bin/python" -W ignore -c 'import nvtabular, polars'
fi
