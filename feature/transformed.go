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
}

// Batches has the contract of [Source].
func (t *transformed) Batches(ctx context.Context, columns []string) iter.Seq2[tensor.Map, error] {
	return func(yield func(tensor.Map, error) bool) {
		needs, err := t.needs(columns)
		if err != nil {
			yield(nil, err)
			return
		}
		st := &stream{transformed: t, columns: columns, needs: needs, plans: map[string]*exec.Plan{}, seen: map[string]bool{}}
		for batch, err := range t.src.Batches(ctx, st.rawColumns()) {
			if err == nil {
				err = ctx.Err()
			}
			var out tensor.Map
			if err == nil {
				out, err = st.convert(ctx, batch)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if len(out) > 0 && !yield(out, nil) {
				return
			}
		}
		for _, name := range columns {
			if !st.seen[name] {
				yield(nil, fmt.Errorf("column %q: the source gives no batch with %s", name, strings.Join(needs[name], ", ")))
				return
			}
		}
	}
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
	apply(b, t.before, values)
	for _, name := range columns {
		if b.Err() == nil {
			b.Output(name, values[name])
		}
	}
	return b.Build()
}

// stream is the state of one pass.
type stream struct {
	*transformed
	columns []string
	needs   map[string][]string
	plans   map[string]*exec.Plan // by the columns they make
	seen    map[string]bool
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
