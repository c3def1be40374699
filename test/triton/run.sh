#!/bin/sh
# run.sh DIR REPOSITORY [OPTION...] - runs the Triton that install.sh has put under DIR, in the foreground and on the
# loopback interface, with the models in the folder REPOSITORY. SIGTERM stops it, which takes 3 to 10 s.
#
# Options are tritonserver's own and come last, so they win: --http-port=8000 --grpc-port=8001 --metrics-port=8002
# --model-control-mode=explicit --load-model=NAME --cache-config=local,size=16777216 ...
set -eu
usage='usage: run.sh DIR REPOSITORY [OPTION...]'
dir=$(CDPATH='' cd -- "${1:?$usage}" && pwd)
repository=${2:?$usage}
shift 2
triton=$dir/server/pytriton/tritonserver
if [ ! -x "$triton/bin/tritonserver" ]; then
	echo "run.sh: there is no Triton under $dir: run install.sh $dir" >&2
	exit 1
fi
# The stub processes take their standard library from the python3 on PATH: it has to be the system's, which
# belongs to the libpython they are linked with. The last two options quieten a machine without a GPU.
PATH=/usr/bin:/bin exec "$triton/bin/tritonserver" \
	--model-repository="$repository" \
	--backend-directory="$triton/backends" --cache-directory="$triton/caches" \
	--http-address=127.0.0.1 --grpc-address=127.0.0.1 \
	--allow-gpu-metrics=false --pinned-memory-pool-byte-size=0 \
	"$@"
