package featurestore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recsys/featurestore"
	"recsys/featurestore/storetest"
)

func TestMemory(t *testing.T) {
	storetest.TestStore(t, func(*testing.T) featurestore.Store { return featurestore.NewMemory() })
}

func TestMemoryIsNotDurable(t *testing.T) {
	if featurestore.NewMemory().Durable() {
		t.Error("a store in memory claims to be durable")
	}
}

func TestMemoryBounds(t *testing.T) {
	m := featurestore.NewMemory(featurestore.WithMaxSeen(2), featurestore.WithMaxGuests(2))
	_, err := m.Load(t.Context(), sequence([]featurestore.Record{{UserID: "loaded", Seen: []string{"a", "b", "c"}}}, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"g1", "g2", "g3", "loaded"} {
		if err := m.AddEvents(t.Context(), []featurestore.Event{{UserID: user, ItemID: "x"}}); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string][]string{}
	for _, user := range []string{"loaded", "g1", "g2", "g3"} {
		u, err := m.User(t.Context(), user, 9)
		if err != nil {
			t.Fatal(err)
		}
		got[user] = u.Seen
	}
	want := map[string][]string{"loaded": {"c", "x"}, "g1": nil, "g2": {"x"}, "g3": {"x"}}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("seen (-got +want):\n%s", diff)
	}
}

func TestMemoryGuestsThatAreLoadedStay(t *testing.T) {
	m := featurestore.NewMemory(featurestore.WithMaxGuests(1))
	add := func(user string) {
		t.Helper()
		if err := m.AddEvents(t.Context(), []featurestore.Event{{UserID: user, ItemID: "x"}}); err != nil {
			t.Fatal(err)
		}
	}
	add("a")
	if _, err := m.Load(t.Context(), sequence([]featurestore.Record{{UserID: "a", Row: []byte("r")}}, nil)); err != nil {
		t.Fatal(err)
	}
	add("b")
	add("c")
	for user, want := range map[string]int{"a": 1, "b": 0, "c": 1} {
		u, err := m.User(t.Context(), user, 9)
		if err != nil || len(u.Seen) != want {
			t.Errorf("user %s has seen %v, error %v, want %d items", user, u.Seen, err, want)
		}
	}
}

func TestMemoryForgetsEventIDs(t *testing.T) {
	now := time.Unix(1000, 0)
	m := featurestore.NewMemory(featurestore.WithEventTTL(time.Minute), featurestore.WithClock(func() time.Time { return now }))
	for i, want := range []int{1, 1, 2} {
		if i == 2 {
			now = now.Add(time.Minute)
		}
		if err := m.AddEvents(t.Context(), []featurestore.Event{{ID: "1", UserID: "u", ItemID: "x"}}); err != nil {
			t.Fatal(err)
		}
		if u, err := m.User(t.Context(), "u", 9); err != nil || len(u.History) != want {
			t.Errorf("call %d: history %v, error %v, want %d items", i, u.History, err, want)
		}
	}
}

func TestMemoryAsOfIsTheClock(t *testing.T) {
	now := time.UnixMilli(5000)
	m := featurestore.NewMemory(featurestore.WithClock(func() time.Time { return now }))
	if err := m.AddEvents(t.Context(), []featurestore.Event{{UserID: "u", ItemID: "x"}}); err != nil {
		t.Fatal(err)
	}
	for asOf, want := range map[int64]int64{4999: 0, 5000: 0} {
		stats, err := m.Load(t.Context(), sequence([]featurestore.Record{{UserID: "u", AsOf: asOf}}, nil))
		if err != nil || stats.Histories != want {
			t.Errorf("as of %d: %+v, error %v, want %d histories", asOf, stats, err, want)
		}
	}
	stats, err := m.Load(t.Context(), sequence([]featurestore.Record{{UserID: "u", AsOf: 5001}}, nil))
	if err != nil || stats.Histories != 1 {
		t.Errorf("newer data: %+v, error %v, want 1 history", stats, err)
	}
}

func BenchmarkMemoryUser(b *testing.B) {
	m := featurestore.NewMemory()
	var items []string
	for i := range 200 {
		items = append(items, fmt.Sprint(i))
	}
	if _, err := m.Load(b.Context(), sequence([]featurestore.Record{{UserID: "u", History: items, Seen: items}}, nil)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.User(b.Context(), "u", 50); err != nil {
			b.Fatal(err)
		}
	}
}
