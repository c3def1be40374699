package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"recsys/featurestore"
)

func itemChecks() []Check {
	return []Check{
		{"items read as loaded, in the order asked for", checkItems},
		{"items and users of one key are apart", checkItemsApart},
		{"the same items again change nothing", checkItemsAgain},
		{"a changed item is in the next answer", checkItemChanged},
		{"an older row of an item does not replace a newer one", checkItemOlder},
		{"rows of items belong to the caller", checkItemCopies},
		{"many items arrive", checkManyItems},
		{"a record of an item without a row is refused", checkItemRow},
		{"an error of the records ends a load of items", checkItemError},
		{"an ended context is an error for items", checkItemContext},
	}
}

// packed makes a row as stores see it: a schema, an event time and a text.
func packed(schema string, time int64, text string) []byte {
	return append(binary.LittleEndian.AppendUint64([]byte("RSR1"+schema), uint64(time)), text...)
}

func item(id string, row []byte) featurestore.Record {
	return featurestore.Record{UserID: id, Row: row}
}

func loadItems(ctx context.Context, s featurestore.Store, want featurestore.LoadStats, rs ...featurestore.Record) error {
	got, err := s.LoadItems(ctx, records(rs...))
	if err == nil && got != want {
		err = fmt.Errorf("counted %+v, want %+v", got, want)
	}
	if err != nil {
		return fmt.Errorf("load items: %w", err)
	}
	return nil
}

// expectItems reads items in one call; an empty row stands for none.
func expectItems(ctx context.Context, s featurestore.Store, ids []string, want ...[]byte) error {
	got, err := s.Items(ctx, ids)
	if err != nil {
		return fmt.Errorf("items %q: %w", ids, err)
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d rows for %d items", len(got), len(want))
	}
	for i := range want {
		if string(got[i]) != string(want[i]) || want[i] == nil && got[i] != nil {
			return fmt.Errorf("item %q has row %q, want %q", ids[i], got[i], want[i])
		}
	}
	return nil
}

func checkItems(ctx context.Context, s featurestore.Store) error {
	a, b := packed("abcd", 0, "a\x00\r\n\xff"), packed("abcd", 0, "b")
	return first(
		func() error { return expectItems(ctx, s, nil) },
		func() error {
			return loadItems(ctx, s, featurestore.LoadStats{Users: 2, Rows: 2}, item("a", a), item("}:b", b))
		},
		func() error { return expectItems(ctx, s, []string{"}:b", "x", "a", "}:b"}, b, nil, a, b) },
	)
}

func checkItemsApart(ctx context.Context, s featurestore.Store) error {
	row, own := packed("abcd", 0, "item"), packed("abcd", 0, "user")
	return first(
		func() error {
			return load(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1, Histories: 1}, featurestore.Record{UserID: "7", Row: own, AsOf: past})
		},
		func() error { return expectItems(ctx, s, []string{"7"}, nil) },
		func() error { return loadItems(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1}, item("7", row)) },
		func() error { return expect(ctx, s, "7", featurestore.User{Rows: [][]byte{own}}) },
		func() error { return expectItems(ctx, s, []string{"7"}, row) },
	)
}

func checkItemsAgain(ctx context.Context, s featurestore.Store) error {
	a := item("a", packed("abcd", 0, "a"))
	return first(
		func() error { return loadItems(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1}, a) },
		func() error { return loadItems(ctx, s, featurestore.LoadStats{Users: 1, Unchanged: 1}, a) },
	)
}

func checkItemChanged(ctx context.Context, s featurestore.Store) error {
	steps := [][]byte{
		packed("abcd", 0, "a"), packed("abcd", 0, "b"), packed("abcd", past, "c"), packed("abcd", past, "d"),
		packed("efgh", 0, "another schema"), []byte("no row"), packed("abcd", past, "e"),
	}
	for _, row := range steps {
		err := first(
			func() error { return loadItems(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1}, item("a", row)) },
			func() error { return expectItems(ctx, s, []string{"a"}, row) },
		)
		if err != nil {
			return err
		}
	}
	return nil
}

