package modeltest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"recsys/graph"
	"recsys/model"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// BuildRanker makes a model with the one task "like" for a schema. Every call has to make an equal one.
type BuildRanker func(s schema.Schema) (model.Ranker, error)

// Ranker runs every check on a ranker, and compares its graph with ONNX Runtime where there is one.
func Ranker(t *testing.T, build BuildRanker) {
	t.Helper()
	runChecks(t, RankerChecks(build))
	t.Run("ONNX Runtime agrees", func(t *testing.T) {
		r, err := newRanker(build)
		if err != nil {
			t.Fatal(err)
		}
		agreesWithONNXRuntime(t, r.g, r.in)
	})
}

// RankerChecks returns the checks of a ranker, which are independent of one another.
func RankerChecks(build BuildRanker) []Check {
	check := func(name string, f func(ctx context.Context, r *ranker) error) Check {
		return Check{Name: name, Run: func(ctx context.Context) error {
			r, err := newRanker(build)
			if err != nil {
				return err
			}
			return f(ctx, r)
		}}
	}
	task := func(r *ranker) (*train.Task, error) { return train.NewPointwiseTask(r.m, r.e, all(r.e)) }
	return []Check{
		check("names and shapes", func(_ context.Context, r *ranker) error { return r.shapes() }),
		check("queries stand alone", func(ctx context.Context, r *ranker) error {
			return rowsAlone(ctx, r.g, r.in, sampleRows)
		}),
		check("candidates stand alone", func(ctx context.Context, r *ranker) error { return r.candidatesAlone(ctx) }),
		check("padding is ignored", func(ctx context.Context, r *ranker) error { return ignoresPadding(ctx, r.g, r.in) }),
		check("every parameter has a gradient", func(ctx context.Context, r *ranker) error {
			t, err := task(r)
			if err != nil {
				return err
			}
			return gradients(ctx, t, t.Inputs(all(r.e)[:200], 1), r.g)
		}),
		check("learns", func(ctx context.Context, r *ranker) error {
			t, err := task(r)
			if err != nil {
				return err
			}
			return learns(ctx, t, 0.5) // the labels are a function of the ids
		}),
		check("workers and runs agree", func(ctx context.Context, _ *ranker) error {
			return deterministic(ctx, func() (*train.Task, error) {
				r, err := newRanker(build)
				if err != nil {
					return nil, err
				}
				return task(r)
			})
		}),
		check("survives ONNX", func(ctx context.Context, r *ranker) error { return throughONNX(ctx, r.g, r.in) }),
	}
}

// candidates is the K of the checks.
const candidates = 5

// ranker is a model with its graph, initialised, and inputs for it.
type ranker struct {
	m  model.Ranker
	e  *train.Examples
	g  *graph.Graph
	in tensor.Map // sampleRows queries of candidates items each
}

func newRanker(build BuildRanker) (*ranker, error) {
	r := &ranker{e: Examples()}
	var err error
	if r.m, err = build(r.e.Schema); err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	if r.g, err = model.RankGraph(r.m); err != nil {
		return nil, err
	}
	if err := r.g.InitParams(1); err != nil {
		return nil, err
	}
	if r.in, err = r.e.Inputs(r.g, sample(r.e)); err != nil {
		return nil, err
	}
	for _, in := range r.g.Inputs {
		column, ok := strings.CutPrefix(in.Name(), model.ItemInput(""))
		if !ok {
			continue
		}
		ids := make([]int, sampleRows*candidates)
		for i := range ids {
			ids[i] = first + i*7%(items-first)
		}
		picked, err := take(tensor.Map{"x": r.e.Items[column]}, ids)
		if err != nil {
			return nil, err
		}
		folded, err := fold(picked, sampleRows)
		if err != nil {
			return nil, err
		}
		r.in[in.Name()] = folded["x"]
	}
	return r, nil
}

func (r *ranker) shapes() error {
	if len(r.m.Tasks()) == 0 {
		return fmt.Errorf("model %q has no task", r.m.Name())
	}
	for _, task := range r.m.Tasks() {
		if err := symbolic(r.g, task, "B", "K"); err != nil {
			return err
		}
	}
	return named(r.g, r.m.Name(), r.m.Schema())
}

// candidatesAlone compares K candidates at once with K calls of one, in order and reversed.
func (r *ranker) candidatesAlone(ctx context.Context) error {
	whole, err := run(ctx, r.g, r.in)
	if err != nil {
		return err
	}
	for k := range candidates {
		one := make(tensor.Map, len(r.in))
		for name, t := range r.in {
			if one[name] = t; strings.HasPrefix(name, model.ItemInput("")) {
				if one[name], err = column(t, k); err != nil {
					return err
				}
			}
		}
		got, err := run(ctx, r.g, one)
		if err != nil {
			return fmt.Errorf("one candidate: %w", err)
		}
		want := make(tensor.Map, len(whole))
		for name, t := range whole {
			if want[name], err = column(t, k); err != nil {
				return err
			}
		}
		if err := same(fmt.Sprintf("candidate %d of %d by itself", k, candidates), got, want); err != nil {
			return err
		}
	}
	return nil
}

// column returns [B,1,...] at k of t [B,K,...].
func column(t *tensor.Tensor, k int) (*tensor.Tensor, error) {
	rows := make([]*tensor.Tensor, t.Dim(0))
	shape := append([]int{1, 1}, t.Shape()[2:]...)
	for i := range rows {
		row, err := t.Rows(i, i+1).Reshape(t.Shape()[1:]...)
		if err != nil {
			return nil, err
		}
		if rows[i], err = row.Rows(k, k+1).Reshape(shape...); err != nil {
			return nil, err
		}
	}
	return tensor.Concat(rows...)
}
