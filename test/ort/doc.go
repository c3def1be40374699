// Package ort runs ONNX models in ONNX Runtime, as the referee of the tests: what we compute and what we export
// has to agree with it.
//
// [Run] evaluates a model on tensors, [Try] does the same for tests that expect an error, [Check] asks the ONNX
// checker. They need a Python with the onnxruntime and onnx wheels, named by the environment variable
// RECSYS_PYTHON; where it is unset they skip the test.
//
//	sh test/ort/install.sh DIR
//	RECSYS_PYTHON=DIR/bin/python go test ./...
//
// Each test binary starts one Python process at the first call and keeps it: starting costs about 0.3 s, a run of
// a small model after that about 0.2 ms. Models are loaded once and found again by their hash. Everything here
// is safe for concurrent use; calls are run one after another, on one thread, so results do not vary.
//
// Strings have to be UTF-8, as ONNX wants them.
package ort
