package ort

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"testing"

	"recsys/tensor"
)

// Env names the environment variable with the path of the Python interpreter.
const Env = "RECSYS_PYTHON"

// Run evaluates model, a serialised ModelProto, and returns the named outputs, all of them when none is named.
// Inputs that have an initialiser may be absent. An error of ONNX Runtime's ends the test.
func Run(tb testing.TB, model []byte, inputs tensor.Map, outputs []string) tensor.Map {
	tb.Helper()
	out, err := Try(tb, model, inputs, outputs)
	if err != nil {
		tb.Fatalf("ONNX Runtime: %v", err)
	}
	return out
}

// Try is [Run] for tests that look at the error.
func Try(tb testing.TB, model []byte, inputs tensor.Map, outputs []string) (tensor.Map, error) {
	tb.Helper()
	python := interpreter(tb)
	descriptions, body, err := encode(inputs)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(model)
	run := request{Op: opRun, Model: hex.EncodeToString(sum[:]), Inputs: descriptions, Outputs: outputs}

	shared.mu.Lock()
	defer shared.mu.Unlock()
	a, data, err := shared.call(python, run, body)
	if err == nil && a.Missing {
		if _, _, err = shared.call(python, request{Op: opLoad, Model: run.Model}, model); err != nil {
			return nil, fmt.Errorf("load model of %d bytes: %w", len(model), err)
		}
		a, data, err = shared.call(python, run, body)
	}
	if err != nil {
		return nil, fmt.Errorf("run model: %w", err)
	}
	if a.Missing {
		return nil, errors.New("run model: the runner forgot the model it has just loaded")
	}
	return decode(a.Outputs, data)
}

// Check fails the test when the ONNX checker, with shape inference, refuses model. The test goes on.
func Check(tb testing.TB, model []byte) {
	tb.Helper()
	python := interpreter(tb)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if _, _, err := shared.call(python, request{Op: opCheck}, model); err != nil {
		tb.Errorf("ONNX checker: %v", err)
	}
}

func interpreter(tb testing.TB) string {
	tb.Helper()
	python := os.Getenv(Env)
	if python == "" {
		tb.Skip(Env + " is not set: ONNX Runtime is not compared with; see test/ort/install.sh")
	}
	return python
}
