package onnx_test

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/onnx"
	"recsys/tensor"
	"recsys/test/ort"
)

// fed returns inputs for g of the given number of rows.
func fed(g *graph.Graph, rows int, seed uint64) tensor.Map {
	rng := rand.New(rand.NewPCG(seed, uint64(rows)))
	in := tensor.Map{}
	for _, v := range g.Inputs {
		n := rows * v.Shape()[1].Size
		shape := []int{rows, v.Shape()[1].Size}
		switch v.DType() {
		case tensor.Float32:
			data := make([]float32, n)
			for i := range data {
				data[i] = 4*rng.Float32() - 2
				if special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}; v.Name() == "raw" && rng.IntN(3) == 0 {
					data[i] = special[rng.IntN(3)]
				}
			}
			in[v.Name()] = tensor.Of(data, shape...)
		case tensor.Int64:
			in[v.Name()] = tensor.Of(draw(rng, n, []int64{0, 1, 5, 7, -3, 1 << 40, tensor.NullInt64, math.MaxInt64}), shape...)
		case tensor.String:
			in[v.Name()] = tensor.Of(draw(rng, n, []string{"", "a", "é", "7", "unknown", "a longer word"}), shape...)
		default:
			in[v.Name()] = tensor.Of(draw(rng, n, []bool{true, false}), shape...)
		}
	}
	return in
}

func draw[T any](rng *rand.Rand, n int, from []T) []T {
	data := make([]T, n)
	for i := range data {
		data[i] = from[rng.IntN(len(from))]
	}
	return data
}

// TestRandomGraphsSurvive: a graph that is written and read again, with its parameters as constants or as parameters,
// computes the same bits as before, with every kernel set, and is written as the same bytes. The portable set computes
// what the interpreter does.
func TestRandomGraphsSurvive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := random(t)
		data, err := onnx.Marshal(g, onnx.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		constant, err := onnx.Unmarshal(data)
		if err != nil {
			t.Fatal(err)
		}
		learned, err := onnx.Unmarshal(data, onnx.AsParams())
		if err != nil {
			t.Fatal(err)
		}
		again, err := onnx.Marshal(learned, onnx.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again, data) {
			t.Error("what was read is written as other bytes")
		}
		for i, set := range kernel.Sets() {
			for _, rows := range []int{1, 5} {
				in := fed(g, rows, uint64(i))
				want := execute(t, g, in, exec.Options{Kernels: set})
				same(t, "read as parameters, "+set.Name, execute(t, learned, in, exec.Options{Kernels: set}), want, 0)
				// Constants may be packed or folded beforehand, which must not show.
				same(t, "read as constants, "+set.Name, execute(t, constant, in, exec.Options{Kernels: set}), want, 0)
				if set.Name == kernel.Portable().Name {
					plain, err := graphtest.Run(g, in, set)
					if err != nil {
						t.Fatal(err)
					}
					same(t, "interpreted", plain, want, 0)
				}
			}
		}
	})
}

// sample is the number of graphs, by seed, that ONNX Runtime computes.
const sample = 200

// TestSampleIsWide: every operator occurs in the sample.
func TestSampleIsWide(t *testing.T) {
	missing := graph.Standard()
	graphs := rapid.Custom(random)
	nodes := 0
	for seed := range sample {
		g := graphs.Example(seed)
		nodes += len(g.Nodes)
		for _, n := range g.Nodes {
			delete(missing, n.Op.Type)
		}
	}
	for typ := range missing {
		t.Errorf("%s occurs in no graph", typ)
	}
	if nodes < 10*sample {
		t.Errorf("the graphs have %d nodes on average, want 10 or more", nodes/sample)
	}
}

// TestRandomGraphsInONNXRuntime runs a fixed sample of the same graphs there.
func TestRandomGraphsInONNXRuntime(t *testing.T) {
	graphs := rapid.Custom(random)
	for seed := range sample {
		g := graphs.Example(seed)
		data, err := onnx.Marshal(g, onnx.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		in := fed(g, 5, uint64(seed))
		want := ort.Run(t, data, in, nil)
		for _, set := range kernel.Sets() {
			// Chains of a few operators on values up to 4, each of which rounds to 2⁻²⁴ or sums up some such errors.
			same(t, set.Name, execute(t, g, in, exec.Options{Kernels: set}), want, 1e-5)
		}
		if t.Failed() {
			text, _ := onnx.Dump(g)
			t.Fatalf("seed %d:\n%s", seed, text)
		}
	}
}

// failer is a *testing.T or a *rapid.T.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

func execute(t failer, g *graph.Graph, in tensor.Map, o exec.Options) tensor.Map {
	t.Helper()
	plan, err := exec.Compile(g, o)
	if err != nil {
		t.Fatal(err)
	}
	used := tensor.Map{}
	for _, v := range g.Inputs {
		used[v.Name()] = in[v.Name()]
	}
	out, err := plan.Run(context.Background(), used)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func same(t failer, what string, got, want tensor.Map, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got outputs %v, want %v", what, got.Names(), want.Names())
	}
	for name, w := range want {
		if err := graphtest.Compare(got[name], w, tolerance); err != nil {
			t.Errorf("%s: output %q: %v", what, name, err)
		}
	}
}
