package graph

import (
	"math"
	"math/bits"
	"slices"
)

// topKSpare is how many more keys than twice k are collected before the best k of them are selected again.
const topKSpare = 1024

// topKRow writes the len(values) best elements of x, best first, and their positions. It keeps the best of what it has
// read as keys, the worst of which is the threshold: whatever does not beat it is passed over by the kernel set, block
// by block, so that a long row costs little more than reading it.
func topKRow(r *Run, values []float32, ids []int64, x []float32, largest bool) error {
	k := len(values)
	keys := r.Words(min(len(x), 2*k+topKSpare))
	n := len(keys)
	for i := range keys {
		keys[i] = uint64(i)
	}
	read := n
	if err := rankKeys(keys, x, 0, largest); err != nil {
		return err
	}
	rounds := 2 * bits.Len(uint(len(keys))) // random keys take fewer
	selectKeys(keys, k, rounds)
	n = k
	for read < len(x) {
		limit := x[keyPosition(keys[k-1])]
		// Later elements lose ties: only what is beyond the limit counts.
		found, seen := r.Kernels.Beyond(keys[n:], x[read:], limit, !largest)
		if err := rankKeys(keys[n:n+found], x, read, largest); err != nil {
			return err
		}
		n, read = n+found, read+seen
		selectKeys(keys[:n], k, rounds)
		n = k
	}
	slices.Sort(keys[:k])
	for i, key := range keys[:k] {
		at := keyPosition(key)
		values[k-1-i], ids[k-1-i] = x[at], int64(at)
	}
	return nil
}

// rankKeys replaces positions in x[from:] by keys: a greater key is a better element. The upper half orders values,
// both zeros alike, the lower half prefers lower positions.
func rankKeys(keys []uint64, x []float32, from int, largest bool) error {
	turn := uint32(0)
	if !largest {
		turn = math.MaxUint32
	}
	for i, at := range keys {
		at += uint64(from)
		v := x[at]
		if isNaN(v) {
			return errNaN
		}
		b := math.Float32bits(v + 0)
		b ^= uint32(int32(b)>>31) | 1<<31 // ascending with the value
		keys[i] = uint64(b^turn)<<32 | uint64(^uint32(at))
	}
	return nil
}

// keyPosition returns the position that a key stands for.
func keyPosition(key uint64) int { return int(^uint32(key)) }

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
