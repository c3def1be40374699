package graphtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/onnx"
	"recsys/tensor"
	"recsys/test/ort"
)

// Op runs all checks on all cases of a file as subtests. ONNX Runtime judges operators of [graph.Standard] where
// package test/ort finds it, and is passed over by a skip elsewhere.
func Op(t *testing.T, op *graph.Op, file *File) {
	t.Helper()
	if len(file.Cases) == 0 {
		t.Fatalf("%s has no cases", file.Path)
	}
	sets := kernel.Sets()
	for i := range file.Cases {
		c := &file.Cases[i]
		t.Run(c.Name, func(t *testing.T) {
			for _, err := range Check(op, c, sets) {
				t.Error(err)
			}
		})
	}
	if graph.Standard()[op.Type] == nil {
		return
	}
	t.Run("onnxruntime", func(t *testing.T) {
		for i := range file.Cases {
			if err := Referee(t, op, &file.Cases[i]); err != nil {
				t.Errorf("case %q: %v", file.Cases[i].Name, err)
			}
		}
	})
}

// Check runs every check but ONNX Runtime's and returns what each has to say. The ONNX round trip applies to
// operators of [graph.Standard].
func Check(op *graph.Op, c *Case, sets []*kernel.Set) []error {
	var faults []error
	add := func(check string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", check, err))
		}
	}
	for _, set := range sets {
		add("forward, "+set.Name+" kernels", Forward(op, c, set))
		add("row by row, "+set.Name+" kernels", Rows(op, c, set))
	}
	if c.Skip["symbolic"] == "" {
		add("symbolic", Symbolic(op, c, false))
		add("symbolic batch", Symbolic(op, c, true))
	}
	if c.Skip["gradient"] == "" {
		add("gradient", Gradient(op, c))
	}
	if graph.Standard()[op.Type] != nil {
		add("ONNX round trip", RoundTrip(op, c))
	}
	return faults
}

// Referee compares the case's expected outputs with ONNX Runtime's. It skips the test where there is none.
func Referee(tb testing.TB, op *graph.Op, c *Case) error {
	tb.Helper()
	if c.Error != "" || c.Skip["onnxruntime"] != "" {
		return nil
	}
	out, err := refereed(tb, op, c)
	return c.judge(out, err)
}

func refereed(tb testing.TB, op *graph.Op, c *Case) (tensor.Map, error) {
	tb.Helper()
	g, fed, err := c.graph(op, fixed)
	if err != nil {
		return nil, err
	}
	data, err := onnx.Marshal(g, onnx.Meta{})
	if err != nil {
		return nil, err
	}
	return ort.Try(tb, data, fed, nil)
}

// Update returns the file's text with the expected outputs of every case that ONNX Runtime runs replaced by its
// answers. Cases with an error and those that skip it stay. It skips the test where there is no ONNX Runtime.
func Update(tb testing.TB, op *graph.Op, file *File) (string, error) {
	tb.Helper()
	lines := slices.Clone(file.lines)
	var faults []error
	for i, span := range slices.Backward(file.spans) {
		c := &file.Cases[i]
		if c.Error != "" || c.Skip["onnxruntime"] != "" {
			continue
		}
		out, err := refereed(tb, op, c)
		if err != nil {
			faults = append(faults, fmt.Errorf("case %q: %w", c.Name, err))
			continue
		}
		answers := make([]string, 0, len(out))
		for k := range len(out) {
			answers = append(answers, "out "+formatTensor(out[fmt.Sprintf("y%d", k)]))
		}
		lines = slices.Replace(lines, span.from, span.to, answers...)
	}
	return strings.Join(lines, "\n"), errors.Join(faults...)
}
