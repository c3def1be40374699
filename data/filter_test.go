package data_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/data"
	"recsys/internal/portable"
)

func TestFilter(t *testing.T) {
	rows := table(t,
		data.Scalar("user", []string{"a", "a", "a", "b", "b", "c", "c", "d"}),
		data.Scalar("item", []int64{1, 2, 3, 1, 2, 1, 4, 1}),
	)
	tests := []struct {
		name   string
		filter data.Filter
		want   string
		left   []int
	}{
		{"none", data.Filter{}, "xxxxxxxx", []int{8}},
		{"users", data.Filter{MinUser: 2}, "xxxxxxx-", []int{8, 7}},
		{"items", data.Filter{MinItem: 2}, "xx-xxx-x", []int{8, 6}},
		// c loses item 4 in the first round, and has one row then.
		{"core", data.Filter{MinUser: 2, MinItem: 2}, "xx-xx---", []int{8, 5, 4}},
		{"most of users", data.Filter{MaxUser: 2}, "---xxxxx", []int{8, 5}},
		{"most of items", data.Filter{MaxItem: 3}, "-xx-x-x-", []int{8, 4}},
		{"nothing", data.Filter{MinUser: 9}, "--------", []int{8, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keep, left, err := tt.filter.Apply(rows, "user", "item")
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			for _, k := range keep {
				text.WriteByte(map[bool]byte{true: 'x', false: '-'}[k])
			}
			if text.String() != tt.want {
				t.Errorf("kept %s, want %s", text.String(), tt.want)
			}
			if diff := cmp.Diff(left, tt.left); diff != "" {
				t.Errorf("rows (-got +want):\n%s", diff)
			}
		})
	}
	for want, f := range map[string]data.Filter{
		"min_user -1":                      {MinUser: -1},
		"min_item 3 and max_item 2":        {MinItem: 3, MaxItem: 2},
		"neither may be negative, nor the": {MaxItem: -2},
	} {
		if _, _, err := f.Apply(rows, "user", "item"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one with %q", f, err, want)
		}
	}
	if _, _, err := (data.Filter{MinUser: 1}).Apply(rows, "user", "song"); err == nil {
		t.Error("no error for a column that is not there")
	}
}

// TestFilterIsTheCore takes one row away at a time instead: the core does not depend on the order (Seidman 1983).
func TestFilterIsTheCore(t *testing.T) {
	r := portable.New(5, "test")
	for range 20 {
		users, items := make([]int64, 400), make([]int64, 400)
		for i := range users {
			users[i], items[i] = int64(r.IntN(60)), int64(r.IntN(r.IntN(60)+1))
		}
		least := 2 + r.IntN(5)
		keep, _, err := data.Filter{MinUser: least, MinItem: least}.Apply(table(t, data.Scalar("u", users), data.Scalar("i", items)), "u", "i")
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Repeat([]bool{true}, len(users))
		count := func(of []int64, v int64) (n int) {
			for i, w := range of {
				if want[i] && w == v {
					n++
				}
			}
			return n
		}
		for i := 0; i < len(want); i++ {
			if want[i] && (count(users, users[i]) < least || count(items, items[i]) < least) {
				want[i], i = false, -1
			}
		}
		if diff := cmp.Diff(keep, want); diff != "" {
			t.Errorf("the %d-core (-got +want):\n%s", least, diff)
		}
	}
}

