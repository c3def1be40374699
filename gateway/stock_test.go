package gateway

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"recsys/featurestore"
)

// slow answers with the set that it had when it was asked, once it is let.
type slow struct {
	featurestore.Availability
	let chan error
}

func (s *slow) Unavailable(ctx context.Context) (featurestore.Unavailable, error) {
	set, err := s.Availability.Unavailable(ctx)
	return set, errors.Join(err, <-s.let)
}

// asking is a request that waits for a set.
type asking struct {
	got *stock
	err error
}

func (s *stocks) ask(ctx context.Context, state string) *asking {
	a := &asking{}
	go func() { a.got, a.err = s.at(ctx, state) }()
	synctest.Wait()
	return a
}

// The test is inside the package: outside, nobody can tell that a request waits.
func TestStocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slow{featurestore.NewMemory(), make(chan error)}
		change := func(item string) string {
			if err := store.SetAvailable(t.Context(), item, false); err != nil {
				t.Fatal(err)
			}
			set, err := store.Availability.Unavailable(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return set.State
		}
		s := newStocks(store)
		stateA := change("a")
		first := s.ask(t.Context(), stateA) // Reads {a}.
		stateB := change("b")
		second := s.ask(t.Context(), stateB) // Knows a newer set than is being read.
		third := s.ask(t.Context(), stateA)
		store.let <- nil
		synctest.Wait()
		if first.got == nil || len(first.got.items) != 1 || third.got != first.got {
			t.Errorf("first request has %+v, third %+v; want {a}, read once", first.got, third.got)
		}
		if second.got != nil {
			t.Errorf("second request is content with %+v", second.got)
		}
		store.let <- nil
		synctest.Wait()
		if second.got == nil || second.got.state != stateB || !second.got.items["b"] {
			t.Errorf("second request has %+v, want {a, b}", second.got)
		}

		stateC := change("c")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		late := s.ask(ctx, stateC)
		<-ctx.Done() // By the bubble's clock.
		synctest.Wait()
		if !errors.Is(late.err, context.DeadlineExceeded) || late.got != second.got {
			t.Errorf("late request: %+v, %v; want the last set and the end of its time", late.got, late.err)
		}
		store.let <- nil // The reading goes on for others.
		synctest.Wait()
		if got, err := s.at(t.Context(), stateC); err != nil || !got.items["c"] {
			t.Errorf("next request: %+v, %v; want {a, b, c}", got, err)
		}

		failed := s.ask(t.Context(), change("d"))
		store.let <- errors.New("refused")
		synctest.Wait()
		if failed.err == nil || failed.got.state != stateC {
			t.Errorf("failed request: %+v, %v; want the last set and an error", failed.got, failed.err)
		}
	})
}
