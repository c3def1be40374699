package exec_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/grad"
	"recsys/graph/kernel"
	"recsys/layer"
	"recsys/tensor"
)

// dense adds x·w + b and, but for the last layer, Relu.
func dense(b *graph.Builder, x *graph.Value, name string, n int, last bool) *graph.Value {
	defer b.Scope(name)()
	k := x.Shape()[x.Rank()-1].Size
	y := b.Add(b.MatMul(x, b.Param("weight", graph.Dims(k, n), graph.GlorotUniform())), b.Param("bias", graph.Dims(n), graph.Zero()))
	if last {
		return y
	}
	return b.Relu(y)
}

func mlp(b *graph.Builder, x *graph.Value, name string, widths ...int) *graph.Value {
	for i, n := range widths {
		x = dense(b, x, fmt.Sprintf("%s/%d", name, i), n, n == 1)
	}
	return x
}

// logLoss is the mean cross-entropy of logits [B,1] and labels [B,1].
func logLoss(b *graph.Builder, logits *graph.Value) {
	labels := b.Input("label", tensor.Float32, batch(1))
	b.Output("loss", b.ReduceMean(b.Sub(b.Softplus(logits), b.Mul(logits, labels)), nil, false))
}

// perceptron is a step of an MLP of 256 inputs and layers of 256, 128 and 1.
func perceptron(b *graph.Builder) {
	logLoss(b, mlp(b, b.Input("dense", tensor.Float32, batch(256)), "mlp", 256, 128, 1))
}

const (
	tables    = 8
	tableRows = 100_000
	width     = 16
)

// dlrm is Naumov et al. 2019 with 8 tables of 16 columns, 13 dense features, a bottom MLP of 64 and 16, all dot
// products between the nine vectors, and a top MLP of 256, 128 and 1.
func dlrm(b *graph.Builder) {
	bottom := mlp(b, b.Input("dense", tensor.Float32, batch(13)), "bottom", 64, width)
	vectors := []*graph.Value{bottom}
	for i := range tables {
		name := fmt.Sprintf("table%d", i)
		table := b.Param(name, graph.Dims(tableRows, width), graph.Uniform(0.05))
		vectors = append(vectors, b.Gather(table, b.Input(name+"_id", tensor.Int64, graph.Shape{graph.Sym("B")}), 0))
	}
	logLoss(b, mlp(b, b.Concat(1, bottom, layer.DotInteraction{}.Apply(b, vectors...)), "top", 256, 128, 1))
}

// towers is a two-tower step with the softmax over the batch's items (Yi et al. 2019): 8 tables of 16 columns for
// the query, 4 for the item, layers of 128 and 64 each.
func towers(b *graph.Builder) {
	tower := func(name string, tables int) *graph.Value {
		var vectors []*graph.Value
		for i := range tables {
			table := b.Param(fmt.Sprintf("%s%d", name, i), graph.Dims(tableRows, width), graph.Uniform(0.05))
			vectors = append(vectors, b.Gather(table, b.Input(fmt.Sprintf("%s%d_id", name, i), tensor.Int64, graph.Shape{graph.Sym("B")}), 0))
		}
		return mlp(b, b.Concat(1, vectors...), name, 128, 64)
	}
	logits := b.MatMul(tower("query", 8), b.Transpose(tower("item", 4), []int64{1, 0}))
	own := b.Input("own", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Sym("B")}) // 1 on the diagonal
	b.Output("loss", b.Neg(b.ReduceMean(b.ReduceSum(b.Mul(b.LogSoftmax(logits, 1), own), []int64{1}, false), nil, false)))
}

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

func stepInputs(plan *exec.Plan, rows int) tensor.Map {
	rng := rand.New(rand.NewPCG(1, 1))
	in := tensor.Map{}
	for _, v := range plan.Inputs() {
		if v.DType() == tensor.Int64 {
			ids := make([]int64, rows)
			for i := range ids {
				ids[i] = rng.Int64N(tableRows)
			}
			in[v.Name()] = tensor.Of(ids, rows)
			continue
		}
		n := v.Shape()[1].Size
		if v.Name() == "own" {
			n = rows
		}
		data := make([]float32, rows*n)
		for i := range data {
			data[i] = rng.Float32()
		}
		in[v.Name()] = tensor.Of(data, rows, n)
	}
	return in
}

// BenchmarkTrainStep reports examples a second of one forward and backward pass, without the optimiser.
func BenchmarkTrainStep(b *testing.B) {
	models := []struct {
		name  string
		model func(b *graph.Builder)
	}{{"mlp", perceptron}, {"dlrm", dlrm}, {"towers", towers}}
	for _, m := range models {
		for _, rows := range []int{512, 2048} {
			for _, set := range kernel.Sets() {
				b.Run(fmt.Sprintf("%s/B=%d/%s", m.name, rows, set.Name), func(b *testing.B) {
					plan := trainStep(b, m.model, exec.Options{Kernels: set})
					session, in := plan.NewSession(), stepInputs(plan, rows)
					if _, err := session.Run(b.Context(), in); err != nil {
						b.Fatal(err)
					}
					b.ReportAllocs()
					for b.Loop() {
						if _, err := session.Run(b.Context(), in); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "examples/s")
				})
			}
		}
	}
}

// BenchmarkScore reports requests a second of a small ranker for one user and 300 candidates.
func BenchmarkScore(b *testing.B) {
	plan := compile(b, build(b, ranker), exec.Options{})
	in := rankerInputs(300)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := plan.Run(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}
