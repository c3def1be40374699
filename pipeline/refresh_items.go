package pipeline

import (
	"context"
	"fmt"
	"slices"

	"recsys/data"
	"recsys/featurestore"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// readItems reads the item table and the former run's rows of items, gives new items their ids, and encodes all.
func (r *refresher) readItems(ctx context.Context) error {
	r.phase("read items")
	key := r.config.Data.Interactions.Item
	columns, known, err := r.knownItems(key)
	if err != nil {
		return err
	}
	table, err := r.itemTable(ctx, columns)
	if err != nil {
		return err
	}
	keys, err := table.Column(key)
	if err != nil {
		return err
	}
	// Items that the former run knows have their ids in it, others those of buckets.
	ids, err := encoder{r.config, &Tables{Items: table}, r.former}.itemIndex(ctx, key)
	if err != nil {
		return err
	}
	rows := make([]int, r.known.Len()) // of the table, by id; -1 for items that are gone
	for i := range rows {
		rows[i] = -1
	}
	var added []int
	for row, id := range ids {
		if int(id) >= r.known.First() {
			rows[int(id)-r.known.First()] = row
		} else {
			added, r.buckets = append(added, row), append(r.buckets, int64(id))
		}
	}
	r.workflow = r.former
	if len(added) > 0 {
		if r.workflow, err = r.former.Append(key, keys.TakeOrNull(added).Values()); err != nil {
			return err
		}
	}
	r.grown, _ = r.workflow.Vocabulary(key)
	for _, row := range rows {
		if row < 0 {
			r.gone++
		}
	}
	r.items = table.Hash()
	items, err := joinItems(columns, columnsOf(table, columns), known, slices.Concat(rows, added), data.FromTensor(key, r.grown.Keys()))
	if err != nil {
		return err
	}
	r.tables = &Tables{Items: items, Raw: r.rawSchema(columns)}
	r.note("%d items, %d of them new, %d no longer in the table", r.grown.Len(), len(added), r.gone)
	return r.encodeItems(ctx)
}

// rawSchema is that of the columns that stages can read: items', and inputs of requests.
func (r *refresher) rawSchema(items schema.Schema) schema.Schema {
	raw := slices.Clone(items)
	for _, c := range append(schema.Schema{r.serving.Manifest.UserKey}, r.serving.Manifest.Inputs...) {
		if _, ok := raw.Column(c.Name); !ok {
			raw = append(raw, c)
		}
	}
	return raw
}

func (r *refresher) encodeItems(ctx context.Context) error {
	r.phase("encode items")
	e := encoder{r.config, r.tables, r.workflow}
	rows, _, first, err := e.itemRows(ctx)
	if err != nil {
		return err
	}
	items, err := e.transform(ctx, schema.Item, columnsOf(rows, r.tables.Raw))
	if err != nil {
		return fmt.Errorf("encode items: %w", err)
	}
	r.examples = &train.Examples{Schema: r.workflow.Schema(), Items: items, First: first}
	return nil
}

// knownItems reads the former run's rows of items: the item columns, and their values by place in the vocabulary.
func (r *refresher) knownItems(key string) (schema.Schema, tensor.Map, error) {
	path := ItemRows(r.from)
	header, records, err := featurestore.ReadRows(path)
	if err != nil {
		return nil, nil, notRun(err, "train")
	}
	v, ok := r.former.Vocabulary(key)
	if !ok {
		return nil, nil, fmt.Errorf("features: the item key %q is not categorified; add it to categorify", key)
	}
	r.known = v
	codec, err := featurestore.NewCodec(header.Schema)
	if err != nil {
		return nil, nil, err
	}
	values := make(tensor.Map, len(header.Schema))
	for _, c := range header.Schema {
		values[c.Name] = emptyColumn(c, v.Len())
	}
	n := 0
	for record, err := range records {
		if err == nil && n == v.Len() {
			err = fmt.Errorf("there are more than the %d items of the vocabulary", v.Len())
		}
		if err == nil && len(header.Schema) > 0 {
			err = copyRow(values, n, codec, record.Row)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		n++
	}
	if n < v.Len() {
		return nil, nil, fmt.Errorf("%s: %d items, the vocabulary has %d", path, n, v.Len())
	}
	return append(schema.Schema{r.serving.Manifest.ItemKey}, header.Schema...), values, nil
}

func copyRow(values tensor.Map, i int, codec *featurestore.Codec, row []byte) error {
	decoded, err := codec.Decode(row)
	if err != nil {
		return err
	}
	for name, t := range decoded {
		if err := tensor.Copy(values[name].Rows(i, i+1), t); err != nil {
			return fmt.Errorf("column %q: %w", name, err)
		}
	}
	return nil
}

func emptyColumn(c schema.Column, rows int) *tensor.Tensor {
	if c.Length > 0 {
		return tensor.Zeros(c.DType.DType, rows, c.Length)
	}
	return tensor.Zeros(c.DType.DType, rows)
}

// itemTable reads the item table, whose columns have the types of the former run's. Columns that it had not are passed over.
func (r *refresher) itemTable(ctx context.Context, columns schema.Schema) (*data.Table, error) {
	e, key := r.config.Data.Items, r.config.Data.Interactions.Item
	types, named := map[string]tensor.DType{}, map[string]string{}
	for _, c := range columns {
		name := c.Name
		if name == key {
			name = e.Key
		}
		types[name], named[name] = c.DType.DType, c.DType.String()
	}
	f, err := openTable(ctx, r.data, data.Spec{Path: e.Path, Key: e.Key, Columns: types, Lists: e.Lists}, named)
	if err != nil {
		return nil, err
	}
	table, err := f.Read(ctx)
	if err != nil {
		return nil, err
	}
	if table, err = renameKey(table, e.Key, key); err != nil {
		return nil, fmt.Errorf("%s: %w", e.Path, err)
	}
	picked := make([]*data.Column, len(columns)) // data.Open has refused a table that lacks some.
	for i, c := range columns {
		if picked[i], err = table.Column(c.Name); err != nil {
			return nil, err
		}
	}
	return data.NewTable(picked...)
}

// joinItems makes the table of items by id: each row is one of the new values, or, where rows has -1, the known one of that place.
func joinItems(columns schema.Schema, values, known tensor.Map, rows []int, keys *data.Column) (*data.Table, error) {
	joined := []*data.Column{keys}
	for _, c := range columns {
		if c.Name == keys.Name() {
			continue
		}
		t := emptyColumn(c, len(rows))
		for i, row := range rows {
			from := values[c.Name]
			if row < 0 {
				from, row = known[c.Name], i
			}
			if err := tensor.Copy(t.Rows(i, i+1), from.Rows(row, row+1)); err != nil {
				return nil, fmt.Errorf("column %q: %w", c.Name, err)
			}
		}
		column := data.FromTensor(c.Name, t)
		if c.Length > 0 {
			var err error
			if column, err = data.FromPadded(c.Name, t); err != nil {
				return nil, err
			}
		}
		joined = append(joined, column)
	}
	return data.NewTable(joined...)
}
