package feature

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/schema"
	"recsys/tensor"
)

// FittedWorkflow is a fitted workflow, or a part of one that [FittedWorkflow.Only] or [FittedWorkflow.Tagged] took
// out. It is immutable and safe for concurrent use.
type FittedWorkflow struct {
	allRaw    schema.Schema // the raw columns that the operators read
	operators []Fitted
	whole     *graph.Graph // of all encoded columns
	training  bool         // whole computes rows of the training data: see Training

	raw     schema.Schema // what the chosen columns need
	encoded schema.Schema // the chosen columns
	plan    func() (*exec.Plan, error)
}

// assemble makes a fitted workflow of all columns and checks that its graph has the types of its schema.
func assemble(raw schema.Schema, operators []Fitted) (*FittedWorkflow, error) {
	p, err := newPlan(raw)
	if err != nil {
		return nil, err
	}
	for _, f := range operators {
		if err := checkColumns(f.Writes()); err != nil {
			return nil, fmt.Errorf("operator %s: %w", f.Name(), err)
		}
		p.add(nil, f.Writes(), dropsOf(f))
	}
	encoded, err := p.encoded()
	if err != nil {
		return nil, err
	}
	whole := &FittedWorkflow{operators: operators}
	for _, c := range p.columns.Raw {
		if slices.ContainsFunc(operators, func(f Fitted) bool { return slices.Contains(f.Reads(), c.Name) }) {
			whole.allRaw = append(whole.allRaw, c)
		}
	}
	if whole.whole, err = whole.build(encoded); err != nil {
		return nil, err
	}
	return whole.part(encoded)
}

// build makes the graph of all columns; parts are taken out of it.
func (w *FittedWorkflow) build(encoded schema.Schema) (*graph.Graph, error) {
	b := graph.NewBuilder("features")
	columns := inputs(b, w.inputs())
	apply(b, w.operators, columns)
	for _, c := range encoded {
		if b.Err() != nil {
			break
		}
		v := columns[c.Name]
		if c.Has(schema.Continuous) {
			v = finish(b, c.Name, v, w.operators)
		}
		b.Output(c.Name, v)
	}
	return b.Build()
}

// inputs returns the raw columns that the whole graph may need.
func (w *FittedWorkflow) inputs() schema.Schema {
	if w.training {
		return withRow(w.allRaw)
	}
	return w.allRaw
}

// Training returns the workflow for rows of the training data, with the same columns: for those that operators have learned
// from, it computes what [Trained] says, elsewhere the same. Columns for which that matters need [RowColumn] beside the raw
// ones.
func (w *FittedWorkflow) Training() (*FittedWorkflow, error) {
	if w.training || !slices.ContainsFunc(w.operators, func(f Fitted) bool { _, ok := f.(Trained); return ok }) {
		return w, nil
	}
	p, err := newPlan(w.allRaw)
	if err != nil {
		return nil, err
	}
	for _, f := range w.operators {
		p.add(nil, f.Writes(), dropsOf(f))
	}
	all, err := p.encoded()
	if err != nil {
		return nil, err
	}
	t := &FittedWorkflow{allRaw: w.allRaw, operators: w.operators, training: true}
	if t.whole, err = t.build(all); err != nil {
		return nil, err
	}
	return t.part(w.encoded)
}

// part returns the workflow of some encoded columns, with the raw columns that their graph needs.
func (w *FittedWorkflow) part(encoded schema.Schema) (*FittedWorkflow, error) {
	p := &FittedWorkflow{allRaw: w.allRaw, operators: w.operators, whole: w.whole, training: w.training, encoded: encoded}
	g, err := p.Graph("features")
	if err != nil {
		return nil, err
	}
	for _, c := range encoded {
		if err := checkOutput(g, c); err != nil {
			return nil, err
		}
	}
	for _, c := range w.inputs() {
		if g.Input(c.Name) != nil {
			p.raw = append(p.raw, c)
		}
	}
	p.plan = sync.OnceValues(func() (*exec.Plan, error) { return compile(g) })
	return p, nil
}

func checkOutput(g *graph.Graph, c schema.Column) error {
	v := g.Output(c.Name)
	if want := shapeOf(c); v.DType() != c.DType.DType || !v.Shape().Same(want) {
		return fmt.Errorf("encoded column %q: the schema says %s%s and the graph computes %s%s",
			c.Name, c.DType, want, v.DType(), v.Shape())
	}
	return nil
}

