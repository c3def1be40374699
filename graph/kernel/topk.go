package kernel

// portableBeyond is Set.Beyond.
func portableBeyond(at []uint64, x []float32, limit float32, below bool) (found, read int) {
	for i, v := range x {
		if below && v >= limit || !below && v <= limit {
			continue
		}
		if found == len(at) {
			return found, i
		}
		at[found] = uint64(i)
		found++
	}
	return found, len(x)
}
