package synthetic

import (
	"fmt"

	"recsys/data"
)

func (t *Tables) fillUsers() (err error) {
	n := len(t.people)
	ids, ages := make([]int64, n), make([]int64, n)
	genders, places := make([]string, n), make([]string, n)
	names := cities()
	for i, u := range t.people {
		ids[i], ages[i], genders[i], places[i] = int64(i)+1, u.age, u.gender, names[u.city]
	}
	t.Users, err = data.NewTable(data.Scalar("user_id", ids), data.Scalar("age", ages), data.Scalar("gender", genders),
		data.Scalar("city", places))
	return err
}

func (t *Tables) fillItems(c Config) error {
	n := len(t.cat.items)
	rows, brands, prices := make([]int, n), make([]string, n), make([]float32, n)
	categories, offsets := make([]string, 0, 3*n), make([]int, 1, n+1)
	for i, it := range t.cat.items {
		rows[i], brands[i], prices[i] = i, t.cat.brands[it.brand], it.price
		categories = append(categories, t.cat.leaves[it.leaf].path...)
		offsets = append(offsets, len(categories))
	}
	list, err := data.Ragged("categories", categories, offsets)
	if err != nil {
		return err
	}
	t.Items, err = data.NewTable(keys(c, rows), list, data.Scalar("brand", brands), data.Scalar("price", prices))
	return err
}

// keys is the item_id column of the given items.
func keys(c Config, items []int) *data.Column {
	if c.StringKeys {
		ids := make([]string, len(items))
		for i, item := range items {
			ids[i] = fmt.Sprintf("sku-%05d", item+1)
		}
		return data.Scalar("item_id", ids)
	}
	ids := make([]int64, len(items))
	for i, item := range items {
		ids[i] = int64(item) + 1
	}
	return data.Scalar("item_id", ids)
}

func (t *Tables) fillEvents(c Config, events []event) (err error) {
	t.Events, err = data.NewTable(t.columns(c, events)...)
	return err
}

// columns are those of the events table.
func (t *Tables) columns(c Config, events []event) []*data.Column {
	n := len(events)
	users, items, kinds := make([]int64, n), make([]int, n), make([]string, n)
	prices, times, sessions := make([]float32, n), make([]int64, n), make([]int64, n)
	for i, e := range events {
		users[i], items[i], kinds[i] = int64(e.user)+1, e.item, e.kind.String()
		prices[i], times[i], sessions[i] = t.cat.items[e.item].price, e.time, e.session
	}
	return []*data.Column{
		data.Scalar("user_id", users), keys(c, items), data.Scalar("event", kinds), data.Scalar("price", prices),
		data.Scalar("timestamp", times), data.Scalar("session_id", sessions),
	}
}

// fillInteractions joins the events of a user and an item: a view, then maybe a cart and a purchase.
func (t *Tables) fillInteractions(c Config, events []event) (err error) {
	type pair struct{ user, item int }
	first := make(map[pair]int, len(events))
	var joined []event
	for _, e := range events {
		at, ok := first[pair{e.user, e.item}]
		if !ok {
			at = len(joined)
			first[pair{e.user, e.item}] = at
			joined = append(joined, e)
		}
		joined[at].kind = max(joined[at].kind, e.kind)
	}
	carted := make([]int64, len(joined))
	for i, e := range joined {
		if e.kind >= cart {
			carted[i] = 1
		}
	}
	t.Interactions, err = data.NewTable(append(t.columns(c, joined), data.Scalar("carted", carted))...)
	return err
}
