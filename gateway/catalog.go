package gateway

import (
	"fmt"
	"iter"
	"slices"
	"sync/atomic"

	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/internal/expression"
	"recsys/schema"
)

// catalog knows the items that the ensemble can recommend, by key. But for what it keeps of the last set of unavailable items it is
// immutable.
type catalog struct {
	index map[string]int // From canonical key to item index.
	base  []byte         // The bitmap with every index blocked that is no item, or none that is ever recommended.
	input string

	shelved atomic.Pointer[shelved]
}

// newCatalog reads the items, and their attributes of which row are the columns.
func newCatalog(m *ensemble.Manifest, items iter.Seq2[featurestore.Record, error], row schema.Schema) (*catalog, *expression.Table, error) {
	c := &catalog{
		index: make(map[string]int, m.Items.Count), base: make([]byte, (m.Items.First+m.Items.Count+7)/8), input: m.Blocked.Input,
	}
	attributes, codec, err := newAttributes(m, row)
	if err != nil {
		return nil, nil, err
	}
	next := m.Items.First
	for r, err := range items {
		if err != nil {
			return nil, nil, fmt.Errorf("read items: %w", err)
		}
		id, err := canonicalID(r.UserID, m.ItemKey.DType.DType)
		if err != nil {
			return nil, nil, fmt.Errorf("item index %d, key %q: %w", next, r.UserID, err)
		}
		if at, ok := c.index[id]; ok {
			return nil, nil, fmt.Errorf("item %q has indices %d and %d", id, at, next)
		}
		if err := readItem(attributes, codec, m.ItemKey, id, r.Row); err != nil {
			return nil, nil, fmt.Errorf("read items: %w", err)
		}
		c.index[id] = next
		next++
	}
	if got := next - m.Items.First; got != m.Items.Count {
		return nil, nil, fmt.Errorf("%d items, but the manifest of %s announces %d: rows and manifest are of different exports",
			got, m.Name, m.Items.Count)
	}
	for i := range 8 * len(c.base) {
		if i < m.Items.First || i >= next {
			c.base[i/8] |= 1 << (i % 8)
		}
	}
	return c, attributes, nil
}

// known reports whether the ensemble can recommend the item.
func (c *catalog) known(id string) bool {
	_, ok := c.index[id]
	return ok
}

// block sets the bits of what the selection drops; ids that are no items do not matter.
func (c *catalog) block(bits []byte, s selection) {
	if s.only != nil {
		others := slices.Repeat([]byte{0xff}, len(bits))
		for id := range s.only {
			if i, ok := c.index[id]; ok {
				others[i/8] &^= 1 << (i % 8)
			}
		}
		for i := range bits {
			bits[i] |= others[i]
		}
	}
	for id := range s.blocked {
		if i, ok := c.index[id]; ok {
			bits[i/8] |= 1 << (i % 8)
		}
	}
}

// blocks reports whether an item's bit is set.
func (c *catalog) blocks(bits []byte, id string) bool {
	i, ok := c.index[id]
	return ok && bits[i/8]>>(i%8)&1 == 1
}
