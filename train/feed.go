package train

import (
	"strconv"
	"time"

	"recsys/internal/portable"
)

// shard is a part of a batch with its inputs.
type shard struct {
	rows    []int32
	buffers map[int]*buffer // by number of rows
}

// inputs returns the buffer that holds the rows' inputs.
func (s *shard) inputs() *buffer { return s.buffers[len(s.rows)] }

// feed fills the shards of an epoch in their order, ahead of those who compute.
type feed struct {
	tr     *trainer
	spare  []*shard // of the epochs before
	ready  chan *shard
	free   chan *shard
	stop   chan struct{}
	waited time.Duration // for shards, since Fit began
}

// begin starts to fill the shards of rows; the first batch makes the step behind steps. With a depth of 0 next fills them.
func (f *feed) begin(rows []int32, steps int) {
	depth := f.tr.o.Prefetch
	if depth < 0 {
		return
	}
	f.ready, f.free, f.stop = make(chan *shard, depth), make(chan *shard, depth+len(f.tr.workers)), make(chan struct{})
	for range cap(f.free) {
		f.free <- f.shard()
	}
	go f.run(rows, steps, f.ready, f.free, f.stop)
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

// run fills shards until the rows end or stop is closed, and then closes ready.
func (f *feed) run(rows []int32, steps int, ready, free chan *shard, stop chan struct{}) {
	defer close(ready)
	for from := 0; from < len(rows); from += f.tr.o.BatchRows {
		batch := rows[from:min(from+f.tr.o.BatchRows, len(rows))]
		steps++
		for at := 0; at < len(batch); at += f.tr.o.ShardRows {
			var s *shard
			select {
			case s = <-free:
			case <-stop:
				return
			}
			f.fill(s, batch, at, steps)
			select {
			case ready <- s:
			case <-stop:
				return
			}
		}
	}
}

// fill writes the shard that begins at a place of a batch. Its random draws are its own.
func (f *feed) fill(s *shard, batch []int32, at, step int) {
	s.rows = batch[at:min(at+f.tr.o.ShardRows, len(batch))]
	t := f.tr.task
	b := s.buffers[len(s.rows)]
	if b == nil {
		b = t.newBuffer(len(s.rows))
		s.buffers[len(s.rows)] = b
	}
	t.fill(b, s.rows, 1/float32(len(batch)), portable.New(f.tr.o.Seed, t.Name+"/shard/"+strconv.Itoa(step)+"/"+strconv.Itoa(at)))
}

// next returns the shard that begins at a place of a batch. Done hands it back.
func (f *feed) next(batch []int32, at, step int) *shard {
	started := time.Now()
	defer func() { f.waited += time.Since(started) }()
	if f.ready == nil {
		s := f.shard()
		f.fill(s, batch, at, step)
		return s
	}
	return <-f.ready
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
