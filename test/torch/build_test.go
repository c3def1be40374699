package torch_test

import (
	"fmt"
	"math"
	"testing"

	"recsys/graph"
	"recsys/layer"
	"recsys/loss"
	"recsys/tensor"
)

// builder makes a fixture's graph.
type builder struct {
	*graph.Builder

	f      *fixture
	values map[string]*graph.Value
}

// build returns the fixture's graph with the output "loss" beside the fixture's own.
func build(t *testing.T, f *fixture) *graph.Graph {
	t.Helper()
	b := &builder{Builder: graph.NewBuilder(f.Name), f: f, values: map[string]*graph.Value{}}
	for name, a := range f.Inputs {
		x := a.tensor(t)
		b.values[name] = b.Input(name, x.DType(), graph.Dims(x.Shape()...))
	}
	for name, a := range f.Consts {
		b.values[name] = b.Const(name, a.tensor(t))
	}
	for _, s := range f.Steps {
		in := make([]*graph.Value, len(s.In))
		for i, name := range s.In {
			in[i] = b.value(name)
		}
		if s.Layer != "" {
			b.values[s.Out[0]] = b.layer(t, s, in)
			continue
		}
		for i, v := range b.Apply(graph.Standard()[s.Op], s.attrs(t), in...) {
			b.values[s.Out[i]] = v
		}
	}
	var total *graph.Value
	for _, name := range tensors(t, f.Weights).Names() {
		b.Output(name, b.values[name])
		part := b.ReduceSum(b.Mul(b.values[name], b.Const("", f.Weights[name].tensor(t))), nil, false)
		if total != nil {
			part = b.Add(total, part)
		}
		total = part
	}
	b.Output("loss", total)
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Load(tensors(t, f.Params)); err != nil {
		t.Fatal(err)
	}
	return g
}

// value returns what a step reads: a parameter too.
func (b *builder) value(name string) *graph.Value {
	if a, ok := b.f.Params[name]; ok {
		return b.Param(name, graph.Dims(a.Shape...), graph.Zero())
	}
	return b.values[name]
}

func (b *builder) layer(t *testing.T, s step, in []*graph.Value) *graph.Value {
	t.Helper()
	o := s.Settings
	e := layer.Embedding{Name: o.Name, Rows: o.Rows, Dim: o.Dim}
	switch s.Layer {
	case "embedding":
		return e.Apply(b.Builder, in[0])
	case "list_embedding":
		return layer.ListEmbedding{Embedding: e}.Apply(b.Builder, in[0])
	case "sequence_embedding":
		return layer.SequenceEmbedding{Embedding: e, Rates: o.Rates}.Apply(b.Builder, in[0])
	case "dense":
		units, err := decode[int](o.Units)
		if err != nil {
			t.Fatal(err)
		}
		return layer.Dense{Name: o.Name, Units: units, Activation: layer.Activation(o.Activation)}.Apply(b.Builder, in[0])
	case "mlp":
		units, err := decode[[]int](o.Units)
		if err != nil {
			t.Fatal(err)
		}
		return layer.MLP{
			Name: o.Name, Units: units, Activation: layer.Activation(o.Activation), Last: layer.Activation(o.Last),
		}.Apply(b.Builder, in[0])
	case "dot_interaction":
		return layer.DotInteraction{}.Apply(b.Builder, in...)
	case "concat":
		return layer.Concat{}.Apply(b.Builder, in...)
	case "l2_norm":
		return layer.L2Norm{}.Apply(b.Builder, in[0])
	case "cross":
		product := b.MatMul(in[1], b.value(o.Name+"/weight"))
		return b.Add(b.Mul(in[0], b.Add(product, b.value(o.Name+"/bias"))), in[1])
	case "layer_norm":
		return layer.LayerNorm{Name: o.Name}.Apply(b.Builder, in[0])
	case "attention":
		return b.attention(in[0], o)
	case "binary_cross_entropy":
		return loss.BinaryCrossEntropy{}.Apply(b.Builder, in[0], in[1])
	case "bpr":
		return loss.BPR{}.Apply(b.Builder, in[0])
	case "softmax_cross_entropy":
		return loss.SoftmaxCrossEntropy{}.Apply(b.Builder, in[0], in[1])
	case "sampled_softmax":
		return loss.SampledSoftmax{Temperature: o.Temperature}.Apply(b.Builder, loss.Sample{
			Query: in[0], Items: in[1], PositiveID: in[2], ItemIDs: in[2], LogQ: in[3],
		})
	}
	return b.fields(t, s, in)
}

// fields are the layers that multiply and mix the fields of rankers.
func (b *builder) fields(t *testing.T, s step, in []*graph.Value) *graph.Value {
	t.Helper()
	o := s.Settings
	one, oneErr := decode[int](o.Units)
	several, severalErr := decode[[]int](o.Units)
	if len(o.Units) > 0 && oneErr != nil && severalErr != nil {
		t.Fatal(oneErr, severalErr)
	}
	switch s.Layer {
	case "compressed_interaction":
		return layer.CompressedInteraction{Name: o.Name, Maps: several}.Apply(b.Builder, in[0])
	case "interacting":
		return layer.Interacting{Name: o.Name, Heads: o.Heads, Width: one}.Apply(b.Builder, in[0])
	case "mask_block":
		return layer.MaskBlock{Name: o.Name, Hidden: o.Rows, Units: one}.Apply(b.Builder, in[0], in[1])
	case "local_activation":
		return layer.LocalActivation{Name: o.Name, Units: several}.Apply(b.Builder, in[0], in[1], in[2])
	case "bilinear":
		return layer.Bilinear{Name: o.Name, Heads: o.Heads}.Apply(b.Builder, in[0], in[1])
	case "experts":
		return b.Concat(-1, layer.Experts{
			Name: o.Name, Experts: o.Rows, Units: several, Gates: []string{"like", "buy"},
		}.Apply(b.Builder, in[0])...)
	case "extraction":
		own, all := layer.Extraction{
			Name: o.Name, Tasks: []string{"like", "buy"}, Own: 2, Shared: o.Rows, Units: several,
		}.Apply(b.Builder, in[:2], in[2])
		return b.Concat(-1, append(own, all)...)
	}
	return b.Fail(fmt.Errorf("unknown layer %q", s.Layer))
}

// attention is that of Vaswani et al. 2017, equation 1, by heads, without a projection behind it.
func (b *builder) attention(x *graph.Value, o settings) *graph.Value {
	rows, length, width := x.Shape()[0].Size, x.Shape()[1].Size, x.Shape()[2].Size
	heads := func(part string) *graph.Value {
		y := b.MatMul(x, b.value(o.Name+"/"+part))
		y = b.Reshape(y, b.Int64s(int64(rows), int64(length), int64(o.Heads), int64(width/o.Heads)))
		return b.Transpose(y, []int64{0, 2, 1, 3})
	}
	q, k, v := heads("query"), heads("key"), heads("value")
	scores := b.MatMul(q, b.Transpose(k, []int64{0, 1, 3, 2}))
	scores = b.Mul(scores, b.Float32(float32(1/math.Sqrt(float64(width/o.Heads)))))
	if o.Causal {
		mask := make([]float32, length*length)
		for i := range length {
			for j := i + 1; j < length; j++ {
				mask[i*length+j] = float32(math.Inf(-1))
			}
		}
		scores = b.Add(scores, b.Const("", tensor.Of(mask, length, length)))
	}
	y := b.Transpose(b.MatMul(b.Softmax(scores, -1), v), []int64{0, 2, 1, 3})
	return b.Reshape(y, b.Int64s(int64(rows), int64(length), int64(width)))
}
