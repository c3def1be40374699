package redis_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"

	"recsys/featurestore"
	"recsys/featurestore/storetest"
	redistest "recsys/test/redis"
)

func TestStoreOnRedis(t *testing.T) {
	server := redistest.Start(t)
	storetest.TestStore(t, func(t *testing.T) featurestore.Store {
		t.Helper()
		flush(t, server.URL())
		return open(t, server.URL())
	})
}

func flush(t *testing.T, url string) {
	t.Helper()
	options, err := goredis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := goredis.NewClient(options)
	if err := errors.Join(client.FlushAll(t.Context()).Err(), client.Close()); err != nil {
		t.Fatal(err)
	}
}

// An acknowledged event survives kill -9 with "appendfsync always", and a load that comes later.
func TestEventsSurviveACrashAndALoad(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	s := open(t, server.URL())
	t.Cleanup(func() { _ = s.Close() })
	record := featurestore.Record{UserID: "u", Row: []byte("r"), History: []string{"a"}, Seen: []string{"a"}, AsOf: 1000}
	if _, err := s.Load(t.Context(), one(record)); err != nil {
		t.Fatal(err)
	}
	want := []string{"a"}
	for i := range 100 {
		item := strconv.Itoa(i)
		if err := s.AddEvents(t.Context(), []featurestore.Event{{ID: item, UserID: "u", ItemID: item}}); err != nil {
			t.Fatal(err)
		}
		want = append(want, item)
	}
	if !s.Durable() {
		t.Error("a server with an append-only file is not durable")
	}
	server.Kill()
	server.Restart(t)
	stats, err := s.Load(t.Context(), one(record))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stats, featurestore.LoadStats{Users: 1, Unchanged: 1}); diff != "" {
		t.Errorf("second load (-got +want):\n%s", diff)
	}
	// The IDs are remembered too: a client that repeats a call after the crash does no harm.
	if err := s.AddEvents(t.Context(), []featurestore.Event{{ID: "99", UserID: "u", ItemID: "99"}}); err != nil {
		t.Fatal(err)
	}
	u, err := s.User(t.Context(), "u", featurestore.MaxHistory)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(u.History, want); diff != "" {
		t.Errorf("history (-got +want):\n%s", diff)
	}
}

// What is not available is so for every store of the ensemble, and after a crash.
func TestAvailabilitySurvivesACrash(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	s, other := open(t, server.URL()), open(t, server.URL())
	t.Cleanup(func() { _, _ = s.Close(), other.Close() })
	for _, item := range []string{"a", "b"} {
		if err := s.SetAvailable(t.Context(), item, false); err != nil {
			t.Fatal(err)
		}
	}
	before, err := other.Unavailable(t.Context())
	if err != nil || len(before.Items) != 2 || before.State == "" {
		t.Fatalf("another store has %+v, %v; want two items", before, err)
	}
	server.Kill()
	server.Restart(t)
	if err := s.SetAvailable(t.Context(), "a", true); err != nil {
		t.Fatal(err)
	}
	after, err := other.Unavailable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	u, err := other.User(t.Context(), "u", 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(after.Items, []string{"b"}); diff != "" || after.State == before.State || u.Availability != after.State {
		t.Errorf("after the crash %+v, before %+v; a user has %q", after, before, u.Availability)
	}
}

func TestDurableSaysWhatTheServerSays(t *testing.T) {
	s := open(t, redistest.Start(t).URL())
	t.Cleanup(func() { _ = s.Close() })
	if err := s.AddEvents(t.Context(), []featurestore.Event{{UserID: "u", ItemID: "a"}}); err != nil {
		t.Fatal(err)
	}
	if s.Durable() {
		t.Error("a server without an append-only file claims to be durable")
	}
}

func BenchmarkLoad(b *testing.B) {
	s := open(b, redistest.Start(b).URL())
	b.Cleanup(func() { _ = s.Close() })
	items := make([]string, 165) // Mean number of ratings of a user in MovieLens 1M.
	for i := range items {
		items[i] = strconv.Itoa(i * 7)
	}
	const users = 20000
	round := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		round++
		stats, err := s.Load(b.Context(), func(yield func(featurestore.Record, error) bool) {
			for i := range users {
				r := featurestore.Record{UserID: strconv.Itoa(i), Row: fmt.Appendf(nil, "%064d", round), History: items[:50], Seen: items, AsOf: round}
				if !yield(r, nil) {
					return
				}
			}
		})
		if err != nil || stats.Histories != users {
			b.Fatalf("%+v, %v", stats, err)
		}
	}
	b.ReportMetric(float64(users*b.N)/b.Elapsed().Seconds(), "users/s")
}

func BenchmarkUser(b *testing.B) {
	s := open(b, redistest.Start(b).URL())
	b.Cleanup(func() { _ = s.Close() })
	items := make([]string, 165)
	for i := range items {
		items[i] = strconv.Itoa(i * 7)
	}
	if _, err := s.Load(b.Context(), one(featurestore.Record{UserID: "u", Row: make([]byte, 64), History: items, Seen: items})); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.User(b.Context(), "u", 50); err != nil {
			b.Fatal(err)
		}
	}
}
