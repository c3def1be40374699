package redis_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"

	"recsys/featurestore"
	"recsys/featurestore/redis"
)

// TestDropRowsKeepsWhatIsRead drops rows of one schema, of thousands of users, and touches nothing else: no other schema's, no history, and no
// ensemble whose name a pattern could take for this one's.
func TestDropRowsKeepsWhatIsRead(t *testing.T) {
	server := miniredis.RunT(t)
	url := "redis://" + server.Addr()
	s := open(t, url)
	t.Cleanup(func() { _ = s.Close() })
	const users = 2500
	old, kept := "RSR1\x01\x00\x00\x00........", "RSR1\x02\x00\x00\x00........" // header, schema, time
	for _, row := range []string{old, kept} {
		_, err := s.Load(t.Context(), func(yield func(featurestore.Record, error) bool) {
			for _, id := range append(numbers(users), "*}:rows", "a:b") {
				if !yield(featurestore.Record{UserID: id, Row: []byte(row), History: []string{"x"}, Seen: []string{"x"}}, nil) {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	other, err := redis.Open(url, "s?op")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	if _, err := other.Load(t.Context(), one(featurestore.Record{UserID: "7", Row: []byte(old)})); err != nil {
		t.Fatal(err)
	}
	// A name that is a pattern drops its own alone, of which it keeps all.
	if n, err := other.DropRows(t.Context(), []string{"00000001"}); n != 0 || err != nil {
		t.Errorf("dropped %d rows with the error %v, want none", n, err)
	}
	n, err := s.DropRows(t.Context(), []string{"00000002", "00000003"})
	if n != users+2 || err != nil {
		t.Fatalf("dropped %d rows with the error %v, want %d", n, err, users+2)
	}
	for _, id := range []string{"0", "2499", "*}:rows", "a:b"} {
		u, err := s.User(t.Context(), id, 9)
		want := featurestore.User{Rows: [][]byte{[]byte(kept)}, History: []string{"x"}, Seen: []string{"x"}}
		if diff := cmp.Diff(u, want); diff != "" || err != nil {
			t.Errorf("user %q, error %v (-got +want):\n%s", id, err, diff)
		}
	}
	if u, err := other.User(t.Context(), "7", 9); len(u.Rows) != 1 || err != nil {
		t.Errorf("the other ensemble's user has %d rows, error %v", len(u.Rows), err)
	}
	if again, err := s.DropRows(t.Context(), []string{"00000002"}); again != 0 || err != nil {
		t.Errorf("a second time %d rows were dropped, error %v", again, err)
	}
	server.SetError("LOADING")
	if _, err := s.DropRows(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "drop rows from redis") {
		t.Errorf("got the error %v of a server that is loading", err)
	}
}

func numbers(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = strconv.Itoa(i)
	}
	return ids
}
