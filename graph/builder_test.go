package graph_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/graph"
	"recsys/tensor"
)

func build(t *testing.T, b *graph.Builder) *graph.Graph {
	t.Helper()
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func names(values []*graph.Value) []string {
	var list []string
	for _, v := range values {
		list = append(list, v.Name())
	}
	return list
}

func nodeNames(g *graph.Graph) []string {
	var list []string
	for _, n := range g.Nodes {
		list = append(list, n.Name)
	}
	return list
}

func paths(g *graph.Graph) []string {
	var list []string
	for _, p := range g.Params {
		list = append(list, p.Path)
	}
	return list
}

var batch = graph.Sym("B")

func TestScopesPrefixNodesAndParameters(t *testing.T) {
	b := graph.NewBuilder("g")
	x := b.Input("x", tensor.Float32, graph.Shape{batch, graph.Fixed(2)})
	layer := func(x *graph.Value) *graph.Value {
		defer b.Scope("mlp")()
		defer b.Scope("0")()
		return b.MatMul(x, b.Param("weight", graph.Dims(2, 2), graph.Zero()))
	}
	b.Output("y", b.Relu(layer(layer(x))))
	g := build(t, b)
	if diff := cmp.Diff(nodeNames(g), []string{"mlp/0/matmul", "mlp/0/matmul_2", "relu"}); diff != "" {
		t.Errorf("nodes (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(paths(g), []string{"mlp/0/weight"}); diff != "" {
		t.Errorf("parameters (-got +want):\n%s", diff)
	}
	if g.Param("mlp/0/weight") == nil || g.Param("weight") != nil || g.Input("x") == nil || g.Output("y") == nil {
		t.Error("look-up by name fails")
	}
}

func TestBuildDropsWhatOutputsDoNotNeed(t *testing.T) {
	b := graph.NewBuilder("g")
	x := b.Input("x", tensor.Float32, graph.Shape{batch})
	unused := b.Input("unused", tensor.Float32, graph.Shape{batch})
	w := b.Param("w", graph.Dims(1), graph.Zero())
	b.Mul(unused, b.Param("dropped", graph.Dims(1), graph.Zero()))
	b.Output("y", b.Add(x, w))
	g := build(t, b)
	if diff := cmp.Diff(names(g.Inputs), []string{"x"}); diff != "" {
		t.Errorf("inputs (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(paths(g), []string{"w"}); diff != "" {
		t.Errorf("parameters (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(nodeNames(g), []string{"add"}); diff != "" {
		t.Errorf("nodes (-got +want):\n%s", diff)
	}
}

// TestOutputsAreNodesOfTheirOwn: an output that is an input, a parameter or a second name goes through Identity, so
// that every output can be a tensor of its name.
func TestOutputsAreNodesOfTheirOwn(t *testing.T) {
	b := graph.NewBuilder("g")
	x := b.Input("x", tensor.Int64, graph.Shape{batch})
	y := b.Add(x, x)
	b.Output("same", x)
	b.Output("first", y)
	b.Output("second", y)
	g := build(t, b)
	if diff := cmp.Diff(nodeNames(g), []string{"add", "identity", "identity_2"}); diff != "" {
		t.Errorf("nodes (-got +want):\n%s", diff)
	}
}

func TestBuildErrors(t *testing.T) {
	vector := graph.Shape{batch}
	input := func(b *graph.Builder) *graph.Value { return b.Input("x", tensor.Float32, vector) }
	tests := []struct {
		name string
		make func(b *graph.Builder)
		want string
	}{
		{"no outputs", func(b *graph.Builder) { input(b) }, "no outputs"},
		{"output twice", func(b *graph.Builder) { x := b.Relu(input(b)); b.Output("y", x); b.Output("y", b.Relu(x)) }, `output "y" is named twice`},
		{"input twice", func(b *graph.Builder) { input(b); input(b) }, `the name "x" is taken`},
		{"parameter with an input's name", func(b *graph.Builder) { input(b); b.Param("x", graph.Dims(1), nil) }, `the name "x" is taken`},
		{"parameter with two shapes", func(b *graph.Builder) { b.Param("w", graph.Dims(1), nil); b.Param("w", graph.Dims(2), nil) }, `parameter "w" has the shapes [1] and [2]`},
		{"symbolic parameter", func(b *graph.Builder) { b.Param("w", vector, nil) }, "symbolic shape [B]"},
		{"value of another builder", func(b *graph.Builder) { b.Relu(input(graph.NewBuilder("other"))) }, "belongs to another builder"},
		{"node and shapes", func(b *graph.Builder) {
			defer b.Scope("top")()
			b.MatMul(b.Input("m", tensor.Float32, graph.Dims(2, 3)), b.Input("n", tensor.Float32, graph.Dims(2, 3)))
		}, `node "top/matmul" (MatMul): shapes [2,3] and [2,3]: 3 columns meet 2 rows`},
		{"type", func(b *graph.Builder) { b.Relu(b.Input("s", tensor.String, vector)) }, "input 0 is string; supported are [float32]"},
		{"attribute of a wrong type", func(b *graph.Builder) {
			b.Apply(graph.Standard()["Softmax"], graph.Attrs{"axis": 1}, input(b))
		}, `attribute "axis" has type int`},
		{"missing input", func(b *graph.Builder) { b.Add(input(b), nil) }, "input 1 is missing"},
		{"too many inputs", func(b *graph.Builder) {
			x := input(b)
			b.Apply(graph.Standard()["Relu"], nil, x, x)
		}, "takes 1 to 1 inputs, got 2"},
		{"rank", func(b *graph.Builder) { b.Unsqueeze(input(b), []int64{0, 1, 2, 3, 4, 5, 6, 7}) }, "more than 8 dimensions"},
		{"target that is computed", func(b *graph.Builder) {
			b.Reshape(input(b), b.Input("shape", tensor.Int64, graph.Dims(1)))
		}, "has to be a constant or Shape of a value"},
		{"encoder with a key twice", func(b *graph.Builder) {
			b.LabelEncoder(b.Input("s", tensor.String, vector), tensor.Of([]string{"a", "a"}, 2), tensor.Of([]int64{1, 2}, 2), tensor.Scalar[int64](0))
		}, "key a stands twice"},
		{"encoder of bools", func(b *graph.Builder) {
			b.LabelEncoder(b.Input("s", tensor.Bool, vector), tensor.Of([]bool{true}, 1), tensor.Of([]int64{1}, 1), tensor.Scalar[int64](0))
		}, "use int64, string or float32"},
		{"encoder with lists of two lengths", func(b *graph.Builder) {
			b.LabelEncoder(b.Input("s", tensor.String, vector), tensor.Of([]string{"a"}, 1), tensor.Of([]int64{1, 2}, 2), tensor.Scalar[int64](0))
		}, "1 keys and 2 values"},
		{"a layer's own fault", func(b *graph.Builder) { b.Fail(errors.New("mlp: no layers")) }, "mlp: no layers"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := graph.NewBuilder("model")
			test.make(b)
			_, err := b.Build()
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), `graph "model": `) {
				t.Errorf("got error %v, want one of graph \"model\" with %q", err, test.want)
			}
		})
	}
}

// TestTheFirstErrorSticks: after a fault every method can still be called, and the fault is what Build reports.
func TestTheFirstErrorSticks(t *testing.T) {
	b := graph.NewBuilder("g")
	x := b.Input("x", tensor.Float32, graph.Shape{batch, graph.Fixed(3)})
	bad := b.MatMul(x, x)
	parts := b.Split(bad, 1, 1, 1, 1)
	if len(parts) != 3 {
		t.Fatalf("got %d parts, want 3 placeholders", len(parts))
	}
	values, indices := b.TopK(b.Concat(0, parts...), 2, -1)
	y := b.Clip(b.Mod(b.Where(b.IsNaN(values), values, b.Float32(0)), b.Param("w", graph.Dims(1), nil)), nil, b.Const("", tensor.Scalar[float32](1)))
	b.Output("y", b.Reshape(b.Gather(y, indices, 0), b.ShapeOf(x)))
	_, err := b.Build()
	if err == nil || !strings.Contains(err.Error(), "3 columns meet B rows") || !errors.Is(err, b.Err()) {
		t.Errorf("got error %v, want the first one", err)
	}
}

// TestOutputsAreTheCallers: writing into the values that Apply returned must not reach the node.
func TestOutputsAreTheCallers(t *testing.T) {
	b := graph.NewBuilder("split")
	x := b.Input("x", tensor.Float32, graph.Dims(2, 2))
	parts := b.Split(x, -1, 1, 1)
	for i := range parts {
		parts[i] = b.Squeeze(parts[i], []int64{-1})
	}
	b.Output("y", b.Add(parts[0], parts[1]))
	for _, n := range build(t, b).Nodes {
		for _, v := range n.Outputs {
			if !strings.HasPrefix(v.Name(), n.Name) {
				t.Errorf("node %q has the output %q", n.Name, v.Name())
			}
		}
	}
}
