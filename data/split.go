package data

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"recsys/internal/portable"
	"recsys/tensor"
)

// Part is the part of the data that a row belongs to.
type Part uint8

// The parts. None belongs to no part: it is neither trained on nor evaluated.
const (
	None Part = iota
	Train
	Valid
	Test
)

// String returns "none", "train", "valid" or "test".
func (p Part) String() string {
	switch p {
	case Train:
		return "train"
	case Valid:
		return "valid"
	case Test:
		return "test"
	case None:
	}
	return "none"
}

// The values of Split.By.
const (
	// ByRandom draws a part for each row from the seed: for ranking.
	ByRandom = "random"
	// ByRandomPerUser draws from each user's rows, so that every user has about the fractions, and at least one row for training.
	ByRandomPerUser = "random_per_user"
	// ByColumn reads the column Column: "train", "valid", "test", anything else is None.
	ByColumn = "column"
	// ByLast leaves one out: a user's last row is Test, the last but one Valid, the others Train. Rows whose order is
	// null or negative are None. A user with two rows has no Valid one, a user with one row only Train.
	ByLast = "last"
	// ByTime cuts at two times: the latest rows are Test, those before Valid. Rows of one time stay together, so that
	// a part may be larger than asked. Rows without a time are None.
	ByTime = "time"
)

// Split says how rows are assigned to parts. The zero value is a random split of 80, 10 and 10 percent.
type Split struct {
	// By is ByRandom (""), ByRandomPerUser, ByColumn, ByLast or ByTime.
	By string
	// Column holds the parts' names, for ByColumn.
	Column string
	// User is the int64 or string column of users, for ByLast and ByRandomPerUser.
	User string
	// Order is the int64 column that gives the order in time, for ByLast ("" = the rows' own order) and ByTime.
	Order string
	// Valid and Test are fractions of the rows, for ByRandom, ByRandomPerUser and ByTime. Both 0 means 0.1 each.
	Valid, Test float64
	// Seed is that of ByRandom and ByRandomPerUser.
	Seed uint64
}

// Validate checks the split by itself; it reports all faults.
func (s Split) Validate() error {
	var errs []error
	need := func(value, what string) {
		if value == "" {
			errs = append(errs, fmt.Errorf("split by %s needs %s", s.By, what))
		}
	}
	switch s.By {
	case "", ByRandom:
	case ByColumn:
		need(s.Column, "column, the name of the column that holds train, valid and test")
	case ByLast, ByRandomPerUser:
		need(s.User, "user, the name of the user column")
	case ByTime:
		need(s.Order, "order, the name of the time column")
	default:
		errs = append(errs, fmt.Errorf("unknown split by %q: use %s, %s, %s, %s or %s", s.By, ByColumn, ByLast, ByTime, ByRandom, ByRandomPerUser))
	}
	if !(s.Valid >= 0) || !(s.Test >= 0) || s.Valid+s.Test >= 1 {
		errs = append(errs, fmt.Errorf("split fractions valid %v and test %v have to be at least 0 and sum to less than 1", s.Valid, s.Test))
	}
	return errors.Join(errs...)
}

// Assign returns the part of each row of t. It is an error if no row is left to train on.
func (s Split) Assign(t *Table) ([]Part, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if s.Valid == 0 && s.Test == 0 {
		s.Valid, s.Test = 0.1, 0.1
	}
	var parts []Part
	var err error
	switch s.By {
	case ByColumn:
		parts, err = s.byColumn(t)
	case ByLast:
		parts, err = s.byLast(t)
	case ByTime:
		parts, err = s.byTime(t)
	case ByRandomPerUser:
		parts, err = s.byRandomPerUser(t)
	default:
		parts = s.byRandom(t)
	}
	if err != nil {
		return nil, fmt.Errorf("split by %s: %w", cmp.Or(s.By, ByRandom), err)
	}
	if !slices.Contains(parts, Train) {
		return nil, fmt.Errorf("split by %s: none of the %d rows is for training", cmp.Or(s.By, ByRandom), len(parts))
	}
	return parts, nil
}

// Rows returns the indices of the rows in any of the given parts, ascending.
func Rows(parts []Part, which ...Part) []int {
	var rows []int
	for i, p := range parts {
		if slices.Contains(which, p) {
			rows = append(rows, i)
		}
	}
	return rows
}

