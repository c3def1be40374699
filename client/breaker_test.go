package client_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"recsys/client"
	"recsys/client/tritontest"
)

// TestHalfOpenCircuit lets one of many calls through to a replica that hangs: the probe.
func TestHalfOpenCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers, c := three(t, client.WithTimeout(100*time.Millisecond), once(),
			client.WithBreaker(client.Breaker{Failures: 2, Pause: 10 * time.Second, MaxPause: time.Minute}))
		servers["b"].Inject("m", tritontest.Fault{Hang: true})
		for range 6 {
			_ = infer(t, c) // two of them fail
		}
		probes := func() (failed int) {
			before := arrived(servers)["b"]
			var mu sync.Mutex
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					if infer(t, c) != nil {
						mu.Lock()
						defer mu.Unlock()
						failed++
					}
				})
			}
			wg.Wait()
			if got := arrived(servers)["b"] - before; got != failed {
				t.Errorf("%d calls reached b, of which %d failed, want all", got, failed)
			}
			return failed
		}
		if got := probes(); got != 0 {
			t.Errorf("%d calls went through an open circuit", got)
		}
		<-time.After(10 * time.Second)
		if got := probes(); got != 1 {
			t.Errorf("%d calls went through a half open circuit, want the probe alone", got)
		}
		<-time.After(10 * time.Second)
		if got := probes(); got != 0 {
			t.Errorf("%d calls went through a circuit that stays open for 20 s the second time", got)
		}
		// An answer to a question is none to an inference.
		<-time.After(10 * time.Second)
		for range 9 {
			if _, err := c.ServerLive(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if got := probes(); got != 1 {
			t.Errorf("%d calls went through a half open circuit after questions were answered, want the probe alone", got)
		}
		servers["b"].Heal("m")
		<-time.After(40 * time.Second)
		before := arrived(servers)["b"]
		for range 31 {
			if err := infer(t, c); err != nil {
				t.Error(err)
			}
		}
		if got := arrived(servers)["b"] - before; got < 10 {
			t.Errorf("%d of 31 calls went to the healed replica, want its share", got)
		}
	})
}

// TestBreakerFailsFast loses the only server, and brings it back.
func TestBreakerFailsFast(t *testing.T) {
	for name, fast := range map[string]bool{"fast": true, "trying": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := tritontest.Start(t, tritontest.Model{Name: "m"})
				server.Inject("m", tritontest.Fault{Hang: true})
				c := server.Client(t, once(), client.WithTimeout(time.Second), client.WithBreaker(client.Breaker{FailFast: fast}))
				for range 5 {
					if err := infer(t, c); !errors.Is(err, client.ErrDeadline) {
						t.Fatalf("got error %v, want one that is ErrDeadline", err)
					}
				}
				start := time.Now()
				var wg sync.WaitGroup
				for range 10 { // at once, so that there is no probe to wait for
					wg.Go(func() {
						if err, want := infer(t, c), client.ErrUnavailable; fast && !errors.Is(err, want) || !fast && !errors.Is(err, client.ErrDeadline) {
							t.Errorf("got error %v", err)
						}
					})
				}
				wg.Wait()
				want, sent := time.Second, 15
				if fast {
					want, sent = 0, 5
				}
				if got := time.Since(start); got != want || len(server.Requests()) != sent {
					t.Errorf("after 5 failures, calls failed after %v and %d were sent, want %v and %d", got, len(server.Requests()), want, sent)
				}
				<-time.After(30 * time.Second)
				for range 2 { // the probe and another
					wg.Go(func() {
						if err, want := infer(t, c), client.ErrDeadline; !fast && !errors.Is(err, want) {
							t.Errorf("got error %v, want one that is ErrDeadline", err)
						}
					})
				}
				wg.Wait()
				server.Heal("m")
				<-time.After(30 * time.Second)
				for range 3 {
					if err := infer(t, c); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
	if _, err := client.New(t.Context(), "localhost:1", client.WithBreaker(client.Breaker{Pause: 2, MaxPause: 1})); err == nil {
		t.Error("a longest pause below the first: got no error")
	}
}