// checkItemOlder has times that differ in their lowest and in their higher bytes.
func checkItemOlder(ctx context.Context, s featurestore.Store) error {
	for _, times := range [][2]int64{{0, 1}, {255, 256}, {past, future}, {0x0200_ff, 0x0300_00}} {
		id := fmt.Sprint(times)
		recent := packed("abcd", times[1], "new")
		err := first(
			func() error { return loadItems(ctx, s, featurestore.LoadStats{Users: 1, Rows: 1}, item(id, recent)) },
			func() error {
				return loadItems(ctx, s, featurestore.LoadStats{Users: 1, Unchanged: 1}, item(id, packed("abcd", times[0], "old")))
			},
			func() error { return expectItems(ctx, s, []string{id}, recent) },
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func checkItemCopies(ctx context.Context, s featurestore.Store) error {
	row := packed("abcd", 0, "a")
	if _, err := s.LoadItems(ctx, records(item("a", row))); err != nil {
		return err
	}
	want := slices.Clone(row)
	row[0] = 'X'
	if err := expectItems(ctx, s, []string{"a"}, want); err != nil {
		return fmt.Errorf("after the loaded record was changed: %w", err)
	}
	rows, err := s.Items(ctx, []string{"a", "a"})
	if err != nil {
		return err
	}
	rows[0][0] = 'X'
	if string(rows[1]) != string(want) {
		return errors.New("both answers for one key are the same memory")
	}
	return expectItems(ctx, s, []string{"a"}, want)
}

func checkManyItems(ctx context.Context, s featurestore.Store) error {
	ids := numbered("i", 3000)
	rs, rows := make([]featurestore.Record, len(ids)), make([][]byte, len(ids))
	for i, id := range ids {
		rows[i] = packed("abcd", 0, id)
		rs[i] = item(id, rows[i])
	}
	n := int64(len(ids))
	return first(
		func() error { return loadItems(ctx, s, featurestore.LoadStats{Users: n, Rows: n}, rs...) },
		func() error { return expectItems(ctx, s, ids, rows...) },
		func() error { return loadItems(ctx, s, featurestore.LoadStats{Users: n, Unchanged: n}, rs...) },
	)
}

func checkItemRow(ctx context.Context, s featurestore.Store) error {
	for _, r := range []featurestore.Record{
		{UserID: "a"}, {Row: packed("abcd", 0, "a")}, {UserID: "a", Row: packed("abcd", 0, "a"), History: []string{"b"}},
	} {
		_, err := s.LoadItems(ctx, records(r))
		if err := wantError(err, nil, fmt.Sprintf("the record %+v", r)); err != nil {
			return err
		}
	}
	return expectItems(ctx, s, []string{"a"}, nil)
}

func checkItemError(ctx context.Context, s featurestore.Store) error {
	boom := errors.New("boom")
	_, err := s.LoadItems(ctx, func(yield func(featurestore.Record, error) bool) {
		if yield(item("a", packed("abcd", 0, "a")), nil) && yield(featurestore.Record{}, boom) {
			yield(item("b", packed("abcd", 0, "b")), nil)
		}
	})
	return first(
		func() error { return wantError(err, boom, "a failing sequence") },
		func() error { return expectItems(ctx, s, []string{"b"}, nil) },
	)
}

func checkItemContext(ctx context.Context, s featurestore.Store) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err := s.Items(ended, []string{"a"})
	_, errLoad := s.LoadItems(ended, records(item("a", packed("abcd", 0, "a"))))
	return first(
		func() error { return wantError(err, context.Canceled, "Items") },
		func() error { return wantError(errLoad, context.Canceled, "LoadItems") },
		func() error { return expectItems(ctx, s, []string{"a"}, nil) },
	)
}
