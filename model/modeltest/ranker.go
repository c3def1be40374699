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

// BuildRanker makes a model for a schema, with the task "like", "buy" or both. Every call has to make an equal one.
type BuildRanker func(s schema.Schema) (model.Ranker, error)

// Ranker runs every check on a ranker, and compares its graph with ONNX Runtime where there is one.
func Ranker(t *testing.T, build BuildRanker) {
	t.Helper()
	runChecks(t, RankerChecks(build))
	rankerAgreesWithONNXRuntime(t, build)
}

// RankerChecks returns the checks of a ranker, which are independent of one another.
func RankerChecks(build BuildRanker) []Check { return rankerChecks(build, Examples) }

// LinearRanker is Ranker for a model that multiplies nothing of the user with anything of the item: what it has to
// learn is a label of the item alone.
func LinearRanker(t *testing.T, build BuildRanker) {
	t.Helper()
	runChecks(t, rankerChecks(build, func() *train.Examples {
		e := Examples()
		for i, item := range e.Item {
			e.Labels["like"][i] = float32(item % 2)
		}
		return e
	}))
	rankerAgreesWithONNXRuntime(t, build)
}

func rankerAgreesWithONNXRuntime(t *testing.T, build BuildRanker) {
	t.Helper()
	t.Run("ONNX Runtime agrees", func(t *testing.T) {
		r, err := newRanker(build, Examples())
		if err != nil {
			t.Fatal(err)
		}
		agreesWithONNXRuntime(t, r.g, r.in)
	})
}

func rankerChecks(build BuildRanker, world func() *train.Examples) []Check {
	check := func(name string, f func(ctx context.Context, r *ranker) error) Check {
		return Check{Name: name, Run: func(ctx context.Context) error {
			r, err := newRanker(build, world())
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
		check("more padding changes nothing", func(ctx context.Context, r *ranker) error {
			m, err := build(longerLists(r.e.Schema))
			if err != nil {
				return err
			}
			longer, err := model.RankGraph(m)
			if err != nil {
				return err
			}
			return paddingChangesNothing(ctx, r.g, longer, r.in)
		}),
		check("every parameter has a gradient", func(ctx context.Context, r *ranker) error {
			t, err := task(r)
			if err != nil {
				return err
			}
			return gradients(ctx, t, all(r.e)[:200], r.g)
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
				r, err := newRanker(build, world())
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

func newRanker(build BuildRanker, e *train.Examples) (*ranker, error) {
	r := &ranker{e: e}
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
		table := r.e.Items
		column, ok := strings.CutPrefix(in.Name(), model.ItemInput(""))
		if !ok {
			if column, ok = strings.CutPrefix(in.Name(), model.InteractionInput("")); !ok {
				continue
			}
			table = r.e.Context // any of its rows
		}
		ids := make([]int, sampleRows*candidates)
		for i := range ids {
			ids[i] = first + i*7%(items-first)
		}
		picked, err := take(tensor.Map{"x": table[column]}, ids)
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

// ofCandidates tells whether an input is [B,K] or [B,K,L].
func ofCandidates(name string) bool {
	return strings.HasPrefix(name, model.ItemInput("")) || strings.HasPrefix(name, model.InteractionInput(""))
}

// candidatesAlone checks that a candidate's outputs depend on it and the query only: one by itself and candidates in
// another order, some of them twice, give the same bits.
func (r *ranker) candidatesAlone(ctx context.Context) error {
	p, err := compile(r.g)
	if err != nil {
		return err
	}
	for _, order := range [][]int{{0}, {1}, {2}, {3}, {4}, {4, 2, 0, 1, 3}, {3, 3, 1}} {
		what := fmt.Sprintf("candidates %v of %d by themselves", order, candidates)
		err := p.agree(ctx, what, r.in, func(m tensor.Map) (tensor.Map, error) {
			out := make(tensor.Map, len(m))
			for name, t := range m {
				if out[name] = t; ofCandidates(name) || r.g.Output(name) != nil {
					var err error
					if out[name], err = columns(t, order); err != nil {
						return nil, err
					}
				}
			}
			return out, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// columns returns [B,len(order),...] of t [B,K,...].
func columns(t *tensor.Tensor, order []int) (*tensor.Tensor, error) {
	rows := make([]*tensor.Tensor, t.Dim(0))
	shape := append([]int{1, len(order)}, t.Shape()[2:]...)
	for i := range rows {
		row, err := t.Rows(i, i+1).Reshape(t.Shape()[1:]...)
		if err != nil {
			return nil, err
		}
		picked, err := take(tensor.Map{"x": row}, order)
		if err != nil {
			return nil, err
		}
		if rows[i], err = picked["x"].Reshape(shape...); err != nil {
			return nil, err
		}
	}
	return tensor.Concat(rows...)
}
