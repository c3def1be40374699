package op

import (
	"errors"
	"fmt"
	"slices"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// together finds the columns of an operator that computes with several of a row. They have to belong to one entity: the
// rows of users, items and requests are encoded apart.
func together(in feature.Columns, names []string, dtypes []tensor.DType) (schema.Schema, error) {
	found := make(schema.Schema, len(names))
	errs := make([]error, len(names))
	for i, name := range names {
		found[i], errs[i] = in.FindRaw(name, dtypes...)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	first := entityOf(found[0])
	for i, c := range found {
		if e := entityOf(c); e != first {
			errs[i] = fmt.Errorf("column %q belongs to the %s and column %q to the %s, whose rows are encoded apart; "+
				"name columns of one entity", found[0].Name, first, c.Name, e)
		}
	}
	return found, errors.Join(errs...)
}

// entityOf returns the tag of the entity that a column found by feature.Columns belongs to.
func entityOf(c schema.Column) schema.Tag {
	entities := []schema.Tag{schema.User, schema.Item, schema.Context}
	return entities[max(0, slices.IndexFunc(entities, func(t schema.Tag) bool { return c.Has(t) }))]
}

// checkFresh verifies that a column that an operator adds is not there yet.
func checkFresh(in feature.Columns, name string) error {
	if _, taken := in.Now.Column(name); taken {
		return fmt.Errorf("there is a column %q already; choose another name", name)
	}
	return nil
}

// aligned gives scalars [B] the shape [B,1] where there are lists [B,L] among the columns, so that they broadcast.
func aligned(b *graph.Builder, in []*graph.Value) []*graph.Value {
	if !slices.ContainsFunc(in, func(x *graph.Value) bool { return x.Rank() > 1 }) {
		return in
	}
	out := slices.Clone(in)
	for i, x := range in {
		if x.Rank() == 1 {
			out[i] = b.Unsqueeze(x, []int64{-1})
		}
	}
	return out
}
