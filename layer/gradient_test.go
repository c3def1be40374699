package layer_test

import (
	"testing"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/internal/portable"
	"recsys/layer"
	"recsys/tensor"
)

// TestGradients checks every layer's gradients, of its parameters and of its inputs, against finite differences in
// float64. The inputs x are parameters here, so that they have gradients; ids repeat and hold padding.
func TestGradients(t *testing.T) {
	item := layer.Embedding{Name: "item", Rows: 5, Dim: 3, Init: graph.Uniform(1)}
	lists := tensor.Of([]int64{3, 1, 0, 0, 0, 0, 4, 4, 2, 0, 1, 0}, 4, 3)
	x := func(b *graph.Builder, name string, shape ...int) *graph.Value {
		return b.Param(name, graph.Dims(shape...), graph.Uniform(2))
	}
	dense := func(a layer.Activation) func(b *graph.Builder) *graph.Value {
		return func(b *graph.Builder) *graph.Value {
			return layer.Dense{Name: "d", Units: 3, Activation: a}.Apply(b, x(b, "x", 4, 2))
		}
	}
	tests := map[string]func(b *graph.Builder) *graph.Value{
		"embedding": func(b *graph.Builder) *graph.Value { return item.Apply(b, b.Const("", lists)) },
		"list embedding": func(b *graph.Builder) *graph.Value {
			return layer.ListEmbedding{Embedding: item}.Apply(b, b.Const("", lists))
		},
		"sequence embedding": func(b *graph.Builder) *graph.Value {
			return layer.SequenceEmbedding{Embedding: item, Rates: []float32{0, 0.5}}.Apply(b, b.Const("", lists))
		},
		"two embeddings of one table": func(b *graph.Builder) *graph.Value {
			own := item.Apply(b, b.Const("", tensor.Of([]int64{4, 4, 1, 0}, 4)))
			return b.Mul(own, layer.ListEmbedding{Embedding: item}.Apply(b, b.Const("", lists)))
		},
		"dense relu": dense(layer.ReLU), "dense sigmoid": dense(layer.Sigmoid), "dense tanh": dense(layer.Tanh),
		"dense linear": dense(layer.Linear),
		"mlp": func(b *graph.Builder) *graph.Value {
			return layer.MLP{Name: "m", Units: []int{6, 4, 2}, Last: layer.Sigmoid}.Apply(b, x(b, "x", 2, 2, 3))
		},
		"no mlp": func(b *graph.Builder) *graph.Value { return layer.MLP{}.Apply(b, x(b, "x", 2, 3)) },
		"concat": func(b *graph.Builder) *graph.Value {
			return layer.Concat{}.Apply(b, x(b, "x", 2, 3), x(b, "y", 2, 1), x(b, "z", 2, 2))
		},
		"dot interaction": func(b *graph.Builder) *graph.Value {
			return layer.DotInteraction{}.Apply(b, x(b, "x", 2, 4), x(b, "y", 2, 4), x(b, "z", 2, 4))
		},
		"cross network": func(b *graph.Builder) *graph.Value {
			return layer.CrossNetwork{Name: "c", Layers: 2}.Apply(b, x(b, "x", 2, 2, 3))
		},
		"cross network of low rank": func(b *graph.Builder) *graph.Value {
			return layer.CrossNetwork{Name: "c", Layers: 2, Rank: 2}.Apply(b, x(b, "x", 4, 3))
		},
		"factorization machine": func(b *graph.Builder) *graph.Value {
			return layer.FactorizationMachine{}.Apply(b, x(b, "x", 2, 1, 4), x(b, "y", 2, 3, 4), x(b, "z", 2, 3, 4))
		},
		"experts": func(b *graph.Builder) *graph.Value {
			y := layer.Experts{Name: "e", Experts: 3, Units: []int{3}, Gates: []string{"like", "buy"}}.Apply(b, x(b, "x", 2, 2, 3))
			return b.Concat(-1, y...)
		},
		"extraction": func(b *graph.Builder) *graph.Value {
			shared := x(b, "shared", 2, 2, 3)
			own, all := layer.Extraction{
				Name: "e", Tasks: []string{"like", "shared"}, Own: 1, Shared: 2, Units: []int{3},
			}.Apply(b, []*graph.Value{x(b, "x", 2, 2, 3), shared}, shared)
			return b.Concat(-1, append(own, all)...)
		},
		"compressed interaction": func(b *graph.Builder) *graph.Value {
			return layer.CompressedInteraction{Name: "c", Maps: []int{3, 2}}.Apply(b, x(b, "x", 2, 2, 3, 4))
		},
		"interacting": func(b *graph.Builder) *graph.Value {
			return layer.Interacting{Name: "i", Heads: 2, Width: 3}.Apply(b, x(b, "x", 2, 2, 3, 4))
		},
		"gated recurrent unit": func(b *graph.Builder) *graph.Value {
			return layer.GRU{Name: "g", Units: 3}.Apply(b, x(b, "x", 2, 3, 4))
		},
		"local activation": func(b *graph.Builder) *graph.Value {
			ids := b.Const("", lists)
			return layer.LocalActivation{Name: "l", Units: []int{3, 2}}.Apply(
				b, item.Apply(b, ids), b.Not(b.Equal(ids, b.Int64(0))), x(b, "x", 4, 2, 3))
		},
		"mask block": func(b *graph.Builder) *graph.Value {
			return layer.MaskBlock{Name: "m", Hidden: 4, Units: 5}.Apply(b, x(b, "e", 2, 3, 4), x(b, "x", 2, 3, 6))
		},
		"bilinear": func(b *graph.Builder) *graph.Value {
			return layer.Bilinear{Name: "f", Heads: 2}.Apply(b, x(b, "x", 2, 1, 4), x(b, "y", 2, 3, 6))
		},
		"layer norm": func(b *graph.Builder) *graph.Value {
			return layer.LayerNorm{Name: "n"}.Apply(b, x(b, "x", 2, 3, 4))
		},
		"attention": func(b *graph.Builder) *graph.Value {
			return layer.MultiHeadAttention{Name: "a", Heads: 2, Causal: true}.Apply(b, x(b, "x", 2, 3, 4), x(b, "keys", 2, 3, 4), nil)
		},
		"attention of what is present": func(b *graph.Builder) *graph.Value {
			present := b.Not(b.Equal(b.Const("", lists), b.Int64(0)))
			q := item.Apply(b, b.Const("", lists))
			return layer.MultiHeadAttention{Name: "a"}.Apply(b, q, q, present)
		},
		"l2 norm": func(b *graph.Builder) *graph.Value { return layer.L2Norm{}.Apply(b, x(b, "x", 3, 4)) },
	}
	for name, build := range tests {
		t.Run(name, func(t *testing.T) {
			b := graph.NewBuilder(name)
			y := build(b)
			sizes, _ := y.Shape().Fixed()
			weights := tensor.Zeros(tensor.Float32, sizes...)
			rng := portable.New(1, name)
			for i := range weights.Len() {
				tensor.MustData[float32](weights)[i] = rng.Float32() - 0.5
			}
			b.Output("loss", b.ReduceSum(b.Mul(y, b.Const("", weights)), nil, false))
			g, err := b.Build()
			if err != nil {
				t.Fatal(err)
			}
			if err := g.InitParams(1); err != nil {
				t.Fatal(err)
			}
			if !graphtest.Exact(g) {
				t.Error("an operator has no float64 form")
			}
			if err := graphtest.Differentiate(g, "loss", nil); err != nil {
				t.Error(err)
			}
		})
	}
}
