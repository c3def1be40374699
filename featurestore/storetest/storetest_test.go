package storetest_test

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/featurestore"
	"recsys/featurestore/storetest"
)

// broken is a good store with one method replaced.
type broken struct {
	featurestore.Store
	user func(context.Context, string, int) (featurestore.User, error)
	add  func(context.Context, []featurestore.Event) error
	load func(context.Context, iter.Seq2[featurestore.Record, error]) (featurestore.LoadStats, error)
	rows func(context.Context, []string) ([][]byte, error)
	put  func(context.Context, iter.Seq2[featurestore.Record, error]) (featurestore.LoadStats, error)
}

func (b *broken) User(ctx context.Context, id string, limit int) (featurestore.User, error) {
	if b.user != nil {
		return b.user(ctx, id, limit)
	}
	return b.Store.User(ctx, id, limit)
}

func (b *broken) AddEvents(ctx context.Context, events []featurestore.Event) error {
	if b.add != nil {
		return b.add(ctx, events)
	}
	return b.Store.AddEvents(ctx, events)
}

func (b *broken) Load(ctx context.Context, rs iter.Seq2[featurestore.Record, error]) (featurestore.LoadStats, error) {
	if b.load != nil {
		return b.load(ctx, rs)
	}
	return b.Store.Load(ctx, rs)
}

func (b *broken) Items(ctx context.Context, ids []string) ([][]byte, error) {
	if b.rows != nil {
		return b.rows(ctx, ids)
	}
	return b.Store.Items(ctx, ids)
}

func (b *broken) LoadItems(ctx context.Context, rs iter.Seq2[featurestore.Record, error]) (featurestore.LoadStats, error) {
	if b.put != nil {
		return b.put(ctx, rs)
	}
	return b.Store.LoadItems(ctx, rs)
}

// change passes records of a load through f.
func change(b *broken, f func(*featurestore.Record)) {
	b.load = func(ctx context.Context, rs iter.Seq2[featurestore.Record, error]) (featurestore.LoadStats, error) {
		return b.Store.Load(ctx, func(yield func(featurestore.Record, error) bool) {
			for r, err := range rs {
				f(&r)
				if !yield(r, err) {
					return
				}
			}
		})
	}
}

func failing(t *testing.T, s func() featurestore.Store) []string {
	t.Helper()
	var names []string
	for _, check := range storetest.Checks() {
		if err := check.Run(t.Context(), s()); err != nil {
			t.Logf("%s: %v", check.Name, err)
			names = append(names, check.Name)
		}
	}
	return names
}

func TestChecksAcceptAGoodStore(t *testing.T) {
	got := failing(t, func() featurestore.Store { return featurestore.NewMemory() })
	if diff := cmp.Diff(got, []string(nil)); diff != "" {
		t.Errorf("failing checks (-got +want):\n%s", diff)
	}
}

