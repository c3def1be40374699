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

// BuildRetriever makes a model for a schema. Every call has to make an equal one.
type BuildRetriever func(s schema.Schema) (model.Retriever, error)

// Retriever runs every check on a retrieval model, and compares its graphs with ONNX Runtime where there is one.
func Retriever(t *testing.T, build BuildRetriever) {
	t.Helper()
	runChecks(t, RetrieverChecks(build))
	t.Run("ONNX Runtime agrees", func(t *testing.T) {
		r, err := newRetriever(build)
		if err != nil {
			t.Fatal(err)
		}
		agreesWithONNXRuntime(t, r.query, r.queryInputs)
		agreesWithONNXRuntime(t, r.items, r.itemInputs)
	})
}

func runChecks(t *testing.T, checks []Check) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Run(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// RetrieverChecks returns the checks of a retrieval model, which are independent of one another.
func RetrieverChecks(build BuildRetriever) []Check {
	check := func(name string, f func(ctx context.Context, r *retriever) error) Check {
		return Check{Name: name, Run: func(ctx context.Context) error {
			r, err := newRetriever(build)
			if err != nil {
				return err
			}
			return f(ctx, r)
		}}
	}
	return []Check{
		check("names and shapes", func(_ context.Context, r *retriever) error { return r.shapes() }),
		check("queries stand alone", func(ctx context.Context, r *retriever) error {
			return rowsAlone(ctx, r.query, r.queryInputs, sampleRows)
		}),
		check("items stand alone", func(ctx context.Context, r *retriever) error {
			return rowsAlone(ctx, r.items, r.itemInputs, items-first)
		}),
		check("items have any leading axes", func(ctx context.Context, r *retriever) error { return r.leadingAxes(ctx) }),
		check("padding is ignored", func(ctx context.Context, r *retriever) error {
			if err := ignoresPadding(ctx, r.query, r.queryInputs); err != nil {
				return err
			}
			return ignoresPadding(ctx, r.items, r.itemInputs)
		}),
		check("more padding changes nothing", func(ctx context.Context, r *retriever) error {
			m, err := build(longerLists(r.e.Schema))
			if err != nil {
				return err
			}
			query, err := model.QueryGraph(m)
			if err != nil {
				return err
			}
			items, err := model.ItemGraph(m)
			if err != nil {
				return err
			}
			if err := paddingChangesNothing(ctx, r.query, query, r.queryInputs); err != nil {
				return err
			}
			return paddingChangesNothing(ctx, r.items, items, r.itemInputs)
		}),
		check("every parameter has a gradient", func(ctx context.Context, r *retriever) error {
			t, err := r.softmax()
			if err != nil {
				return err
			}
			return gradients(ctx, t, all(r.e)[:200], r.query, r.items)
		}),
		check("learns by softmax", func(ctx context.Context, r *retriever) error {
			t, err := r.softmax()
			if err != nil {
				return err
			}
			// Chance costs about log 64 in a shard of 64; a user's own half of the items leaves about log 32.
			return learns(ctx, t, 0.9)
		}),
		check("learns by pairs", func(ctx context.Context, r *retriever) error {
			t, err := train.NewPairwiseTask(r.m, r.e, all(r.e), train.Pairwise{Negatives: 2})
			if err != nil {
				return err
			}
			return learns(ctx, t, 0.7)
		}),
		check("workers and runs agree", func(ctx context.Context, _ *retriever) error {
			return deterministic(ctx, func() (*train.Task, error) {
				r, err := newRetriever(build)
				if err != nil {
					return nil, err
				}
				return r.softmax()
			})
		}),
		check("survives ONNX", func(ctx context.Context, r *retriever) error {
			if err := throughONNX(ctx, r.query, r.queryInputs); err != nil {
				return err
			}
			return throughONNX(ctx, r.items, r.itemInputs)
		}),
	}
}

// sampleRows is the number of interactions whose queries are looked at.
const sampleRows = 16

// retriever is a model with its graphs, initialised, and inputs for them.
type retriever struct {
	m                       model.Retriever
	e                       *train.Examples
	query, items            *graph.Graph
	queryInputs, itemInputs tensor.Map
}

func newRetriever(build BuildRetriever) (*retriever, error) {
	r := &retriever{e: Examples()}
	var err error
	if r.m, err = build(r.e.Schema); err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	if r.query, err = model.QueryGraph(r.m); err != nil {
		return nil, err
	}
	if r.items, err = model.ItemGraph(r.m); err != nil {
		return nil, err
	}
	for _, g := range []*graph.Graph{r.query, r.items} {
		if err := g.InitParams(1); err != nil {
			return nil, err
		}
	}
	if r.queryInputs, err = r.e.Inputs(r.query, sample(r.e)); err != nil {
		return nil, err
	}
	r.itemInputs = tensor.Map{}
	for _, in := range r.items.Inputs {
		column, ok := r.e.Items[in.Name()[len(model.ItemInput("")):]]
		if !ok {
			return nil, fmt.Errorf("the item graph reads %q, which is no item column", in.Name())
		}
		r.itemInputs[in.Name()] = column.Rows(first, items)
	}
	return r, nil
}

// sample returns rows of several users, with histories from empty to full.
func sample(e *train.Examples) []int32 {
	rows := make([]int32, sampleRows)
	for i := range rows {
		rows[i] = int32((i * (perUser + 1)) % e.Len())
	}
	return rows
}

func (r *retriever) softmax() (*train.Task, error) {
	return train.NewSoftmaxTask(r.m, r.e, all(r.e), train.Softmax{})
}

func (r *retriever) shapes() error {
	if err := symbolic(r.query, model.QueryOutput, "B", ""); err != nil {
		return err
	}
	if err := symbolic(r.items, model.ItemsOutput, "M", ""); err != nil {
		return err
	}
	q, i := r.query.Output(model.QueryOutput).Shape()[1], r.items.Output(model.ItemsOutput).Shape()[1]
	if q != i {
		return fmt.Errorf("queries have width %s and items %s", q, i)
	}
	if err := named(r.query, r.m.Name(), r.m.Schema()); err != nil {
		return err
	}
	return named(r.items, r.m.Name(), r.m.Schema())
}

// leadingAxes compares items given as [B,K] with the same given as [M].
func (r *retriever) leadingAxes(ctx context.Context) error {
	b := graph.NewBuilder("candidates")
	columns := model.ItemInputs(b, r.m.Schema(), graph.Sym("B"), graph.Sym("K"))
	b.Output(model.ItemsOutput, r.m.Items(b, columns))
	g, err := b.Build()
	if err != nil {
		return err
	}
	if err := g.InitParams(1); err != nil {
		return err
	}
	if err := symbolic(g, model.ItemsOutput, "B", "K", ""); err != nil {
		return err
	}
	const rows = 3 // of items-first over rows candidates
	folded, err := fold(r.itemInputs, rows)
	if err != nil {
		return err
	}
	got, err := run(ctx, g, folded)
	if err != nil {
		return err
	}
	flat, err := run(ctx, r.items, r.itemInputs)
	if err != nil {
		return err
	}
	want, err := fold(flat, rows)
	if err != nil {
		return err
	}
	return same("items as [B,K]", got, want)
}

// fold turns tensors [n,...] into [rows,n/rows,...].
func fold(in tensor.Map, rows int) (tensor.Map, error) {
	out := make(tensor.Map, len(in))
	for name, t := range in {
		shape := append([]int{rows, t.Dim(0) / rows}, t.Shape()[1:]...)
		var err error
		if out[name], err = t.Reshape(shape...); err != nil {
			return nil, err
		}
	}
	return out, nil
}
