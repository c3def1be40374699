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

// together finds the columns of an operator that computes with several of a row, and the entity of what it makes of them: that
// of the columns, context for users and context together, interaction for items and any other together.
func together(in feature.Columns, names []string, dtypes []tensor.DType) (schema.Schema, schema.Tag, error) {
	found := make(schema.Schema, len(names))
	errs := make([]error, len(names))
	for i, name := range names {
		found[i], errs[i] = in.FindRaw(name, dtypes...)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, "", err
	}
	return found, entityOf(found), nil
}

// entityOf returns the entity of a column that is made of others, of which there is one at least.
func entityOf(columns schema.Schema) schema.Tag {
	entity := feature.EntityOf(columns[0])
	for _, c := range columns[1:] {
		switch e := feature.EntityOf(c); {
		case e == entity:
		case isRequest(e) && isRequest(entity):
			entity = schema.Context
		default:
			entity = schema.Interaction
		}
	}
	return entity
}

func isRequest(entity schema.Tag) bool { return entity == schema.User || entity == schema.Context }

// belonging returns a column of another entity, which is no key.
func belonging(entity schema.Tag, c schema.Column) schema.Column {
	return feature.WithTags(c, []schema.Tag{entity}, []schema.Tag{schema.User, schema.Item, schema.Context, schema.Interaction, schema.ID})
}

// scalars reports the lists among columns.
func scalars(columns schema.Schema) error {
	var errs []error
	for _, c := range columns {
		if c.Length > 0 {
			errs = append(errs, fmt.Errorf("column %q: it is a list; this operator takes one value a row", c.Name))
		}
	}
	return errors.Join(errs...)
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
