package graph_test

import (
	"math"
	"testing"

	"recsys/graph"
	"recsys/tensor"
)

// TestSymbolicShapes names dimensions and looks at what the shape rules make of the names.
func TestSymbolicShapes(t *testing.T) {
	dims := func(dims ...any) graph.Shape {
		var s graph.Shape
		for _, d := range dims {
			switch d := d.(type) {
			case int:
				s = append(s, graph.Fixed(d))
			case string:
				s = append(s, graph.Sym(d))
			}
		}
		return s
	}
	const rest = math.MaxInt64
	tests := []struct {
		name  string
		shape graph.Shape
		apply func(b *graph.Builder, x *graph.Value) *graph.Value
		want  string
	}{
		{"flatten", dims("B", "K", 8), func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Reshape(x, b.Int64s(-1, 8)) }, "[B*K,8]"},
		{"flatten all", dims("B", "K", 8), func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Reshape(x, b.Int64s(-1)) }, "[B*K*8]"},
		{"flatten and back", dims("B", "K", 8), func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Reshape(b.Reshape(x, b.Int64s(-1, 4)), b.ShapeOf(x))
		}, "[B,K,8]"},
		{"keep the batch", dims("B", 4, 8), func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Reshape(x, b.Int64s(0, -1)) }, "[B,32]"},
		{"split a product", dims("B*4"), func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Reshape(x, b.Int64s(-1, 4)) }, "[B,4]"},
		{"unsqueeze and squeeze", dims("B", "L"), func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Squeeze(b.Unsqueeze(x, []int64{1, -1}), []int64{1})
		}, "[B,L,1]"},
		{"concat with a fixed part", dims("B", "K"), func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Concat(1, b.ReduceMax(x, []int64{1}, true), x)
		}, "[B,(1+K)]"},
		{"concat of two symbols", dims("B", "K"), func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Concat(0, x, b.Input("more", tensor.Float32, dims("A", "K")), x)
		}, "[(A+B+B),K]"},
		{"concat of sums", dims("(2+K)"), func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Concat(0, x, b.Input("more", tensor.Float32, dims("(1+A)")))
		}, "[(3+A+K)]"},
		{"concat of products", dims("B*K"), func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Concat(0, x, x) }, "[?]"},
		{"a sum in a product", dims("B", "(1+K)", 4), func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Reshape(b.Reshape(x, b.Int64s(-1, 2)), b.ShapeOf(x))
		}, "[B,(1+K),4]"},
		{"slice a symbol whole", dims("L", 3), func(b *graph.Builder, x *graph.Value) *graph.Value { return b.SliceAxis(x, 0, 0, rest) }, "[L,3]"},
		{"slice the fixed part off", dims("(1+K)"), func(b *graph.Builder, x *graph.Value) *graph.Value { return b.SliceAxis(x, 0, 1, rest) }, "[K]"},
		{"slice the fixed part off the end", dims("(2+K)"), func(b *graph.Builder, x *graph.Value) *graph.Value { return b.SliceAxis(x, 0, 0, -1) }, "[(1+K)]"},
		{"slice the fixed part", dims("(2+K)"), func(b *graph.Builder, x *graph.Value) *graph.Value { return b.SliceAxis(x, 0, -2, rest) }, "[2]"},
		{"slice the first of the fixed part", dims("(2+K)"), func(b *graph.Builder, x *graph.Value) *graph.Value { return b.SliceAxis(x, 0, 0, 1) }, "[1]"},
		{"slice more than is certain", dims("L"), func(b *graph.Builder, x *graph.Value) *graph.Value { return b.SliceAxis(x, 0, 0, 5) }, "[?]"},
		{"slice from beyond what is certain", dims("L"), func(b *graph.Builder, x *graph.Value) *graph.Value { return b.SliceAxis(x, 0, 1, rest) }, "[?]"},
		{"slice a fixed axis", dims("B", 10), func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Slice(x, []int64{8}, []int64{0}, []int64{1}, []int64{-3})
		}, "[B,3]"},
		{"gather", dims(100, 8), func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Gather(x, b.Input("ids", tensor.Int64, dims("B", "L")), 0)
		}, "[B,L,8]"},
		{"matmul", dims("B", "K", 8), func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.MatMul(x, b.Input("w", tensor.Float32, dims(8, "M")))
		}, "[B,K,M]"},
		{"expand to the shape of another", dims("B", 1, 8), func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Expand(x, b.ShapeOf(b.Input("like", tensor.Float32, dims("B", "K", 8))))
		}, "[B,K,8]"},
		{"top k", dims("B", "V"), func(b *graph.Builder, x *graph.Value) *graph.Value {
			_, ids := b.TopK(x, 20, -1)
			return ids
		}, "[B,20]"},
		{"reduce", dims("B", "L", 8), func(b *graph.Builder, x *graph.Value) *graph.Value { return b.ReduceMean(x, []int64{1}, false) }, "[B,8]"},
		{"transpose", dims("B", "L", 8), func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Transpose(x, []int64{0, 2, 1}) }, "[B,8,L]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := graph.NewBuilder("g")
			y := test.apply(b, b.Input("x", tensor.Float32, test.shape))
			if err := b.Err(); err != nil {
				t.Fatal(err)
			}
			if got := y.Shape().String(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestUnknownAgreesWithNothing(t *testing.T) {
	unknown := graph.Shape{graph.Sym(graph.Unknown)}
	if unknown.Same(unknown) {
		t.Error("two unknown dimensions are the same")
	}
	if _, err := graph.Broadcast(unknown, unknown); err == nil {
		t.Error("two unknown dimensions broadcast")
	}
	if got, err := graph.Broadcast(unknown, graph.Dims(1)); err != nil || got.String() != "[?]" {
		t.Errorf("unknown and 1: got %s, %v", got, err)
	}
}
