package client_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client"
	"recsys/client/tritonpb"
	"recsys/client/tritontest"
)

// once has a client try each call once.
func once() client.Option { return client.WithRetry(client.Retry{Attempts: 1}) }

// connect makes a client whose servers are reached by dial, closed when the test ends.
func connect(t *testing.T, target string, dial grpc.DialOption, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(t.Context(), target, append(opts, client.WithDialOptions(dial))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// three starts replicas a, b and c of a model m, and a client of them whose connections are established.
func three(t *testing.T, opts ...client.Option) (map[string]*tritontest.Server, *client.Client) {
	t.Helper()
	servers := map[string]*tritontest.Server{}
	for _, address := range []string{"a", "b", "c"} {
		servers[address] = tritontest.Start(t, tritontest.Model{Name: "m"})
	}
	c := connect(t, "a,b,c", tritontest.Dialer(servers), opts...)
	synctest.Wait()
	return servers, c
}

func arrived(servers map[string]*tritontest.Server) map[string]int {
	counts := map[string]int{}
	for address, s := range servers {
		counts[address] = len(s.Requests())
	}
	return counts
}

func infer(t *testing.T, c *client.Client) error {
	t.Helper()
	_, _, err := c.Infer(t.Context(), "m", scalar(), []string{"x"})
	return err
}

var errUnavailable = status.Error(codes.Unavailable, "Server is stopping")

func TestHealthyReplicasShareEvenly(t *testing.T) {
	for name, opts := range map[string][]client.Option{"least busy": nil, "round robin": {client.WithRoundRobin()}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				servers, c := three(t, opts...)
				for range 30 {
					if err := infer(t, c); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(arrived(servers), map[string]int{"a": 10, "b": 10, "c": 10}); diff != "" {
					t.Errorf("got (-), want (+):\n%s", diff)
				}
			})
		})
	}
}

// TestSlowReplicaIsSpared has 8 callers on a replica that takes 10 ms, one that takes 100 ms, and one that is down.
func TestSlowReplicaIsSpared(t *testing.T) {
	slowShare := func(t *testing.T, opts ...client.Option) int {
		t.Helper()
		slow := 0
		synctest.Test(t, func(t *testing.T) {
			servers, c := three(t, opts...)
			servers["a"].Inject("m", tritontest.Fault{Latency: 10 * time.Millisecond})
			servers["b"].Inject("m", tritontest.Fault{Latency: 100 * time.Millisecond})
			servers["c"].Stop()
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 25 {
						if err := infer(t, c); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			slow = arrived(servers)["b"]
		})
		return slow
	}
	// With equal queues on both, calls are answered in the ratio of the speeds, 1 to 10: 18 of 200.
	if got := slowShare(t); got > 36 {
		t.Errorf("the slow replica got %d of 200 calls, want about 18", got)
	}
	if got := slowShare(t, client.WithRoundRobin()); got < 90 {
		t.Errorf("in turn the slow replica got %d of 200 calls, want about 100", got)
	}
}

func TestRetries(t *testing.T) {
	tests := []struct {
		name   string
		fault  error
		params map[string]any
		want   error
		sent   int
	}{
		{"unavailable", errUnavailable, nil, nil, 2},
		{"cancelled by a server that stops", status.Error(codes.Canceled, "shutting down"), nil, nil, 2},
		{"a sequence", errUnavailable, map[string]any{"sequence_id": int64(1)}, client.ErrUnavailable, 1},
		{"full queue, without another replica", status.Error(codes.Unavailable, "Exceeds maximum queue size"), nil, client.ErrOverloaded, 1},
		{"queue timeout", status.Error(codes.Unavailable, "Request timeout expired"), nil, client.ErrDeadline, 1},
		{"invalid argument", status.Error(codes.InvalidArgument, "shape"), nil, client.ErrInvalidArgument, 1},
		{"internal", status.Error(codes.Internal, "onnx"), nil, client.ErrInternal, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := tritontest.Start(t, tritontest.Model{Name: "m"})
				server.Inject("m", tritontest.Fault{Times: 1, Err: tt.fault})
				_, err := server.Client(t).Do(t.Context(), client.Request{Model: "m", Inputs: scalar(), Outputs: []string{"x"}, Parameters: tt.params})
				if !errors.Is(err, tt.want) {
					t.Errorf("got error %v, want %v", err, tt.want)
				}
				if got := len(server.Requests()); got != tt.sent {
					t.Errorf("%d requests were sent, want %d", got, tt.sent)
				}
			})
		})
	}
}

