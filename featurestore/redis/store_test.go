package redis_test

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"

	"recsys/featurestore"
	"recsys/featurestore/redis"
	"recsys/featurestore/storetest"
)

func open(tb testing.TB, url string, options ...redis.Option) *redis.Store {
	tb.Helper()
	options = append([]redis.Option{redis.WithTimeout(10 * time.Second)}, options...) // Slow machines.
	s, err := redis.Open(url, "shop", options...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestStoreOnMiniredis(t *testing.T) {
	storetest.TestStore(t, func(t *testing.T) featurestore.Store {
		t.Helper()
		return open(t, "redis://"+miniredis.RunT(t).Addr())
	})
}

// counter counts what crosses the wire.
type counter struct{ single, pipelines, commands atomic.Int64 }

func (c *counter) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (c *counter) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		c.single.Add(1)
		return next(ctx, cmd)
	}
}

func (c *counter) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		c.pipelines.Add(1)
		c.commands.Add(int64(len(cmds)))
		return next(ctx, cmds)
	}
}

func TestRoundTrips(t *testing.T) {
	client := goredis.NewClient(&goredis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { _ = client.Close() })
	var count counter
	s, err := redis.New(client, "shop")
	if err != nil {
		t.Fatal(err)
	}
	events := []featurestore.Event{{ID: "1", UserID: "u", ItemID: "a"}, {ID: "2", UserID: "v", ItemID: "a"}}
	for range 2 { // The scripts are known after the first call, and so is the server's persistence.
		if err := s.AddEvents(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	client.AddHook(&count)
	if _, err := s.User(t.Context(), "u", 50); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{count.single.Load(), count.pipelines.Load(), count.commands.Load()}, []int64{0, 1, 4}); diff != "" {
		t.Errorf("User: single commands, pipelines, commands in them (-got +want):\n%s", diff)
	}
	if err := s.AddEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{count.single.Load(), count.pipelines.Load(), count.commands.Load()}, []int64{0, 2, 6}); diff != "" {
		t.Errorf("and AddEvents (-got +want):\n%s", diff)
	}
	if _, err := s.Items(t.Context(), []string{"a", "b", "c"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{count.single.Load(), count.pipelines.Load(), count.commands.Load()}, []int64{1, 2, 6}); diff != "" {
		t.Errorf("and Items (-got +want):\n%s", diff)
	}
}

func TestKeys(t *testing.T) {
	server := miniredis.RunT(t)
	s := open(t, "redis://"+server.Addr())
	t.Cleanup(func() { _ = s.Close() })
	if _, err := s.Load(t.Context(), one(featurestore.Record{UserID: "u", Row: []byte("r"), History: []string{"a"}, Seen: []string{"a"}})); err != nil {
		t.Fatal(err)
	}
	if err := s.AddEvents(t.Context(), []featurestore.Event{{ID: "1", UserID: "u", ItemID: "b"}}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, key := range server.Keys() {
		if ttl := server.TTL(key); strings.Contains(key, ":event:") {
			if ttl != featurestore.DefaultEventTTL {
				t.Errorf("key %s lives %s, want %s", key, ttl, featurestore.DefaultEventTTL)
			}
			key = key[:strings.LastIndex(key, ":")]
		} else if ttl != 0 {
			t.Errorf("key %s lives %s, want forever", key, ttl)
		}
		got = append(got, key)
	}
	want := []string{"rs:{shop:u}:asof", "rs:{shop:u}:event", "rs:{shop:u}:history", "rs:{shop:u}:rows", "rs:{shop:u}:seen"}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("keys (-got +want):\n%s", diff)
	}
}

func one(r featurestore.Record) iter.Seq2[featurestore.Record, error] {
	return func(yield func(featurestore.Record, error) bool) { yield(r, nil) }
}

func TestEventIDsExpire(t *testing.T) {
	server := miniredis.RunT(t)
	s := open(t, "redis://"+server.Addr(), redis.WithEventTTL(time.Minute))
	t.Cleanup(func() { _ = s.Close() })
	for i, want := range []int{1, 1, 2} {
		if i == 2 {
			server.FastForward(time.Minute)
		}
		if err := s.AddEvents(t.Context(), []featurestore.Event{{ID: "1", UserID: "u", ItemID: "x"}}); err != nil {
			t.Fatal(err)
		}
		if u, err := s.User(t.Context(), "u", 9); err != nil || len(u.History) != want {
			t.Errorf("call %d: history %v, error %v, want %d items", i, u.History, err, want)
		}
	}
}

func TestSeenBoundKeepsTheNewest(t *testing.T) {
	s := open(t, "redis://"+miniredis.RunT(t).Addr(), redis.WithMaxSeen(3))
	t.Cleanup(func() { _ = s.Close() })
	for i := range 10 {
		item := fmt.Sprint(i)
		if err := s.AddEvents(t.Context(), []featurestore.Event{{UserID: "u", ItemID: item}}); err != nil {
			t.Fatal(err)
		}
		u, err := s.User(t.Context(), "u", 9)
		if err != nil {
			t.Fatal(err)
		}
		if len(u.Seen) != min(i+1, 3) || !strings.Contains(strings.Join(u.Seen, " "), item) {
			t.Errorf("seen %q after event %d, want %d with the newest", u.Seen, i, min(i+1, 3))
		}
	}
}

func TestWrongTypesAreErrors(t *testing.T) {
	tests := []struct {
		key, kind string
	}{{"rows", "string"}, {"history", "string"}, {"seen", "string"}}
	for _, tt := range tests {
		t.Run(tt.key, func(t *testing.T) {
			server := miniredis.RunT(t)
			s := open(t, "redis://"+server.Addr())
			t.Cleanup(func() { _ = s.Close() })
			key := "rs:{shop:u}:" + tt.key
			if tt.kind == "hash" {
				server.HSet(key, "a", "b")
			} else if err := server.Set(key, "x"); err != nil {
				t.Fatal(err)
			}
			if u, err := s.User(t.Context(), "u", 9); err == nil {
				t.Errorf("got %+v, want an error", u)
			}
		})
	}
}

func TestAServerThatIsAwayIsAnErrorInTime(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // Accepts and never answers.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	for name, addr := range map[string]string{"refuses": "127.0.0.1:1", "hangs": listener.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			s, err := redis.Open("redis://"+addr, "shop", redis.WithTimeout(20*time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, errUser := s.User(ctx, "u", 1)
			errAdd := s.AddEvents(ctx, []featurestore.Event{{UserID: "u", ItemID: "a"}})
			if errUser == nil || errAdd == nil {
				t.Errorf("errors %v and %v, want both", errUser, errAdd)
			}
			if took := time.Since(start); took > 5*time.Second { // Generous: the machine may be busy.
				t.Errorf("took %s with a deadline of 60 ms", took)
			}
		})
	}
}

