package feature

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/schema"
	"recsys/tensor"
)

// transformed streams columns as the operators before have left them. It checks what the source gives.
type transformed struct {
	src    Source
	raw    schema.Schema
	now    schema.Schema
	before []Fitted
	part   bool // of the rows, in which columns may be missing
}

func newTransformed(src Source, c Columns, before []Fitted) *transformed {
	return &transformed{src: src, raw: withRow(c.Raw), now: withRow(c.Now), before: before}
}

// Batches has the contract of [Source]. Columns that are made of several tables come from the interactions.
func (t *transformed) Batches(ctx context.Context, columns []string) iter.Seq2[tensor.Map, error] {
	return func(yield func(tensor.Map, error) bool) {
		needs, err := t.needs(columns)
		if err != nil {
			yield(nil, err)
			return
		}
		var own, joined []string
		for _, name := range columns {
			if t.joins(needs[name]) {
				joined = append(joined, name)
			} else {
				own = append(own, name)
			}
		}
		if len(own) > 0 {
			st := t.stream(own, needs)
			if !st.run(ctx, t.src.Batches(ctx, st.rawColumns()), yield) {
				return
			}
		}
		if len(joined) > 0 {
			st := t.stream(joined, needs)
			st.run(ctx, Interactions(ctx, t.src, st.rawColumns()), yield)
		}
	}
}

// Interactions has the contract of [Joiner].
func (t *transformed) Interactions(ctx context.Context, columns []string) iter.Seq2[tensor.Map, error] {
	return func(yield func(tensor.Map, error) bool) {
		needs, err := t.needs(columns)
		if err != nil {
			yield(nil, err)
			return
		}
		st := t.stream(columns, needs)
		st.run(ctx, Interactions(ctx, t.src, st.rawColumns()), yield)
	}
}

// joins reports whether raw columns stand in several tables: keys are columns of the interactions, histories are cut from
// them.
func (t *transformed) joins(raw []string) bool {
	tables := map[schema.Tag]bool{}
	for _, name := range raw {
		c, _ := t.raw.Column(name)
		switch table := EntityOf(c); {
		case c.Has(schema.Sequence):
			return true
		case c.Has(schema.ID), table == "":
			tables[schema.Context] = true
		default:
			tables[table] = true
		}
	}
	return len(tables) > 1
}

func (t *transformed) stream(columns []string, needs map[string][]string) *stream {
	return &stream{transformed: t, columns: columns, needs: needs, plans: map[string]*exec.Plan{}, seen: map[string]bool{}}
}

// needs returns the raw columns that each column is made of.
func (t *transformed) needs(columns []string) (map[string][]string, error) {
	needs := make(map[string][]string, len(columns))
	for _, name := range columns {
		if _, ok := t.now.Column(name); !ok {
			return nil, fmt.Errorf("column %q: there is none; the columns here are %s", name, strings.Join(t.now.Names(), ", "))
		}
		if !t.written(name) {
			needs[name] = []string{name}
			continue
		}
		g, err := t.graph([]string{name})
		if err != nil {
			return nil, err
		}
		for _, in := range g.Inputs {
			needs[name] = append(needs[name], in.Name())
		}
	}
	return needs, nil
}

func (t *transformed) written(column string) bool {
	return slices.ContainsFunc(t.before, func(f Fitted) bool {
		_, ok := f.Writes().Column(column)
		return ok
	})
}

func (t *transformed) graph(columns []string) (*graph.Graph, error) {
	b := graph.NewBuilder("fit")
	values := inputs(b, t.raw)
	apply(b, neededFor(columns, t.before), values)
	for _, name := range columns {
		if b.Err() == nil {
			b.Output(name, values[name])
		}
	}
	return b.Build()
}

// neededFor returns the operators that columns are made by, in order: others may have large vocabularies.
func neededFor(columns []string, operators []Fitted) []Fitted {
	var chosen []Fitted
	wanted := slices.Clone(columns)
	for _, f := range slices.Backward(operators) {
		if slices.ContainsFunc(f.Writes(), func(c schema.Column) bool { return slices.Contains(wanted, c.Name) }) {
			chosen = append(chosen, f)
			wanted = append(wanted, f.Reads()...)
		}
	}
	slices.Reverse(chosen)
	return chosen
}

// stream is the state of one pass.
type stream struct {
	*transformed
	columns []string
	needs   map[string][]string
	plans   map[string]*exec.Plan // by the columns they make
	seen    map[string]bool
}

// run yields the columns of every batch, and reports whether more may follow.
func (s *stream) run(ctx context.Context, batches iter.Seq2[tensor.Map, error], yield func(tensor.Map, error) bool) bool {
	for batch, err := range batches {
		if err == nil {
			err = ctx.Err()
		}
		var out tensor.Map
		if err == nil {
			out, err = s.convert(ctx, batch)
		}
		if err != nil {
			yield(nil, err)
			return false
		}
		if len(out) > 0 && !yield(out, nil) {
			return false
		}
	}
	for _, name := range s.columns {
		if !s.seen[name] && !s.part {
			yield(nil, fmt.Errorf("column %q: the source gives no batch with %s", name, strings.Join(s.needs[name], ", ")))
			return false
		}
	}
	return true
}

func (s *stream) rawColumns() []string {
	var raw []string
	for _, name := range s.columns {
		for _, need := range s.needs[name] {
			if !slices.Contains(raw, need) {
				raw = append(raw, need)
			}
		}
	}
	return raw
}

// convert makes the columns that the batch has the raw columns for.
func (s *stream) convert(ctx context.Context, batch tensor.Map) (tensor.Map, error) {
	out := tensor.Map{}
	var computed []string
	var raw schema.Schema
	for _, name := range s.columns {
		if slices.ContainsFunc(s.needs[name], func(need string) bool { return batch[need] == nil }) {
			continue
		}
		s.seen[name] = true
		for _, need := range s.needs[name] {
			c, _ := s.raw.Column(need)
			raw = overlay(raw, schema.Schema{c})
		}
		if s.written(name) {
			computed = append(computed, name)
		} else {
			out[name] = batch[name]
		}
	}
	in, rows, err := check(batch, raw)
	if err != nil || len(computed) == 0 {
		return out, err
	}
	plan, err := s.plan(computed)
	if err != nil {
		return nil, err
	}
	var made schema.Schema
	for _, name := range computed {
		c, _ := s.now.Column(name)
		made = append(made, c)
	}
	values, err := run(ctx, plan, needed(in, plan), rows, made)
	if err != nil {
		return nil, err
	}
	maps.Copy(out, values)
	return out, nil
}

func (s *stream) plan(columns []string) (*exec.Plan, error) {
	key := strings.Join(columns, "\x00")
	if plan, ok := s.plans[key]; ok {
		return plan, nil
	}
	g, err := s.graph(columns)
	if err != nil {
		return nil, err
	}
	plan, err := compile(g)
	if err != nil {
		return nil, err
	}
	s.plans[key] = plan
	return plan, nil
}

// needed picks the plan's inputs.
func needed(in tensor.Map, plan *exec.Plan) tensor.Map {
	out := make(tensor.Map, len(in))
	for _, v := range plan.Inputs() {
		out[v.Name()] = in[v.Name()]
	}
	return out
}
