package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/internal/expression"
	"recsys/schema"
	"recsys/tensor"
)

// Limits of filters: conditions that are kept compiled, bitmaps of a view that are kept, and their bytes together.
const (
	maxConditions  = 256
	maxBitmaps     = 256
	maxBitmapBytes = 64 << 20
)

// filters know the attributes of a view's items and the conditions on them. They are safe for concurrent use.
type filters struct {
	items      *expression.Table // rows by item index
	request    schema.Schema
	where      []*expression.Condition // of the manifest
	always     []*expression.Condition // those which read the request; what the others drop is in the catalog's base
	conditions *cache[*expression.Condition]
	bitmaps    *cache[[]byte]
}

// newAttributes makes a table of items without rows. Indices below first are no items.
func newAttributes(m *ensemble.Manifest, row schema.Schema) (*expression.Table, *featurestore.Codec, error) {
	codec, err := featurestore.NewCodec(row)
	if err != nil {
		return nil, nil, fmt.Errorf("items: %w", err)
	}
	columns := append(schema.Schema{m.ItemKey}, row...)
	for i := range columns {
		columns[i].Tags = []schema.Tag{schema.Item}
	}
	if err := columns.Validate(); err != nil {
		return nil, nil, fmt.Errorf("items: %w", err)
	}
	table := expression.NewTable(columns)
	for range m.Items.First {
		if err := appendItem(table, tensor.Map{}); err != nil {
			return nil, nil, err
		}
	}
	return table, codec, nil
}

// appendItem adds an item with null for the columns that values lack.
func appendItem(t *expression.Table, values tensor.Map) error {
	for _, c := range t.Schema() {
		if values[c.Name] == nil {
			values[c.Name] = featurestore.Null(c)
		}
	}
	return t.Append(1, values)
}

// readItem adds an item of a row file.
func readItem(t *expression.Table, codec *featurestore.Codec, key schema.Column, id string, row []byte) error {
	values := tensor.Map{}
	if len(codec.Schema()) > 0 {
		var err error
		if values, err = codec.Decode(row); err != nil {
			return fmt.Errorf("item %q: %w", id, err)
		}
	}
	values[key.Name] = featurestore.Null(key)
	if err := setID(values[key.Name], 0, id); err != nil {
		return err
	}
	return appendItem(t, values)
}

// newFilters compiles the conditions of a manifest; those that read nothing of the request block items in base for good.
func newFilters(ctx context.Context, m *ensemble.Manifest, items *expression.Table, base []byte) (*filters, error) {
	f := &filters{
		items: items, request: m.RequestColumns(), conditions: newCache[*expression.Condition](maxConditions),
		bitmaps: newCache[[]byte](min(maxBitmaps, max(1, maxBitmapBytes/max(1, len(base))))),
	}
	for _, text := range m.Where {
		c, err := f.compile(text)
		if err != nil {
			return nil, fmt.Errorf("filter of %s: %w", m.Name, err)
		}
		f.where = append(f.where, c)
		if len(c.Request()) > 0 {
			f.always = append(f.always, c)
			continue
		}
		keep, err := c.Rows(ctx, items, nil)
		if err != nil {
			return nil, fmt.Errorf("filter of %s: %w", m.Name, err)
		}
		blockOthers(base, keep)
	}
	return f, nil
}

// compile parses and checks a condition.
func (f *filters) compile(text string) (*expression.Condition, error) {
	return f.conditions.get(text, func() (*expression.Condition, error) {
		return expression.Compile(text, f.items.Schema(), f.request)
	})
}

// rows returns the bitmap of the items that a condition is true for, given the merged columns of a request.
func (f *filters) rows(ctx context.Context, c *expression.Condition, in tensor.Map) ([]byte, error) {
	var key strings.Builder
	key.WriteString(c.String())
	for _, column := range c.Request() {
		if t := in[column.Name]; t != nil {
			fmt.Fprintf(&key, "\x00%q", t.Any())
		}
	}
	return f.bitmaps.get(key.String(), func() ([]byte, error) { return c.Rows(ctx, f.items, in) })
}

// apply blocks in bits what the conditions of the manifest and of the request leave out.
func (f *filters) apply(ctx context.Context, bits []byte, own *expression.Condition, in tensor.Map) error {
	all := f.always
	if own != nil {
		all = append(slices.Clip(all), own)
	}
	for _, c := range all {
		keep, err := f.rows(ctx, c, in)
		if err != nil {
			return fmt.Errorf("%w: filter: %w", errModel, err)
		}
		blockOthers(bits, keep)
	}
	return nil
}

// blockOthers blocks what is not kept.
func blockOthers(bits, keep []byte) {
	for i := range bits {
		bits[i] |= ^keep[i]
	}
}

// filterField is a request's own condition.
func (v *view) filterField() field[recommendation] {
	return field[recommendation]{
		name: "filter",
		schema: func() schemaNode {
			return textNode(expression.MaxBytes, "A condition on the attributes of items, such as genres has 'Comedy' and year >= user.min_year.")
		},
		read: func(r *strictReader, at string, q *recommendation) {
			q.filter = v.readCondition(r, at)
			if q.filter != nil && v.catalog.input == "" {
				r.fault(at, "%s", noBitmap)
			}
		},
	}
}

// readCondition reads a condition; nil for null and after a fault.
func (v *view) readCondition(r *strictReader, at string) *expression.Condition {
	text := r.text(at, expression.MaxBytes)
	if text == "" || len(text) > expression.MaxBytes {
		return nil
	}
	c, err := v.filters.compile(text)
	if err != nil {
		r.fault(at, "%v", err)
		return nil
	}
	return c
}
