package pipeline

import (
	"context"
	"fmt"
	"slices"

	"recsys/data"
	"recsys/feature"
	"recsys/model"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// columnsOf returns a table's columns as tensors, [rows] or [rows,L] with the lengths of the schema, leaving out those
// that skip names.
func columnsOf(t *data.Table, raw schema.Schema, skip ...string) tensor.Map {
	columns := make(tensor.Map, len(t.Columns()))
	for _, c := range t.Columns() {
		described, ok := raw.Column(c.Name())
		switch {
		case !ok || slices.Contains(skip, c.Name()):
		case c.IsList():
			columns[c.Name()] = c.Padded(described.Length)
		default:
			columns[c.Name()] = c.Values()
		}
	}
	return columns
}

// fitWorkflow fits the features on the interactions of the training part: keys and context columns stream from them, so
// that frequencies count interactions, other columns from the tables of users and items, and what is made of several of
// these from the interactions joined with both. Folder dir has the data. Former, if not nil, keeps its ids.
func fitWorkflow(
	ctx context.Context, c *Config, r *Registry, t *Tables, dir string, former *feature.FittedWorkflow,
) (*feature.FittedWorkflow, error) {
	w, err := r.Workflow(c)
	if err != nil {
		return nil, err
	}
	if err := readVocabularies(ctx, w, dir); err != nil {
		return nil, err
	}
	in := c.Data.Interactions
	var source feature.Source
	users, items := columnsOf(t.Users, t.Raw, in.User), columnsOf(t.Items, t.Raw, in.Item)
	if t.Events != nil {
		source = eventSource{t, feature.Tables{Tables: []tensor.Map{users, items}}}
	} else {
		events := t.Interactions.Take(data.Rows(t.Parts, data.Train))
		source = feature.Tables{Tables: []tensor.Map{columnsOf(events, t.Raw), users, items}}
	}
	raw, err := t.withTargets(t.Raw, w)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	all, err := w.Raw(raw)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	fit := w.Fit
	if former != nil {
		fit = func(ctx context.Context, raw schema.Schema, src feature.Source) (*feature.FittedWorkflow, error) {
			return w.Refit(ctx, former, raw, src)
		}
	}
	fitted, err := fit(ctx, raw, joinedSource{Source: source, config: c, tables: t, raw: all})
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	return fitted, nil
}

// encoder turns raw tables into examples with a fitted workflow.
type encoder struct {
	config   *Config
	tables   *Tables
	workflow *feature.FittedWorkflow
}

// examples encodes users, items and histories.
func (e encoder) examples(ctx context.Context) (*train.Examples, error) {
	in := e.config.Data.Interactions
	users, err := e.transform(ctx, schema.User, columnsOf(e.tables.Users, e.tables.Raw))
	if err != nil {
		return nil, fmt.Errorf("encode users: %w", err)
	}
	rows, index, first, err := e.itemRows(ctx)
	if err != nil {
		return nil, err
	}
	items, err := e.transform(ctx, schema.Item, columnsOf(rows, e.tables.Raw))
	if err != nil {
		return nil, fmt.Errorf("encode items: %w", err)
	}
	ex := &train.Examples{
		Schema: e.workflow.Schema(), Users: users, Items: items, First: first,
		User: e.tables.User, Item: make([]int32, len(e.tables.Item)),
	}
	for i, row := range e.tables.Item {
		ex.Item[i] = index[row]
	}
	order, err := orderOf(e.tables.Interactions, in.Order)
	if err != nil {
		return nil, err
	}
	ex.Sequences, ex.Position, err = train.NewSequences(e.tables.Users.Len(), ex.User, ex.Item, order)
	return ex, err
}

// columns encodes context and interactions and cuts labels of interactions in memory.
func (e encoder) columns(ctx context.Context, ex *train.Examples, tasks []TaskSettings) error {
	w, err := e.wide()
	if err != nil {
		return err
	}
	n := e.tables.Interactions.Len()
	ex.Context = w.zeros(n)
	for from := 0; from < n && len(ex.Context) > 0; from += eventRows {
		rows := make([]int, min(eventRows, n-from))
		for i := range rows {
			rows[i] = from + i
		}
		got, err := w.encode(ctx, w.interactions(rows, e.tables.Interactions, rows))
		if err != nil {
			return err
		}
		for name, t := range got {
			if err := tensor.Copy(ex.Context[name].Rows(from, from+len(rows)), t); err != nil {
				return err
			}
		}
	}
	ex.Labels = map[string][]float32{}
	for _, task := range tasks {
		if ex.Labels[task.Name], err = task.labels(e.tables.Interactions); err != nil {
			return err
		}
	}
	return nil
}

// transform encodes the columns of one entity, but for sequences, which training cuts itself.
func (e encoder) transform(ctx context.Context, entity schema.Tag, raw tensor.Map) (tensor.Map, error) {
	part, err := e.part(entity)
	if err != nil || part == nil {
		return tensor.Map{}, err
	}
	return part.Transform(ctx, raw)
}

// wide encodes columns of which each interaction has its own value.
type wide struct {
	*rawRows

	part *feature.FittedWorkflow // nil where there are none
}

// wide returns the encoder of the columns of context and interactions.
func (e encoder) wide() (wide, error) {
	part, err := e.part(schema.Context, schema.Interaction)
	if err != nil || part == nil {
		return wide{}, err
	}
	if part, err = part.Training(); err != nil {
		return wide{}, err
	}
	rows, err := newRawRows(e.config, e.tables, part.Raw())
	return wide{rows, part}, err
}

// reads reports whether the columns need a raw column.
func (w wide) reads(name string) bool {
	if w.part == nil {
		return false
	}
	_, ok := w.part.Raw().Column(name)
	return ok
}

// zeros allocates the columns of n rows.
func (w wide) zeros(n int) tensor.Map {
	m := tensor.Map{}
	if w.part == nil {
		return m
	}
	for _, c := range w.part.Schema() {
		shape := []int{n}
		if c.Length > 0 {
			shape = append(shape, c.Length)
		}
		m[c.Name] = tensor.Zeros(model.InputType(c), shape...)
	}
	return m
}

// encode computes the columns of rows, some of which the workflow may have been fitted on.
func (w wide) encode(ctx context.Context, at places) (tensor.Map, error) {
	if w.part == nil {
		return tensor.Map{}, nil
	}
	columns, err := w.columns(w.part.Raw(), at)
	if err == nil {
		columns, err = w.part.Transform(ctx, columns)
	}
	if err != nil {
		return nil, fmt.Errorf("encode context: %w", err)
	}
	return columns, nil
}

// part returns the workflow of some entities' columns, but for sequences; nil where there are none.
func (e encoder) part(entities ...schema.Tag) (*feature.FittedWorkflow, error) {
	var names []string
	for _, c := range e.workflow.Schema() {
		if slices.Contains(entities, feature.EntityOf(c)) && !c.Has(schema.Sequence) {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return nil, nil //nolint:nilnil // The caller has nothing to do then.
	}
	return e.workflow.Only(names...)
}

// itemRows returns the raw item table by item index (indices before first have null rows), the item index of every row
// of the tables' Items, and first.
func (e encoder) itemRows(ctx context.Context) (*data.Table, []int32, int, error) {
	key := e.config.Data.Interactions.Item
	v, ok := e.workflow.Vocabulary(key)
	if !ok {
		return nil, nil, 0, fmt.Errorf("features: the item key %q is not categorified; add it to categorify", key)
	}
	index, err := e.itemIndex(ctx, key)
	if err != nil {
		return nil, nil, 0, err
	}
	rows := make([]int, v.Cardinality())
	for i := range rows {
		rows[i] = -1
	}
	for row, id := range index {
		if int(id) >= v.First() {
			rows[id] = row
		}
	}
	columns := make([]*data.Column, 0, len(e.tables.Items.Columns()))
	for _, c := range e.tables.Items.Columns() {
		columns = append(columns, c.TakeOrNull(rows))
	}
	t, err := data.NewTable(columns...)
	return t, index, v.First(), err
}

// itemIndex encodes the key of every row of the tables' Items.
func (e encoder) itemIndex(ctx context.Context, key string) ([]int32, error) {
	part, err := e.workflow.Only(key)
	if err != nil {
		return nil, err
	}
	column, err := e.tables.Items.Column(key)
	if err != nil {
		return nil, err
	}
	out, err := part.Transform(ctx, tensor.Map{key: column.Values()})
	if err != nil {
		return nil, err
	}
	ids, err := tensor.Data[int64](out[key])
	if err != nil {
		return nil, err
	}
	index := make([]int32, len(ids))
	for i, id := range ids {
		index[i] = int32(id)
	}
	return index, nil
}

// orderOf returns the order of the interactions: a column, or the order of rows.
func orderOf(t *data.Table, column string) ([]int64, error) {
	if column != "" {
		order, err := data.Values[int64](t, column)
		if err != nil {
			return nil, fmt.Errorf("data.interactions.order: %w", err)
		}
		return order, nil
	}
	order := make([]int64, t.Len())
	for i := range order {
		order[i] = int64(i)
	}
	return order, nil
}
