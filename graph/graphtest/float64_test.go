package graphtest_test

import (
	"maps"
	"slices"
	"testing"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/tensor"
)

// TestFloat64Forms compares the float64 forms with the expected outputs of every case, which are ONNX Runtime's.
func TestFloat64Forms(t *testing.T) {
	ops := graph.Standard()
	for _, typ := range slices.Sorted(maps.Keys(ops)) {
		file, err := graphtest.Read(opFile(typ))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range file.Cases {
			// The float32 squares of ReduceL2's extremes overflow, as those of ONNX Runtime do; in float64 they do not.
			if c.Error == "" && typ+"/"+c.Name != "ReduceL2/extremes" {
				t.Run(typ+"/"+c.Name, func(t *testing.T) { float64Form(t, ops[typ], c) })
			}
		}
	}
}

func float64Form(t *testing.T, op *graph.Op, c graphtest.Case) {
	t.Helper()
	b := graph.NewBuilder(op.Type)
	inputs := make([]*graph.Value, len(c.Inputs))
	for i, in := range c.Inputs {
		if in.Data != nil {
			inputs[i] = b.Const("", in.Data)
		}
	}
	for i, y := range b.Apply(op, c.Attrs, inputs...) {
		b.Output(string(rune('a'+i)), y)
	}
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if !graphtest.Exact(g) {
		t.Errorf("%s has a gradient but no float64 form, with which to check it", op)
	}
	out, err := graphtest.Run64(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range c.Want {
		got := out[string(rune('a'+i))]
		if x, ok := got.Any().([]float64); ok && want.DType() == tensor.Float32 {
			narrow := make([]float32, len(x))
			for i, v := range x {
				narrow[i] = float32(v)
			}
			got = tensor.Of(narrow, got.Shape()...)
		}
		if err := graphtest.Compare(got, want, c.Tolerance); err != nil {
			t.Errorf("output %d: %v", i, err)
		}
	}
}
