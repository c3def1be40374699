package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// Filter chooses the interactions of the training part that features and models learn from. Held-out rows, requests and histories
// are as without it. It sees columns as the data has them, whatever its place among the operators.
type Filter struct {
	// Where is a condition of [Expression] over int64 and float32 scalars of any entities and of targets, such as
	// "rating >= 3 and not is_null(price)". Rows for which it is null are left out.
	Where string `json:"where,omitempty"`
	// NotNull lists scalars of any type; rows with a null in one of them are left out. Where, NotNull or both have to be set.
	NotNull []string `json:"not_null,omitempty"`
}

// Name returns "filter".
func (o *Filter) Name() string { return "filter" }

// Validate checks the settings.
func (o *Filter) Validate() error {
	var errs []error
	if o.Where == "" && len(o.NotNull) == 0 {
		errs = append(errs, errors.New("it keeps every row; set where or not_null"))
	}
	if len(o.NotNull) > 0 {
		errs = append(errs, checkNames(o.NotNull))
	}
	if o.Where != "" {
		t, _, err := formula{o.Where}.parse()
		if err == nil && !t.Truth {
			err = fmt.Errorf("where %q is a number; compare it, such as with > 0", o.Where)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Sees is that of feature.RowFilter.
func (o *Filter) Sees() []string {
	var names []string
	if o.Where != "" {
		_, names, _ = formula{o.Where}.parse() // Validate has parsed it
	}
	for _, name := range o.NotNull {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Targets names what it sees: columns that no request has among them.
func (o *Filter) Targets() []string { return o.Sees() }

// Plan is the schema rule: nothing changes.
func (o *Filter) Plan(in feature.Columns) (feature.Plan, error) {
	var errs []error
	for _, name := range o.Sees() {
		c, ok := in.Raw.Column(name)
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("column %q: the data has none", name))
		case c.Length > 0 || c.Has(schema.Sequence):
			errs = append(errs, fmt.Errorf("column %q: it is a list; filter looks at one value a row", name))
		case !slices.Contains(o.NotNull, name) && !slices.Contains(numeric(), c.DType.DType):
			errs = append(errs, fmt.Errorf("column %q is %s; a condition takes int64 or float32", name, c.DType))
		}
	}
	return feature.Plan{}, errors.Join(errs...)
}

// Keep is that of feature.RowFilter.
func (o *Filter) Keep(ctx context.Context, rows tensor.Map) ([]bool, error) {
	var keep []bool
	for _, name := range o.Sees() {
		if rows[name] == nil {
			return nil, fmt.Errorf("column %q: the rows have none", name)
		}
		keep = slices.Repeat([]bool{true}, rows[name].Dim(0))
	}
	for _, name := range o.NotNull {
		eachNull(rows[name], func(row int) { keep[row] = false })
	}
	if o.Where == "" {
		return keep, nil
	}
	// The condition is computed as a column would be.
	e := &Expression{Column: "#where", Formula: o.Where}
	var raw schema.Schema
	_, names, err := formula{o.Where}.parse()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		raw = append(raw, schema.Column{Name: name, DType: schema.DType{DType: rows[name].DType()}, Tags: []schema.Tag{schema.Context}})
	}
	w, err := feature.Workflow{Operators: []feature.Operator{e}}.Fit(ctx, raw, feature.Tables{})
	if err != nil {
		return nil, err
	}
	out, err := w.Transform(ctx, rows)
	if err != nil {
		return nil, err
	}
	for i, x := range tensor.MustData[float32](out[e.Column]) {
		keep[i] = keep[i] && x == 1
	}
	return keep, nil
}

// eachNull calls f with the rows of nulls.
func eachNull(t *tensor.Tensor, f func(row int)) {
	each := func(n int, null func(i int) bool) {
		for i := range n {
			if null(i) {
				f(i)
			}
		}
	}
	switch values := t.Any().(type) {
	case []int64:
		each(len(values), func(i int) bool { return values[i] == tensor.NullInt64 })
	case []float32:
		each(len(values), func(i int) bool { return values[i] != values[i] })
	case []string:
		each(len(values), func(i int) bool { return values[i] == "" })
	}
}

// Fit reads no data.
func (o *Filter) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	if _, err := o.Plan(in); err != nil {
		return nil, err
	}
	return filtered(*o), nil
}

// filtered is a fitted Filter: a note of what the data was, which makes no columns.
type filtered Filter

func (f filtered) Name() string          { return "filter" }
func (f filtered) Reads() []string       { return nil }
func (f filtered) Writes() schema.Schema { return nil }
func (f filtered) State() (int, any)     { return 1, f }

func (f filtered) Apply(*graph.Builder, map[string]*graph.Value) map[string]*graph.Value { return nil }

func filterKind() feature.Kind {
	return feature.Kind{
		Name: "filter", Version: 1, New: func() feature.Operator { return &Filter{} },
		Load: func(state json.RawMessage, _ feature.Vocabularies) (feature.Fitted, error) {
			var f filtered
			if err := feature.DecodeState(state, &f); err != nil {
				return nil, err
			}
			o := Filter(f)
			return f, o.Validate()
		},
	}
}
