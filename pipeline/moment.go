package pipeline

import (
	"context"
	"fmt"
	"slices"

	"recsys/data"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// moment is users at a moment of their histories: what stands before a place of each user's sequence is known.
type moment struct {
	p *Pipeline
	// users are rows of the tables' Users, places where their histories end.
	users, places []int32
	// events holds, for each user, the interaction whose context stands for the moment's; nulls without one.
	events *data.Table
}

// at finds the moments of users: before their first interaction of the part that is held out last, or after everything.
func (p *Pipeline) at(ctx context.Context, users []int32, everything bool) (*moment, error) {
	ends := make(map[int32]int32, len(users))
	for _, u := range users {
		ends[u] = int32(len(p.examples.Sequences.Of(u)))
	}
	first := map[int32]int{} // the held-out row that is a user's moment
	if held := p.heldOut(); len(held) > 0 && !everything {
		for _, r := range p.ordered(held[len(held)-1].rows) {
			u, place := p.examples.User[r], p.examples.Position[r]
			if end, wanted := ends[u]; wanted && place < end {
				ends[u], first[u] = place, int(r)
			}
		}
	}
	newest := map[int32]int{} // elsewhere the last known row
	for r, u := range p.examples.User {
		if end, wanted := ends[u]; wanted && p.examples.Position[r] == end-1 {
			newest[u] = r
		}
	}
	m := &moment{p: p, users: users, places: make([]int32, len(users))}
	var known []int32
	rows := make([]int, len(users)) // of what is known
	for i, u := range users {
		r, ok := first[u]
		if !ok {
			r, ok = newest[u]
		}
		if m.places[i], rows[i] = ends[u], -1; ok {
			rows[i], known = len(known), append(known, int32(r))
		}
	}
	events, err := p.tables.contextOf(ctx, p.tables.Raw.Select(schema.Context), known)
	if err != nil {
		return nil, fmt.Errorf("context: %w", err)
	}
	columns := make([]*data.Column, 0, len(events.Columns()))
	for _, c := range events.Columns() {
		columns = append(columns, c.TakeOrNull(rows))
	}
	m.events, err = data.NewTable(columns...)
	return m, err
}

// examples returns the users' moments as interactions, row i that of users[i], whose items mean nothing.
func (m *moment) examples(ctx context.Context) (*train.Examples, error) {
	e := m.p.examples
	events, err := m.context(ctx)
	if err != nil {
		return nil, err
	}
	return &train.Examples{
		Schema: e.Schema, Users: e.Users, Items: e.Items, First: e.First, Sequences: e.Sequences, Context: events,
		User: m.users, Item: slices.Repeat([]int32{int32(e.First)}, len(m.users)), Position: m.places,
	}, nil
}

// context encodes the context of the moments. What is made of items means nothing here.
func (m *moment) context(ctx context.Context) (tensor.Map, error) {
	w, err := encoder{m.p.config, m.p.tables, m.p.workflow}.wide()
	if err != nil || w.part == nil || len(w.part.Schema().Select(schema.Context)) == 0 {
		return tensor.Map{}, err
	}
	if w.part, err = w.part.Tagged(schema.Context); err != nil {
		return nil, err
	}
	at := places{events: m.events, ends: m.places}
	for i, user := range m.users {
		at.users, at.own = append(at.users, int(user)), append(at.own, i)
		at.numbers = append(at.numbers, tensor.NullInt64)
	}
	return w.encode(ctx, at)
}

// requester makes the requests that the users' moments would be, row i that of users[i].
func (m *moment) requester(ctx context.Context, inputs schema.Schema) (*requester, error) {
	r, err := newRequester(ctx, m.p.config, m.p.tables, inputs, nil)
	if err != nil {
		return nil, err
	}
	tables := *m.p.tables
	tables.User = m.users
	r.tables, r.position, r.events = &tables, m.places, m.events
	for i := range m.users {
		r.at[int32(i)] = i
	}
	return r, nil
}

// seen returns the items that each user has, by place in users. A user's items are those before the place, and those that
// have no place in time and are not of the part that is held out last.
func (m *moment) seen() [][]int32 {
	at := make(map[int32]int, len(m.users))
	for i, u := range m.users {
		at[u] = i
	}
	held := map[int32]bool{}
	if parts := m.p.heldOut(); len(parts) > 0 {
		for _, r := range parts[len(parts)-1].rows {
			held[r] = true
		}
	}
	out := make([][]int32, len(m.users))
	e := m.p.examples
	for r, u := range e.User {
		i, wanted := at[u]
		if !wanted {
			continue
		}
		end := int(m.places[i])
		length := len(e.Sequences.Of(u))
		place := int(e.Position[r])
		if place < end || place >= length && (end == length || !held[int32(r)]) {
			out[i] = append(out[i], e.Item[r])
		}
	}
	return out
}