func TestRecoversWithoutRestart(t *testing.T) {
	server := miniredis.RunT(t)
	s := open(t, "redis://"+server.Addr())
	t.Cleanup(func() { _ = s.Close() })
	add := func() error {
		return s.AddEvents(t.Context(), []featurestore.Event{{ID: "1", UserID: "u", ItemID: "a"}})
	}
	if err := add(); err != nil {
		t.Fatal(err)
	}
	server.Close()
	if err := add(); err == nil {
		t.Error("a server that is down took an event")
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := add(); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	server.SetError("READONLY You can't write against a read only replica.")
	if err := add(); err == nil {
		t.Error("a read-only server took an event")
	}
}

func TestOpenHidesThePassword(t *testing.T) {
	for _, url := range []string{
		"redis://:s3cr3t@host:port", "http://:s3cr3t@host:1", "redis://:s3cr3t@host:1/db", "redis://:s3cr3t@host:1?dial_timeout=x",
		"redis://:s3cr3t@host:1?addr=x&dial_timeout=s3cr3t", ":s3cr3t@host", "redis://:s3cr3t@ho st/%zz",
	} {
		s, err := redis.Open(url, "shop")
		if err == nil {
			_ = s.Close()
			t.Errorf("%s was accepted", url)
			continue
		}
		if strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	server := miniredis.RunT(t)
	server.RequireAuth("other")
	s := open(t, "redis://:s3cr3t@"+server.Addr())
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Ping(t.Context()); err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("ping with a wrong password gave %v, want an error without it", err)
	}
	if _, err := redis.Open("redis://127.0.0.1:1", "a{b"); err == nil {
		t.Error("a name with a brace was accepted")
	}
}

func TestOpenCluster(t *testing.T) {
	s, err := redis.Open("redis://:pw@127.0.0.1:1?addr=127.0.0.1:2", "shop")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.User(ctx, "u", 1); err == nil {
		t.Error("a cluster that is not there answered")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestMain(m *testing.M) {
	redis.LogTo(slog.New(slog.DiscardHandler)) // The library would write of every failed dial.
	m.Run()
}
