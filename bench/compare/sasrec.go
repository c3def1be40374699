package main

import (
	"context"
	"fmt"

	"recsys/graph"
	"recsys/layer"
	"recsys/loss"
	"recsys/model"
	"recsys/optim"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// The SASRec of the comparison (Kang and McAuley 2018, with one head and layer norms before the sublayers, without
// dropout): ids 0 to 2 are padding, null and unknown, as everywhere. Every history is full, so that no place is masked.
const (
	sequenceItems  = 3416
	sequenceFirst  = 3
	sequenceLength = 50
	sequenceDim    = 64
	sequenceBatch  = 128
	sequenceRows   = 60 * sequenceBatch
	sequenceRate   = 0.001
)

// sequenceColumn returns lists of items: histories, the item that follows each place, or negatives.
func sequenceColumn(name string) []int64 {
	seed := map[string]uint64{"history": 1, "positive": 1, "negative": 2}[name]
	shift := 0
	if name == "positive" {
		shift = 1
	}
	all := zipf(seed, sequenceRows*sequenceLength+1, sequenceItems)
	ids := make([]int64, sequenceRows*sequenceLength)
	for i := range ids {
		ids[i] = all[i+shift] + sequenceFirst
	}
	return ids
}

func sequenceColumns() []string { return []string{"history", "positive", "negative"} }

func writeSequences(dir string) error {
	for _, name := range sequenceColumns() {
		if err := save(dir, name, sequenceColumn(name)); err != nil {
			return err
		}
	}
	return nil
}

// sasrec returns the encoder's output [B,L,D] and the items' table.
func sasrec(b *graph.Builder, history *graph.Value) (h *graph.Value, items layer.Embedding) {
	items = layer.Embedding{Name: "item", Rows: sequenceFirst + sequenceItems, Dim: sequenceDim}
	places := layer.Embedding{Name: "place", Rows: sequenceLength, Dim: sequenceDim}.Table(b)
	h = b.Add(b.Mul(items.Apply(b, history), b.Float32(8)), places) // times √D
	for i := range 2 {
		name := fmt.Sprintf("block%d", i)
		normed := layer.LayerNorm{Name: name + "/norm1"}.Apply(b, h)
		h = b.Add(h, layer.MultiHeadAttention{Name: name + "/attention", Causal: true}.Apply(b, normed, normed, nil))
		feed := layer.MLP{Name: name + "/feed", Units: []int{sequenceDim, sequenceDim}}
		h = b.Add(h, feed.Apply(b, layer.LayerNorm{Name: name + "/norm2"}.Apply(b, h)))
	}
	return layer.LayerNorm{Name: "norm"}.Apply(b, h), items
}

func newSequences(ctx context.Context, columns []string, losses func(b *graph.Builder, in map[string]*graph.Value) *graph.Value) (work, error) {
	e := &train.Examples{Context: tensor.Map{}, User: make([]int32, sequenceRows), Item: make([]int32, sequenceRows)}
	b := graph.NewBuilder("sasrec")
	in := map[string]*graph.Value{}
	for _, name := range columns {
		c := schema.Column{
			Name: name, DType: schema.DType{DType: tensor.Int64}, Length: sequenceLength, Cardinality: sequenceFirst + sequenceItems,
			Tags: []schema.Tag{schema.Context, schema.Categorical},
		}
		e.Schema = append(e.Schema, c)
		e.Context[name] = tensor.Of(sequenceColumn(name), sequenceRows, sequenceLength)
		in[name] = b.Input(model.QueryInput(name), tensor.Int64, model.InputShape(c, graph.Sym("B")))
	}
	rows := b.ReduceMean(losses(b, in), []int64{1}, false) // [B,L] -> [B]
	b.Output(train.LossOutput, loss.WeightedSum(b, rows, b.Input(train.WeightInput, tensor.Float32, graph.Shape{graph.Sym("B")})))
	g, err := b.Build()
	if err != nil {
		return nil, err
	}
	task, err := train.NewTask("sasrec", g, e, firsts[int32](sequenceRows))
	if err != nil {
		return nil, err
	}
	return fit(ctx, task, sequenceBatch, sequenceShard, optim.Adam{}, sequenceRate)
}

// sequenceShard halves a batch, so that two workers have the same to do.
const sequenceShard = sequenceBatch / 2

// newSASRecBCE tells the next item from one other: softplus(-s) + softplus(s') with the products s and s'.
func newSASRecBCE(ctx context.Context) (work, error) {
	return newSequences(ctx, sequenceColumns(), func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
		h, items := sasrec(b, in["history"])
		score := func(name string) *graph.Value {
			return b.ReduceSum(b.Mul(h, items.Apply(b, in[name])), []int64{-1}, false)
		}
		return b.Add(b.Softplus(b.Neg(score("positive"))), b.Softplus(score("negative")))
	})
}

// newSASRecSoftmax tells the next item from all.
func newSASRecSoftmax(ctx context.Context) (work, error) {
	return newSequences(ctx, sequenceColumns()[:2], func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
		h, items := sasrec(b, in["history"])
		table := b.SliceAxis(items.Table(b), 0, sequenceFirst, sequenceFirst+sequenceItems)
		flat := b.Reshape(h, b.Int64s(-1, sequenceDim))
		scores := b.MatMul(flat, b.Transpose(table, []int64{1, 0})) // [B·L,V]
		target := b.Reshape(b.Sub(in["positive"], b.Int64(sequenceFirst)), b.Int64s(-1, 1))
		picked := b.GatherElements(b.LogSoftmax(scores, -1), target, 1)
		return b.Neg(b.Reshape(picked, b.Int64s(-1, sequenceLength)))
	})
}
