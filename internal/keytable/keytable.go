// Package keytable counts int64 keys and looks them up, several times faster than a map and in less memory. A [Table]
// is open addressing with linear probing; it is not safe for concurrent writers.
package keytable

import (
	"iter"
	"math"
	"math/bits"
)

// empty marks a free slot; the key of that value has a place of its own.
const empty = math.MinInt64

type slot struct{ key, value int64 }

// Table maps int64 keys to int64 values. The zero value is an empty table.
type Table struct {
	slots []slot // a power of two of them
	used  int    // without the key that is called empty
	odd   int64  // the value of that key
	isOdd bool   // whether it is there
}

// New returns a table that holds n keys without growing.
func New(n int) *Table {
	t := &Table{}
	t.resize(n)
	return t
}

// Len returns the number of keys.
func (t *Table) Len() int {
	if t.isOdd {
		return t.used + 1
	}
	return t.used
}

// place is where a key belongs, given 64 minus the logarithm of the number of slots. It is the finaliser of MurmurHash3
// (Appleby, 2011) with one multiplication less: keys that differ in any bits are spread over the high ones.
func place(key int64, shift uint) int {
	h := uint64(key)
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return int(h >> shift)
}

func (t *Table) shift() uint { return uint(64 - bits.Len(uint(len(t.slots)-1))) }

// resize makes room for n keys: of 8 slots 5 are full at most, for which a key that is there takes 1.8 looks on average
// (Knuth, The Art of Computer Programming 3, section 6.4).
func (t *Table) resize(n int) {
	size := 1 << bits.Len(uint(max(8, n*8/5)))
	if size <= len(t.slots) {
		return
	}
	old := t.slots
	t.slots = make([]slot, size)
	for i := range t.slots {
		t.slots[i].key = empty
	}
	shift := t.shift()
	for _, s := range old {
		if s.key == empty {
			continue
		}
		i := place(s.key, shift)
		for t.slots[i].key != empty {
			i = (i + 1) & (size - 1)
		}
		t.slots[i] = s
	}
}

// full tells that the table has to grow before another key.
func (t *Table) full() bool { return t.used*8 >= len(t.slots)*5 }

// find returns the slot of a key, which is free where the key is not there. The table has slots.
func (t *Table) find(key int64) *slot {
	mask := len(t.slots) - 1
	for i := place(key, t.shift()); ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.key == key || s.key == empty {
			return s
		}
	}
}

// Put adds a key; false, and nothing changes, where it is there.
func (t *Table) Put(key, value int64) bool {
	if key == empty {
		if t.isOdd {
			return false
		}
		t.odd, t.isOdd = value, true
		return true
	}
	s := t.room(key)
	if s.key == key {
		return false
	}
	*s = slot{key, value}
	t.used++
	return true
}

// room is find after the table has grown, if it has to.
func (t *Table) room(key int64) *slot {
	if t.full() {
		t.resize(2 * (t.used + 1))
	}
	return t.find(key)
}

// Add adds n to the value of a key, which is 0 where it is not there.
func (t *Table) Add(key, n int64) {
	if key == empty {
		t.odd, t.isOdd = t.odd+n, true
		return
	}
	s := t.room(key)
	if s.key == empty {
		s.key = key
		t.used++
	}
	s.value += n
}

// Count adds 1 to the value of each key.
func (t *Table) Count(keys []int64) {
	for len(keys) > 0 {
		if t.full() {
			t.resize(2 * (t.used + 1))
		}
		n := min(len(keys), max(1, len(t.slots)*5/8-t.used)) // as many as there is room for, were all new
		t.count(keys[:n])
		keys = keys[n:]
	}
}

func (t *Table) count(keys []int64) {
	slots, mask, shift := t.slots, len(t.slots)-1, t.shift()
	for _, key := range keys {
		if key == empty {
			t.odd, t.isOdd = t.odd+1, true
			continue
		}
		i := place(key, shift)
		for slots[i].key != key {
			if slots[i].key == empty {
				slots[i].key = key
				t.used++
				break
			}
			i = (i + 1) & mask
		}
		slots[i].value++
	}
}

// Get returns the value of a key; ok is false where it is not there.
func (t *Table) Get(key int64) (value int64, ok bool) {
	switch {
	case key == empty:
		return t.odd, t.isOdd
	case t.used == 0:
		return 0, false
	}
	s := t.find(key)
	return s.value, s.key == key
}

// Lookup sets dst to the values of keys, def for those that are not there. dst is as long as keys and may be keys.
func (t *Table) Lookup(dst, keys []int64, def int64) {
	odd := def
	if t.isOdd {
		odd = t.odd
	}
	if t.used == 0 {
		for i, key := range keys {
			dst[i] = def
			if key == empty {
				dst[i] = odd
			}
		}
		return
	}
	slots, mask, shift := t.slots, len(t.slots)-1, t.shift()
	for i, key := range keys {
		j := place(key, shift)
		for slots[j].key != key && slots[j].key != empty {
			j = (j + 1) & mask
		}
		switch {
		case key == empty:
			dst[i] = odd
		case slots[j].key == key:
			dst[i] = slots[j].value
		default:
			dst[i] = def
		}
	}
}

// All yields keys and values, in an order that depends on how they came in.
func (t *Table) All() iter.Seq2[int64, int64] {
	return func(yield func(key, value int64) bool) {
		if t.isOdd && !yield(empty, t.odd) {
			return
		}
		for _, s := range t.slots {
			if s.key != empty && !yield(s.key, s.value) {
				return
			}
		}
	}
}
