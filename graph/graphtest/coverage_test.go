package graphtest_test

import (
	"maps"
	"slices"
	"testing"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// TestEveryDTypeHasACase: every element type that an operator computes with in its first input, of those that data files
// can write, has a case in the operator's file.
func TestEveryDTypeHasACase(t *testing.T) {
	for _, typ := range slices.Sorted(maps.Keys(graph.Standard())) {
		file, err := graphtest.Read(opFile(typ))
		if err != nil {
			t.Fatal(err)
		}
		have := map[tensor.DType]bool{}
		for _, c := range file.Cases {
			if len(c.Inputs) > 0 && c.Inputs[0].Data != nil && c.Error == "" {
				have[c.Inputs[0].Data.DType()] = true
			}
		}
		for _, d := range []tensor.DType{
			tensor.Bool, tensor.Uint8, tensor.Uint32, tensor.Int32, tensor.Int64, tensor.Float32, tensor.Float64, tensor.String,
		} {
			if !have[d] && slices.ContainsFunc(file.Cases, func(c graphtest.Case) bool { return takes(typ, c, d) }) {
				t.Errorf("%s takes %s, of which %s has no case", typ, d, file.Path)
			}
		}
	}
}

// takes reports whether an operator computes the case with zeros of another element type for its first input and those of
// the same type.
func takes(typ string, c graphtest.Case, d tensor.DType) bool {
	if c.Error != "" || len(c.Inputs) == 0 || c.Inputs[0].Data == nil {
		return false
	}
	b := graph.NewBuilder(typ)
	inputs := make([]*graph.Value, len(c.Inputs))
	for i, in := range c.Inputs {
		switch {
		case in.Data == nil:
		case in.Data.DType() == c.Inputs[0].Data.DType():
			inputs[i] = b.Const("", tensor.Zeros(d, in.Data.Shape()...))
		default:
			inputs[i] = b.Const("", in.Data)
		}
	}
	b.Output("y", b.Apply(graph.Standard()[typ], c.Attrs, inputs...)[0])
	g, err := b.Build()
	if err != nil {
		return false
	}
	_, err = graphtest.Run(g, nil, kernel.Portable())
	return err == nil
}
