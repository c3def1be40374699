package graph_test

import (
	"testing"

	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/internal/portable"
	"recsys/tensor"
)

func floats(shape ...int) *tensor.Tensor {
	t := tensor.Zeros(tensor.Float32, shape...)
	rng := portable.New(1, "bench")
	data := tensor.MustData[float32](t)
	for i := range data {
		data[i] = 2*rng.Float32() - 1
	}
	return t
}

func ids(below int, shape ...int) *tensor.Tensor {
	t := tensor.Zeros(tensor.Int64, shape...)
	rng := portable.New(2, "bench")
	data := tensor.MustData[int64](t)
	for i := range data {
		data[i] = int64(rng.IntN(below))
	}
	return t
}

func bools(shape ...int) *tensor.Tensor {
	t := tensor.Zeros(tensor.Bool, shape...)
	rng := portable.New(3, "bench")
	data := tensor.MustData[bool](t)
	for i := range data {
		data[i] = rng.IntN(2) == 0
	}
	return t
}

// BenchmarkKernel runs single nodes at sizes of training and serving: batches of 512, layers of 256, candidates by
// the hundred, tables of 100,000 rows.
func BenchmarkKernel(b *testing.B) {
	benchmarks := []struct {
		name string
		in   []*tensor.Tensor
		add  func(g *graph.Builder, in []*graph.Value)
	}{
		{"AddBias", []*tensor.Tensor{floats(512, 256), floats(256)}, func(g *graph.Builder, in []*graph.Value) { g.Add(in[0], in[1]) }},
		{"MulColumn", []*tensor.Tensor{floats(512, 256), floats(512, 1)}, func(g *graph.Builder, in []*graph.Value) { g.Mul(in[0], in[1]) }},
		{"SubScalar", []*tensor.Tensor{floats(512, 256), floats()}, func(g *graph.Builder, in []*graph.Value) { g.Sub(in[0], in[1]) }},
		{"Div", []*tensor.Tensor{floats(512, 256), floats(512, 256)}, func(g *graph.Builder, in []*graph.Value) { g.Div(in[0], in[1]) }},
		{"Greater", []*tensor.Tensor{floats(512, 256), floats()}, func(g *graph.Builder, in []*graph.Value) { g.Greater(in[0], in[1]) }},
		{"Where", []*tensor.Tensor{bools(512, 256), floats(512, 256), floats()}, func(g *graph.Builder, in []*graph.Value) { g.Where(in[0], in[1], in[2]) }},
		{"Not", []*tensor.Tensor{bools(512, 256)}, func(g *graph.Builder, in []*graph.Value) { g.Not(in[0]) }},
		{"ReduceSumRows", []*tensor.Tensor{floats(512, 256)}, func(g *graph.Builder, in []*graph.Value) { g.ReduceSum(in[0], []int64{0}, false) }},
		{"ReduceSumColumns", []*tensor.Tensor{floats(512, 256)}, func(g *graph.Builder, in []*graph.Value) { g.ReduceSum(in[0], []int64{1}, false) }},
		{"ReduceSumList", []*tensor.Tensor{floats(512, 50, 32)}, func(g *graph.Builder, in []*graph.Value) { g.ReduceSum(in[0], []int64{1}, false) }},
		{"Softmax", []*tensor.Tensor{floats(512, 512)}, func(g *graph.Builder, in []*graph.Value) { g.Softmax(in[0], -1) }},
		{"LogSoftmax", []*tensor.Tensor{floats(512, 512)}, func(g *graph.Builder, in []*graph.Value) { g.LogSoftmax(in[0], -1) }},
		{"Softplus", []*tensor.Tensor{floats(512, 64)}, func(g *graph.Builder, in []*graph.Value) { g.Softplus(in[0]) }},
		{"Concat", []*tensor.Tensor{floats(512, 64), floats(512, 13), floats(512, 64)}, func(g *graph.Builder, in []*graph.Value) { g.Concat(1, in...) }},
		{"SliceColumns", []*tensor.Tensor{floats(512, 256)}, func(g *graph.Builder, in []*graph.Value) { g.SliceAxis(in[0], 1, 64, 128) }},
		{"Expand", []*tensor.Tensor{floats(512, 1, 32), ids(1, 0)}, func(g *graph.Builder, in []*graph.Value) { g.Expand(in[0], g.Int64s(512, 26, 32)) }},
		{"Transpose", []*tensor.Tensor{floats(512, 256)}, func(g *graph.Builder, in []*graph.Value) { g.Transpose(in[0], []int64{1, 0}) }},
		{"GatherRows", []*tensor.Tensor{floats(100_000, 32), ids(100_000, 512, 26)}, func(g *graph.Builder, in []*graph.Value) { g.Gather(in[0], in[1], 0) }},
		{"GatherScalars", []*tensor.Tensor{floats(100_000), ids(100_000, 512, 26)}, func(g *graph.Builder, in []*graph.Value) { g.Gather(in[0], in[1], 0) }},
		{"GatherElements", []*tensor.Tensor{floats(64, 1000), ids(1000, 64, 300)}, func(g *graph.Builder, in []*graph.Value) { g.GatherElements(in[0], in[1], 1) }},
		{"ScatterNDAdd", []*tensor.Tensor{floats(5000, 32), ids(5000, 512*26, 1), floats(512*26, 32)}, func(g *graph.Builder, in []*graph.Value) { g.ScatterND(in[0], in[1], in[2], "add") }},
		{"TopK", []*tensor.Tensor{floats(1, 100_000), ids(1, 0)}, func(g *graph.Builder, in []*graph.Value) { g.TopK(in[0], 300, -1) }},
		{"TopKAll", []*tensor.Tensor{floats(16, 300), ids(1, 0)}, func(g *graph.Builder, in []*graph.Value) { g.TopK(in[0], 300, -1) }},
		{"MurmurHash3", []*tensor.Tensor{ids(1000, 512, 26)}, func(g *graph.Builder, in []*graph.Value) { g.MurmurHash3(in[0], 0, true) }},
	}
	for _, bench := range benchmarks {
		b.Run(bench.name, func(b *testing.B) {
			g := graph.NewBuilder("bench")
			values := make([]*graph.Value, len(bench.in))
			for i, t := range bench.in {
				values[i] = g.Const("", t)
			}
			bench.add(g, values)
			if err := g.Err(); err != nil {
				b.Fatal(err)
			}
			n := g.Nodes()[len(g.Nodes())-1]
			in := make([]*tensor.Tensor, len(n.Inputs))
			for i, v := range n.Inputs {
				in[i] = v.Data()
			}
			var out []*tensor.Tensor
			elements := 0
			for _, y := range n.Outputs {
				sizes, _ := y.Shape().Fixed()
				out = append(out, tensor.Zeros(y.DType(), sizes...))
				elements += out[0].Len()
			}
			r := &graph.Run{Kernels: kernel.Best()}
			b.ReportAllocs()
			for b.Loop() {
				if err := n.Op.Kernel(r, n, in, out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(max(elements, in[0].Len())), "ns/element")
		})
	}
}
