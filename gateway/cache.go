package gateway

import (
	"container/list"
	"sync"
)

// cache keeps the values that were asked for last. It is safe for concurrent use.
type cache[V any] struct {
	most    int
	mu      sync.Mutex
	entries map[string]*list.Element
	order   *list.List // of *cached[V], the last one asked for in front
}

type cached[V any] struct {
	key   string
	value V
}

func newCache[V any](most int) *cache[V] {
	return &cache[V]{most: most, entries: map[string]*list.Element{}, order: list.New()}
}

// get returns the value of a key, which it makes if it has none; several may do so at the same time.
func (c *cache[V]) get(key string, create func() (V, error)) (V, error) {
	c.mu.Lock()
	if e := c.entries[key]; e != nil {
		c.order.MoveToFront(e)
		c.mu.Unlock()
		return e.Value.(*cached[V]).value, nil // The list holds nothing else.
	}
	c.mu.Unlock()
	value, err := create()
	if err != nil {
		return value, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[key] == nil {
		c.entries[key] = c.order.PushFront(&cached[V]{key, value})
	}
	if c.order.Len() > c.most {
		last := c.order.Remove(c.order.Back()).(*cached[V])
		delete(c.entries, last.key)
	}
	return value, nil
}