// TestRetriesHaveABudget fails 1,000 calls: they may not become more than 1.1 times as many, and ten.
func TestRetriesHaveABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		server.Inject("m", tritontest.Fault{Err: errUnavailable})
		c := server.Client(t)
		for range 1000 {
			if err := infer(t, c); !errors.Is(err, client.ErrUnavailable) {
				t.Fatalf("got error %v, want one that is ErrUnavailable", err)
			}
		}
		if got := len(server.Requests()); got < 1100 || got > 1110 {
			t.Errorf("1000 calls became %d, want 1100 to 1110", got)
		}
	})
}

func TestRetriesEndWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		server.Inject("m", tritontest.Fault{Err: errUnavailable})
		c := server.Client(t, client.WithRetry(client.Retry{Backoff: time.Second, Attempts: 10}))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, _, err := c.Infer(ctx, "m", scalar(), []string{"x"}); !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("got error %v, want one that is ErrUnavailable", err)
		}
		if got := time.Since(start); got != 0 || len(server.Requests()) != 1 {
			t.Errorf("gave up after %v and %d tries, want at once after one: the pause is longer than the time left", got, len(server.Requests()))
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		if _, _, err := c.Infer(ctx, "m", scalar(), []string{"x"}); err == nil {
			t.Error("got no error")
		}
		if got := len(server.Requests()); got != 2 {
			t.Errorf("%d tries, want one more: the context ended in the pause", got)
		}
	})
}

// TestFailingReplicaIsLeftOut hangs one of three, and heals it.
func TestFailingReplicaIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers, c := three(t, client.WithTimeout(100*time.Millisecond))
		servers["b"].Inject("m", tritontest.Fault{Hang: true})
		failed := 0
		for range 60 {
			if infer(t, c) != nil {
				failed++
			}
		}
		if failed != 5 {
			t.Errorf("%d calls failed, want the 5 after which a replica is left out", failed)
		}
		want := []client.ReplicaState{{Address: "a", Connected: true}, {Address: "b", Connected: true, Ejected: true}, {Address: "c", Connected: true}}
		if diff := cmp.Diff(c.Replicas(), want); diff != "" {
			t.Errorf("got (-), want (+):\n%s", diff)
		}
		<-time.After(1100 * time.Millisecond)
		for range 30 {
			if infer(t, c) != nil {
				failed++
			}
		}
		if failed != 6 {
			t.Errorf("%d calls failed, want one more after a second", failed)
		}
		servers["b"].Heal("m")
		<-time.After(2100 * time.Millisecond)
		before := arrived(servers)["b"]
		for range 30 {
			if err := infer(t, c); err != nil {
				t.Error(err)
			}
		}
		if got := arrived(servers)["b"] - before; got != 10 {
			t.Errorf("the healed replica got %d of 30 calls, want 10", got)
		}
	})
}

// TestAllReplicasFailing sees that no more than half are left out.
func TestAllReplicasFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers, c := three(t, once())
		for _, s := range servers {
			s.Inject("m", tritontest.Fault{Err: errUnavailable})
		}
		for range 60 {
			if infer(t, c) == nil {
				t.Fatal("got no error")
			}
		}
		idle := 0
		for _, n := range arrived(servers) {
			if n < 10 {
				idle++
			}
		}
		if idle > 1 {
			t.Errorf("%d of 3 replicas got fewer than 10 of 60 calls, want one at most", idle)
		}
	})
}

// TestHalfOfTheReplicas sees that of two that fail one is left out.
func TestHalfOfTheReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers, c := three(t, once())
		servers["a"].Inject("m", tritontest.Fault{Err: errUnavailable})
		servers["b"].Inject("m", tritontest.Fault{Err: errUnavailable})
		for range 60 {
			_ = infer(t, c) // fails or not
		}
		counts := arrived(servers)
		if least, most := min(counts["a"], counts["b"]), max(counts["a"], counts["b"]); least > 10 || most < 20 {
			t.Errorf("of 60 calls the replicas got %v, want that one of a and b gets 5 or so, and the other goes on", counts)
		}
	})
}

