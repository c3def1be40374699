package exec_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/grad"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// trainStep compiles the loss and all gradients of a model.
func trainStep(tb testing.TB, model func(b *graph.Builder), o exec.Options) *exec.Plan {
	tb.Helper()
	step, err := grad.Of(build(tb, model), "loss")
	if err != nil {
		tb.Fatal(err)
	}
	if err := step.Graph.InitParams(1); err != nil {
		tb.Fatal(err)
	}
	return compile(tb, step.Graph, o)
}

// stepInputs makes inputs of so many rows, with ids below limit.
func stepInputs(plan *exec.Plan, rows, limit int) tensor.Map {
	rng := rand.New(rand.NewPCG(1, 1))
	in := tensor.Map{}
	for _, v := range plan.Inputs() {
		shape := []int{rows}
		for _, d := range v.Shape()[1:] {
			n := d.Size
			if v.Name() == "own" {
				n = rows
			}
			shape = append(shape, n)
		}
		t := tensor.Zeros(v.DType(), shape...)
		switch data := t.Any().(type) {
		case []int64:
			for i := range data {
				data[i] = rng.Int64N(int64(limit))
			}
		case []float32:
			for i := range data {
				data[i] = rng.Float32()
			}
		}
		in[v.Name()] = t
	}
	return in
}

// fullRows is the size of the tables in benchmarks: 13 MB each, so that most rows are in no cache.
const fullRows = 100_000

// BenchmarkTrainStep reports examples a second of one forward and backward pass, without the optimiser.
func BenchmarkTrainStep(b *testing.B) {
	full := models{fullRows}
	list := []struct {
		name  string
		model func(b *graph.Builder)
		rows  []int
	}{
		{"mlp", perceptron, []int{512, 2048}},
		{"dlrm", full.dlrm, []int{512, 4096}},
		{"towers", full.towers, []int{512, 1024}},
		{"sasrec", full.sasrec, []int{128}},
	}
	for _, m := range list {
		for _, rows := range m.rows {
			for _, set := range kernel.Sets() {
				b.Run(fmt.Sprintf("%s/B=%d/%s", m.name, rows, set.Name), func(b *testing.B) {
					bench(b, trainStep(b, m.model, exec.Options{Kernels: set}), rows)
				})
			}
		}
	}
}

// BenchmarkServe reports rows a second of models in serving.
func BenchmarkServe(b *testing.B) {
	full := models{fullRows}
	list := []struct {
		name  string
		model func(b *graph.Builder)
		rows  int
	}{{"ranker", full.wideRanker, 500}, {"retrieval", full.retrieval, 1}, {"sequence", full.sequence, 16}}
	for _, m := range list {
		b.Run(m.name, func(b *testing.B) { bench(b, compile(b, build(b, m.model), exec.Options{}), m.rows) })
	}
}

// bench runs a plan on inputs of so many rows.
func bench(b *testing.B, plan *exec.Plan, rows int) {
	b.Helper()
	session, in := plan.NewSession(), stepInputs(plan, rows, fullRows)
	if _, err := session.Run(b.Context(), in); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := session.Run(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
