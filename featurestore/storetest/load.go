package storetest

import (
	"context"
	"errors"
	"fmt"

	"recsys/featurestore"
	"recsys/schema"
	"recsys/tensor"
)

func loadChecks() []Check {
	return []Check{
		{"the same load again changes nothing and says so", checkReload},
		{"an event survives a load of older data", checkEventSurvives},
		{"newer data replaces history and seen items", checkNewer},
		{"data without time fills only what is absent", checkTimeless},
		{"a load leaves other users alone", checkOthers},
		{"a record without a row keeps the row", checkNoRow},
		{"rows of several schemas lie side by side", checkSchemas},
		{"many users of one load arrive", checkMany},
		{"a long history and many seen items are cut", checkTrim},
		{"an error of the records ends the load", checkLoadError},
		{"a record without a key is refused", checkNoKey},
	}
}

func checkReload(ctx context.Context, s featurestore.Store) error {
	for _, asOf := range []int64{0, past} {
		a := featurestore.Record{UserID: fmt.Sprint("a", asOf), Row: []byte("1"), History: []string{"x"}, Seen: []string{"x", "y"}, AsOf: asOf}
		b := featurestore.Record{UserID: fmt.Sprint("b", asOf), Row: []byte("2"), AsOf: asOf}
		err := first(
			func() error { return load(ctx, s, featurestore.LoadStats{Users: 2, Rows: 2, Histories: 2}, a, b) },
			func() error { return load(ctx, s, featurestore.LoadStats{Users: 2, Unchanged: 2}, a, b) },
			func() error {
				return expect(ctx, s, a.UserID, featurestore.User{Rows: [][]byte{a.Row}, History: a.History, Seen: a.Seen})
			},
			func() error { return expect(ctx, s, b.UserID, featurestore.User{Rows: [][]byte{b.Row}}) },
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func checkEventSurvives(ctx context.Context, s featurestore.Store) error {
	r := featurestore.Record{UserID: "u", Row: []byte("old"), History: []string{"a"}, Seen: []string{"a"}, AsOf: past}
	want := featurestore.User{Rows: [][]byte{[]byte("new")}, History: []string{"a", "b"}, Seen: []string{"a", "b"}}
	changed := r
	changed.Row, changed.AsOf = want.Rows[0], past+1
	return first(
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1, Histories: 1}, r) },
		func() error { return s.AddEvents(ctx, []featurestore.Event{event("1", "u", "b", 1)}) },
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Unchanged: 1}, r) },
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1}, changed) },
		func() error { return expect(ctx, s, "u", want) },
		func() error { return s.AddEvents(ctx, []featurestore.Event{event("1", "n", "b", 1)}) },
		func() error {
			return load(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1}, featurestore.Record{UserID: "n", Row: []byte("n"), AsOf: past})
		},
		func() error {
			return expect(ctx, s, "n", featurestore.User{Rows: [][]byte{[]byte("n")}, History: []string{"b"}, Seen: []string{"b"}})
		},
	)
}

func checkNewer(ctx context.Context, s featurestore.Store) error {
	old := featurestore.Record{UserID: "u", Row: []byte("r"), History: []string{"a"}, Seen: []string{"a"}, AsOf: past}
	recent := featurestore.Record{UserID: "u", Row: []byte("r"), History: []string{"c", "d"}, Seen: []string{"d"}, AsOf: future}
	want := featurestore.User{Rows: [][]byte{[]byte("r")}, History: recent.History, Seen: recent.Seen}
	return first(
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1, Histories: 1}, old) },
		func() error { return s.AddEvents(ctx, []featurestore.Event{event("1", "u", "b", 1)}) },
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Histories: 1}, recent) },
		func() error { return expect(ctx, s, "u", want) },
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Unchanged: 1}, old) },
		func() error { return expect(ctx, s, "u", want) },
		func() error { return s.AddEvents(ctx, []featurestore.Event{event("2", "u", "e", 1)}) },
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Unchanged: 1}, recent) },
		func() error {
			return expect(ctx, s, "u", featurestore.User{Rows: want.Rows, History: []string{"c", "d", "e"}, Seen: []string{"d", "e"}})
		},
	)
}

func checkTimeless(ctx context.Context, s featurestore.Store) error {
	one := featurestore.Record{UserID: "u", History: []string{"a"}, Seen: []string{"a"}}
	two := featurestore.Record{UserID: "u", History: []string{"b"}, Seen: []string{"b"}}
	return first(
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Histories: 1}, one) },
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Unchanged: 1}, two) },
		func() error {
			return expect(ctx, s, "u", featurestore.User{History: one.History, Seen: one.Seen})
		},
	)
}

