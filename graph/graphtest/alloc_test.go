package graphtest_test

import (
	"testing"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// TestKernelsDoNotAllocate: a serving or training step runs the same nodes again and again, so kernels have to work
// in the memory they are given. Casting to strings makes strings.
func TestKernelsDoNotAllocate(t *testing.T) {
	for typ, op := range graph.Standard() {
		file, err := graphtest.Read(opFile(typ))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range file.Cases {
			if c.Error == "" && c.Name != "int64 to string" {
				t.Run(typ+"/"+c.Name, func(t *testing.T) { allocations(t, op, c) })
			}
		}
	}
}

func allocations(t *testing.T, op *graph.Op, c graphtest.Case) {
	t.Helper()
	b := graph.NewBuilder("g")
	values, in := make([]*graph.Value, len(c.Inputs)), make([]*tensor.Tensor, len(c.Inputs))
	for i, input := range c.Inputs {
		if in[i] = input.Data; in[i] != nil {
			values[i] = b.Const("", in[i])
		}
	}
	var out []*tensor.Tensor
	for _, y := range b.Apply(op, c.Attrs, values...) {
		sizes, _ := y.Shape().Fixed()
		out = append(out, tensor.Zeros(y.DType(), sizes...))
	}
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	n := b.Nodes()[0]
	r := &graph.Run{Kernels: kernel.Portable()}
	if op.Prepare != nil {
		var err error
		if r.Prepared, err = op.Prepare(n); err != nil {
			t.Fatal(err)
		}
	}
	allocs := testing.AllocsPerRun(3, func() {
		if err := op.Kernel(r, n, in, out); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 0 {
		t.Errorf("got %g allocations a run, want none", allocs)
	}
}
