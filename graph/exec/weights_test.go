package exec_test

import (
	"testing"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// shared is a model whose weights are read plain and transposed, by few rows and by many, as a parameter and a constant.
func shared(b *graph.Builder) {
	x := b.Input("x", tensor.Float32, batch(40))
	w, bias := b.Param("w", graph.Dims(40, 40), graph.Uniform(0.2)), b.Param("bias", graph.Dims(40), graph.Uniform(1))
	h := b.Relu(b.Add(b.MatMul(x, w), bias))
	h = b.Tanh(b.Gemm(h, w, nil, graph.GemmOptions{TransB: true}))
	c := make([]float32, 40)
	for i := range c {
		c[i] = float32(i) / 40
	}
	b.Output("y", b.MatMul(h, b.Const("c", tensor.Of(c, 40, 1))))
	b.Output("z", b.Sigmoid(b.MatMul(h, w)))
}

// TestFrozen: laid out weights give the bits of plain ones.
func TestFrozen(t *testing.T) {
	g := build(t, shared)
	for _, set := range kernel.Sets() {
		for _, rows := range []int{1, 5, 100} {
			plan := compile(t, g, exec.Options{Kernels: set, Frozen: true})
			in := stepInputs(plan, rows, testRows)
			want, err := compile(t, g, exec.Options{Kernels: set}).Run(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				got, err := plan.Run(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				for name := range want {
					if err := graphtest.Compare(got[name], want[name], 0); err != nil {
						t.Errorf("%s, batch of %d, output %q: %v", set.Name, rows, name, err)
					}
				}
			}
		}
	}
}

// TestFrozenKeepsFirst: a plan with frozen parameters has laid them out at its first run, one without reads them anew.
func TestFrozenKeepsFirst(t *testing.T) {
	g := build(t, shared)
	frozen, live := compile(t, g, exec.Options{Frozen: true}), compile(t, g, exec.Options{})
	in := stepInputs(live, 20, testRows)
	run := func(p *exec.Plan) *tensor.Tensor {
		t.Helper()
		out, err := p.Run(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return out["z"]
	}
	before := run(frozen)
	if !run(live).Equal(before) {
		t.Fatal("both plans have to agree while nothing changes")
	}
	clear(tensor.MustData[float32](g.Param("w").Data))
	if !run(frozen).Equal(before) {
		t.Error("a frozen plan read the weights again")
	}
	if run(live).Equal(before) {
		t.Error("another plan did not read the weights again")
	}
}

// TestWideRow: a product of few rows with a constant of many columns, which would be cut along its columns if it were not laid out, gives
// what its node alone gives, on one thread and on several.
func TestWideRow(t *testing.T) {
	const width = 5000
	g := build(t, func(b *graph.Builder) {
		w := make([]float32, 8*width)
		for i := range w {
			w[i] = float32(i%97) / 97
		}
		b.Output("y", b.MatMul(b.Input("x", tensor.Float32, batch(8)), b.Const("w", tensor.Of(w, 8, width))))
	})
	for _, set := range kernel.Sets() {
		for _, rows := range []int{1, 3, 16, 17} {
			alone := compile(t, g, exec.Options{Kernels: set, Unfused: true})
			in := stepInputs(alone, rows, testRows)
			want, err := alone.Run(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			for _, threads := range []int{1, 3} {
				got, err := compile(t, g, exec.Options{Kernels: set, Threads: threads}).Run(t.Context(), in)
				if err != nil {
					t.Fatalf("%s, batch of %d, %d threads: %v", set.Name, rows, threads, err)
				}
				// The sums of 8 products may be taken in another order.
				if err := graphtest.Compare(got["y"], want["y"], 1e-6); err != nil {
					t.Errorf("%s, batch of %d, %d threads: %v", set.Name, rows, threads, err)
				}
			}
		}
	}
}
