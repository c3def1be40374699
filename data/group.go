package data

import (
	"cmp"
	"fmt"
	"slices"
)

// byUser returns the rows that keep accepts, sorted by user (in order of first appearance), order and row, and the
// user number of every row.
func byUser(t *Table, user string, order []int64, keep func(row int) bool) (sorted, users []int, err error) {
	users, _, err = dense(t, user)
	if err != nil {
		return nil, nil, err
	}
	sorted = make([]int, 0, len(users))
	for row := range users {
		if keep(row) {
			sorted = append(sorted, row)
		}
	}
	slices.SortFunc(sorted, func(a, b int) int {
		return cmp.Or(users[a]-users[b], cmp.Compare(order[a], order[b]), a-b)
	})
	return sorted, users, nil
}

// dense numbers the values of an int64 or string column by first appearance.
func dense(t *Table, name string) (ids []int, count int, err error) {
	c, err := t.Column(name)
	if err != nil {
		return nil, 0, err
	}
	switch values := c.values.Any().(type) {
	case []int64:
		if !c.IsList() {
			ids, count = number(values)
			return ids, count, nil
		}
	case []string:
		if !c.IsList() {
			ids, count = number(values)
			return ids, count, nil
		}
	}
	return nil, 0, fmt.Errorf("column %q cannot identify users or items: it has to be int64 or string", name)
}

func number[T comparable](values []T) (ids []int, count int) {
	ids, first := make([]int, len(values)), map[T]int{}
	for i, v := range values {
		id, ok := first[v]
		if !ok {
			id = len(first)
			first[v] = id
		}
		ids[i] = id
	}
	return ids, len(first)
}
