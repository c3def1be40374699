package featurestore

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
)

// SetAvailable changes the set in the process's memory.
func (m *Memory) SetAvailable(ctx context.Context, item string, available bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if item == "" {
		return fmt.Errorf("set availability: %w: no item", ErrEvent)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.unavailable[item] != available:
		return nil
	case available:
		delete(m.unavailable, item)
	case len(m.unavailable) >= MaxUnavailable:
		return fmt.Errorf("make item unavailable: %w: there are %d", ErrUnavailableFull, len(m.unavailable))
	default:
		m.unavailable[item] = true
	}
	m.availability = rand.Text()
	return nil
}

// Unavailable returns a copy of the set.
func (m *Memory) Unavailable(ctx context.Context) (Unavailable, error) {
	if err := ctx.Err(); err != nil {
		return Unavailable{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return Unavailable{State: m.availability, Items: slices.Collect(maps.Keys(m.unavailable))}, nil
}
