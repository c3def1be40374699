// Package triton starts a real Triton Inference Server for a test: Triton core with a Python ONNX Runtime backend,
// which needs no GPU and no Docker.
//
// [Start] serves a model repository on free loopback ports until the test ends. It needs the folder that install.sh
// fills, named by the environment variable RECSYS_TRITON; where that is unset the test is skipped.
//
//	sh test/triton/install.sh DIR
//	RECSYS_TRITON=DIR go test ./...
//
// A server is ready about 0.2 s after its start plus 0.5 s for each model instance, each of them a process of 70 MB,
// and stops within 3 to 10 s: share one among the cases of a test. Its backend is as strict about configurations as
// the C++ one, but slower, and has no ragged batches, no implicit state, no bfloat16, and only UTF-8 strings.
package triton
