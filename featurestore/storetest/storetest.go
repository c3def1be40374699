package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"recsys/featurestore"
)

// Check is one promise of a store.
type Check struct {
	// Name says what is promised, in a few words.
	Name string
	// Run tries it on an empty store and returns what it found wrong.
	Run func(ctx context.Context, s featurestore.Store) error
}

// TestStore runs every check on a store of its own, which open makes empty; the suite closes it. Stores have to
// keep featurestore.MaxHistory history items and at least featurestore.DefaultMaxSeen seen items.
func TestStore(t *testing.T, open func(t *testing.T) featurestore.Store) {
	t.Helper()
	for _, check := range Checks() {
		t.Run(strings.ReplaceAll(check.Name, " ", "-"), func(t *testing.T) {
			store := open(t)
			defer func() {
				if err := store.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := check.Run(ctx, store); err != nil {
				t.Error(err)
			}
		})
	}
}

// Checks returns all checks, in a fixed order.
func Checks() []Check {
	return slices.Concat(readChecks(), eventChecks(), loadChecks(), itemChecks(), availabilityChecks())
}

// Times of loads: no clock of a sane machine is before the past or after the future.
const (
	past   = 1_000             // 1970, in Unix milliseconds.
	future = 7_258_118_400_000 // 2200.
)

func records(rs ...featurestore.Record) iter.Seq2[featurestore.Record, error] {
	return func(yield func(featurestore.Record, error) bool) {
		for _, r := range rs {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func load(ctx context.Context, s featurestore.Store, want featurestore.LoadStats, rs ...featurestore.Record) error {
	got, err := s.Load(ctx, records(rs...))
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	if got != want {
		return fmt.Errorf("load counted %+v, want %+v", got, want)
	}
	return nil
}

// expect reads a user with a limit above every history and compares; seen items in any order.
func expect(ctx context.Context, s featurestore.Store, id string, want featurestore.User) error {
	got, err := s.User(ctx, id, 2*featurestore.MaxHistory)
	if err != nil {
		return fmt.Errorf("user %q: %w", id, err)
	}
	got.Seen, want.Seen = slices.Sorted(slices.Values(got.Seen)), slices.Sorted(slices.Values(want.Seen))
	switch {
	case !slices.EqualFunc(sortedRows(got.Rows), sortedRows(want.Rows), bytes.Equal):
		return fmt.Errorf("user %q has rows %q, want %q", id, got.Rows, want.Rows)
	case !slices.Equal(got.History, want.History):
		return fmt.Errorf("user %q has history %s, want %s", id, brief(got.History), brief(want.History))
	case !slices.Equal(got.Seen, want.Seen):
		return fmt.Errorf("user %q has seen %s, want %s", id, brief(got.Seen), brief(want.Seen))
	}
	return nil
}

func sortedRows(rows [][]byte) [][]byte {
	return slices.SortedFunc(slices.Values(rows), bytes.Compare)
}

func brief(s []string) string {
	if len(s) > 12 {
		return fmt.Sprintf("%q… (%d)", s[:12], len(s))
	}
	return fmt.Sprintf("%q", s)
}

func event(id, user, item string, second int64) featurestore.Event {
	return featurestore.Event{ID: id, UserID: user, ItemID: item, Type: "view", Time: time.Unix(second, 0)}
}

func numbered(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%06d", prefix, i)
	}
	return out
}

func first(steps ...func() error) error {
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

func wantError(err, target error, what string) error {
	switch {
	case err == nil:
		return fmt.Errorf("%s gave no error", what)
	case target != nil && !errors.Is(err, target):
		return fmt.Errorf("%s gave another error than %q: %w", what, target.Error(), err)
	}
	return nil
}
