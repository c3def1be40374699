// Package e2e holds tests of the whole way, with the command itself, a real Triton, ONNX Runtime and a real Redis. They
// skip where one of them is absent; the Makefile's e2e target installs all.
package e2e
