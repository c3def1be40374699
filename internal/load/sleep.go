package load

import (
	"context"
	"time"
)

// fine is the end of a wait that [pause] takes. Go's timers may be late by a millisecond, as they wait in epoll with a timeout in
// whole ones.
const fine = 2 * time.Millisecond

// sleep waits until d has passed or ctx ends, and returns ctx's error then.
func sleep(ctx context.Context, d time.Duration) error {
	until := time.Now().Add(d)
	if d > fine {
		timer := time.NewTimer(d - fine)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
	if d = time.Until(until); d > 0 {
		pause(d)
	}
	return ctx.Err()
}
