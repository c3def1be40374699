package storetest

import (
	"context"
	"errors"
	"fmt"

	"recsys/featurestore"
)

func readChecks() []Check {
	return []Check{
		{"an unknown user is empty and no error", checkUnknown},
		{"a loaded user reads as loaded", checkLoaded},
		{"the history limit keeps the newest", checkLimit},
		{"answers belong to the caller", checkCopies},
		{"bytes and ids of any kind", checkBytes},
		{"an ended context is an error", checkContext},
		{"ping answers", checkPing},
	}
}

func checkUnknown(ctx context.Context, s featurestore.Store) error {
	return expect(ctx, s, "nobody", featurestore.User{})
}

func checkLoaded(ctx context.Context, s featurestore.Store) error {
	r := featurestore.Record{UserID: "u", Row: []byte("row"), History: []string{"b", "a", "c"}, Seen: []string{"b", "a", "z"}, AsOf: past}
	return first(
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1, Histories: 1}, r) },
		func() error {
			return expect(ctx, s, "u", featurestore.User{Rows: [][]byte{r.Row}, History: r.History, Seen: r.Seen})
		},
		func() error { return expect(ctx, s, "v", featurestore.User{}) },
	)
}

func checkLimit(ctx context.Context, s featurestore.Store) error {
	history := numbered("h", 20)
	err := load(ctx, s, featurestore.LoadStats{Users: 1, Histories: 1}, featurestore.Record{UserID: "u", History: history, AsOf: past})
	if err != nil {
		return err
	}
	for _, limit := range []int{-1, 0, 1, 7, 20, 21} {
		u, err := s.User(ctx, "u", limit)
		if err != nil {
			return err
		}
		want := history[len(history)-min(max(limit, 0), len(history)):]
		if brief(u.History) != brief(want) {
			return fmt.Errorf("history with limit %d is %s, want %s", limit, brief(u.History), brief(want))
		}
	}
	return nil
}

func checkCopies(ctx context.Context, s featurestore.Store) error {
	r := featurestore.Record{UserID: "u", Row: []byte("row"), History: []string{"a", "b"}, Seen: []string{"a", "b"}, AsOf: past}
	if _, err := s.Load(ctx, records(r)); err != nil {
		return err
	}
	want := featurestore.User{Rows: [][]byte{[]byte("row")}, History: []string{"a", "b"}, Seen: []string{"a", "b"}}
	r.Row[0], r.History[0], r.Seen[0] = 'X', "X", "X"
	if err := expect(ctx, s, "u", want); err != nil {
		return fmt.Errorf("after the loaded record was changed: %w", err)
	}
	u, err := s.User(ctx, "u", 10)
	if err != nil {
		return err
	}
	if len(u.Rows) != 1 || len(u.History) == 0 || len(u.Seen) == 0 {
		return errors.New("the loaded user is not complete")
	}
	u.Rows[0][0], u.History[0], u.Seen[0] = 'X', "X", "X"
	_ = append(u.History[:1], "Y")
	if err := expect(ctx, s, "u", want); err != nil {
		return fmt.Errorf("after an answer was changed: %w", err)
	}
	return nil
}

func checkBytes(ctx context.Context, s featurestore.Store) error {
	ids := []string{"}", "a}:row", "a", "{", "{x}", "a b\r\n*1", "日本", "\x00\xff", "*", "a}:event:x"}
	rs := make([]featurestore.Record, 0, len(ids))
	for _, id := range ids {
		rs = append(rs, featurestore.Record{UserID: id, Row: []byte(id + "\x00\r\n\xff"), History: []string{id + "h"}, Seen: []string{id + "s"}})
	}
	if _, err := s.Load(ctx, records(rs...)); err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.AddEvents(ctx, []featurestore.Event{event("x}:row", id, id+"e", 1)}); err != nil {
			return err
		}
	}
	for i, id := range ids {
		want := featurestore.User{Rows: [][]byte{rs[i].Row}, History: []string{id + "h", id + "e"}, Seen: []string{id + "s", id + "e"}}
		if err := expect(ctx, s, id, want); err != nil {
			return err
		}
	}
	return nil
}

func checkContext(ctx context.Context, s featurestore.Store) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err := s.User(ended, "u", 1)
	_, errLoad := s.Load(ended, records(featurestore.Record{UserID: "u", History: []string{"a"}}))
	return first(
		func() error { return wantError(err, context.Canceled, "User") },
		func() error { return wantError(errLoad, context.Canceled, "Load") },
		func() error {
			return wantError(s.AddEvents(ended, []featurestore.Event{event("", "u", "a", 1)}), context.Canceled, "AddEvents")
		},
		func() error { return wantError(s.Ping(ended), context.Canceled, "Ping") },
		func() error { return expect(ctx, s, "u", featurestore.User{}) },
	)
}

func checkPing(ctx context.Context, s featurestore.Store) error { return s.Ping(ctx) }
