package client_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client"
	"recsys/client/tritontest"
	"recsys/tensor"
)

// tries collects what an observer is told.
type tries struct {
	mu   sync.Mutex
	list []client.Attempt
}

func (o *tries) option() client.Option {
	return client.WithObserver(func(_ context.Context, a client.Attempt) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.list = append(o.list, a)
	})
}

func (o *tries) hedges() (sent, won int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range o.list {
		if a.Hedge {
			sent++
			if a.Err == nil {
				won++
			}
		}
	}
	return sent, won
}

var errShape = status.Error(codes.InvalidArgument, "shape")

// TestHedge has the replica whose turn it is take a second, and the hedge another one after 50 ms.
func TestHedge(t *testing.T) {
	tests := []struct {
		name  string
		first tritontest.Fault // of the replica that is asked first
		rest  time.Duration    // that the others take
		after time.Duration    // the call takes
		want  error
		sent  int
	}{
		{"slow", tritontest.Fault{Times: 1, Latency: time.Second}, 0, 50 * time.Millisecond, nil, 2},
		{"in time", tritontest.Fault{Times: 1, Latency: 40 * time.Millisecond}, 0, 40 * time.Millisecond, nil, 1},
		{"fails before", tritontest.Fault{Times: 1, Err: errUnavailable}, 0, 0, nil, 2}, // a retry
		{"fails meanwhile", tritontest.Fault{Times: 1, Latency: 60 * time.Millisecond, Err: errUnavailable}, 30 * time.Millisecond, 80 * time.Millisecond, nil, 2},
		{"wrong meanwhile", tritontest.Fault{Times: 1, Latency: 60 * time.Millisecond, Err: errShape}, time.Second, 60 * time.Millisecond, client.ErrInvalidArgument, 2},
		{"wrong before", tritontest.Fault{Times: 1, Err: errShape}, 0, 0, client.ErrInvalidArgument, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := &tries{}
				servers, c := three(t, client.WithHedge(client.Hedge{After: 50 * time.Millisecond, Share: 1}), client.WithRoundRobin(), seen.option())
				for range 3 { // so that it is the first one's turn
					if err := infer(t, c); err != nil {
						t.Fatal(err)
					}
				}
				before := 3
				address := seen.list[0].Address
				for other, s := range servers {
					if other != address {
						s.Inject("m", tritontest.Fault{Latency: tt.rest})
					}
				}
				servers[address].Inject("m", tt.first)
				start := time.Now()
				err := infer(t, c)
				if !errors.Is(err, tt.want) {
					t.Errorf("got error %v, want %v", err, tt.want)
				}
				if got := time.Since(start); got != tt.after {
					t.Errorf("took %v, want %v", got, tt.after)
				}
				total := 0
				for _, n := range arrived(servers) {
					total += n
				}
				if total-before != tt.sent {
					t.Errorf("%d requests were sent, want %d", total-before, tt.sent)
				}
			})
		})
	}
}

// TestHedgeCancelsTheLoser sees the slow model's context end, and the caller's tensors used by one answer alone.
func TestHedgeCancelsTheLoser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		slow := tritontest.Model{Name: "m", Infer: func(ctx context.Context, _ tritontest.Call) (tensor.Map, error) {
			<-ctx.Done()
			close(ended)
			return nil, ctx.Err()
		}}
		servers := map[string]*tritontest.Server{"a": tritontest.Start(t, slow), "b": tritontest.Start(t, tritontest.Model{Name: "m"})}
		seen := &tries{}
		c := connect(t, "a,b", tritontest.Dialer(servers), client.WithRoundRobin(), seen.option(),
			client.WithHedge(client.Hedge{After: time.Second, Share: 1}))
		synctest.Wait()
		mine := tensor.Of([]int64{7}, 1)
		for range 2 { // one of them starts with a
			result, err := c.Do(t.Context(), client.Request{
				Model: "m", Inputs: tensor.Map{"x": tensor.Of([]int64{9}, 1)}, Outputs: []string{"x"}, Into: tensor.Map{"x": mine},
			})
			if err != nil {
				t.Fatal(err)
			}
			if sent, _ := seen.hedges(); sent == 1 && result.Outputs["x"] == mine {
				t.Error("a hedge's answer was decoded into the caller's tensors, which the first try may write")
			}
			if sent, _ := seen.hedges(); sent == 1 {
				break
			}
		}
		<-ended
		if sent, won := seen.hedges(); sent != 1 || won != 1 {
			t.Errorf("%d hedges were sent and %d won, want 1 and 1", sent, won)
		}
		for _, r := range c.Replicas() {
			if r.Calls != 0 || r.Ejected {
				t.Errorf("replica %+v: want no calls left, and none left out", r)
			}
		}
	})
}

