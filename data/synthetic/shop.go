package synthetic

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"recsys/data"
)

// Tables is a shop. Rows of Users and Items are in the order of their keys, those of Events and Interactions in time.
type Tables struct {
	// Users: user_id int64 (1 first), age int64, gender ("F", "M" or null), city string.
	Users *data.Table
	// Items: item_id int64 (1 first) or string, categories (list: department, category, leaf), brand string, price float32.
	Items *data.Table
	// Events: user_id, item_id, event ("view", "cart", "purchase"), price float32, timestamp int64 (Unix seconds),
	// session_id int64.
	Events *data.Table
	// Interactions has one row for each user and item that met, at the time of the view: user_id, item_id, event (the
	// strongest), carted int64 (1 if a cart followed, else 0), price, timestamp, session_id.
	Interactions *data.Table

	people []user
	cat    *catalogue
}

// Shop makes a shop. It is deterministic: the same config gives the same tables on every platform.
func Shop(c Config) (*Tables, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("synthetic: %w", err)
	}
	c = c.withDefaults()
	t := &Tables{people: newPeople(c), cat: newCatalogue(c)}
	var events []event
	session := int64(0)
	for i := range t.people {
		s := newShopper(c, t.cat, t.people, i)
		for _, now := range s.times(t.people[i].sessions) {
			session++
			events = s.session(events, i, session, now)
		}
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.time, b.time) })
	renumber(events)
	return t, errors.Join(t.fillUsers(), t.fillItems(c), t.fillEvents(c, events), t.fillInteractions(c, events))
}

// renumber gives sessions their numbers in the order of time.
func renumber(events []event) {
	ids := map[int64]int64{}
	for i, e := range events {
		id, ok := ids[e.session]
		if !ok {
			id = int64(len(ids)) + 1
			ids[e.session] = id
		}
		events[i].session = id
	}
}

// Taste returns how much the user in row u of Users likes the item in row i of Items: about normal, of variance 1.
func (t *Tables) Taste(u, i int) float64 { return t.people[u].taste.dot(t.cat.items[i].taste) }

// Odds returns the log odds that the user in row u of Users puts the item in row i of Items into the cart after a view:
// no ranker of carts can have a better AUC than it.
func (t *Tables) Odds(u, i int) float64 { return odds(&t.people[u], &t.cat.items[i]) }

// Lists returns the separators of list columns that Write uses.
func Lists() map[string]string { return map[string]string{"categories": "|"} }

// Write writes users.csv.gz, items.csv.gz, events.csv.gz and interactions.csv.gz into the folder dir.
func (t *Tables) Write(dir string) error {
	for _, f := range []struct {
		name  string
		table *data.Table
	}{{"users", t.Users}, {"items", t.Items}, {"events", t.Events}, {"interactions", t.Interactions}} {
		lists := Lists()
		if err := data.WriteCSV(filepath.Join(dir, f.name+".csv.gz"), f.table, lists); err != nil {
			return err
		}
	}
	return nil
}
