package op

import (
	"context"
	"errors"
	"slices"

	"recsys/feature"
	"recsys/tensor"
)

// collected holds the values of a column that are not null, in rising order; one of the slices is used. It takes 8 bytes
// a value of int64 and 4 of float32.
type collected struct {
	ints   []int64
	floats []float32
	rows   int
}

// collect reads a column of numbers whole; lists give their elements.
func collect(ctx context.Context, src feature.Source, name string) (collected, error) {
	var c collected
	for batch, err := range src.Batches(ctx, []string{name}) {
		if err != nil {
			return c, err
		}
		c.rows += batch[name].Dim(0)
		switch values := batch[name].Any().(type) {
		case []int64:
			c.ints = append(c.ints, slices.DeleteFunc(slices.Clone(values), func(v int64) bool { return v == tensor.NullInt64 })...)
		case []float32:
			c.floats = append(c.floats, slices.DeleteFunc(slices.Clone(values), func(v float32) bool { return v != v })...)
		}
	}
	if c.rows == 0 {
		return c, errors.New("the training data has no rows of it; check the split and the file")
	}
	slices.Sort(c.ints)
	slices.Sort(c.floats)
	return c, nil
}

// len returns the number of values.
func (c collected) len() int { return len(c.ints) + len(c.floats) }

// at returns value i as float64, which int64 beyond 2^53 are rounded to.
func (c collected) at(i int) float64 {
	if len(c.ints) > 0 {
		return float64(c.ints[i])
	}
	return float64(c.floats[i])
}
