package feature_test

import (
	"context"
	"testing"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/schema"
	"recsys/tensor"
)

// ones is an operator whose column is the price times ones in the shape of the age, which a user has: the graph asks for a shape
// and computes with constants alone.
type ones struct{}

func (ones) Name() string    { return "ones" }
func (ones) Validate() error { return nil }

func (ones) Plan(feature.Columns) (feature.Plan, error) {
	return feature.Plan{Reads: []string{"price", "age"}, Writes: ones{}.Writes()}, nil
}

func (ones) Fit(context.Context, feature.Columns, feature.Source) (feature.Fitted, error) {
	return ones{}, nil
}

func (ones) Reads() []string { return []string{"price", "age"} }

func (ones) Writes() schema.Schema {
	return schema.Schema{column("x", tensor.Float32, 0, schema.Interaction, schema.Continuous)}
}

func (ones) State() (version int, state any) { return 1, struct{}{} }

func (ones) Apply(b *graph.Builder, in map[string]*graph.Value) map[string]*graph.Value {
	one := b.Expand(b.Mul(b.Float32(0.5), b.Float32(2)), b.ShapeOf(b.Neg(in["age"])))
	return map[string]*graph.Value{"x": b.Mul(in["price"], one)}
}

// TestCandidatesComputeRequestsOnce counts over what the nodes of a column of users and items run: what is made of the user alone
// has a row for each request. Shapes and constants come out right too.
func TestCandidatesComputeRequestsOnce(t *testing.T) {
	raw := schema.Schema{column("price", tensor.Float32, 0, schema.Item), column("age", tensor.Float32, 0, schema.User)}
	w, err := feature.Workflow{Operators: []feature.Operator{
		&op.Expression{Column: "old", Formula: "log1p(age) * 2"}, &op.Difference{Column: "d", Of: "price", Minus: "old"}, ones{},
	}}.Fit(t.Context(), raw, feature.Tables{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := w.Candidates("candidates", 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range g.Nodes {
		if shape := n.Outputs[0].Shape(); n.Op.Type == "Log" && !shape.Same(graph.Shape{graph.Sym("B")}) {
			t.Errorf("the logarithm of the age has the shape %s", shape)
		}
	}
	plan, err := exec.Compile(g, exec.Options{Kernels: kernel.Portable()})
	if err != nil {
		t.Fatal(err)
	}
	got, err := plan.Run(t.Context(), tensor.Map{"age": tensor.Of([]float32{0, 0}, 2), "price": tensor.Of([]float32{1, 2, 3, 4}, 2, 2)})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d", "x"} {
		if want := tensor.Of([]float32{1, 2, 3, 4}, 2, 2); !got[name].Equal(want) {
			t.Errorf("%s is %v, want %v", name, got[name].Any(), want.Any())
		}
	}
}
