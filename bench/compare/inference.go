package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/internal/portable"
	"recsys/tensor"
)

// inference runs a graph on fixed inputs.
type inference struct {
	ctx     context.Context //nolint:containedctx // Of the process, whose standard input drives the runs.
	session *exec.Session
	in      tensor.Map
}

func infer(ctx context.Context, g *graph.Graph, in tensor.Map) (work, error) {
	plan, err := exec.Compile(g, exec.Options{Threads: runtime.GOMAXPROCS(0), Frozen: true})
	if err != nil {
		return nil, err
	}
	return &inference{ctx, plan.NewSession(), in}, nil
}

// Run runs the graph n times. The check is the sum of the output scores.
func (w *inference) Run(n int) (answer, error) {
	var out tensor.Map
	started := time.Now()
	for range n {
		var err error
		if out, err = w.session.Run(w.ctx, w.in); err != nil {
			return answer{}, err
		}
	}
	a := answer{Seconds: time.Since(started).Seconds()}
	for _, v := range tensor.MustData[float32](out["scores"]) {
		a.Check += float64(v)
	}
	return a, nil
}

// The ranker: a lookup of each of the candidates' columns, and an MLP over them all.
const (
	rankerCandidates = 500
	rankerTables     = 26
	rankerIDs        = 10_000
	rankerDim        = 32
)

// constant is a weight of the graphs: small numbers, so that sums stay small.
func constant(b *graph.Builder, name string, seed uint64, scale float32, shape ...int) *graph.Value {
	n := 1
	for _, d := range shape {
		n *= d
	}
	x := normal(seed, n)
	for i := range x {
		x[i] *= scale
	}
	return b.Const(name, tensor.Of(x, shape...))
}

func rankerGraph() (*graph.Graph, error) {
	b := graph.NewBuilder("ranker")
	vectors := make([]*graph.Value, rankerTables)
	for t := range vectors {
		ids := b.Input(fmt.Sprintf("ids%d", t), tensor.Int64, graph.Shape{graph.Sym("K")})
		vectors[t] = b.Gather(constant(b, fmt.Sprintf("table%d", t), uint64(t), 1, rankerIDs, rankerDim), ids, 0)
	}
	x, width := b.Concat(-1, vectors...), rankerTables*rankerDim
	for i, units := range []int{512, 256, 1} {
		x = b.Add(b.MatMul(x, constant(b, fmt.Sprintf("weight%d", i), uint64(50+i), 0.05, width, units)),
			constant(b, fmt.Sprintf("bias%d", i), uint64(60+i), 0.05, units))
		if width = units; units > 1 {
			x = b.Relu(x)
		}
	}
	b.Output("scores", x)
	return b.Build()
}

func rankerIDColumn(table int) []int64 { return zipf(uint64(table), rankerCandidates, rankerIDs) }

func writeRanker(dir string) error {
	for t := range rankerTables {
		if err := save(dir, fmt.Sprintf("ids%d", t), rankerIDColumn(t)); err != nil {
			return err
		}
	}
	g, err := rankerGraph()
	if err != nil {
		return err
	}
	return export(dir, g)
}

func newRanker(ctx context.Context) (work, error) {
	g, err := rankerGraph()
	if err != nil {
		return nil, err
	}
	in := tensor.Map{}
	for t := range rankerTables {
		in[fmt.Sprintf("ids%d", t)] = tensor.Of(rankerIDColumn(t), rankerCandidates)
	}
	return infer(ctx, g, in)
}

const (
	retrievalDim   = 64
	topkItems      = 100_000
	retrievalItems = 1_000_000
	// The bytes that one query reads: the table, and the scales of one in int8.
	retrievalBytes     = 4 * retrievalDim * retrievalItems
	retrievalBytesHalf = 2 * retrievalDim * retrievalItems
	retrievalBytesInt8 = (retrievalDim + 4) * retrievalItems
	retrievalK         = 100
)

// items makes the items' matrix, [D,V], of a graph.
type items func(b *graph.Builder, n int) *graph.Value

// floats stand as the retrieval stage has them.
func floats(b *graph.Builder, n int) *graph.Value {
	return constant(b, "items", 1, 1, retrievalDim, n)
}

// halves and int8s are narrow tables, [V,D], as docs/explanation/narrow-tables.md has them. The numbers are about normal.
func halves(b *graph.Builder, n int) *graph.Value {
	x := normal(1, n*retrievalDim)
	data := make([]tensor.F16, len(x))
	for i, v := range x {
		data[i] = tensor.F16(portable.ToHalf(v))
	}
	return b.Transpose(b.Cast(b.Const("items", tensor.Of(data, n, retrievalDim)), tensor.Float32), []int64{1, 0})
}

func int8s(b *graph.Builder, n int) *graph.Value {
	const scale = 0.03
	x := normal(1, n*retrievalDim)
	data, scales := make([]int8, len(x)), make([]float32, n)
	for i, v := range x {
		data[i] = int8(max(-127, min(127, v/scale)))
	}
	for i := range scales {
		scales[i] = scale * (1 + float32(i%7)/8)
	}
	table := b.DequantizeLinear(b.Const("items", tensor.Of(data, n, retrievalDim)), b.Const("scales", tensor.Of(scales, n)), nil, 0)
	return b.Transpose(table, []int64{1, 0})
}

// topkGraph scores one query against all items.
func topkGraph(table items, n int) (*graph.Graph, error) {
	b := graph.NewBuilder("topk")
	query := b.Input("query", tensor.Float32, graph.Dims(1, retrievalDim))
	scores, indices := b.TopK(b.MatMul(query, table(b, n)), retrievalK, 1)
	b.Output("scores", scores)
	b.Output("indices", indices)
	return b.Build()
}

func writeItems(table items, n int) func(dir string) error {
	return func(dir string) error {
		g, err := topkGraph(table, n)
		if err != nil {
			return err
		}
		if err := save(dir, "query", normal(2, retrievalDim)); err != nil {
			return err
		}
		return export(dir, g)
	}
}

func newItems(table items, n int) func(context.Context) (work, error) {
	return func(ctx context.Context) (work, error) {
		g, err := topkGraph(table, n)
		if err != nil {
			return nil, err
		}
		return infer(ctx, g, tensor.Map{"query": tensor.Of(normal(2, retrievalDim), 1, retrievalDim)})
	}
}

const gemmSize = 1024

func writeGemm(dir string) error {
	if err := save(dir, "a", normal(1, gemmSize*gemmSize)); err != nil {
		return err
	}
	return save(dir, "b", normal(2, gemmSize*gemmSize))
}

func newGemm(ctx context.Context) (work, error) {
	b := graph.NewBuilder("gemm")
	square := graph.Dims(gemmSize, gemmSize)
	b.Output("scores", b.MatMul(b.Input("a", tensor.Float32, square), b.Input("b", tensor.Float32, square)))
	g, err := b.Build()
	if err != nil {
		return nil, err
	}
	return infer(ctx, g, tensor.Map{
		"a": tensor.Of(normal(1, gemmSize*gemmSize), gemmSize, gemmSize),
		"b": tensor.Of(normal(2, gemmSize*gemmSize), gemmSize, gemmSize),
	})
}
