package storetest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"recsys/featurestore"
)

func eventChecks() []Check {
	return []Check{
		{"events change the next answer", checkEvents},
		{"events of one call are ordered by time", checkEventOrder},
		{"an event id is applied once", checkEventID},
		{"an incomplete event is refused with all others", checkIncomplete},
		{"the history is bounded and keeps the newest", checkHistoryBound},
		{"a full set of seen items takes new ones", checkSeenBound},
		{"concurrent events are all kept", checkConcurrent},
	}
}

func checkEvents(ctx context.Context, s featurestore.Store) error {
	r := featurestore.Record{UserID: "u", Row: []byte("row"), History: []string{"a", "b"}, Seen: []string{"a", "b"}, AsOf: past}
	add := func(events ...featurestore.Event) func() error {
		return func() error { return s.AddEvents(ctx, events) }
	}
	return first(
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1, Histories: 1}, r) },
		add(event("1", "u", "c", 1), event("2", "new", "x", 1)),
		func() error {
			want := []string{"a", "b", "c"}
			return expect(ctx, s, "u", featurestore.User{Rows: [][]byte{r.Row}, History: want, Seen: want})
		},
		func() error {
			return expect(ctx, s, "new", featurestore.User{History: []string{"x"}, Seen: []string{"x"}})
		},
		add(event("3", "u", "a", 2)),
		func() error {
			return expect(ctx, s, "u", featurestore.User{Rows: [][]byte{r.Row}, History: []string{"a", "b", "c", "a"}, Seen: []string{"a", "b", "c"}})
		},
		add(),
	)
}

func checkEventOrder(ctx context.Context, s featurestore.Store) error {
	err := s.AddEvents(ctx, []featurestore.Event{
		event("1", "u", "late", 30), event("2", "u", "early", 10), event("3", "u", "middle", 20), event("4", "u", "middle2", 20),
	})
	if err != nil {
		return err
	}
	want := []string{"early", "middle", "middle2", "late"}
	return expect(ctx, s, "u", featurestore.User{History: want, Seen: want})
}

func checkEventID(ctx context.Context, s featurestore.Store) error {
	for range 2 {
		err := s.AddEvents(ctx, []featurestore.Event{
			event("1", "u", "a", 1), event("1", "u", "a", 1), event("", "u", "b", 2), event("", "u", "b", 3),
		})
		if err != nil {
			return err
		}
	}
	return expect(ctx, s, "u", featurestore.User{History: []string{"a", "b", "b", "b", "b"}, Seen: []string{"a", "b"}})
}

func checkIncomplete(ctx context.Context, s featurestore.Store) error {
	return first(
		func() error {
			err := s.AddEvents(ctx, []featurestore.Event{event("1", "u", "a", 1), event("2", "u", "", 1)})
			return wantError(err, featurestore.ErrEvent, "an event without an item")
		},
		func() error {
			err := s.AddEvents(ctx, []featurestore.Event{event("1", "u", "a", 1), event("2", "", "a", 1)})
			return wantError(err, featurestore.ErrEvent, "an event without a user")
		},
		func() error { return expect(ctx, s, "u", featurestore.User{}) },
	)
}

func checkHistoryBound(ctx context.Context, s featurestore.Store) error {
	loaded := numbered("l", featurestore.MaxHistory+10)
	err := load(ctx, s, featurestore.LoadStats{Users: 1, Histories: 1}, featurestore.Record{UserID: "u", History: loaded, AsOf: past})
	if err != nil {
		return err
	}
	added := numbered("e", 40)
	var events []featurestore.Event
	for i, item := range added {
		events = append(events, event(item, "u", item, int64(i)))
	}
	if err := s.AddEvents(ctx, events); err != nil {
		return err
	}
	want := slices.Concat(loaded, added)
	return expect(ctx, s, "u", featurestore.User{History: want[len(want)-featurestore.MaxHistory:], Seen: added})
}

func checkSeenBound(ctx context.Context, s featurestore.Store) error {
	seen := numbered("s", featurestore.DefaultMaxSeen)
	if _, err := s.Load(ctx, records(featurestore.Record{UserID: "u", Seen: seen, AsOf: past})); err != nil {
		return err
	}
	if err := expect(ctx, s, "u", featurestore.User{Seen: seen}); err != nil {
		return fmt.Errorf("before the event: %w", err)
	}
	if err := s.AddEvents(ctx, []featurestore.Event{event("1", "u", "new", 1)}); err != nil {
		return err
	}
	u, err := s.User(ctx, "u", 0)
	if err != nil {
		return err
	}
	if !slices.Contains(u.Seen, "new") || len(u.Seen) < featurestore.DefaultMaxSeen {
		return fmt.Errorf("after the event, %d items are seen, the new one among them: %t", len(u.Seen), slices.Contains(u.Seen, "new"))
	}
	return nil
}

func checkConcurrent(ctx context.Context, s featurestore.Store) error {
	const writers, each = 8, 32 // Within MaxHistory together.
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				name := strconv.Itoa(w*each + i)
				if err := s.AddEvents(ctx, []featurestore.Event{event(name, "u", name, 1)}); err != nil {
					errs[w] = err
					return
				}
				u, err := s.User(ctx, "u", featurestore.MaxHistory)
				if err == nil && (!slices.Contains(u.Seen, name) || !slices.Contains(u.History, name)) {
					err = fmt.Errorf("item %s is missing from the next answer", name)
				}
				if err != nil {
					errs[w] = err
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	u, err := s.User(ctx, "u", featurestore.MaxHistory)
	if err != nil {
		return err
	}
	if len(u.History) != writers*each || len(u.Seen) != writers*each {
		return fmt.Errorf("history of %d and %d seen items, want %d each", len(u.History), len(u.Seen), writers*each)
	}
	return nil
}
