package train

import (
	"strconv"
	"time"

	"recsys/internal/portable"
)

// shard is a part of a batch with its inputs.
type shard struct {
	rows    int
	buffers map[int]*buffer // by number of rows
	err     error           // of the source
}

// inputs returns the buffer that holds the rows' inputs.
func (s *shard) inputs() *buffer { return s.buffers[s.rows] }

// feed fills the shards of an epoch in their order, ahead of those who compute.
type feed struct {
	tr     *trainer
	source source
	steps  int      // before the epoch
	spare  []*shard // of the epochs before
	ready  chan *shard
	free   chan *shard
	stop   chan struct{}
	waited time.Duration // for shards, since Fit began
}

// begin starts to fill the shards of an epoch behind its first skip rows; steps is the number of steps before the epoch.
// Without prefetch next fills them.
func (f *feed) begin(epoch, skip, steps int) error {
	f.steps = steps
	if err := f.source.begin(epoch, skip); err != nil {
		return err
	}
	depth := f.tr.o.Prefetch
	if depth < 0 {
		return nil
	}
	f.ready, f.free, f.stop = make(chan *shard, depth), make(chan *shard, depth+len(f.tr.workers)), make(chan struct{})
	for range cap(f.free) {
		f.free <- f.shard()
	}
	go f.run(skip, f.ready, f.free, f.stop)
	return nil
}

// shard returns memory for a shard.
func (f *feed) shard() *shard {
	last := len(f.spare) - 1
	if last < 0 {
		return &shard{buffers: map[int]*buffer{}}
	}
	s := f.spare[last]
	f.spare = f.spare[:last]
	return s
}

// run fills shards until the rows end, one fails or stop is closed, and then closes ready.
func (f *feed) run(skip int, ready, free chan *shard, stop chan struct{}) {
	defer close(ready)
	for p := range f.tr.o.pieces(skip, len(f.tr.task.Rows)) {
		var s *shard
		select {
		case s = <-free:
		case <-stop:
			return
		}
		f.fill(s, p)
		select {
		case ready <- s:
		case <-stop:
			return
		}
		if s.err != nil {
			return
		}
	}
}

// fill writes the next shard, whose place is p. Its random draws are its own.
func (f *feed) fill(s *shard, p piece) {
	t := f.tr.task
	var rows picked
	if rows, s.err = f.source.take(p.rows); s.err != nil {
		return
	}
	s.rows = p.rows
	b := s.buffers[s.rows]
	if b == nil {
		b = t.newBuffer(s.rows)
		s.buffers[s.rows] = b
	}
	stream := t.Name + "/shard/" + strconv.Itoa(f.steps+p.step+1) + "/" + strconv.Itoa(p.at)
	t.fill(b, rows, 1/float32(p.batch), portable.New(f.tr.o.Seed, stream))
}

// next returns the next shard, whose place is p. Done hands it back.
func (f *feed) next(p piece) (*shard, error) {
	started := time.Now()
	defer func() { f.waited += time.Since(started) }()
	if f.ready != nil {
		s := <-f.ready
		return s, s.err
	}
	s := f.shard()
	f.fill(s, p)
	return s, s.err
}

func (f *feed) done(s *shard) {
	if f.free == nil {
		f.spare = append(f.spare, s)
		return
	}
	f.free <- s
}

// end stops to fill and waits until that has come to an end. It keeps the memory.
func (f *feed) end() {
	if f.ready == nil {
		return
	}
	close(f.stop)
	for s := range f.ready {
		f.spare = append(f.spare, s)
	}
	for len(f.free) > 0 {
		f.spare = append(f.spare, <-f.free)
	}
	f.ready, f.free = nil, nil
}
