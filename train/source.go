package train

import (
	"slices"
	"strconv"

	"recsys/internal/portable"
	"recsys/tensor"
)

// source gives the task's rows in the order of training. It is for one goroutine at a time.
type source interface {
	// begin starts an epoch, from 0, behind its first skip rows. Epochs come in order; some may be left out.
	begin(epoch, skip int) error
	// take returns the next n rows, which hold until the next call of begin or take.
	take(n int) (picked, error)
}

// newSource returns the source of a task: rows in memory in the order of a permutation, or rows of blocks through a
// shuffle buffer where the task reads any columns of them.
func newSource(t *Task, o Options) source {
	if t.examples.Blocks == nil || len(t.wideNames()) == 0 {
		return &permutation{rows: slices.Clone(t.Rows), wide: t.examples.wide(), seed: o.Seed, name: t.Name}
	}
	return newShuffleBuffer(t, o)
}

// permutation is an exact shuffle of rows in memory.
type permutation struct {
	rows  []int32
	wide  tensor.Map
	seed  uint64
	name  string
	epoch int // the next one
	at    int
}

func (p *permutation) begin(epoch, skip int) error {
	for ; p.epoch <= epoch; p.epoch++ { // Every epoch permutes what the one before left.
		rng := portable.New(p.seed, p.name+"/rows/"+strconv.Itoa(p.epoch))
		rng.Shuffle(len(p.rows), func(i, j int) { p.rows[i], p.rows[j] = p.rows[j], p.rows[i] })
	}
	p.at = skip
	return nil
}

func (p *permutation) take(n int) (picked, error) {
	rows := p.rows[p.at : p.at+n]
	p.at += n
	return picked{rows: rows, places: rows, wide: p.wide}, nil
}

// shuffleBuffer draws rows from a buffer that is filled from blocks in random order. What it draws depends on the numbers
// of rows alone, so that an epoch can be entered anywhere without reading what came before.
type shuffleBuffer struct {
	name   string
	o      Options
	reader *blockReader
	wide   tensor.Map // [size] or [size,L]
	rows   []int32    // the task's, ascending
	starts []int      // in rows, by block, and their end

	rng    *portable.Rand
	order  []int32 // of blocks
	block  int     // in order: the current one
	at     int     // in rows: the current block's next one
	live   int     // rows in the buffer
	inside []int32 // the rows, the first live of them in the buffer
	places []int32 // in wide, of inside
}

func newShuffleBuffer(t *Task, o Options) *shuffleBuffer {
	b, names := t.examples.Blocks, t.wideNames()
	size := min(max(o.Buffer, o.ShardRows), len(t.Rows))
	s := &shuffleBuffer{
		name: t.Name, o: o, reader: newBlockReader(b, names), wide: newWide(b, names, size), rows: t.Rows,
		inside: make([]int32, size), places: make([]int32, size),
	}
	if !slices.IsSorted(s.rows) {
		s.rows = slices.Sorted(slices.Values(s.rows))
	}
	for first := 0; first < b.Rows(); first += b.BlockRows() {
		at, _ := slices.BinarySearch(s.rows, int32(first))
		s.starts = append(s.starts, at)
	}
	s.starts = append(s.starts, len(s.rows))
	s.order = make([]int32, len(s.starts)-1)
	return s
}

func (s *shuffleBuffer) begin(epoch, skip int) error {
	s.rng = portable.New(s.o.Seed, s.name+"/blocks/"+strconv.Itoa(epoch))
	for i := range s.order {
		s.order[i] = int32(i)
	}
	s.rng.Shuffle(len(s.order), func(i, j int) { s.order[i], s.order[j] = s.order[j], s.order[i] })
	for i := range s.places {
		s.places[i] = int32(i)
	}
	s.block, s.at, s.live = 0, s.starts[s.order[0]], 0
	if skip == 0 {
		return nil
	}
	for p := range s.o.pieces(0, skip) {
		s.advance(nil) //nolint:errcheck // Without a reader nothing fails.
		s.draw(p.rows)
	}
	return s.reader.gather(picked{rows: s.inside[:s.live], places: s.places[:s.live], wide: s.wide})
}

func (s *shuffleBuffer) take(n int) (picked, error) {
	if err := s.advance(s.reader); err != nil {
		return picked{}, err
	}
	s.draw(n)
	return picked{rows: s.inside[s.live : s.live+n], places: s.places[s.live : s.live+n], wide: s.wide}, nil
}

// draw moves n random rows of the buffer behind those that stay.
func (s *shuffleBuffer) draw(n int) {
	for range n {
		i := s.rng.IntN(s.live)
		s.live--
		s.inside[i], s.inside[s.live] = s.inside[s.live], s.inside[i]
		s.places[i], s.places[s.live] = s.places[s.live], s.places[i]
	}
}

// advance fills the buffer with the next rows. Without a reader it does so with their numbers alone.
func (s *shuffleBuffer) advance(r *blockReader) error {
	for s.live < len(s.inside) && s.block < len(s.order) {
		end := s.starts[s.order[s.block]+1]
		n := min(end-s.at, len(s.inside)-s.live)
		rows := s.rows[s.at : s.at+n]
		copy(s.inside[s.live:], rows)
		if r != nil {
			if err := r.copy(s.wide, s.places[s.live:s.live+n], rows); err != nil {
				return err
			}
		}
		s.live += n
		if s.at += n; s.at < end { // The buffer is full.
			break
		}
		if s.block++; s.block < len(s.order) {
			s.at = s.starts[s.order[s.block]]
		}
	}
	return nil
}
