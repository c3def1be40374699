package feature

import (
	"fmt"
	"slices"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/schema"
	"recsys/tensor"
)

// shapeOf is the shape of a column in graphs: [B] or [B,L].
func shapeOf(c schema.Column) graph.Shape {
	if c.Length > 0 {
		return graph.Shape{graph.Sym("B"), graph.Fixed(c.Length)}
	}
	return graph.Shape{graph.Sym("B")}
}

// inputs declares the raw columns.
func inputs(b *graph.Builder, raw schema.Schema) map[string]*graph.Value {
	columns := make(map[string]*graph.Value, len(raw))
	for _, c := range raw {
		columns[c.Name] = b.Input(c.Name, c.DType.DType, shapeOf(c))
	}
	return columns
}

// apply runs the operators on columns, which it updates. Where the columns have RowColumn, rows of the training data get
// what operators compute for those.
func apply(b *graph.Builder, operators []Fitted, columns map[string]*graph.Value) {
	for _, f := range operators {
		in := map[string]*graph.Value{}
		for _, name := range f.Reads() {
			if in[name] = columns[name]; in[name] == nil {
				b.Fail(fmt.Errorf("operator %s reads column %q, which neither the data nor an operator before has", f.Name(), name))
				return
			}
		}
		end := b.Scope(f.Name())
		var out map[string]*graph.Value
		if t, ok := f.(Trained); ok && columns[RowColumn] != nil {
			out = t.ApplyTraining(b, in, columns[RowColumn])
		} else {
			out = f.Apply(b, in)
		}
		end()
		for _, c := range f.Writes() {
			if columns[c.Name] = out[c.Name]; out[c.Name] == nil {
				b.Fail(fmt.Errorf("operator %s does not make column %q, which it says it writes", f.Name(), c.Name))
				return
			}
		}
	}
}

// finish makes a continuous column float32 without NaN, if the operator that wrote it last has not.
func finish(b *graph.Builder, name string, v *graph.Value, operators []Fitted) *graph.Value {
	for _, f := range slices.Backward(operators) {
		if c, ok := f.Writes().Column(name); ok {
			if c.Has(schema.Continuous) {
				return v
			}
			break
		}
	}
	defer b.Scope("finish/" + name)()
	x, null := Numbers(b, v)
	return b.Where(null, b.Float32(0), x)
}

// Numbers returns a raw column of int64 or float32 as float32, and where it is null, [B] or [B,L] bool. The number at
// a null is NaN or the sentinel: mask it.
func Numbers(b *graph.Builder, v *graph.Value) (x, null *graph.Value) {
	if v.DType() == tensor.Int64 {
		return b.Cast(v, tensor.Float32), b.Equal(v, b.Int64(tensor.NullInt64))
	}
	return v, b.IsNaN(v)
}

// compile uses the portable kernels: encoded columns end in files that have the same bytes on every machine, and
// these graphs have no matrix products that would run faster otherwise.
func compile(g *graph.Graph) (*exec.Plan, error) {
	return exec.Compile(g, exec.Options{Kernels: kernel.Portable()})
}
