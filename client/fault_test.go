package client_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"recsys/client"
	"recsys/client/tritontest"
	"recsys/tensor"
)

// inFlight starts n calls that are all underway when it returns, and then waits for them: nil stands for success.
func inFlight(t *testing.T, c *client.Client, n int) (wait func() []error) {
	t.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { _, _, errs[i] = c.Infer(t.Context(), "m", scalar(), []string{"x"}) })
	}
	synctest.Wait()
	return func() []error {
		wg.Wait()
		return errs
	}
}

// TestNetworkFaults befalls 200 calls in flight on one server. The next call has to succeed, whatever has happened.
func TestNetworkFaults(t *testing.T) {
	tests := []struct {
		name   string
		fault  func(*tritontest.Server)
		want   error // of the calls in flight
		within time.Duration
	}{
		{"reset", (*tritontest.Server).Reset, client.ErrUnavailable, 0},
		{"reset in the answer", func(s *tritontest.Server) { s.ResetAfter(100) }, client.ErrUnavailable, time.Second},
		{"garbage", func(s *tritontest.Server) { s.Garble([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, client.ErrUnavailable, time.Second},
		{"go away", (*tritontest.Server).Drain, nil, time.Second},
		// Found by the deadline, as the keepalive's probe comes after 310 s.
		{"blackhole", (*tritontest.Server).Blackhole, client.ErrDeadline, 10 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := tritontest.Start(t, tritontest.Model{Name: "m"})
				server.Inject("m", tritontest.Fault{Latency: time.Second})
				c := server.Client(t, once(), client.WithConnections(1))
				wait := inFlight(t, c, 200)
				start := time.Now()
				tt.fault(server)
				failed := 0
				for _, err := range wait() {
					if tt.want != nil && errors.Is(err, tt.want) {
						failed++
					} else if err != nil {
						t.Fatalf("got error %v, want %v", err, tt.want)
					}
				}
				if tt.want != nil && failed == 0 {
					t.Error("no call failed")
				}
				if got := time.Since(start); got > tt.within {
					t.Errorf("calls ended after %v, want %v at most", got, tt.within)
				}
				if tt.name == "blackhole" {
					return // see TestBlackholeIsFound
				}
				if err := c.WaitReady(t.Context(), "m"); err != nil {
					t.Fatal(err)
				}
				if err := infer(t, c); err != nil {
					t.Errorf("afterwards: %v", err)
				}
				if got := time.Since(start); got > 3*time.Second {
					t.Errorf("served again after %v, want a second for the call and 2 s at most", got)
				}
			})
		})
	}
}

// TestBlackholeIsFound has a call in flight when its connection dies without a word, and makes another: the keepalive
// finds it, and both are made again on a new connection.
func TestBlackholeIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		server.Inject("m", tritontest.Fault{Times: 1, Latency: time.Second})
		c := server.Client(t, client.WithTimeout(time.Hour), client.WithConnections(1))
		wait := inFlight(t, c, 1)
		server.Blackhole()
		start := time.Now()
		another := inFlight(t, c, 1)
		if got := len(server.Requests()); got != 1 {
			t.Errorf("%d requests have arrived, want the one before the connection was dead", got)
		}
		for _, err := range append(wait(), another()...) {
			if err != nil {
				t.Error(err)
			}
		}
		if got := time.Since(start); got < 5*time.Minute || got > 6*time.Minute {
			t.Errorf("answered after %v, want the 310 s of silence and the 20 s for an answer to the probe", got)
		}
		if got := len(server.Requests()); got != 3 {
			t.Errorf("%d requests arrived, want one that was not answered, and the repetitions of both calls", got)
		}
	})
}

// TestDrainUnderLoad has servers restarted in turn under 8 callers: no call may fail.
func TestDrainUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers, c := three(t)
		for _, s := range servers {
			s.Inject("m", tritontest.Fault{Latency: 10 * time.Millisecond})
		}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						if err := infer(t, c); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		for range 5 {
			for _, s := range servers {
				<-time.After(100 * time.Millisecond)
				s.Drain()
			}
		}
		close(stop)
		wg.Wait()
	})
}

// TestSlowConnection has an answer of 40 KB come by 10 KB a second.
func TestSlowConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		c := server.Client(t)
		if err := infer(t, c); err != nil {
			t.Fatal(err)
		}
		server.Throttle(10_000)
		start := time.Now()
		ask := func(timeout time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			_, _, err := c.Infer(ctx, "m", tensor.Map{"x": tensor.Zeros(tensor.Float32, 10_000)}, []string{"x"})
			return err
		}
		if err := ask(time.Minute); err != nil {
			t.Error(err)
		}
		if got := time.Since(start); got < 4*time.Second || got > 6*time.Second {
			t.Errorf("took %v, want 4 to 6 s", got)
		}
		if err := ask(time.Second); !errors.Is(err, client.ErrDeadline) {
			t.Errorf("within a second: got error %v, want one that is ErrDeadline", err)
		}
	})
}

