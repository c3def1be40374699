package data

import (
	"errors"
	"fmt"
)

// Filter keeps the interactions of users and items that have neither too few nor too many. Zero fields are no bound.
type Filter struct {
	// MinUser and MaxUser bound the rows of a user, MinItem and MaxItem those of an item.
	MinUser, MaxUser, MinItem, MaxItem int
}

// Validate checks the filter by itself; it reports all faults.
func (f Filter) Validate() error {
	var errs []error
	for _, b := range []struct {
		of         string
		least, top int
	}{{"user", f.MinUser, f.MaxUser}, {"item", f.MinItem, f.MaxItem}} {
		if b.least < 0 || b.top < 0 || b.top > 0 && b.top < b.least {
			errs = append(errs, fmt.Errorf("min_%s %d and max_%s %d: neither may be negative, nor the least above the most", b.of, b.least, b.of, b.top))
		}
	}
	return errors.Join(errs...)
}

// Apply tells which rows of t are kept. A round drops every row whose user or item has, among the rows that are left, fewer or more
// than the bounds say; rounds go on until none is dropped. With MinUser and MinItem k, what is left is the k-core of the graph of
// users and items: Seidman, Network structure and minimum degree, Social Networks 5(3), 1983. Left holds the number of rows
// before the first round and after each that dropped some. Columns of users and items are int64 or string.
func (f Filter) Apply(t *Table, user, item string) (keep []bool, left []int, err error) {
	if err := f.Validate(); err != nil {
		return nil, nil, err
	}
	users, userCount, err := dense(t, user)
	if err != nil {
		return nil, nil, err
	}
	items, itemCount, err := dense(t, item)
	if err != nil {
		return nil, nil, err
	}
	keep = make([]bool, t.Len())
	for i := range keep {
		keep[i] = true
	}
	left = []int{t.Len()}
	for {
		ofUser, ofItem := make([]int, userCount), make([]int, itemCount)
		for i, kept := range keep {
			if kept {
				ofUser[users[i]]++
				ofItem[items[i]]++
			}
		}
		n := 0
		for i, kept := range keep {
			if kept {
				keep[i] = within(ofUser[users[i]], f.MinUser, f.MaxUser) && within(ofItem[items[i]], f.MinItem, f.MaxItem)
			}
			if keep[i] {
				n++
			}
		}
		if n == left[len(left)-1] {
			return keep, left, nil
		}
		left = append(left, n)
	}
}

func within(n, least, most int) bool { return n >= least && (most == 0 || n <= most) }