func checkOthers(ctx context.Context, s featurestore.Store) error {
	a := featurestore.Record{UserID: "a", Row: []byte("a"), History: []string{"x"}, Seen: []string{"x"}, AsOf: past}
	b := featurestore.Record{UserID: "b", Row: []byte("b"), AsOf: future}
	return first(
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1, Histories: 1}, a) },
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1, Histories: 1}, b) },
		func() error { return load(ctx, s, featurestore.LoadStats{}) },
		func() error {
			return expect(ctx, s, "a", featurestore.User{Rows: [][]byte{a.Row}, History: a.History, Seen: a.Seen})
		},
	)
}

func checkNoRow(ctx context.Context, s featurestore.Store) error {
	a := featurestore.Record{UserID: "a", Row: []byte("a"), AsOf: past}
	b := featurestore.Record{UserID: "a", History: []string{"x"}, AsOf: past + 1}
	return first(
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1, Histories: 1}, a) },
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Histories: 1}, b) },
		func() error { return expect(ctx, s, "a", featurestore.User{Rows: [][]byte{a.Row}, History: b.History}) },
	)
}

// checkSchemas loads rows as two generations have them: what one reads is there before and after the other's load.
func checkSchemas(ctx context.Context, s featurestore.Store) error {
	var rows [3][]byte // the last is another of the first one's schema
	for i, name := range []string{"age", "city", "age"} {
		codec, err := featurestore.NewCodec(schema.Schema{{Name: name, DType: schema.DType{DType: tensor.Int64}, Tags: []schema.Tag{schema.User}}})
		if err != nil {
			return err
		}
		if rows[i], err = codec.Encode(tensor.Map{name: tensor.Of([]int64{int64(i)}, 1)}, past); err != nil {
			return err
		}
	}
	record := func(i int) featurestore.Record { return featurestore.Record{UserID: "a", Row: rows[i], AsOf: past} }
	return first(
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1, Histories: 1}, record(0)) },
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1}, record(1)) },
		func() error { return expect(ctx, s, "a", featurestore.User{Rows: rows[:2]}) },
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Unchanged: 1}, record(0)) },
		func() error { return load(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1}, record(2)) },
		func() error { return expect(ctx, s, "a", featurestore.User{Rows: rows[1:]}) },
	)
}

func checkMany(ctx context.Context, s featurestore.Store) error {
	users := numbered("u", 3000)
	rs := make([]featurestore.Record, 0, len(users))
	for _, u := range users {
		rs = append(rs, featurestore.Record{UserID: u, Row: []byte(u), History: []string{u}, Seen: []string{u}, AsOf: past})
	}
	n := int64(len(rs))
	err := load(ctx, s, featurestore.LoadStats{Users: n, Rows: n, Histories: n}, rs...)
	if err != nil {
		return err
	}
	for i := 0; i < len(users); i += 97 {
		u := users[i]
		if err := expect(ctx, s, u, featurestore.User{Rows: [][]byte{[]byte(u)}, History: []string{u}, Seen: []string{u}}); err != nil {
			return err
		}
	}
	return load(ctx, s, featurestore.LoadStats{Users: n, Unchanged: n}, rs...)
}

func checkTrim(ctx context.Context, s featurestore.Store) error {
	history := numbered("h", featurestore.MaxHistory+1)
	seen := numbered("s", featurestore.DefaultMaxSeen/2)
	err := load(ctx, s, featurestore.LoadStats{Users: 1, Histories: 1},
		featurestore.Record{UserID: "u", History: history, Seen: append(seen, seen...), AsOf: past})
	if err != nil {
		return err
	}
	return expect(ctx, s, "u", featurestore.User{History: history[1:], Seen: seen})
}

func checkLoadError(ctx context.Context, s featurestore.Store) error {
	boom := errors.New("boom")
	_, err := s.Load(ctx, func(yield func(featurestore.Record, error) bool) {
		if yield(featurestore.Record{UserID: "u", Row: []byte("r")}, nil) && yield(featurestore.Record{}, boom) {
			yield(featurestore.Record{UserID: "v", Row: []byte("r")}, nil)
		}
	})
	if err := wantError(err, boom, "a failing sequence"); err != nil {
		return err
	}
	return expect(ctx, s, "v", featurestore.User{})
}

func checkNoKey(ctx context.Context, s featurestore.Store) error {
	_, err := s.Load(ctx, records(featurestore.Record{Row: []byte("r")}))
	return wantError(err, nil, "a record without a key")
}
