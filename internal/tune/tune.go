package tune

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// better is by what factor a value has to win to be taken: less than that is noise.
	better = 1.05
	// more is by what factor the throughput of a candidate has to rise for still more clients to be tried.
	more = 1.03
	// mostClients bounds the clients of a candidate.
	mostClients = 256
)

// Dimension is a setting with the values to try, the one to begin with first.
type Dimension struct {
	Name   string
	Values []string
}

// Candidate has a value for each dimension, in their order.
type Candidate []Value

// Value is the value of a setting.
type Value struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Get returns the value of a setting, empty for one that is no dimension.
func (c Candidate) Get(name string) string {
	for _, v := range c {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

// String is "fuse=all threads=2".
func (c Candidate) String() string {
	parts := make([]string, len(c))
	for i, v := range c {
		parts[i] = v.Name + "=" + v.Value
	}
	return strings.Join(parts, " ")
}

// Level is what a candidate did for a number of clients. Times are milliseconds.
type Level struct {
	Clients    int     `json:"clients"`
	Throughput float64 `json:"requests_per_second"`
	P50        float64 `json:"p50_ms"`
	P99        float64 `json:"p99_ms"`
	Failed     int     `json:"failed"`
}

// Evidence is what was measured of a candidate.
type Evidence struct {
	Candidate Candidate `json:"candidate"`
	Levels    []Level   `json:"levels"`
	// Error says why the candidate cannot be used.
	Error string `json:"error,omitempty"`
}

// Best returns the level of the highest throughput among those without failures and with a 99th percentile within the budget; ok is
// false when there is none.
func (e Evidence) Best(budget time.Duration) (best Level, ok bool) {
	for _, l := range e.Levels {
		if l.Failed == 0 && within(l, budget) && l.Throughput > best.Throughput {
			best, ok = l, true
		}
	}
	return best, ok
}

// Fault says why the candidate cannot be used, empty for one that can.
func (e Evidence) Fault() string {
	if _, ok := e.fastest(); ok || e.Error != "" {
		return e.Error
	}
	return "requests failed"
}

func within(l Level, budget time.Duration) bool {
	return l.P99 <= float64(budget)/float64(time.Millisecond)
}

// fastest returns the least 99th percentile of the levels without failures: what ranks candidates that are all beyond the budget.
func (e Evidence) fastest() (ms float64, ok bool) {
	for _, l := range e.Levels {
		if l.Failed == 0 && (!ok || l.P99 < ms) {
			ms, ok = l.P99, true
		}
	}
	return ms, ok
}

// beats reports whether a candidate is better than another by more than noise.
func (e Evidence) beats(other Evidence, budget time.Duration) bool {
	a, within := e.Best(budget)
	b, otherWithin := other.Best(budget)
	if within && otherWithin {
		return a.Throughput > better*b.Throughput
	}
	if within || otherWithin {
		return within
	}
	x, ok := e.fastest()
	y, otherOK := other.fastest()
	if ok && otherOK {
		return better*x < y
	}
	return ok && !otherOK
}

// Options say what is searched.
type Options struct {
	// Budget is what 99 of 100 answers have to come within.
	Budget     time.Duration
	Dimensions []Dimension
	// Known is evidence of an earlier search, of the same subject.
	Known []Evidence
	// Measured, if not nil, gets all evidence so far after each new candidate.
	Measured func([]Evidence) error
}

// Validate reports all that is wrong.
func (o Options) Validate() error {
	var errs []error
	if o.Budget <= 0 {
		errs = append(errs, fmt.Errorf("latency budget %s: want more than 0", o.Budget))
	}
	if len(o.Dimensions) == 0 {
		errs = append(errs, errors.New("no dimensions"))
	}
	for _, d := range o.Dimensions {
		if len(d.Values) == 0 {
			errs = append(errs, fmt.Errorf("dimension %q has no values", d.Name))
		}
	}
	return errors.Join(errs...)
}

// Runner is a candidate that is ready to be asked.
type Runner interface {
	// Run asks with a number of clients for a while.
	Run(ctx context.Context, clients int) (Level, error)
	// Close puts away what Prepare made.
	Close() error
}

// Prepare makes a candidate ready. An error that is not ctx's rules the candidate out.
type Prepare func(ctx context.Context, c Candidate) (Runner, error)

// Result is what a search found.
type Result struct {
	// Evidence has every candidate in the order of the search.
	Evidence []Evidence `json:"evidence"`
	// Chosen is the place of the best one in it, -1 when none can be used; Within says whether it keeps the budget.
	Chosen int  `json:"chosen"`
	Within bool `json:"within_budget"`
	// Missing is the number of candidates that the search had no time for.
	Missing int `json:"missing,omitempty"`
}

// Search measures candidates until all dimensions are through or ctx ends; then the result is that of the candidates that were measured
// to their end, and no error.
func Search(ctx context.Context, o Options, prepare Prepare) (*Result, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("tune: %w", err)
	}
	r := &Result{Chosen: -1}
	best := make(Candidate, len(o.Dimensions))
	for i, d := range o.Dimensions {
		best[i] = Value{d.Name, d.Values[0]}
	}
	if err := r.try(ctx, o, best, prepare); err != nil {
		return nil, err
	}
	for i, d := range o.Dimensions {
		start := slices.Clone(best)
		for _, v := range d.Values[1:] {
			c := slices.Clone(start)
			c[i].Value = v
			if err := r.try(ctx, o, c, prepare); err != nil {
				return nil, err
			}
		}
		if r.Chosen >= 0 {
			best = r.Evidence[r.Chosen].Candidate
		}
	}
	if r.Chosen >= 0 {
		_, r.Within = r.Evidence[r.Chosen].Best(o.Budget)
	}
	return r, nil
}

// try measures a candidate, unless it is known, and takes it if it is better.
func (r *Result) try(ctx context.Context, o Options, c Candidate, prepare Prepare) error {
	i := slices.IndexFunc(o.Known, func(e Evidence) bool { return slices.Equal(e.Candidate, c) })
	var e Evidence
	if i >= 0 {
		e = o.Known[i]
	} else {
		if ctx.Err() == nil {
			e = measure(ctx, o.Budget, c, prepare)
		}
		if ctx.Err() != nil { // what was measured of it is not all
			r.Missing++
			return nil //nolint:nilerr // the end of the time is no failure
		}
	}
	r.Evidence = append(r.Evidence, e)
	_, usable := e.fastest()
	if last := len(r.Evidence) - 1; usable && (r.Chosen < 0 || e.beats(r.Evidence[r.Chosen], o.Budget)) {
		r.Chosen = last
	}
	if i < 0 && o.Measured != nil {
		return o.Measured(r.Evidence)
	}
	return nil
}

// measure asks a candidate by 1, 2, 4, … clients.
func measure(ctx context.Context, budget time.Duration, c Candidate, prepare Prepare) (e Evidence) {
	e.Candidate = c
	fail := func(err error) {
		if err != nil && e.Error == "" {
			e.Error = err.Error()
		}
	}
	runner, err := prepare(ctx, c)
	if err != nil {
		fail(err)
		return e
	}
	defer func() { fail(runner.Close()) }()
	for clients, top := 1, 0.0; clients <= mostClients; clients *= 2 {
		l, err := runner.Run(ctx, clients)
		if err != nil {
			fail(err)
			return e
		}
		e.Levels = append(e.Levels, l)
		if l.Failed > 0 || !within(l, budget) || l.Throughput < more*top {
			return e
		}
		top = l.Throughput
	}
	return e
}
