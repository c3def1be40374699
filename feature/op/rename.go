package op

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// Rename gives columns that are not encoded yet other names. The old names are gone behind it; in a request the columns
// keep them. Nothing is learned.
type Rename struct {
	// Columns has the new name of each old one. New names are none of the columns before.
	Columns map[string]string `json:"columns"`
}

// Name returns "rename".
func (o *Rename) Name() string { return "rename" }

// Validate checks the settings.
func (o *Rename) Validate() error {
	if len(o.Columns) == 0 {
		return errors.New("no columns; set columns to old names with their new ones")
	}
	var errs []error
	from := map[string]string{}
	for _, old := range o.names() {
		name := o.Columns[old]
		if old == "" || name == "" {
			errs = append(errs, fmt.Errorf("%q becomes %q; both names have to be set", old, name))
		} else if other, taken := from[name]; taken {
			errs = append(errs, fmt.Errorf("columns %q and %q both become %q", other, old, name))
		}
		from[name] = old
	}
	return errors.Join(errs...)
}

// names returns the old names in rising order.
func (o *Rename) names() []string { return slices.Sorted(maps.Keys(o.Columns)) }

// Plan is the schema rule: columns with other names.
func (o *Rename) Plan(in feature.Columns) (feature.Plan, error) {
	p, err := eachColumn(in, o.names(), append(numeric(), tensor.String), func(c schema.Column) (schema.Schema, error) {
		c.Name = o.Columns[c.Name]
		return schema.Schema{c}, checkFresh(in, c.Name)
	})
	p.Drops = o.names()
	return p, err
}

// Fit reads no data.
func (o *Rename) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	return renameRule().alike(plan, struct{}{})
}

func renameRule() rule[struct{}] {
	return rule[struct{}]{
		name: "rename", version: 1, drops: true,
		check: func(e entry[struct{}]) error { return checkNumbers(e.Writes, 1) },
		apply: func(b *graph.Builder, _ entry[struct{}], x *graph.Value) []*graph.Value {
			return []*graph.Value{b.Identity(x)}
		},
	}
}