func (s Split) byColumn(t *Table) ([]Part, error) {
	names, err := Values[string](t, s.Column)
	if err != nil {
		return nil, err
	}
	parts := make([]Part, len(names))
	var other []string
	for i, name := range names {
		switch name {
		case "train":
			parts[i] = Train
		case "valid":
			parts[i] = Valid
		case "test":
			parts[i] = Test
		default:
			if len(other) < 5 && !slices.Contains(other, name) {
				other = append(other, name)
			}
		}
	}
	if len(other) > 0 && !slices.Contains(parts, Train) {
		return nil, fmt.Errorf("column %q has no row \"train\" but %q: name the parts train, valid and test", s.Column, strings.Join(other, ", "))
	}
	return parts, nil
}

func (s Split) byRandom(t *Table) []Part {
	r := portable.New(s.Seed, "data/split")
	parts := make([]Part, t.Len())
	for i := range parts {
		switch x := r.Float64(); {
		case x < s.Test:
			parts[i] = Test
		case x < s.Test+s.Valid:
			parts[i] = Valid
		default:
			parts[i] = Train
		}
	}
	return parts
}

// byRandomPerUser rounds each user's share of n rows at random, n*share on average.
func (s Split) byRandomPerUser(t *Table) ([]Part, error) {
	sorted, users, err := byUser(t, s.User, make([]int64, t.Len()), func(int) bool { return true })
	if err != nil {
		return nil, err
	}
	r := portable.New(s.Seed, "data/split/user")
	parts := make([]Part, t.Len())
	for from := 0; from < len(sorted); {
		to := from
		for to < len(sorted) && users[sorted[to]] == users[sorted[from]] {
			to++
		}
		own := sorted[from:to]
		r.Shuffle(len(own), func(i, j int) { own[i], own[j] = own[j], own[i] })
		share := func(fraction float64, most int) int {
			return min(int(float64(fraction*float64(len(own)))+r.Float64()), most)
		}
		test := share(s.Test, len(own)-1)
		valid := share(s.Valid, len(own)-1-test)
		for i, row := range own {
			switch {
			case i < test:
				parts[row] = Test
			case i < test+valid:
				parts[row] = Valid
			default:
				parts[row] = Train
			}
		}
		from = to
	}
	return parts, nil
}

func (s Split) byLast(t *Table) ([]Part, error) {
	order, keep := make([]int64, t.Len()), func(int) bool { return true }
	if s.Order != "" {
		var err error
		if order, err = Values[int64](t, s.Order); err != nil {
			return nil, err
		}
		keep = func(row int) bool { return order[row] >= 0 } // null is negative
	}
	sorted, users, err := byUser(t, s.User, order, keep)
	if err != nil {
		return nil, err
	}
	parts := make([]Part, t.Len())
	for from := 0; from < len(sorted); {
		to := from
		for to < len(sorted) && users[sorted[to]] == users[sorted[from]] {
			parts[sorted[to]] = Train
			to++
		}
		if n := to - from; n >= 2 {
			parts[sorted[to-1]] = Test
			if n >= 3 {
				parts[sorted[to-2]] = Valid
			}
		}
		from = to
	}
	return parts, nil
}

func (s Split) byTime(t *Table) ([]Part, error) {
	times, err := Values[int64](t, s.Order)
	if err != nil {
		return nil, err
	}
	sorted := make([]int64, 0, len(times))
	for _, v := range times {
		if v != tensor.NullInt64 {
			sorted = append(sorted, v)
		}
	}
	slices.Sort(sorted)
	// cut returns the time at which the latest fraction of the rows begins.
	cut := func(fraction float64) int64 {
		n := int(math.Round(float64(fraction * float64(len(sorted)))))
		if n == 0 {
			return math.MaxInt64
		}
		return sorted[len(sorted)-n]
	}
	test, valid := cut(s.Test), cut(s.Test+s.Valid)
	parts := make([]Part, len(times))
	for i, v := range times {
		switch {
		case v == tensor.NullInt64:
		case v >= test && test < math.MaxInt64:
			parts[i] = Test
		case v >= valid && valid < math.MaxInt64:
			parts[i] = Valid
		default:
			parts[i] = Train
		}
	}
	return parts, nil
}