// TestStreamBreaks ends in the midst of 10,000 answers.
func TestStreamBreaks(t *testing.T) {
	for name, fault := range map[string]func(*tritontest.Server){
		"reset":   func(s *tritontest.Server) { s.ResetAfter(50_000) },
		"garbage": func(s *tritontest.Server) { s.Garble([]byte("garbage\x00\xff garbage")) },
		"stopped": (*tritontest.Server).Stop,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := tritontest.Start(t, tritontest.Model{Name: "m", Stream: count(10_000, nil)})
				c := server.Client(t, client.WithConnections(1))
				n, next := 0, int64(0)
				var last error
				for result, err := range c.Stream(t.Context(), counting()) {
					if last = err; err != nil {
						continue
					}
					// Garbage may also come to lie in the midst of an answer, where nothing tells it from numbers.
					if got := tensor.MustData[int64](result.Outputs["n"])[0]; got != next && name != "garbage" {
						t.Fatalf("got answer %d, want %d", got, next)
					}
					next++
					if n++; n == 10 {
						fault(server)
					}
				}
				wanted := []error{client.ErrUnavailable}
				if name == "garbage" {
					// In place of a frame's header it ends the connection; within an answer it is a message that cannot be read, is longer
					// than any may be, or does not fit its own description. It is never the caller's fault, nor the model's.
					wanted = append(wanted, client.ErrInternal, client.ErrTooLarge, client.ErrProtocol)
				}
				isWanted := func(kind error) bool { return errors.Is(last, kind) }
				if n < 10 || n == 10_000 || !slices.ContainsFunc(wanted, isWanted) {
					t.Errorf("got %d answers and error %v, want some and one of %v", n, last, wanted)
				}
			})
		})
	}
}

// TestCloseRaces closes the client under calls and streams, which end by themselves, by their caller or by the server.
func TestCloseRaces(t *testing.T) {
	answers := func(ctx context.Context, _ tritontest.Call) iter.Seq2[tensor.Map, error] {
		return func(yield func(tensor.Map, error) bool) {
			for ctx.Err() == nil && yield(tensor.Map{"n": tensor.Scalar[int64](1)}, nil) {
			}
		}
	}
	patient := grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Nanosecond})
	server := tritontest.StartWith(t, []grpc.ServerOption{patient},
		tritontest.Model{Name: "m", Stream: answers}, tritontest.Model{Name: "echo"})
	for range 20 {
		c, err := client.New(t.Context(), server.Target(), client.WithDialOptions(server.DialOption()))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 8 {
			ctx, cancel := context.WithCancel(t.Context())
			started := make(chan struct{})
			wg.Go(func() {
				defer cancel()
				n := 0
				for _, err := range c.Stream(ctx, counting()) {
					if n++; n == 1 {
						close(started)
					}
					if n > 100*i || err != nil {
						break
					}
				}
			})
			wg.Go(func() {
				<-started
				if _, _, err := c.Infer(ctx, "echo", scalar(), []string{"x"}); err != nil && !errors.Is(err, client.ErrClosed) && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				if i%2 == 0 {
					cancel()
				}
			})
			if i == 7 {
				<-started
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	}
}

// TestLargeTensors sends 64 MiB and gets them back, which the default limit does not allow.
func TestLargeTensors(t *testing.T) {
	const size = 64 << 20
	limit := size + 1<<10 // for the rest of the message
	server := tritontest.StartWith(t, []grpc.ServerOption{grpc.MaxRecvMsgSize(limit), grpc.MaxSendMsgSize(limit)}, tritontest.Model{Name: "m"})
	x := make([]float32, size/4)
	for i := range x {
		x[i] = float32(i)
	}
	in := tensor.Map{"x": tensor.Of(x, len(x))}
	if _, _, err := server.Client(t).Infer(t.Context(), "m", in, []string{"x"}); !errors.Is(err, client.ErrTooLarge) {
		t.Errorf("by the default limit: got error %v, want one that is ErrTooLarge", err)
	}
	got, _, err := server.Client(t, client.WithMaxMessageSize(limit)).Infer(t.Context(), "m", in, []string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	if !got["x"].Equal(in["x"]) {
		t.Error("the tensor has come back changed")
	}
}
