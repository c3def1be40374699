package graph

import (
	"math"
	"math/bits"
	"slices"

	"recsys/graph/kernel"
)

// topSpare is how many more keys than twice k are collected before the best k of them are selected again.
const topSpare = 1024

// beyondRoom is the least room with which Beyond reads whole blocks.
const beyondRoom = 32

// Top is TopK of a row that is shown piece by piece, or of some of its pieces. It keeps the best k of what it has seen as
// keys, the worst of which is the limit: whatever does not beat it is passed over by the kernel set, block by block, so
// that a long row costs little more than reading it. The zero value is for Reset. It is not safe for concurrent use.
type Top struct {
	k, n    int      // n keys are in use
	keys    []uint64 // the room
	largest bool
	// full tells that k elements or more have been seen and no later one counts that does not beat limit.
	full  bool
	limit float32
}

// Mask tells which elements of a row stand for -inf, where the greatest are looked for. The zero value is for none.
type Mask struct {
	// Bools is by position; or Bits has bit From+i, the lowest of a byte first, for position i.
	Bools []bool
	Bits  []byte
	From  int
}

func (m *Mask) has(i int) bool {
	switch {
	case m.Bits != nil:
		i += m.From
		return m.Bits[i>>3]>>(i&7)&1 == 1
	case m.Bools != nil:
		return m.Bools[i]
	}
	return false
}

// Reset begins anew: for the k greatest, or least, of up to total elements, k <= total < 2³¹.
func (t *Top) Reset(k, total int, largest bool) {
	room := min(total, 2*k+topSpare)
	if cap(t.keys) < room {
		t.keys = make([]uint64, room)
	}
	*t = Top{k: k, keys: t.keys[:room], largest: largest}
}

// Add shows the elements x, which stand at the positions from at on, all behind those that were shown before. It fails
// where one is NaN that is not masked.
func (t *Top) Add(kernels *kernel.Set, x []float32, at int, mask Mask) error {
	for len(x) > 0 && t.k > 0 {
		if len(t.keys)-t.n < beyondRoom && t.full || len(t.keys) == t.n {
			t.best()
		}
		room := t.keys[t.n:]
		var found, read int
		if t.full {
			// Later elements lose ties: only what is beyond the limit counts.
			found, read = kernels.Beyond(room, x, t.limit, !t.largest)
		} else {
			found = min(len(room), len(x))
			read = found
			for i := range found {
				room[i] = uint64(i)
			}
		}
		kept, err := t.rank(room[:found], x, at, &mask)
		if err != nil {
			return err
		}
		t.n += kept
		x, at = x[read:], at+read
	}
	return nil
}

// rank replaces positions in x by keys and returns how many count. A greater key is a better element: the upper half orders
// values, both zeros alike, the lower half prefers lower positions, and its last bit tells -0.
func (t *Top) rank(keys []uint64, x []float32, at int, mask *Mask) (kept int, err error) {
	turn := t.turn()
	for _, i := range keys {
		v, position := x[i], at+int(i)
		if mask.has(position) {
			if t.full {
				continue // -inf beats no limit
			}
			v = float32(math.Inf(-1))
		}
		if isNaN(v) {
			return 0, errNaN
		}
		b := math.Float32bits(v + 0)
		low := ^uint32(position) << 1
		if math.Float32bits(v) == 1<<31 {
			low |= 1
		}
		b ^= uint32(int32(b)>>31) | 1<<31 // ascending with the value
		keys[kept] = uint64(b^turn)<<32 | uint64(low)
		kept++
	}
	return kept, nil
}

func (t *Top) turn() uint32 {
	if t.largest {
		return 0
	}
	return math.MaxUint32
}

// element returns what a key stands for.
func (t *Top) element(key uint64) (value float32, position int) {
	b := uint32(key>>32) ^ t.turn()
	switch {
	case key&1 == 1:
		b = 1 << 31
	case b>>31 == 1:
		b ^= 1 << 31
	default:
		b = ^b
	}
	return math.Float32frombits(b), int(^uint32(key) >> 1)
}

// best drops all but the best k keys.
func (t *Top) best() {
	if t.n < t.k {
		return
	}
	keys := t.keys[:t.n]
	selectKeys(keys, t.k, 2*bits.Len(uint(len(keys)))) // random keys take fewer rounds
	t.n, t.full = t.k, true
	t.limit, _ = t.element(keys[t.k-1])
}

// Merge adds what o has seen of the same row, which t has not.
func (t *Top) Merge(o *Top) {
	t.best()
	o.best()
	t.n += copy(t.keys[t.n:], o.keys[:o.n])
}

// Best writes the best elements, best first, and their positions; there have to be len(values) == k of them.
func (t *Top) Best(values []float32, positions []int64) {
	if t.k == 0 {
		return
	}
	t.best()
	keys := t.keys[:t.k]
	slices.Sort(keys)
	for i, key := range slices.Backward(keys) {
		v, at := t.element(key)
		values[t.k-1-i], positions[t.k-1-i] = v, int64(at)
	}
}

// topKRow writes the len(values) best elements of x, best first, and their positions.
func topKRow(r *Run, values []float32, ids []int64, x []float32, largest bool) error {
	r.top.Reset(len(values), len(x), largest)
	if err := r.top.Add(r.Kernels, x, 0, Mask{}); err != nil {
		return err
	}
	r.top.Best(values, ids)
	return nil
}

// selectKeys moves the k greatest of different keys to the front, the least of them to place k-1: Hoare's FIND (1961)
// with the median of three, and a sort when that many rounds did not do.
func selectKeys(keys []uint64, k, rounds int) {
	low, high := 0, len(keys)-1
	for ; low < high; rounds-- {
		if rounds <= 0 {
			part := keys[low : high+1]
			slices.Sort(part)
			slices.Reverse(part)
			return
		}
		a, b, c := keys[low], keys[low+(high-low)/2], keys[high]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := low, high
		for i <= j {
			for keys[i] > pivot {
				i++
			}
			for keys[j] < pivot {
				j--
			}
			if i <= j {
				keys[i], keys[j] = keys[j], keys[i]
				i++
				j--
			}
		}
		switch {
		case k-1 <= j:
			high = j
		case k-1 >= i:
			low = i
		default:
			return
		}
	}
}