// Schema returns the encoded columns, in the order of their raw columns; columns that operators added stand at the
// end. The caller must not change it.
func (w *FittedWorkflow) Schema() schema.Schema { return w.encoded }

// Raw returns the raw columns that the encoded ones need, the declared ones (such as the history) among them. The
// caller must not change it.
func (w *FittedWorkflow) Raw() schema.Schema { return w.raw }

// Vocabulary returns the vocabulary that encodes a column; ok is false when no vocabulary does.
func (w *FittedWorkflow) Vocabulary(column string) (v *Vocabulary, ok bool) {
	for _, f := range w.operators {
		if e, is := f.(Encoder); is {
			if v, ok = e.Vocabularies()[column]; ok {
				return v, true
			}
		}
	}
	return nil, false
}

// Only returns the part of the workflow that makes the named encoded columns, in the order of the schema.
func (w *FittedWorkflow) Only(columns ...string) (*FittedWorkflow, error) {
	for _, name := range columns {
		if _, ok := w.encoded.Column(name); !ok {
			return nil, fmt.Errorf("no encoded column %q; there are %s", name, strings.Join(w.encoded.Names(), ", "))
		}
	}
	var chosen schema.Schema
	for _, c := range w.encoded {
		if slices.Contains(columns, c.Name) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("part of a workflow without columns; there are %s", strings.Join(w.encoded.Names(), ", "))
	}
	return w.part(chosen)
}

// Tagged returns the part of the workflow that makes the encoded columns which carry every one of tags: the user's,
// the item's or the context's sub-graph. It fails when there are none.
func (w *FittedWorkflow) Tagged(tags ...schema.Tag) (*FittedWorkflow, error) {
	chosen := w.encoded.Select(tags...)
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no encoded column has the tags %v; the columns are %s", tags, strings.Join(w.encoded.Names(), ", "))
	}
	return w.part(chosen)
}

// Graph returns the graph from raw columns to encoded ones: inputs are named as the raw columns and shaped [B] or
// [B,L], outputs are named as the encoded columns, in the order of the schema. Tags choose columns as in
// [FittedWorkflow.Tagged].
//
// A column often has one name on both sides, which an ONNX file cannot: a stage that is exported inlines the graph
// and names the outputs anew.
func (w *FittedWorkflow) Graph(name string, tags ...schema.Tag) (*graph.Graph, error) {
	chosen := w.encoded.Select(tags...)
	if len(chosen) == 0 {
		return nil, fmt.Errorf("graph %q: no encoded column has the tags %v", name, tags)
	}
	b := graph.NewBuilder(name)
	columns := b.Inline(w.whole, nil)
	for _, c := range chosen {
		b.Output(c.Name, columns[c.Name])
	}
	return b.Build()
}

// Transform runs the graph on raw columns, [B] or [B,L], and returns the encoded ones. It may be given more columns
// than it needs. The same graph runs for a whole table, one row and a request; long tables are cut into pieces that
// run on all processors, with the same result.
func (w *FittedWorkflow) Transform(ctx context.Context, raw tensor.Map) (tensor.Map, error) {
	in, rows, err := check(raw, w.raw)
	if err != nil {
		return nil, fmt.Errorf("transform: %w", err)
	}
	plan, err := w.plan()
	if err != nil {
		return nil, fmt.Errorf("transform: %w", err)
	}
	out, err := run(ctx, plan, in, rows, w.encoded)
	if err != nil {
		return nil, fmt.Errorf("transform: %w", err)
	}
	return out, nil
}

// check picks the columns of s out of m and checks their types and that they have the same number of rows.
func check(m tensor.Map, s schema.Schema) (in tensor.Map, rows int, err error) {
	in = make(tensor.Map, len(s))
	for _, c := range s {
		t := m[c.Name]
		if t == nil {
			return nil, 0, fmt.Errorf("raw column %q is missing; there are %s", c.Name, strings.Join(m.Names(), ", "))
		}
		want := []int{0}
		if c.Length > 0 {
			want = append(want, c.Length)
		}
		if t.Rank() > 0 {
			want[0] = t.Dim(0)
		}
		if t.DType() != c.DType.DType || !slices.Equal(t.Shape(), want) {
			return nil, 0, fmt.Errorf("raw column %q is %s; it has to be %s%s", c.Name, t, c.DType, shapeOf(c))
		}
		in[c.Name] = t
	}
	rows, err = rowsOf(in, s.Names())
	return in, rows, err
}
