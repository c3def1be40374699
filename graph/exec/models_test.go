package exec_test

import (
	"fmt"
	"math"

	"recsys/graph"
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
	tables = 26
	width  = 32
)

// testRows is the size of the tables in tests: products with them are large enough to be split.
const testRows = 5000

// models build graphs whose tables have so many rows.
type models struct{ tableRows int }

// dlrm is Naumov et al. 2019 with 26 tables of 32 columns, 13 dense features, a bottom MLP of 64 and 32, all dot
// products between the 27 vectors, and a top MLP of 256, 128 and 1.
func (m models) dlrm(b *graph.Builder) {
	bottom := mlp(b, b.Input("dense", tensor.Float32, batch(13)), "bottom", 64, width)
	vectors := []*graph.Value{bottom}
	for i := range tables {
		name := fmt.Sprintf("table%d", i)
		table := b.Param(name, graph.Dims(m.tableRows, width), graph.Uniform(0.05))
		vectors = append(vectors, b.Gather(table, b.Input(name+"_id", tensor.Int64, graph.Shape{graph.Sym("B")}), 0))
	}
	logLoss(b, mlp(b, b.Concat(1, bottom, layer.DotInteraction{}.Apply(b, vectors...)), "top", 256, 128, 1))
}

// towers is a two-tower step with the softmax over the batch's items (Yi et al. 2019): 8 tables of 16 columns for
// the query, 4 for the item, layers of 128 and 64 each.
func (m models) towers(b *graph.Builder) {
	tower := func(name string, tables int) *graph.Value {
		var vectors []*graph.Value
		for i := range tables {
			table := b.Param(fmt.Sprintf("%s%d", name, i), graph.Dims(m.tableRows, width), graph.Uniform(0.05))
			vectors = append(vectors, b.Gather(table, b.Input(fmt.Sprintf("%s%d_id", name, i), tensor.Int64, graph.Shape{graph.Sym("B")}), 0))
		}
		return mlp(b, b.Concat(1, vectors...), name, 128, 64)
	}
	logits := b.MatMul(tower("query", 8), b.Transpose(tower("item", 4), []int64{1, 0}))
	own := b.Input("own", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Sym("B")}) // 1 on the diagonal
	b.Output("loss", b.Neg(b.ReduceMean(b.ReduceSum(b.Mul(b.LogSoftmax(logits, 1), own), []int64{1}, false), nil, false)))
}

const (
	length = 50
	hidden = 64
)

// attention is one head of scaled dot-product attention (Vaswani et al. 2017, equation 1) over x [B,L,D], to which
// mask [L,L] is added before the softmax.
func attention(b *graph.Builder, x, context, mask *graph.Value) *graph.Value {
	project := func(name string, x *graph.Value) *graph.Value {
		return b.MatMul(x, b.Param(name, graph.Dims(hidden, hidden), graph.GlorotUniform()))
	}
	q, k, v := project("query", x), project("key", context), project("value", context)
	logits := b.Mul(b.MatMul(q, b.Transpose(k, []int64{0, 2, 1})), b.Float32(float32(1/math.Sqrt(hidden))))
	return b.MatMul(b.Softmax(b.Add(logits, mask), -1), v)
}

// encoder is SASRec (Kang and McAuley 2018, section III) over ids [B,L]: two blocks of causal attention and a
// point-wise network of two layers, each behind a LayerNormalization and around a residual. It returns [B,L,D].
func (m models) encoder(b *graph.Builder, items *graph.Value) *graph.Value {
	norm := func(name string, x *graph.Value) *graph.Value {
		return b.LayerNormalization(x, b.Param(name+"/scale", graph.Dims(hidden), graph.Constant(1)),
			b.Param(name+"/bias", graph.Dims(hidden), graph.Zero()), -1, 1e-5)
	}
	causal := make([]float32, length*length)
	for i := range length {
		for j := i + 1; j < length; j++ {
			causal[i*length+j] = -1e9
		}
	}
	mask := b.Const("causal", tensor.Of(causal, length, length))
	x := b.Gather(items, b.Input("history_id", tensor.Int64, graph.Shape{graph.Sym("B"), graph.Fixed(length)}), 0)
	x = b.Add(x, b.Param("position", graph.Dims(length, hidden), graph.Uniform(0.05)))
	for i := range 2 {
		pop := b.Scope(fmt.Sprint("block", i))
		y := norm("attention", x)
		x = b.Add(x, attention(b, y, x, mask))
		y = norm("network", x)
		x = b.Add(x, dense(b, dense(b, y, "inner", hidden, false), "outer", hidden, true))
		pop()
	}
	return norm("last", x)
}

// sasrec is a step of SASRec with one positive and one negative item a position (equation 10 there).
func (m models) sasrec(b *graph.Builder) {
	items := b.Param("items", graph.Dims(m.tableRows, hidden), graph.Uniform(0.05))
	x := m.encoder(b, items)
	score := func(name string) *graph.Value {
		ids := b.Input(name, tensor.Int64, graph.Shape{graph.Sym("B"), graph.Fixed(length)})
		return b.ReduceSum(b.Mul(x, b.Gather(items, ids, 0)), []int64{-1}, false)
	}
	loss := b.Add(b.Softplus(b.Neg(score("positive_id"))), b.Softplus(score("negative_id")))
	b.Output("loss", b.ReduceMean(loss, nil, false))
}

// sequence is the query side of SASRec: the last position's vector.
func (m models) sequence(b *graph.Builder) {
	x := m.encoder(b, b.Param("items", graph.Dims(m.tableRows, hidden), graph.Uniform(0.05)))
	b.Output("query", b.SliceAxis(x, 1, length-1, length))
}

// wideRanker scores B candidates by 26 tables of 32 columns and layers of 512, 256 and 1.
func (m models) wideRanker(b *graph.Builder) {
	var vectors []*graph.Value
	for i := range tables {
		table := b.Param(fmt.Sprintf("table%d", i), graph.Dims(m.tableRows, width), graph.Uniform(0.05))
		vectors = append(vectors, b.Gather(table, b.Input(fmt.Sprintf("table%d_id", i), tensor.Int64, graph.Shape{graph.Sym("B")}), 0))
	}
	b.Output("score", b.Sigmoid(mlp(b, b.Concat(1, vectors...), "mlp", 512, 256, 1)))
}

// retrieval finds the 100 best items.
func (m models) retrieval(b *graph.Builder) {
	items := b.Param("items", graph.Dims(hidden, m.tableRows), graph.Uniform(0.05))
	scores, ids := b.TopK(b.MatMul(b.Input("query", tensor.Float32, batch(hidden)), items), 100, 1)
	b.Output("scores", scores)
	b.Output("ids", ids)
}
