package train

import (
	"slices"

	"recsys/graph/kernel"
)

// rowSum adds up rows of a table by id: every id that occurs has one row. What it costs depends on the rows that occur
// and not on the table's size.
type rowSum struct {
	dim  int
	ids  []int64 // in the order of first occurrence
	rows []float32
	// places are where the rows of an addition go, in memory that stays.
	places []int32
	// index is a hash table of twice the ids or more, open addressing with linear probing: an entry is the place of an id
	// in ids plus one, 0 for none.
	index []int32
	shift uint // 64 less the logarithm of the index's length
}

// firstIndex is the logarithm of the index's least length.
const firstIndex = 6

func newRowSum(dim int) *rowSum {
	return &rowSum{dim: dim, index: make([]int32, 1<<firstIndex), shift: 64 - firstIndex}
}

func (s *rowSum) reset() {
	clear(s.index)
	s.ids, s.rows = s.ids[:0], s.rows[:0]
}

// reserve makes the index long enough for n ids.
func (s *rowSum) reserve(n int) {
	if 2*n <= len(s.index) {
		return
	}
	for ; 2*n > 1<<(64-s.shift); s.shift-- {
	}
	s.index = make([]int32, 1<<(64-s.shift))
	for at, id := range s.ids {
		s.index[s.find(id)] = int32(at + 1)
	}
}

// find returns where the index holds id, or where it has to.
func (s *rowSum) find(id int64) int {
	// Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, section 6.4) spreads runs of ids.
	slot := int(uint64(id) * 0x9E3779B97F4A7C15 >> s.shift)
	for {
		at := s.index[slot]
		if at == 0 || s.ids[at-1] == id {
			return slot
		}
		slot = (slot + 1) & (len(s.index) - 1)
	}
}

// add adds rows [n,D] to those of their ids, in order.
func (s *rowSum) add(k *kernel.Set, ids []int64, rows []float32) {
	s.reserve(len(s.ids) + len(ids))
	s.places = s.places[:0]
	for _, id := range ids {
		slot := s.find(id)
		at := s.index[slot] - 1
		if at < 0 {
			at = ^int32(len(s.ids)) // It is written and not added to anything.
			s.ids = append(s.ids, id)
			s.index[slot] = int32(len(s.ids))
		}
		s.places = append(s.places, at)
	}
	n := len(s.ids) * s.dim
	s.rows = slices.Grow(s.rows, n-len(s.rows))[:n]
	k.ScatterAdd(s.rows, s.places, rows, s.dim)
}
