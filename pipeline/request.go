package pipeline

import (
	"context"
	"fmt"
	"strconv"

	"recsys/data"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// requester makes raw requests of interactions: what the gateway would have sent when the interaction happened.
type requester struct {
	config *Config
	tables *Tables
	inputs schema.Schema // raw columns that the ensemble takes
	users  tensor.Map    // raw user columns, [U] and [U,L]
	items  *data.Column  // raw item keys by row of the tables' Items
	events *data.Table   // raw context columns, of the interactions that requests are made of
	at     map[int32]int // their rows in events
	// sequences hold rows of the tables' Items, in order of time; position is each interaction's place.
	sequences train.Sequences
	position  []int32
}

// newRequester makes a requester that knows the interactions rows.
func newRequester(ctx context.Context, c *Config, t *Tables, inputs schema.Schema, rows []int32) (*requester, error) {
	order, err := orderOf(t.Interactions, c.Data.Interactions.Order)
	if err != nil {
		return nil, err
	}
	r := &requester{config: c, tables: t, inputs: inputs, users: columnsOf(t.Users, t.Raw), at: make(map[int32]int, len(rows))}
	if r.events, err = t.contextOf(ctx, inputs, rows); err != nil {
		return nil, fmt.Errorf("context: %w", err)
	}
	for i, row := range rows {
		r.at[row] = i
	}
	if r.items, err = t.Items.Column(c.Data.Interactions.Item); err != nil {
		return nil, err
	}
	r.sequences, r.position, err = train.NewSequences(t.Users.Len(), t.User, t.Item, order)
	return r, err
}

// columns returns the raw inputs for some of the interactions that the requester knows, [B] and [B,L].
func (r *requester) columns(rows []int32) (tensor.Map, error) {
	out := make(tensor.Map, len(r.inputs))
	userRows := make([]int, len(rows))
	eventRows := make([]int, len(rows))
	for i, row := range rows {
		userRows[i], eventRows[i] = int(r.tables.User[row]), r.at[row]
	}
	for _, c := range r.inputs {
		switch {
		case c.Has(schema.Sequence):
			out[c.Name] = r.history(rows, c)
		case c.Has(schema.User):
			column, err := r.tables.Users.Column(c.Name)
			if err != nil {
				return nil, err
			}
			out[c.Name] = taken(column, userRows, c.Length)
		default:
			column, err := r.events.Column(c.Name)
			if err != nil {
				return nil, fmt.Errorf("context: %w", err)
			}
			out[c.Name] = taken(column, eventRows, c.Length)
		}
	}
	return out, nil
}

func taken(c *data.Column, rows []int, length int) *tensor.Tensor {
	c = c.TakeOrNull(rows)
	if length > 0 {
		return c.Padded(length)
	}
	return c.Values()
}

// history returns the raw keys of the newest items strictly before each row, oldest first, padded with null.
func (r *requester) history(rows []int32, c schema.Column) *tensor.Tensor {
	flat := make([]int, 0, len(rows)*c.Length)
	for _, row := range rows {
		items := r.sequences.Of(r.tables.User[row])[:r.position[row]]
		items = items[max(0, len(items)-c.Length):]
		for i := range c.Length {
			if i < len(items) {
				flat = append(flat, int(items[i]))
			} else {
				flat = append(flat, -1)
			}
		}
	}
	t, err := r.items.TakeOrNull(flat).Values().Reshape(len(rows), c.Length)
	if err != nil {
		panic("pipeline: history: " + err.Error()) // as many elements by construction
	}
	return t
}

// keyText writes row of a key column as text, as the HTTP API and the stores do.
func keyText(c *data.Column, row int) string {
	switch keys := c.Values().Any().(type) {
	case []int64:
		return strconv.FormatInt(keys[row], 10)
	case []string:
		return keys[row]
	}
	return ""
}
