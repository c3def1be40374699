package train

import (
	"errors"
	"fmt"

	"recsys/feature"
	"recsys/model"
	"recsys/schema"
	"recsys/tensor"
)

// Examples are encoded interactions in memory. They are read-only and safe for concurrent use while tasks use them.
type Examples struct {
	// Schema describes the encoded columns by their plain names: user, item and context columns with their tags.
	Schema schema.Schema
	// Users holds the user columns by name, [U] or [U,L], but those with the tag sequence, which are cut from
	// Sequences. Items holds the item columns, [V] or [V,L], indexed by item index.
	Users, Items tensor.Map
	// First is the smallest item index that stands for an item; those before it are padding, null and unknown.
	First int
	// User and Item are the user row and the item index of every interaction.
	User, Item []int32
	// Position is the place of every interaction in its user's sequence: its history is what stands before. It may be
	// nil when no column has the tag sequence.
	Position []int32
	// Sequences are the users' items in the order of time. They may hold more than the interactions.
	Sequences Sequences
	// Context holds the columns of context and of interactions by name, [N] or [N,L], and Labels the labels by task, N each.
	Context tensor.Map
	Labels  map[string][]float32
	// Blocks, if not nil, holds the columns of context and interactions and the labels in place of Context and Labels, outside memory.
	Blocks Blocks
}

// Sequences are lists of item indices, oldest first: user row u has Items[Offsets[u]:Offsets[u+1]].
type Sequences struct {
	Offsets []int64
	Items   []int32
}

// Of returns the sequence of a user row, shared.
func (s Sequences) Of(user int32) []int32 {
	if int(user)+1 >= len(s.Offsets) {
		return nil
	}
	return s.Items[s.Offsets[user]:s.Offsets[user+1]]
}

// NewSequences orders the interactions by user and, within a user, by order; equal ones stay in the order of rows. It
// returns each interaction's place in its user's sequence. A negative order leaves an interaction out, as one without a
// known time: its place is behind the last, the length of its user's sequence.
func NewSequences(users int, user, item []int32, order []int64) (Sequences, []int32, error) {
	if len(item) != len(user) || len(order) != len(user) {
		return Sequences{}, nil, fmt.Errorf("sequences of %d users, %d items and %d orders; one each is needed",
			len(user), len(item), len(order))
	}
	rows, offsets := sortByUser(users, user, order)
	s := Sequences{Offsets: offsets, Items: make([]int32, len(rows))}
	position := make([]int32, len(user))
	for r, u := range user {
		if u < 0 || int(u) >= users {
			return Sequences{}, nil, fmt.Errorf("interaction %d has user row %d of %d", r, u, users)
		}
		position[r] = int32(offsets[u+1] - offsets[u])
	}
	for at, r := range rows {
		s.Items[at] = item[r]
		position[r] = int32(int64(at) - offsets[user[r]])
	}
	return s, position, nil
}

// Len returns the number of interactions.
func (e *Examples) Len() int { return len(e.User) }

// Validate checks that every column of the schema is there with the right type, and that indices are in range. It
// reports all faults of columns.
func (e *Examples) Validate() error {
	errs := []error{e.Schema.Validate(), e.validateIndices()}
	for _, c := range model.ItemColumns(e.Schema) {
		errs = append(errs, checkColumn("item", c, e.Items, -1))
	}
	for _, c := range append(model.QueryColumns(e.Schema), model.InteractionColumns(e.Schema)...) {
		switch {
		case wide(c) && e.Blocks != nil:
			errs = append(errs, e.validateBlocks(c))
		case wide(c):
			errs = append(errs, checkColumn(string(feature.EntityOf(c)), c, e.Context, e.Len()))
		case c.Has(schema.Sequence):
			errs = append(errs, e.validateSequence(c))
		default:
			errs = append(errs, checkColumn("user", c, e.Users, -1))
		}
	}
	for task, labels := range e.Labels {
		if len(labels) != e.Len() {
			errs = append(errs, fmt.Errorf("task %q has %d labels for %d interactions", task, len(labels), e.Len()))
		}
	}
	if e.Blocks != nil {
		if e.Blocks.Rows() != e.Len() {
			errs = append(errs, fmt.Errorf("blocks of %d rows for %d interactions", e.Blocks.Rows(), e.Len()))
		}
		if len(e.Context)+len(e.Labels) > 0 {
			errs = append(errs, errors.New("context or labels beside blocks, which hold them"))
		}
	}
	return errors.Join(errs...)
}

// validateBlocks checks a column of the blocks.
func (e *Examples) validateBlocks(c schema.Column) error {
	entity := feature.EntityOf(c)
	have, ok := e.Blocks.Columns().Column(WideName(c))
	if !ok {
		return fmt.Errorf("%s column %q has no data", entity, c.Name)
	}
	if have.DType.DType != model.InputType(c) || have.Length != c.Length {
		return fmt.Errorf("%s column %q is %s with length %d in the blocks; the schema says %s with length %d",
			entity, c.Name, have.DType, have.Length, model.InputType(c), c.Length)
	}
	return nil
}

func (e *Examples) validateSequence(c schema.Column) error {
	if len(e.Position) != e.Len() {
		return fmt.Errorf("sequence column %q needs a position for each of %d interactions, there are %d",
			c.Name, e.Len(), len(e.Position))
	}
	if v := tableRows(e.Items); v >= 0 && c.Cardinality != v {
		return fmt.Errorf("sequence column %q has the cardinality %d, there are %d item indices; a sequence has to be of the item's key",
			c.Name, c.Cardinality, v)
	}
	return nil
}

func checkColumn(kind string, c schema.Column, have tensor.Map, rows int) error {
	t, ok := have[c.Name]
	if !ok {
		return fmt.Errorf("%s column %q has no data", kind, c.Name)
	}
	rank := 1
	if c.Length > 0 {
		rank = 2
	}
	if t.DType() != model.InputType(c) || t.Rank() != rank || rank == 2 && t.Dim(1) != c.Length {
		return fmt.Errorf("%s column %q is %s; the schema says %s with length %d", kind, c.Name, t, model.InputType(c), c.Length)
	}
	if rows >= 0 && t.Dim(0) != rows {
		return fmt.Errorf("%s column %q has %d rows for %d interactions", kind, c.Name, t.Dim(0), rows)
	}
	return nil
}

func (e *Examples) validateIndices() error {
	if len(e.Item) != len(e.User) {
		return fmt.Errorf("%d users and %d items of interactions", len(e.User), len(e.Item))
	}
	users, items := tableRows(e.Users), tableRows(e.Items)
	for i, u := range e.User {
		if u < 0 || users >= 0 && int(u) >= users {
			return fmt.Errorf("interaction %d has user row %d of %d", i, u, users)
		}
		if item := e.Item[i]; item < 0 || items >= 0 && int(item) >= items {
			return fmt.Errorf("interaction %d has item index %d of %d", i, item, items)
		}
	}
	return nil
}

// tableRows returns the number of rows of a table, -1 for one without columns.
func tableRows(t tensor.Map) int {
	for _, column := range t {
		return column.Dim(0)
	}
	return -1
}
