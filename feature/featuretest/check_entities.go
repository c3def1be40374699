package featuretest

import (
	"context"
	"maps"

	"recsys/feature"
	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/schema"
	"recsys/tensor"
)

// checkTraining encodes the probe as rows that were not learned from.
func checkTraining(ctx context.Context, s *subject) error {
	w, err := s.fitted.Training()
	if err != nil {
		return err
	}
	in, none := maps.Clone(s.probe), make([]int64, s.rows)
	for i := range none {
		none[i] = tensor.NullInt64
	}
	in[feature.RowColumn] = tensor.Of(none, s.rows)
	got, err := w.Transform(ctx, in)
	if err != nil {
		return err
	}
	return same("training, for rows that were not learned from", got, s.want, 0)
}

// The numbers of requests and of items of each in the check of candidates.
const (
	requests = 24
	items    = 3
)

// checkCandidates computes the columns of items and requests together for several items of each request.
func checkCandidates(ctx context.Context, s *subject) error {
	if len(s.fitted.Schema().Select(schema.Interaction)) == 0 {
		return nil
	}
	g, in, want, err := s.candidates(ctx)
	if err != nil {
		return err
	}
	plan, err := exec.Compile(g, exec.Options{Kernels: kernel.Portable()})
	if err != nil {
		return err
	}
	got, err := plan.Run(ctx, in)
	if err != nil {
		return err
	}
	return same("candidates", got, want, 0)
}

// candidates returns the graph of columns of items and requests together, inputs for it, and what the columns are of the
// pairs as rows.
func (s *subject) candidates(ctx context.Context) (g *graph.Graph, in, want tensor.Map, err error) {
	w, err := s.fitted.Tagged(schema.Interaction)
	if err != nil {
		return nil, nil, nil, err
	}
	if g, err = w.Candidates("candidates", items); err != nil {
		return nil, nil, nil, err
	}
	in = tensor.Map{}
	pairs := make([]tensor.Map, 0, requests*items)
	row := func(c schema.Column, request, item int) *tensor.Tensor {
		at := request
		if feature.EntityOf(c) == schema.Item {
			at = request*5 + item*7
		}
		at %= s.rows
		return s.probe[c.Name].Rows(at, at+1)
	}
	for _, c := range w.Raw() {
		var rows []*tensor.Tensor
		shape := []int{requests}
		if feature.EntityOf(c) == schema.Item {
			shape = append(shape, items)
		}
		for i := range requests * items {
			if len(shape) > 1 || i%items == 0 {
				rows = append(rows, row(c, i/items, i%items))
			}
		}
		flat, err := tensor.Concat(rows...)
		if err != nil {
			return nil, nil, nil, err
		}
		if in[c.Name], err = flat.Reshape(append(shape, flat.Shape()[1:]...)...); err != nil {
			return nil, nil, nil, err
		}
	}
	for i := range requests * items {
		pair := tensor.Map{}
		for _, c := range w.Raw() {
			pair[c.Name] = row(c, i/items, i%items)
		}
		pairs = append(pairs, pair)
	}
	if want, err = w.Transform(ctx, concat(pairs)); err != nil {
		return nil, nil, nil, err
	}
	for name, t := range want {
		if want[name], err = t.Reshape(append([]int{requests, items}, t.Shape()[1:]...)...); err != nil {
			return nil, nil, nil, err
		}
	}
	return g, in, want, nil
}
