package gateway

import (
	"fmt"
	"iter"
	"slices"

	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/tensor"
)

// catalog knows the items that the ensemble can recommend, by key. It is immutable.
type catalog struct {
	index map[string]int // From canonical key to item index.
	base  []byte         // The bitmap with every index blocked that is no item.
	input string
}

func newCatalog(m *ensemble.Manifest, items iter.Seq2[featurestore.Record, error]) (*catalog, error) {
	c := &catalog{index: make(map[string]int, m.Items.Count), base: make([]byte, m.Blocked.Bytes), input: m.Blocked.Input}
	next := m.Items.First
	for r, err := range items {
		if err != nil {
			return nil, fmt.Errorf("read items: %w", err)
		}
		id, err := canonicalID(r.UserID, m.ItemKey.DType.DType)
		if err != nil {
			return nil, fmt.Errorf("item index %d, key %q: %w", next, r.UserID, err)
		}
		if at, ok := c.index[id]; ok {
			return nil, fmt.Errorf("item %q has indices %d and %d", id, at, next)
		}
		c.index[id] = next
		next++
	}
	if got := next - m.Items.First; got != m.Items.Count {
		return nil, fmt.Errorf("%d items, but the manifest of %s announces %d: rows and manifest are of different exports",
			got, m.Name, m.Items.Count)
	}
	for i := range 8 * len(c.base) {
		if i < m.Items.First || i >= next {
			c.base[i/8] |= 1 << (i % 8)
		}
	}
	return c, nil
}

// known reports whether the ensemble can recommend the item.
func (c *catalog) known(id string) bool {
	_, ok := c.index[id]
	return ok
}

// blocked returns the bitmap [1,Bytes] with the bits of what the selection drops; ids that are no items do not matter.
func (c *catalog) blocked(s selection) *tensor.Tensor {
	bits := slices.Clone(c.base)
	if s.only != nil {
		for i := range bits {
			bits[i] = 0xff
		}
		for id := range s.only {
			if i, ok := c.index[id]; ok {
				bits[i/8] &^= 1 << (i % 8)
			}
		}
	}
	for id := range s.blocked {
		if i, ok := c.index[id]; ok {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return tensor.Of(bits, 1, len(bits))
}
