package op

import (
	"context"
	"slices"

	"recsys/feature"
	"recsys/tensor"
)

// collected holds the values of a column that are not null; one of the slices is used. It takes 8 bytes a value of int64
// and 4 of float32.
type collected struct {
	Ints   []int64
	Floats []float32
	Nulls  int
}

// collection is what operators learn that look for values of certain ranks.
type collection = perColumn[collected, *collected]

func (c *collected) add(t *tensor.Tensor) error { //nolint:unparam // What others learn may fail.
	switch values := t.Any().(type) {
	case []int64:
		for _, v := range values {
			if v == tensor.NullInt64 {
				c.Nulls++
				continue
			}
			c.Ints = append(c.Ints, v)
		}
	case []float32:
		for _, v := range values {
			if v != v {
				c.Nulls++
				continue
			}
			c.Floats = append(c.Floats, v)
		}
	}
	return nil
}

func (c *collected) merge(other *collected) {
	c.Ints, c.Floats = append(c.Ints, other.Ints...), append(c.Floats, other.Floats...)
	c.Nulls += other.Nulls
}

// collectEach reads the columns whole, one after another, so that one is in memory at a time; lists give their elements.
// It calls f with each.
func collectEach(ctx context.Context, src feature.Source, names []string, f func(i int, c *collected) error) error {
	for i, name := range names {
		one := newPerColumn[collected]([]string{name})
		for batch, err := range src.Batches(ctx, one.Names) {
			if err == nil {
				err = one.Add(batch)
			}
			if err != nil {
				return err
			}
		}
		if err := eachCollected(one, func(_ int, c *collected) error { return f(i, c) }); err != nil {
			return err
		}
	}
	return nil
}

// eachCollected calls f with the values of each column in rising order.
func eachCollected(p *collection, f func(i int, c *collected) error) error {
	if err := p.checkRows(); err != nil {
		return err
	}
	for i := range p.States {
		slices.Sort(p.States[i].Ints)
		slices.Sort(p.States[i].Floats)
		if err := f(i, &p.States[i]); err != nil {
			return err
		}
	}
	return nil
}

// eachLearned is eachCollected of what was learned.
func eachLearned(learned feature.Partial) func(f func(i int, c *collected) error) error {
	return func(f func(i int, c *collected) error) error {
		p, err := of[collected](learned)
		if err != nil {
			return err
		}
		return eachCollected(p, f)
	}
}

// len returns the number of values.
func (c *collected) len() int { return len(c.Ints) + len(c.Floats) }

// at returns value i as float64, which int64 beyond 2^53 are rounded to.
func (c *collected) at(i int) float64 {
	if len(c.Ints) > 0 {
		return float64(c.Ints[i])
	}
	return float64(c.Floats[i])
}
