package profile

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Exact is the number of distinct values of a column up to which all are counted one by one. Of more, the number of distinct
// values is an estimate, with a standard error of about 1/sqrt(Exact), 0.6 %, and only frequent values have counts.
const Exact = 1 << 15

// counter counts values. Once there are more than 2*Exact, it subtracts the Exact-th largest count from all and drops those that
// have none left: the counts of Misra and Gries, Finding repeated elements, Science of Computer Programming 2(2), 1982, in
// blocks. A count is then too low by at most lost.
type counter[T comparable] struct {
	counts map[T]int
	lost   int
	least  smallest
	hash   func(T) uint64
}

func newCounter[T comparable](hash func(T) uint64) *counter[T] {
	return &counter[T]{counts: map[T]int{}, hash: hash}
}

func (c *counter[T]) add(v T) {
	n, known := c.counts[v]
	c.counts[v] = n + 1
	if known {
		return
	}
	c.least.add(c.hash(v))
	if len(c.counts) > 2*Exact {
		c.shrink()
	}
}

func (c *counter[T]) shrink() {
	all := slices.Sorted(maps.Values(c.counts))
	cut := all[len(all)-Exact]
	c.lost += cut
	for v, n := range c.counts {
		if n <= cut {
			delete(c.counts, v)
		} else {
			c.counts[v] = n - cut
		}
	}
}

// distinct returns the number of distinct values, and whether that is an estimate.
func (c *counter[T]) distinct() (n int, estimated bool) {
	if c.lost == 0 {
		return len(c.counts), false
	}
	return c.least.estimate(), true
}

// smallest keeps the smallest of distinct hashes, from which their number is estimated: Beyer, Haas, Reinwald, Sismanis,
// Gemulla, On synopses for distinct-value estimation under multiset operations, SIGMOD 2007, equation 3.
type smallest struct {
	hashes []uint64 // those below limit, some of them maybe twice
	limit  uint64   // 0: none
}

func (s *smallest) add(h uint64) {
	if s.limit != 0 && h >= s.limit {
		return
	}
	if s.hashes = append(s.hashes, h); len(s.hashes) >= 2*Exact {
		s.compact()
	}
}

func (s *smallest) compact() {
	slices.Sort(s.hashes)
	s.hashes = slices.Compact(s.hashes)
	if len(s.hashes) > Exact {
		s.hashes = s.hashes[:Exact]
		s.limit = s.hashes[Exact-1] + 1
	}
}

func (s *smallest) estimate() int {
	s.compact()
	if len(s.hashes) < Exact {
		return len(s.hashes)
	}
	return int(math.Round((Exact - 1) / (float64(s.hashes[Exact-1]) * 0x1p-64)))
}

// Count is how often a value stands in a column.
type Count struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// sorted returns the values that are counted by falling count, the smaller text first among equal ones.
func (c *counter[T]) sorted(text func(T) string) []Count {
	all := make([]Count, 0, len(c.counts))
	for v, n := range c.counts {
		all = append(all, Count{text(v), n})
	}
	slices.SortFunc(all, func(a, b Count) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Value, b.Value)) })
	return all
}

// The hashes of cells: splitmix64's finaliser, Steele, Lea, Flood, Fast splittable pseudorandom number generators, OOPSLA 2014,
// and FNV-1a below it for text.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func hashInt(v int64) uint64 { return mix(uint64(v) + 0x9e3779b97f4a7c15) }

func hashFloat(v float32) uint64 {
	if v == 0 {
		v = 0 // -0 too
	}
	return mix(uint64(math.Float32bits(v)) + 0x9e3779b97f4a7c15)
}

func hashText(s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return mix(h)
}
