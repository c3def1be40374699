package kernel

// avx2Beyond is Beyond for whole blocks of 32 of n elements, as long as at has 32 of its room left. The sign bit of
// sign turns x and limit around.
//
//go:noescape
func avx2Beyond(at *uint64, room int, x *float32, n int, limit float32, sign uint32) (found, read int)
