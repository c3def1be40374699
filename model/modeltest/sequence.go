package modeltest

import (
	"context"
	"fmt"
	"testing"

	"recsys/graph"
	"recsys/model"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// BuildSequenceRetriever makes a sequence model for a schema. Every call has to make an equal one.
type BuildSequenceRetriever func(s schema.Schema) (model.SequenceRetriever, error)

// SequenceRetriever runs the checks of [Retriever] and [SequenceChecks] on a sequence model.
func SequenceRetriever(t *testing.T, build BuildSequenceRetriever) {
	t.Helper()
	Retriever(t, func(s schema.Schema) (model.Retriever, error) { return build(s) })
	runChecks(t, SequenceChecks(build))
}

// SequenceChecks returns the checks of a sequence model that are not those of every retriever.
func SequenceChecks(build BuildSequenceRetriever) []Check {
	task := func(n int) (*train.Task, error) {
		e := Examples()
		m, err := build(e.Schema)
		if err != nil {
			return nil, err
		}
		return train.NewSequenceTask(m, e, all(e), train.NextItem{Negatives: n})
	}
	checks := make([]Check, 0, 7)
	checks = append(checks, Check{"states are the queries of shorter histories", func(ctx context.Context) error {
		return statesAreQueries(ctx, build)
	}})
	for _, c := range []struct {
		loss      string
		negatives int
		share     float64
	}{
		// Of 24 items half are a user's own: from log 24 to about log 12 at best.
		{"all items", 0, 0.85},
		// From 2·log 2 to some 0.9, as half of the negatives are such items too.
		{"drawn items", 2, 0.8},
	} {
		checks = append(checks,
			Check{"every parameter has a gradient with " + c.loss, func(ctx context.Context) error {
				t, err := task(c.negatives)
				if err != nil {
					return err
				}
				m, err := build(Examples().Schema)
				if err != nil {
					return err
				}
				query, err := model.QueryGraph(m)
				if err != nil {
					return err
				}
				return gradients(ctx, t, t.Rows, query)
			}},
			Check{"learns from " + c.loss, func(ctx context.Context) error {
				t, err := task(c.negatives)
				if err != nil {
					return err
				}
				return learns(ctx, t, c.share)
			}},
			Check{"workers and runs agree with " + c.loss, func(ctx context.Context) error {
				return deterministic(ctx, func() (*train.Task, error) { return task(c.negatives) })
			}},
		)
	}
	return checks
}

// statesAreQueries checks that the state after a place is the query of the history that ends there: no state sees what
// comes later.
func statesAreQueries(ctx context.Context, build BuildSequenceRetriever) error {
	e := Examples()
	m, err := build(e.Schema)
	if err != nil {
		return err
	}
	b := graph.NewBuilder("states")
	b.Output("states", m.States(b, model.QueryInputs(b, m.Schema())))
	states, err := b.Build()
	if err != nil {
		return err
	}
	query, err := model.QueryGraph(m)
	if err != nil {
		return err
	}
	for _, g := range []*graph.Graph{states, query} {
		if err := g.InitParams(1); err != nil {
			return err
		}
	}
	in, err := e.Inputs(states, []int32{perUser - 1}) // The history is full.
	if err != nil {
		return err
	}
	out, err := run(ctx, states, in)
	if err != nil {
		return err
	}
	after, name := out["states"], model.QueryInput(m.History())
	for place := range historyLength {
		cut := make(tensor.Map, len(in))
		for input, t := range in {
			cut[input] = t.Clone()
		}
		clear(tensor.MustData[int64](cut[name])[place+1:])
		got, err := run(ctx, query, cut)
		if err != nil {
			return err
		}
		d := after.Dim(2)
		want := tensor.Of(tensor.MustData[float32](after)[place*d:(place+1)*d], 1, d)
		if err := same(fmt.Sprintf("the history's first %d items", place+1), got, tensor.Map{model.QueryOutput: want}); err != nil {
			return err
		}
	}
	return nil
}
