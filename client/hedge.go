package client

import (
	"context"
	"errors"
	"math/bits"
	"sync"
	"time"
)

// Hedge says when an inference that takes long is sent to another replica too. The first answer wins, and the other
// try is cancelled. A hedge is a try of the call like any other: it needs a place in the budget of [Retry], and a
// replica that is connected and has not been tried. Sequences and streams are not hedged. Fields that are zero take the
// defaults.
type Hedge struct {
	// After is how long an answer is waited for. The default is the 95th percentile of the model's inferences
	// lately, of which at least a hundred have to be known.
	After time.Duration
	// Share is the most hedges for each inference, in (0,1]. The default is 0.05.
	Share float64
}

func (h Hedge) withDefaults() Hedge {
	if h.Share == 0 {
		h.Share = 0.05
	}
	return h
}

func (h Hedge) validate() error {
	if h.After < 0 || h.Share < 0 || h.Share > 1 {
		return errors.New("hedge: the delay must not be negative, the share must be in [0,1]")
	}
	return nil
}

// hedges is the state of hedging, nil where it is off.
type hedges struct {
	after  time.Duration
	budget *budget

	mu     sync.Mutex // guards models
	models map[string]*latencies
}

func newHedges(h *Hedge) *hedges {
	if h == nil {
		return nil
	}
	set := h.withDefaults()
	return &hedges{after: set.After, budget: newBudget(set.Share), models: make(map[string]*latencies)}
}

// delay returns after how long an inference of model is to be hedged; false if it is not known yet.
func (h *hedges) delay(model string) (time.Duration, bool) {
	if h.after > 0 {
		return h.after, true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.models[model]
	if l == nil || l.known == 0 {
		return 0, false
	}
	return l.known, true
}

// observe takes the duration of a try that was answered, or that a better one has ended.
func (h *hedges) observe(model string, d time.Duration) {
	if h.after > 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.models[model]
	if l == nil {
		l = &latencies{}
		h.models[model] = l
	}
	l.add(d)
}

const (
	fewestLatencies = 100  // that a percentile is made of
	latenciesFor    = 1024 // of them the older half loses half of its weight
	latenciesEvery  = 32   // of them the percentile is computed again
	octaves         = 40   // of microseconds, 12 days
	parts           = 8    // of an octave: a percentile is at most 1/8 too long
)

// latencies are a model's durations lately.
type latencies struct {
	counts [octaves * parts]uint32
	total  uint32
	since  int           // the percentile was computed
	known  time.Duration // the percentile, 0 for none
}

func (l *latencies) add(d time.Duration) {
	l.counts[bucket(d)]++
	l.total++
	if l.since++; l.total < fewestLatencies || l.known != 0 && l.since < latenciesEvery {
		return
	}
	l.since = 0
	if l.total >= latenciesFor {
		l.total = 0
		for i := range l.counts {
			l.counts[i] /= 2
			l.total += l.counts[i]
		}
	}
	const percent = 95
	left := uint64(l.total) * percent / 100
	for i, n := range l.counts {
		if uint64(n) > left {
			l.known = upper(i)
			return
		}
		left -= uint64(n)
	}
}

// bucket numbers the durations by their octave and its eighth.
func bucket(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	if us < parts {
		return int(us)
	}
	octave := bits.Len64(us) - bits.Len64(parts) // 0 for [8,16)
	return min((octave+1)*parts+int(us>>octave)-parts, octaves*parts-1)
}

// upper is where a bucket ends.
func upper(i int) time.Duration {
	if i < parts {
		return time.Duration(i+1) * time.Microsecond
	}
	octave, part := i/parts-1, i%parts
	return time.Duration((parts+part+1)<<octave) * time.Microsecond
}

// hedged makes a call's first try, and a second one beside it when the first takes long. It returns the replicas that
// were tried.
func hedged[A any](ctx context.Context, c *Client, s spec, first picked, delay time.Duration, try trial[A]) (A, []*replica, error) {
	type outcome struct {
		answer A
		err    error
	}
	inner, cancel := context.WithCancel(ctx)
	outcomes := make(chan outcome, 2)
	running := 0
	launch := func(p picked, a Attempt) {
		running++
		go func() {
			answer, err := perform(inner, c, s, p, a, try)
			outcomes <- outcome{answer, err}
		}()
	}
	defer func() {
		cancel() // ends the other try, and it is soon
		for ; running > 0; running-- {
			<-outcomes
		}
	}()
	tried := []*replica{first.replica}
	launch(first, Attempt{Number: 1})
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case o := <-outcomes:
			running--
			if o.err == nil || running == 0 || !elsewhere(o.err) {
				return o.answer, tried, o.err
			}
		case <-timer.C:
			if second, ok := c.spare(s.model, tried); ok {
				tried = append(tried, second.replica)
				launch(second, Attempt{Number: 2, Hedge: true})
			}
		}
	}
}

// elsewhere reports whether another replica may do better.
func elsewhere(err error) bool { return again(err, true) || errors.Is(err, ErrDeadline) }

// spare picks a replica for a hedge, if one is connected that has not been tried, and the budgets allow it.
func (c *Client) spare(model string, tried []*replica) (picked, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed || c.pin != nil {
		return picked{}, false
	}
	best, rank := c.best(nil, model, tried)
	if len(best) == 0 || rank != rankReady {
		return picked{}, false
	}
	chosen := best[int(c.turn.Add(1)%uint64(len(best)))]
	if !c.hedges.budget.spend() || !c.budget.spend() || !chosen.replica.admit(time.Now()) {
		return picked{}, false
	}
	chosen.hold()
	return chosen, true
}
