package exec

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"recsys/tensor"
)

// Budget is a number of threads that the runs of several plans share. Each run takes one while it is under way; for a
// large step it takes more, up to its plan's Threads, as far as some are free. It never waits for one: with as many
// runs at once as there are threads, each computes alone. A Budget is safe for concurrent use and needs no closing.
type Budget struct{ free atomic.Int64 }

// NewBudget returns a budget of n threads.
func NewBudget(n int) *Budget {
	b := &Budget{}
	b.free.Store(int64(n))
	return b
}

// take takes up to n threads, of those that are free, and returns how many.
func (b *Budget) take(n int) int {
	for {
		free := b.free.Load()
		got := min(int64(n), free)
		if got <= 0 {
			return 0
		}
		if b.free.CompareAndSwap(free, free-got) {
			return int(got)
		}
	}
}

func (b *Budget) give(n int) { b.free.Add(int64(n)) }

// pieceTime is the least work, in nanoseconds, that is worth a piece of its own: to wake a thread takes a few
// microseconds.
const pieceTime = 10_000

// piecesPerThread bounds the pieces of a step: more of them even out threads that start late or are slow, fewer read
// shared data less often.
const piecesPerThread = 4

// finePieces is piecesPerThread for steps whose pieces share nothing that each has to read.
const finePieces = 16

// pieceStep is what pieces of many units are a multiple of: the kernels' tiles of 6 and of 14 rows are full then.
const pieceStep = 42

// team computes the steps of one run at a time. For large ones it takes helpers, goroutines that stay while there is more
// for them: to wake a thread takes longer than many a step.
//
// A helper touches the job only while it is counted in busy, and only if the job was open after it was counted. The run
// closes the job and waits until nobody is busy before it changes the job.
type team struct {
	budget  *Budget
	lanes   []*lane       // by goroutine, the run's own first
	helpers []func()      // by goroutine, nil for the run's own
	here    []atomic.Bool // by goroutine: the helper has not left

	job     *step
	in, out []*tensor.Tensor
	n, size int
	next    atomic.Int64 // the next piece
	open    atomic.Bool  // there may be pieces
	busy    atomic.Int64 // helpers that look at the job

	mu  sync.Mutex
	err error // of one of the pieces that failed
}

func newTeam(p *Plan) *team {
	t := &team{budget: p.budget, helpers: make([]func(), p.threads), here: make([]atomic.Bool, p.threads)}
	for i := range p.threads {
		l := &lane{}
		l.Kernels = p.kernels
		t.lanes = append(t.lanes, l)
		t.helpers[i] = func() { t.help(l, &t.here[i]) }
	}
	return t
}

// release drops what the lanes remember of the caller's tensors.
func (t *team) release() {
	for _, l := range t.lanes {
		clear(l.registers)
		clear(l.args[:cap(l.args)])
	}
}

// do runs a step.
func (t *team) do(s *step, in, out []*tensor.Tensor) error {
	if s.part == nil || len(t.lanes) == 1 {
		return s.do(t.lanes[:1], in, out)
	}
	n, work := s.units(in, out)
	each := piecesPerThread
	if s.finish != nil {
		each = finePieces
	}
	pieces := min(n, n*work/pieceTime, each*len(t.lanes))
	if pieces < 2 || !t.gather(min(pieces, len(t.lanes))-1) {
		return s.do(t.lanes[:1], in, out)
	}
	s.begin(t.lanes)
	t.job, t.in, t.out, t.n, t.size, t.err = s, in, out, n, (n+pieces-1)/pieces, nil
	if t.size > pieceStep {
		t.size = t.size / pieceStep * pieceStep
	}
	t.next.Store(0)
	t.open.Store(true)
	t.work(t.lanes[0])
	t.open.Store(false)
	for t.busy.Load() > 0 {
		runtime.Gosched()
	}
	t.job, t.in, t.out = nil, nil, nil
	return s.end(t.lanes, in, out, t.err)
}

// gather calls helpers until there are n, as far as threads are free, and reports whether there is one.
func (t *team) gather(n int) bool {
	some := false
	for i := 1; i <= n; i++ {
		if !t.here[i].Load() {
			if t.budget.take(1) == 0 {
				continue
			}
			t.here[i].Store(true)
			go t.helpers[i]()
		}
		some = true
	}
	return some
}

// patience is how often a helper looks for a job before it leaves, some hundred microseconds in all: longer than the
// small steps between large ones and, under load, the time to the next run.
const patience = 1000

// help takes part in jobs until there is none for a while.
func (t *team) help(l *lane, here *atomic.Bool) {
	for idle := 0; idle < patience; idle++ {
		if t.open.Load() {
			t.busy.Add(1)
			if t.open.Load() {
				t.work(l)
				idle = 0
			}
			t.busy.Add(-1)
		}
		runtime.Gosched()
	}
	t.budget.give(1)
	here.Store(false)
}

// work takes pieces until there are no more or one has failed. Which one that is depends on time: a step whose data can
// be at fault words its error in run.
func (t *team) work(l *lane) {
	defer func() {
		if e := recover(); e != nil {
			t.fail(fmt.Errorf("panic: %v", e))
		}
	}()
	for {
		from := (int(t.next.Add(1)) - 1) * t.size
		if from >= t.n {
			t.open.Store(false)
			return
		}
		if err := t.job.part(l, t.in, t.out, from, min(from+t.size, t.n)); err != nil {
			t.fail(err)
			return
		}
	}
}

// fail records an error and lets nobody take another.
func (t *team) fail(err error) {
	t.next.Store(int64(t.n))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
}
