# Every check that CI makes is a target here; .ci/run calls these and nothing else.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
TOOLS := $(CURDIR)/.tools
TRITON := $(TOOLS)/triton
PYTHON := $(TOOLS)/python
export RECSYS_TRITON ?=
export RECSYS_PYTHON ?=
GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
CONCURRENT := ./client/... ./engine/... ./featurestore/... ./gateway/... ./graph/exec/... ./train/...

.PHONY: build test race beam arm64 lint fuzz bench golden generate docs demo e2e servers full bench-compare quality

build:
	go build ./...

test:
	go test ./...

race:
	go test -race -short $(CONCURRENT)

# The module of Apache Beam, on Beam's own runner.
beam:
	cd beam && go vet ./... && go test ./...

# The kernels of arm64, the engine on top of them and the bits that every platform shares, in an emulator. Left out is what
# counts allocations or processors for minutes there, and the child process of internal/portable, which is amd64's.
ARM64 := GOOS=linux GOARCH=arm64 RECSYS_PYTHON= go test -exec "qemu-aarch64-static -cpu max"
arm64:
	$(ARM64) ./graph/kernel ./graph
	$(ARM64) -skip 'TestSessionAllocatesNothing|TestThreads|TestBudget' ./graph/exec
	$(ARM64) -run 'TestStandardOps|TestFloat64Forms' ./graph/graphtest
	RECSYS_PORTABLE_CHILD=1 $(ARM64) -run TestSameBits ./internal/portable

lint:
	$(GOLANGCI) run ./...

# Every fuzz target for FUZZTIME each.
FUZZTIME ?= 5s
fuzz:
	test/fuzz.sh $(FUZZTIME)

bench:
	go test -run '^$$' -bench . -benchmem ./...

# recsys beside PyTorch, ONNX Runtime, numpy, NVTabular and Polars, in turns: writes bench/RESULTS.md. RECSYS_TORCH,
# RECSYS_PYTHON and RECSYS_NVTABULAR name interpreters that have them; without all three, they are installed. FLAGS may be
# -quick or -only dlrm,gemm.
FLAGS ?=
export RECSYS_TORCH ?=
export RECSYS_NVTABULAR ?=
bench-compare:
	[ -n "$$RECSYS_TORCH" ] && [ -n "$$RECSYS_PYTHON" ] && [ -n "$$RECSYS_NVTABULAR" ] || bench/compare/install.sh $(TOOLS)/bench
	go run ./bench/compare -torch "$${RECSYS_TORCH:-$(TOOLS)/bench/bin/python}" -ort "$${RECSYS_PYTHON:-$(TOOLS)/bench/bin/python}" \
		-nvt "$${RECSYS_NVTABULAR:-$(TOOLS)/bench/nvt/bin/python}" $(FLAGS)

# Every model of the registry on MovieLens 1M (RECSYS_DATA names its folder) beside other libraries' figures: writes
# bench/quality/RESULTS.md. FLAGS may be -only ease or -print.
export RECSYS_DATA ?=
quality:
	go run ./bench/quality $(FLAGS)

# Writes the golden files again: review the difference as code.
golden:
	go test ./internal/golden ./ensemble ./gateway ./feature ./onnx ./cmd/recsys -update

generate:
	go generate ./...
	client/tritonpb/generate.sh

demo:
	go run ./cmd/recsys demo

# The reference is complete and its examples run.
docs:
	go test ./internal/docs/... ./cmd/recsys

# A Triton Inference Server and the Python referees, under .tools.
servers:
	test/triton/install.sh $(TRITON)
	test/ort/install.sh $(PYTHON)

# The tests with real Triton, ONNX Runtime, tritonclient and Redis.
e2e:
	RECSYS_TRITON=$(TRITON) RECSYS_PYTHON=$(PYTHON)/bin/python test/e2e.sh

# What takes long: MovieLens 1M at full size (RECSYS_DATA names its folder), 100,000 requests while publishers are killed
# (RECSYS_TRITON as for e2e), and longer fuzzing.
full:
	go test -tags full -timeout 60m -v ./test/full
	go test -tags full -timeout 60m -v -run TestLong ./test/generation
	$(MAKE) fuzz FUZZTIME=60s
