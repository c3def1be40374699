package exec_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// rowGraph draws a graph whose rows do not look at one another: inputs x [B,F] and list [B,L,D], output y [B,N].
func rowGraph(t *rapid.T) *graph.Graph {
	b := graph.NewBuilder("rows")
	width := func(name string) int { return rapid.SampledFrom([]int{1, 2, 7, 8, 16, 33, 64, 100}).Draw(t, name) }
	x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(width("f"))})
	list := b.Input("list", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(rapid.IntRange(1, 9).Draw(t, "l")), graph.Fixed(width("d"))})
	params := 0
	param := func(shape ...int) *graph.Value {
		params++
		return b.Param(fmt.Sprintf("w%d", params), graph.Dims(shape...), graph.Uniform(0.5))
	}
	for range rapid.IntRange(1, 8).Draw(t, "steps") {
		n := cols(x)
		switch rapid.SampledFrom([]string{"dense", "dense", "gemm", "chain", "norm", "softmax", "attention", "pool", "top", "sum"}).Draw(t, "step") {
		case "dense":
			m := width("units")
			x = b.Relu(b.Add(b.MatMul(x, param(n, m)), param(m)))
		case "gemm":
			m := width("units")
			x = b.Tanh(b.Gemm(x, param(m, n), param(m), graph.GemmOptions{TransB: true}))
		case "chain":
			x = b.Mul(b.Sigmoid(x), b.Add(b.Tanh(x), b.Float32(0.5)))
		case "norm":
			x = b.LayerNormalization(x, param(n), param(n), -1, 1e-5)
		case "softmax":
			x = b.Softmax(x, -1)
		case "attention":
			scores := b.Softmax(b.MatMul(list, b.Transpose(list, []int64{0, 2, 1})), -1)
			list = b.MatMul(scores, list)
		case "pool":
			x = b.Concat(1, x, b.ReduceMean(list, []int64{1}, false), b.ReduceMax(list, []int64{1}, false))
		case "top":
			x, _ = b.TopK(x, int64((n+1)/2), 1)
		case "sum":
			x = b.Concat(1, b.ReduceSum(x, []int64{1}, true), x)
		}
	}
	b.Output("y", x)
	b.Output("list_out", b.Identity(b.ReduceSum(list, []int64{2}, false)))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.InitParams(1); err != nil {
		t.Fatal(err)
	}
	return g
}

func feedRows(g *graph.Graph, rows int) tensor.Map {
	rng := rand.New(rand.NewPCG(1, uint64(rows)))
	in := tensor.Map{}
	for _, v := range g.Inputs {
		shape := []int{rows}
		n := rows
		for _, d := range v.Shape()[1:] {
			shape = append(shape, d.Size)
			n *= d.Size
		}
		data := make([]float32, n)
		for i := range data {
			data[i] = 2*rng.Float32() - 1
		}
		in[v.Name()] = tensor.Of(data, shape...)
	}
	return in
}

// TestRowsStandAlone: a row's outputs have the same bits in every batch, with every kernel set: in one of its own, in the
// first or the second part of a batch that is cut in two, and in another place.
func TestRowsStandAlone(t *testing.T) {
	for _, set := range kernel.Sets() {
		t.Run(set.Name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				g := rowGraph(t)
				plan, err := exec.Compile(g, exec.Options{Kernels: set})
				if err != nil {
					t.Fatal(err)
				}
				run := func(in tensor.Map) tensor.Map {
					out, err := plan.Run(t.Context(), in)
					if err != nil {
						t.Fatal(err)
					}
					return out
				}
				rows := rapid.IntRange(2, 40).Draw(t, "rows")
				cut := rapid.IntRange(1, rows-1).Draw(t, "cut")
				in := feedRows(g, rows)
				whole := run(in)
				for _, part := range [][2]int{{0, cut}, {cut, rows}, {rows - 1, rows}} {
					compare(t, fmt.Sprintf("rows %v of %d", part, rows), run(cutRows(in, part)), cutRows(whole, part), nil, 0)
				}
				compare(t, "turned", run(permute(t, in)), permute(t, whole), nil, 0)
			})
		})
	}
}

func cutRows(m tensor.Map, part [2]int) tensor.Map {
	out := tensor.Map{}
	for name, t := range m {
		out[name] = t.Rows(part[0], part[1])
	}
	return out
}

// permute puts the last rows first.
func permute(t *rapid.T, m tensor.Map) tensor.Map {
	t.Helper()
	out := tensor.Map{}
	for name, x := range m {
		n := x.Dim(0)
		var err error
		if out[name], err = tensor.Concat(x.Rows(n/2, n), x.Rows(0, n/2)); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
