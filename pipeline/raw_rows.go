package pipeline

import (
	"fmt"

	"recsys/data"
	"recsys/feature"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// rawRows joins the raw columns of interactions: their own, those of their users and items, and the histories before them.
type rawRows struct {
	tables *Tables
	items  *data.Column // raw item keys by row of the tables' Items
	// sequences hold rows of the tables' Items, in order of time; position is each interaction's place. Nil without histories.
	sequences train.Sequences
	position  []int32
}

// newRawRows makes a joiner of the columns of s: without a history among them it takes no memory for sequences.
func newRawRows(c *Config, t *Tables, s schema.Schema) (*rawRows, error) {
	if len(s.Select(schema.Sequence)) == 0 {
		return &rawRows{tables: t}, nil
	}
	return newHistories(c, t)
}

// newHistories makes a joiner that knows the sequences of users.
func newHistories(c *Config, t *Tables) (*rawRows, error) {
	order, err := orderOf(t.Interactions, c.Data.Interactions.Order)
	if err != nil {
		return nil, err
	}
	r := &rawRows{tables: t}
	if r.items, err = t.Items.Column(c.Data.Interactions.Item); err != nil {
		return nil, err
	}
	r.sequences, r.position, err = train.NewSequences(t.Users.Len(), t.User, t.Item, order)
	return r, err
}

// places say where the columns of some rows stand, in the order of the rows.
type places struct {
	users, items []int       // rows of the tables' Users and Items, -1 for none
	ends         []int32     // of the histories, in the users' sequences
	events       *data.Table // has the rows' own columns in its rows own, -1 for none
	own          []int
	numbers      []int64 // feature.RowColumn
}

// interactions are the places of some interactions, whose own columns are in rows own of events. Those of the training part
// have a number, the row's.
func (r *rawRows) interactions(rows []int, events *data.Table, own []int) places {
	t := r.tables
	at := places{events: events, own: own}
	for _, row := range rows {
		at.users, at.items = append(at.users, int(t.User[row])), append(at.items, int(t.Item[row]))
		if r.position != nil {
			at.ends = append(at.ends, r.position[row])
		}
		number := int64(row)
		if t.Parts[row] != data.Train {
			number = tensor.NullInt64
		}
		at.numbers = append(at.numbers, number)
	}
	return at
}

// columns returns raw columns of s, [B] and [B,L].
func (r *rawRows) columns(s schema.Schema, at places) (tensor.Map, error) {
	out := make(tensor.Map, len(s))
	for _, c := range s {
		table, rows := at.events, at.own
		switch {
		case c.Name == feature.RowColumn:
			out[c.Name] = tensor.Of(at.numbers, len(at.numbers))
			continue
		case c.Has(schema.Sequence):
			out[c.Name] = r.history(at.users, at.ends, c.Length)
			continue
		case c.Has(schema.User):
			table, rows = r.tables.Users, at.users
		case c.Has(schema.Item):
			table, rows = r.tables.Items, at.items
		}
		column, err := table.Column(c.Name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", feature.EntityOf(c), err)
		}
		out[c.Name] = taken(column, rows, c.Length)
	}
	return out, nil
}

// history returns the raw keys of each user's newest items strictly before a place, oldest first, padded with null. A user
// that is none has no items.
func (r *rawRows) history(users []int, ends []int32, length int) *tensor.Tensor {
	flat := make([]int, 0, len(users)*length)
	for i, user := range users {
		var items []int32
		if user >= 0 {
			items = newestRows(r.sequences.Of(int32(user))[:ends[i]], length)
		}
		for j := range length {
			if j < len(items) {
				flat = append(flat, int(items[j]))
			} else {
				flat = append(flat, -1)
			}
		}
	}
	t, err := r.items.TakeOrNull(flat).Values().Reshape(len(users), length)
	if err != nil {
		panic("pipeline: history: " + err.Error()) // as many elements by construction
	}
	return t
}
