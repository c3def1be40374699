//go:build amd64 || arm64

package kernel

import "unsafe"

// beyondOf ends portably where fewer than 32 elements are left. The sign bit of f's sign turns x and limit around; f takes
// whole blocks of 32 of n elements, as long as at has 32 of its room left.
func beyondOf(
	f func(at *uint64, room int, x *float32, n int, limit float32, sign uint32) (found, read int),
) func(at []uint64, x []float32, limit float32, below bool) (found, read int) {
	return func(at []uint64, x []float32, limit float32, below bool) (found, read int) {
		sign := uint32(0)
		if below {
			sign = 1 << 31
		}
		if len(at) >= 32 && len(x) >= 32 {
			found, read = f(unsafe.SliceData(at), len(at), unsafe.SliceData(x), len(x), limit, sign)
		}
		more, seen := portableBeyond(at[found:], x[read:min(len(x), read+32)], limit, below)
		for i := range more {
			at[found+i] += uint64(read)
		}
		return found + more, read + seen
	}
}