func TestChecksRejectBrokenStores(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*broken)
		want  string // A check that has to fail.
	}{
		{"newest first", func(b *broken) {
			b.user = func(ctx context.Context, id string, limit int) (featurestore.User, error) {
				u, err := b.Store.User(ctx, id, limit)
				slices.Reverse(u.History)
				return u, err
			}
		}, "a loaded user reads as loaded"},
		{"ignores the limit", func(b *broken) {
			b.user = func(ctx context.Context, id string, _ int) (featurestore.User, error) {
				return b.Store.User(ctx, id, featurestore.MaxHistory)
			}
		}, "the history limit keeps the newest"},
		{"no context", func(b *broken) {
			b.user = func(_ context.Context, id string, limit int) (featurestore.User, error) {
				return b.Store.User(context.Background(), id, limit)
			}
		}, "an ended context is an error"},
		{"says nothing of availability", func(b *broken) {
			b.user = func(ctx context.Context, id string, limit int) (featurestore.User, error) {
				u, err := b.Store.User(ctx, id, limit)
				u.Availability = ""
				return u, err
			}
		}, "availability changes the next answer"},
		{"loads clear availability", func(b *broken) {
			b.load = func(ctx context.Context, rs iter.Seq2[featurestore.Record, error]) (featurestore.LoadStats, error) {
				if err := b.SetAvailable(ctx, "a", true); err != nil {
					return featurestore.LoadStats{}, err
				}
				return b.Store.Load(ctx, rs)
			}
		}, "a load leaves availability as it is"},
		{"loses events", func(b *broken) {
			b.add = func(context.Context, []featurestore.Event) error { return nil }
		}, "events change the next answer"},
		{"forgets ids", func(b *broken) {
			b.add = func(ctx context.Context, events []featurestore.Event) error {
				events = slices.Clone(events)
				for i := range events {
					events[i].ID = ""
				}
				return b.Store.AddEvents(ctx, events)
			}
		}, "an event id is applied once"},
		{"one event at a time", func(b *broken) {
			b.add = func(ctx context.Context, events []featurestore.Event) error {
				for _, e := range events {
					if err := b.Store.AddEvents(ctx, []featurestore.Event{e}); err != nil {
						return err
					}
				}
				return nil
			}
		}, "events of one call are ordered by time"},
		{"loads over events", func(b *broken) {
			change(b, func(r *featurestore.Record) { r.AsOf = 1 << 50 })
		}, "an event survives a load of older data"},
		{"never replaces", func(b *broken) {
			change(b, func(r *featurestore.Record) { r.AsOf = 0 })
		}, "newer data replaces history and seen items"},
		{"drops rows", func(b *broken) {
			change(b, func(r *featurestore.Record) { r.Row = nil })
		}, "a loaded user reads as loaded"},
		{"swallows errors", func(b *broken) {
			b.load = func(ctx context.Context, rs iter.Seq2[featurestore.Record, error]) (featurestore.LoadStats, error) {
				return b.Store.Load(ctx, func(yield func(featurestore.Record, error) bool) {
					for r, err := range rs {
						if err != nil || !yield(r, nil) {
							return
						}
					}
				})
			}
		}, "an error of the records ends the load"},
		{"keeps one user", func(b *broken) {
			change(b, func(r *featurestore.Record) { r.UserID = r.UserID[:min(1, len(r.UserID))] })
		}, "many users of one load arrive"},
		{"shares its memory", func(b *broken) {
			answers := map[string]featurestore.User{}
			b.user = func(ctx context.Context, id string, limit int) (featurestore.User, error) {
				if u, ok := answers[id]; ok {
					return u, ctx.Err()
				}
				u, err := b.Store.User(ctx, id, limit)
				answers[id] = u
				return u, err
			}
		}, "answers belong to the caller"},
		{"sorts items", func(b *broken) {
			b.rows = func(ctx context.Context, ids []string) ([][]byte, error) {
				return b.Store.Items(ctx, slices.Sorted(slices.Values(ids)))
			}
		}, "items read as loaded, in the order asked for"},
		{"keeps items as users", func(b *broken) {
			b.put = b.Store.Load
			b.rows = func(ctx context.Context, ids []string) ([][]byte, error) {
				rows := make([][]byte, len(ids))
				for i, id := range ids {
					u, err := b.Store.User(ctx, id, 0)
					if err != nil {
						return nil, err
					}
					if len(u.Rows) > 0 {
						rows[i] = u.Rows[0]
					}
				}
				return rows, nil
			}
		}, "items and users of one key are apart"},
		{"always takes an item's row", func(b *broken) {
			n := byte(0)
			b.put = func(ctx context.Context, rs iter.Seq2[featurestore.Record, error]) (featurestore.LoadStats, error) {
				return b.Store.LoadItems(ctx, func(yield func(featurestore.Record, error) bool) {
					for r, err := range rs {
						if n++; len(r.Row) > 15 {
							r.Row = slices.Clone(r.Row)
							r.Row[15] = n // its time is later every time
						}
						if !yield(r, err) {
							return
						}
					}
				})
			}
		}, "an older row of an item does not replace a newer one"},
		{"keeps the first items", func(b *broken) {
			known := map[string][]byte{}
			b.rows = func(ctx context.Context, ids []string) ([][]byte, error) {
				rows, err := b.Store.Items(ctx, ids)
				for i, id := range ids[:len(rows)] {
					if known[id] == nil {
						known[id] = rows[i]
					}
					rows[i] = known[id]
				}
				return rows, err
			}
		}, "a changed item is in the next answer"},
		{"few seen items", func(b *broken) {
			b.Store = featurestore.NewMemory(featurestore.WithMaxSeen(100))
		}, "a full set of seen items takes new ones"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "shares its memory" {
				// Its map is not safe for the concurrent check; run the one that matters.
				for _, check := range storetest.Checks() {
					b := &broken{Store: featurestore.NewMemory()}
					tt.spoil(b)
					if check.Name == tt.want && check.Run(t.Context(), b) == nil {
						t.Errorf("check %q accepts it", tt.want)
					}
				}
				return
			}
			names := failing(t, func() featurestore.Store {
				b := &broken{Store: featurestore.NewMemory()}
				tt.spoil(b)
				return b
			})
			if !slices.Contains(names, tt.want) {
				t.Errorf("failing checks are %q, want %q among them", names, tt.want)
			}
		})
	}
}