func TestSplitRandomPerUser(t *testing.T) {
	var users []int64
	for u := range 3000 {
		users = append(users, slices.Repeat([]int64{int64(u)}, 1+u%12)...)
	}
	r := portable.New(1, "test")
	r.Shuffle(len(users), func(i, j int) { users[i], users[j] = users[j], users[i] })
	rows := table(t, data.Scalar("user", users))
	split := data.Split{By: data.ByRandomPerUser, User: "user", Valid: 0.1, Test: 0.25, Seed: 2}
	parts, err := split.Assign(rows)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[int64]map[data.Part]int{}
	total := map[data.Part]int{}
	for i, p := range parts {
		if counts[users[i]] == nil {
			counts[users[i]] = map[data.Part]int{}
		}
		counts[users[i]][p]++
		total[p]++
	}
	for u, n := range counts {
		all := float64(1 + u%12)
		// Rounded up or down, and a row is left to train on.
		if n[data.Train] < 1 || float64(n[data.Test]) > all*0.25+1 || float64(n[data.Test]) < min(all*0.25, all-1)-1 || float64(n[data.Valid]) > all*0.1+1 {
			t.Fatalf("user %d has %d rows: %v", u, 1+u%12, n)
		}
	}
	// A user's share is off by less than a row, on average by none but for users of one or two rows, whose training row
	// takes from the others: 250 users lose 0.35 rows, 250 at most 0.2. The rest is chance, below 0.5 a user: five deviations.
	limit := 250*0.35 + 250*0.2 + 5*0.5*55
	if d := float64(total[data.Test]) - 0.25*float64(len(users)); d > 5*0.5*55 || d < -limit {
		t.Errorf("%d of %d rows test, want a quarter", total[data.Test], len(users))
	}
	if again, err := split.Assign(rows); err != nil || letters(again) != letters(parts) {
		t.Errorf("the same seed gave another split, or %v", err)
	}
	// Pinned: a change moves rows between train and test of everybody's runs.
	if got, want := letters(parts[:40]), "TtTvTtTTTTtTTTvTTvtTtTTTtTtTTtTTvTTTttTT"; got != want {
		t.Errorf("parts of seed 2 begin %s, want %s", got, want)
	}
	if _, err := (data.Split{By: data.ByRandomPerUser}).Assign(rows); err == nil || !strings.Contains(err.Error(), "needs user") {
		t.Errorf("error %v without a user column", err)
	}
}

// TestPick reads some rows of a file of each form, in batches of several sizes, as if the file had no others.
func TestPick(t *testing.T) {
	dir := t.TempDir()
	r := portable.New(7, "test")
	const n = 500
	ids, names := make([]int64, n), make([]string, n)
	for i := range ids {
		ids[i], names[i] = int64(i), string(rune('a'+r.IntN(26)))
	}
	rows := table(t, data.Scalar("id", ids), data.Scalar("name", names))
	path := dir + "/rows.csv"
	if err := data.WriteCSV(path, rows, nil); err != nil {
		t.Fatal(err)
	}
	if err := data.WriteCSV(dir+"/more.csv", rows, nil); err != nil {
		t.Fatal(err)
	}
	for name, spec := range map[string]data.Spec{
		"csv": {Path: path}, "several": {Files: []string{path, dir + "/more.csv"}, Path: "both"},
		"parquet": {Path: fixture("plain.parquet")},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := data.Open(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			all, err := f.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			keep, kept := make([]bool, f.Rows()), []int(nil)
			for i := range keep {
				if keep[i] = r.IntN(3) > 0; keep[i] {
					kept = append(kept, i)
				}
			}
			picked, err := f.Pick(keep)
			if err != nil {
				t.Fatal(err)
			}
			want := all.Take(kept)
			for _, size := range []int{1, 7, f.Rows()} {
				at := 0
				for batch, err := range picked.Batches(t.Context(), size) {
					if err != nil {
						t.Fatal(err)
					}
					if got, want := batch.Hash(), want.Slice(at, at+batch.Len()).Hash(); got != want {
						t.Fatalf("rows from %d on differ", at)
					}
					at += batch.Len()
				}
				if at != len(kept) || picked.Rows() != at {
					t.Errorf("%d rows by %d, Rows says %d; want %d", at, size, picked.Rows(), len(kept))
				}
			}
			some := []int{len(kept) - 1, 0, 2}
			got, err := picked.Take(t.Context(), some)
			if err != nil {
				t.Fatal(err)
			}
			if got.Hash() != want.Take(some).Hash() {
				t.Error("Take has other rows")
			}
			if _, err := f.Pick(keep[1:]); err == nil {
				t.Error("no error for too few values")
			}
		})
	}
}
