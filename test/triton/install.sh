#!/bin/sh
# install.sh DIR - puts Triton core with a Python ONNX Runtime backend under DIR (293 MB, about 10 s), for tests on
# machines without a GPU or Docker: RECSYS_TRITON=DIR go test ./...
#
# Needs Linux on x86_64 with glibc 2.35 or newer, python3 with pip, and libpython3.11.so.1.0 (on Debian 12 the
# package libpython3.11, which root gets installed). Everything is pinned by version and hash. A second run with
# the same files does nothing; an interrupted one starts again.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
dir=${1:?usage: install.sh DIR}
python=${PYTHON:-python3}

fail() {
	echo "install.sh: $*" >&2
	exit 1
}

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || fail "the wheel of Triton is for Linux on x86_64, this is $(uname -s) on $(uname -m)"
mkdir -p "$dir"
dir=$(CDPATH='' cd -- "$dir" && pwd)
stamp=$(cat "$here/install.sh" "$here"/requirements-*.txt "$here"/backends/onnxruntime/*.py | sha256sum | cut -d' ' -f1)
if [ "$(cat "$dir/.stamp" 2>/dev/null || true)" = "$stamp" ]; then
	echo "already installed: $dir"
	exit 0
fi
rm -f "$dir/.stamp"

# The Python backend's stub process is linked with it.
libpython=libpython3.11.so.1.0
if ! ldconfig -p | grep -q "$libpython"; then
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "$libpython is missing: install it (Debian: libpython3.11)"
	apt-get update -q
	apt-get install -q -y --no-install-recommends libpython3.11
fi

download=$(mktemp -d)
trap 'rm -rf "$download"' EXIT
"$python" -m pip download -q --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
	--python-version 3.11 --platform manylinux_2_35_x86_64 -d "$download" -r "$here/requirements-triton.txt"
rm -rf "$dir/server"
mkdir -p "$dir/server"
"$python" -m zipfile -e "$download"/nvidia_pytriton-*.whl "$dir/server"

triton=$dir/server/pytriton/tritonserver
stub=triton_python_backend_stub
mv "$triton/python_backend_stubs/3.11/$stub" "$triton/backends/python/$stub"
rm -rf "$triton/python_backend_stubs"
chmod +x "$triton/bin/tritonserver" "$triton/backends/python/$stub" # a zip archive has no permissions

backend=$triton/backends/onnxruntime
mkdir -p "$backend"
cp "$here"/backends/onnxruntime/*.py "$backend/"
# The stub ignores PYTHONPATH: model.py finds its packages beside itself. Compiled now, they load twice as fast.
"$python" -m pip install -q --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
	--python-version 3.11 --root-user-action ignore --target "$backend/site-packages" -r "$here/requirements-backend.txt"

# Models of the Python backend find numpy there too, beside the module that they all import.
for package in "$backend"/site-packages/numpy "$backend"/site-packages/numpy.libs; do
	ln -sfn "$package" "$triton/backends/python/$(basename "$package")"
done

if ldd "$triton/bin/tritonserver" | grep 'not found' >&2; then
	fail "tritonserver lacks the libraries above"
fi
echo "$stamp" >"$dir/.stamp"
echo "installed: $dir"
