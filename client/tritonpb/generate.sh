#!/bin/sh
# generate.sh [DIR] - makes the Go stubs of Triton's gRPC API: into this folder, or into DIR to compare with it.
#
# The API's descriptors come out of the wheel tritonclient, so no .proto file has to be kept here. Needs python3
# (3.10 or newer, or the interpreter named by PYTHON) with venv, and go. The tools are pinned and lie in
# RECSYS_TOOLS, by default recsys/tools in the user's cache folder. Same pins, same bytes.
set -eu
protobuf=v1.36.12
grpc=v1.6.2

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
out=${1:-$here}
mkdir -p "$out"
stamp=$(cat "$here/generate.sh" "$here/requirements.txt" | sha256sum | cut -d' ' -f1)
tools=${RECSYS_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/recsys/tools}/tritonpb
if [ "$(cat "$tools/.stamp" 2>/dev/null || true)" != "$stamp" ]; then
	rm -rf "$tools"
	"${PYTHON:-python3}" -m venv "$tools"
	"$tools/bin/python" -m pip install -q --disable-pip-version-check --require-hashes --only-binary=:all: \
		-r "$here/requirements.txt"
	GOBIN=$tools/bin go install "google.golang.org/protobuf/cmd/protoc-gen-go@$protobuf"
	GOBIN=$tools/bin go install "google.golang.org/grpc/cmd/protoc-gen-go-grpc@$grpc"
	echo "$stamp" >"$tools/.stamp"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$tools/bin/python" "$here/descriptors.py" "$work/triton.fds"
package=recsys/client/tritonpb
mapping=paths=source_relative,Mgrpc_service.proto=$package,Mmodel_config.proto=$package
PATH=$tools/bin:$PATH "$tools/bin/python" -m grpc_tools.protoc --descriptor_set_in="$work/triton.fds" \
	--go_out="$work" --go_opt="$mapping" --go-grpc_out="$work" --go-grpc_opt="$mapping" \
	grpc_service.proto model_config.proto
mv "$work"/*.pb.go "$out"
