package loss_test

import (
	"testing"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/loss"
	"recsys/tensor"
)

// TestGradients checks the gradients of every loss, of scores as of vectors, against finite differences in float64. What
// has a gradient is a parameter here.
func TestGradients(t *testing.T) {
	of := func(b *graph.Builder, name string, shape ...int) *graph.Value {
		return b.Param(name, graph.Dims(shape...), graph.Uniform(3))
	}
	sampled := func(s loss.SampledSoftmax) func(b *graph.Builder) *graph.Value {
		return func(b *graph.Builder) *graph.Value {
			in := inBatch()
			ids := b.Const("", in["ids"])
			return s.Apply(b, loss.Sample{
				Query: of(b, "query", 4, 3), Items: of(b, "items", 4, 3), PositiveID: ids, ItemIDs: ids, LogQ: b.Const("", in["log_q"]),
			})
		}
	}
	tests := map[string]func(b *graph.Builder) *graph.Value{
		"binary cross-entropy": func(b *graph.Builder) *graph.Value {
			labels := tensor.Of([]float32{1, 0, 0, 0.25, 1, 0, 0, 1}, 4, 2)
			return loss.BinaryCrossEntropy{}.Apply(b, of(b, "logits", 4, 2), b.Const("", labels))
		},
		"bpr":     func(b *graph.Builder) *graph.Value { return loss.BPR{}.Apply(b, of(b, "scores", 4, 5)) },
		"bpr max": func(b *graph.Builder) *graph.Value { return loss.BPRMax{}.Apply(b, of(b, "scores", 4, 5)) },
		"bpr max, weighted": func(b *graph.Builder) *graph.Value {
			return loss.BPRMax{Regularization: 0.3}.Apply(b, of(b, "scores", 4, 5))
		},
		"top1":        func(b *graph.Builder) *graph.Value { return loss.TOP1{}.Apply(b, of(b, "scores", 4, 5)) },
		"hinge":       func(b *graph.Builder) *graph.Value { return loss.Hinge{}.Apply(b, of(b, "scores", 4, 5)) },
		"hinge, wide": func(b *graph.Builder) *graph.Value { return loss.Hinge{Margin: 2.5}.Apply(b, of(b, "scores", 4, 5)) },
		"softmax cross-entropy": func(b *graph.Builder) *graph.Value {
			return loss.SoftmaxCrossEntropy{}.Apply(b, of(b, "logits", 4, 5), b.Const("", tensor.Of([]int64{0, 4, 2, 2}, 4)))
		},
		"sampled softmax":             sampled(loss.SampledSoftmax{}),
		"sampled softmax, sharp":      sampled(loss.SampledSoftmax{Temperature: 0.5}),
		"sampled softmax, no log Q":   sampled(loss.SampledSoftmax{Uncorrected: true}),
		"sampled softmax, very sharp": sampled(loss.SampledSoftmax{Temperature: 0.1}),
	}
	for name, build := range tests {
		t.Run(name, func(t *testing.T) {
			b := graph.NewBuilder(name)
			b.Output("loss", loss.WeightedSum(b, build(b), b.Const("", tensor.Of([]float32{1, 2, 3, 0.5}, 4))))
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