// TestHedgesHaveAShare has a tenth of all calls take long: no more than the share may become hedges, and the ten that
// a budget has at the start.
func TestHedgesHaveAShare(t *testing.T) {
	for name, tt := range map[string]struct {
		hedge client.Hedge
		retry client.Retry
		most  int
	}{
		"of its own":    {client.Hedge{After: 10 * time.Millisecond}, client.Retry{Budget: 1}, 60},
		"the retries'":  {client.Hedge{After: 10 * time.Millisecond, Share: 1}, client.Retry{Budget: 0.02}, 30},
		"as many as it": {client.Hedge{After: 10 * time.Millisecond, Share: 1}, client.Retry{Budget: 1}, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := &tries{}
				servers, c := three(t, client.WithHedge(tt.hedge), client.WithRetry(tt.retry), seen.option())
				for _, s := range servers {
					s.Inject("m", tritontest.Fault{Latency: 20 * time.Millisecond})
				}
				for range 1000 {
					if err := infer(t, c); err != nil {
						t.Fatal(err)
					}
				}
				if sent, _ := seen.hedges(); sent < tt.most-10 || sent > tt.most {
					t.Errorf("%d of 1000 calls were hedged, want %d to %d", sent, tt.most-10, tt.most)
				}
			})
		})
	}
}

// TestHedgeAfterThe95thPercentile answers most calls in 10 ms, an eighth in 30 ms, and three of 100 in a second.
func TestHedgeAfterThe95thPercentile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &tries{}
		n := 0
		var mu sync.Mutex
		model := tritontest.Model{Name: "m", Infer: func(ctx context.Context, call tritontest.Call) (tensor.Map, error) {
			mu.Lock()
			n++
			wait := 10 * time.Millisecond
			switch {
			case n%33 == 0:
				wait = time.Second
			case n%8 == 0:
				wait = 30 * time.Millisecond
			}
			mu.Unlock()
			select {
			case <-time.After(wait):
				return call.Inputs, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}}
		servers := map[string]*tritontest.Server{"a": tritontest.Start(t, model), "b": tritontest.Start(t, model)}
		c := connect(t, "a,b", tritontest.Dialer(servers), client.WithHedge(client.Hedge{}), seen.option())
		synctest.Wait()
		slowest := func(calls int) (most time.Duration) {
			for range calls {
				start := time.Now()
				if err := infer(t, c); err != nil {
					t.Fatal(err)
				}
				most = max(most, time.Since(start))
			}
			return most
		}
		if got := slowest(99); got != time.Second {
			t.Errorf("before the percentile is known the slowest call took %v, want 1s", got)
		}
		if sent, _ := seen.hedges(); sent != 0 {
			t.Errorf("%d hedges were sent of 99 calls, want none", sent)
		}
		slowest(1)
		// Waits for the 95th percentile, 30 ms and at most an eighth more, and then 10 or 30 ms for the answer.
		if got := slowest(500); got < 40*time.Millisecond || got > 64*time.Millisecond {
			t.Errorf("the slowest of 500 calls took %v, want 40 to 64 ms", got)
		}
		if sent, won := seen.hedges(); sent < 10 || sent > 25 || won != sent {
			t.Errorf("%d hedges were sent and %d have won, want 15 or so, and all", sent, won)
		}
	})
}

// TestNotHedged sends sequences, calls to one replica and calls without another one that works once only.
func TestNotHedged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hedge := client.WithHedge(client.Hedge{After: 10 * time.Millisecond, Share: 1})
		seen := &tries{}
		servers, c := three(t, hedge, seen.option())
		for _, s := range servers {
			s.Inject("m", tritontest.Fault{Latency: 100 * time.Millisecond})
		}
		if _, err := c.Sequence("m").Infer(t.Context(), scalar(), []string{"x"}, true); err != nil {
			t.Error(err)
		}
		_, err := c.Do(t.Context(), client.Request{
			Model: "m", Inputs: scalar(), Outputs: []string{"x"}, Parameters: map[string]any{"sequence_id": int64(1)},
		})
		if err != nil {
			t.Error(err)
		}
		err = c.ForEach(t.Context(), func(_ context.Context, _ string, one *client.Client) error { return infer(t, one) })
		if err != nil {
			t.Error(err)
		}
		servers["a"].Stop()
		servers["b"].Stop()
		synctest.Wait()
		if err := infer(t, c); err != nil {
			t.Error(err)
		}
		if sent, _ := seen.hedges(); sent != 0 {
			t.Errorf("%d hedges were sent, want none", sent)
		}
	})
	if _, err := client.New(t.Context(), "localhost:1", client.WithHedge(client.Hedge{Share: 2})); err == nil {
		t.Error("a share of 2: got no error")
	}
}