// TestReplicaWithoutTheModel asks the others.
func TestReplicaWithoutTheModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers, c := three(t)
		servers["a"].SetReady("m", false)
		for range 30 {
			if err := infer(t, c); err != nil {
				t.Error(err)
			}
		}
		if got := arrived(servers)["a"]; got != 1 {
			t.Errorf("the replica without the model was asked %d times, want once", got)
		}
		for _, s := range servers {
			s.SetReady("m", false)
		}
		if err := infer(t, c); !errors.Is(err, client.ErrNotFound) {
			t.Errorf("nowhere: got error %v, want one that is ErrNotFound", err)
		}
	})
}

func TestForEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers, c := three(t)
		if err := c.Unload(t.Context(), "m", client.UnloadOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := infer(t, c); !errors.Is(err, client.ErrNotFound) {
			t.Errorf("unloaded everywhere: got error %v, want one that is ErrNotFound", err)
		}
		servers["b"].Stop()
		err := c.Load(t.Context(), "m", client.LoadOptions{Config: &tritonpb.ModelConfig{MaxBatchSize: 7}})
		var report *client.PartialError
		if !errors.As(err, &report) || !errors.Is(err, client.ErrUnavailable) {
			t.Fatalf("got error %v, want a PartialError that is ErrUnavailable", err)
		}
		if diff := cmp.Diff(report.Done, []string{"a", "c"}); diff != "" || len(report.Failed) != 1 || report.Failed[0].Address != "b" {
			t.Errorf("got report %v, want that b failed and a and c are done", report)
		}
		seen := map[string]int32{}
		var mu sync.Mutex
		err = c.ForEach(t.Context(), func(ctx context.Context, address string, one *client.Client) error {
			config, err := one.ModelConfig(ctx, "m", "")
			mu.Lock()
			defer mu.Unlock()
			seen[address] = config.GetMaxBatchSize()
			return errors.Join(err, one.Close())
		})
		if diff := cmp.Diff(seen, map[string]int32{"a": 7, "b": 0, "c": 7}); diff != "" || err == nil {
			t.Errorf("error %v; got (-), want (+):\n%s", err, diff)
		}
	})
}

// TestWaitServing waits for the last replica, and does not take readiness for an answer.
func TestWaitServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers, c := three(t)
		servers["a"].Inject("m", tritontest.Fault{Err: status.Error(codes.Internal, "broken")}) // ready all the same
		servers["b"].SetReady("m", false)
		time.AfterFunc(3*time.Second, func() { servers["a"].Heal("m") })
		time.AfterFunc(2*time.Second, func() { servers["b"].SetReady("m", true) })
		start := time.Now()
		probe := client.Request{Model: "m", Inputs: scalar(), Outputs: []string{"x"}}
		if err := c.WaitServing(t.Context(), probe); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(start); got < 3*time.Second || got > 4*time.Second {
			t.Errorf("waited %v for a model that serves after 3s", got)
		}
		servers["c"].SetReady("m", false)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var report *client.PartialError
		if err := c.WaitServing(ctx, probe); !errors.As(err, &report) || len(report.Failed) != 1 || report.Failed[0].Address != "c" {
			t.Errorf("got error %v, want a PartialError about c", err)
		}
	})
}

func TestMaxInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		server.Inject("m", tritontest.Fault{Latency: time.Second})
		c := server.Client(t, client.WithMaxInFlight(2))
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if err := infer(t, c); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		if err := infer(t, c); !errors.Is(err, client.ErrOverloaded) || time.Since(start) != 0 {
			t.Errorf("got error %v after %v, want one that is ErrOverloaded at once", err, time.Since(start))
		}
		wg.Wait()
		if err := infer(t, c); err != nil {
			t.Errorf("after the others: %v", err)
		}
		if got := len(server.Requests()); got != 3 {
			t.Errorf("%d requests were sent, want 3", got)
		}
	})
}
