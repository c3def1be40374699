package load_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"recsys/internal/load"
)

// take waits as a server does; in a synctest bubble the time is exact and passes at once.
func take(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func run(t *testing.T, c load.Config, do func(context.Context, int) error) *load.Result {
	t.Helper()
	r, err := load.Run(t.Context(), c, do)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// near is equality to the three digits of the histogram.
func near(got, want time.Duration) bool {
	return math.Abs(float64(got-want)) <= 0.001*float64(want)
}

func TestClosedLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, load.Config{Clients: 2, Duration: time.Second}, func(ctx context.Context, _ int) error {
			return take(ctx, 10*time.Millisecond)
		})
		if r.Answered != 200 || r.Failed != 0 || r.Throughput() != 200 || r.Mean != 10*time.Millisecond || r.Wait != 0 {
			t.Errorf("%d answered, %d failed, %g a second, mean %s, wait %s; want 200, 0, 200, 10ms, 0s",
				r.Answered, r.Failed, r.Throughput(), r.Mean, r.Wait)
		}
		for _, q := range []float64{0, 0.5, 0.999, 1} {
			if got := r.Quantile(q); !near(got, 10*time.Millisecond) {
				t.Errorf("quantile %g is %s, want 10ms", q, got)
			}
		}
	})
}

// TestStall has a server stop for its first second. In an open loop all who come in that second see it: at 100 a second one in
// ten of 10 seconds' requests. In a closed loop the one client does.
func TestStall(t *testing.T) {
	server := func() func(context.Context, int) error {
		return func(ctx context.Context, n int) error {
			if n == 0 {
				return take(ctx, time.Second)
			}
			return take(ctx, time.Millisecond)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		open := run(t, load.Config{Sleep: take, Rate: 100, Clients: 1, Duration: 10 * time.Second, Seed: 1}, server())
		// Half of those that came within the second waited for more than half of it: 5 % of all, within three standard
		// deviations of a Poisson count of 50.
		if q := open.Quantile(1 - 0.029); q < 500*time.Millisecond {
			t.Errorf("quantile 0.971 of the open loop is %s, want more than 500ms", q)
		}
		if q := open.Quantile(1 - 0.071); q > 500*time.Millisecond {
			t.Errorf("quantile 0.929 of the open loop is %s, want less than 500ms", q)
		}
		if open.Wait < 40*time.Millisecond || open.Wait > open.Mean {
			t.Errorf("requests waited for %s of %s, want about a tenth of 500ms", open.Wait, open.Mean)
		}
		closed := run(t, load.Config{Clients: 1, Duration: 10 * time.Second}, server())
		if q := closed.Quantile(0.999); !near(q, time.Millisecond) {
			t.Errorf("quantile 0.999 of the closed loop is %s, want 1ms", q)
		}
	})
}

func TestPoisson(t *testing.T) {
	arrivals := func(t *testing.T, seed uint64) []float64 {
		t.Helper()
		var mu sync.Mutex
		var at []float64
		started := time.Now()
		r := run(t, load.Config{Sleep: take, Rate: 50, Clients: 4, Duration: 100 * time.Second, Seed: seed}, func(context.Context, int) error {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(started).Seconds())
			return nil
		})
		if r.Wait != 0 || r.Answered != len(at) {
			t.Errorf("%d answered after a wait of %s, want %d and none", r.Answered, r.Wait, len(at))
		}
		return at
	}
	synctest.Test(t, func(t *testing.T) {
		at := arrivals(t, 7)
		// 5000 are expected with a standard deviation of sqrt(5000) = 71.
		if n := len(at); n < 4717 || n > 5283 {
			t.Errorf("%d arrivals, want 5000 within four standard deviations", n)
		}
		// Counts of a Poisson process in 1000 windows have a variance that is their mean. The ratio times 999 is distributed as
		// chi-squared with 999 degrees: within four of its standard deviations, sqrt(2/999), of 1. A steady rate gives 0.
		counts := make([]float64, 1000)
		for _, x := range at {
			counts[min(int(x*10), len(counts)-1)]++
		}
		mean, variance := float64(len(at))/1000, 0.0
		for _, c := range counts {
			variance += (c - mean) * (c - mean) / 999
		}
		if ratio := variance / mean; math.Abs(ratio-1) > 4*math.Sqrt(2.0/999) {
			t.Errorf("variance of the counts over their mean is %g, want 1", ratio)
		}
		if !slices.Equal(at, arrivals(t, 7)) {
			t.Error("the same seed gave other arrivals")
		}
		if slices.Equal(at, arrivals(t, 8)) {
			t.Error("another seed gave the same arrivals")
		}
	})
}

func TestTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, load.Config{Sleep: take, Rate: 100, Clients: 2, Duration: 5 * time.Second, Seed: 3}, func(ctx context.Context, _ int) error {
			return take(ctx, time.Second)
		})
		// Two clients that answer one request a second each, and those that are under way at the end.
		if r.Answered < 9 || r.Answered > 12 {
			t.Errorf("%d answered, want about 10", r.Answered)
		}
		if r.Failed < 400 || r.Codes[load.CodeNotSent] != r.Failed || r.First == nil {
			t.Errorf("%d failed, %v, first %v; want all others as not sent", r.Failed, r.Codes, r.First)
		}
		if r.Elapsed > 6*time.Second+100*time.Millisecond {
			t.Errorf("took %s, want an end about a request's time after 5s", r.Elapsed)
		}
	})
}

func TestFailures(t *testing.T) {
	odd := errors.New("odd")
	synctest.Test(t, func(t *testing.T) {
		c := load.Config{Clients: 1, Duration: time.Minute, Requests: 10, Code: func(err error) string { return err.Error() + "!" }}
		r := run(t, c, func(ctx context.Context, n int) error {
			if n%2 == 1 {
				return errors.Join(odd, take(ctx, time.Second))
			}
			return take(ctx, time.Millisecond)
		})
		if r.Answered != 5 || r.Failed != 5 || r.Codes["odd!"] != 5 || !errors.Is(r.First, odd) {
			t.Errorf("%d answered, %d failed, %v, first %v; want 5, 5, five odd ones", r.Answered, r.Failed, r.Codes, r.First)
		}
		if q := r.Quantile(1); !near(q, time.Millisecond) {
			t.Errorf("the slowest answer took %s; failures are no answers", q)
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		var under sync.WaitGroup
		_, err := load.Run(ctx, load.Config{Sleep: take, Rate: 10, Clients: 3, Duration: time.Hour, Seed: 1}, func(ctx context.Context, _ int) error {
			under.Add(1)
			defer under.Done()
			return take(ctx, 100*time.Millisecond)
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run gives %v, want the context's error", err)
		}
		under.Wait() // would end the test as a deadlock if a request were still under way
	})
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []load.Progress
		c := load.Config{Clients: 1, Duration: 3500 * time.Millisecond, Progress: func(p load.Progress) { seen = append(seen, p) }}
		run(t, c, func(ctx context.Context, _ int) error { return take(ctx, 300*time.Millisecond) })
		if len(seen) != 3 || seen[2].Elapsed != 3*time.Second || seen[2].Answered < 9 || seen[2].Total != c.Duration {
			t.Errorf("progress is %+v, want three of a second each", seen)
		}
	})
}

// TestSleep waits on the clock of the machine, of which it knows only that it does not go back.
func TestSleep(t *testing.T) {
	started := time.Now()
	r := run(t, load.Config{Rate: 1000, Clients: 4, Duration: 20 * time.Millisecond, Seed: 1}, func(context.Context, int) error { return nil })
	if r.Wait < 0 || r.Answered+r.Failed == 0 || time.Since(started) < r.Elapsed {
		t.Errorf("%d requests, %s before they were due, in %s", r.Answered+r.Failed, -r.Wait, r.Elapsed)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := load.Run(ctx, load.Config{Rate: 1e-9, Clients: 1, Duration: time.Hour}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled run gives %v", err)
	}
}

func TestConfig(t *testing.T) {
	good := load.Config{Clients: 1, Duration: time.Second}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*load.Config){
		"negative rate":     func(c *load.Config) { c.Rate = -1 },
		"rate of NaN":       func(c *load.Config) { c.Rate = math.NaN() },
		"infinite rate":     func(c *load.Config) { c.Rate = math.Inf(1) },
		"no clients":        func(c *load.Config) { c.Clients = 0 },
		"no duration":       func(c *load.Config) { c.Duration = 0 },
		"negative requests": func(c *load.Config) { c.Requests = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			change(&c)
			if _, err := load.Run(t.Context(), c, nil); err == nil {
				t.Error("no error")
			}
		})
	}
}
