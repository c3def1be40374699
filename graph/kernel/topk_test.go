package kernel_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"recsys/graph/kernel"
)

// TestBeyond compares the positions with a plain loop for every length and misalignment, with room for all of them and
// with less.
func TestBeyond(t *testing.T) {
	const taken = 1 << 60 // what stands in places that no kernel may write
	for _, set := range kernel.Sets() {
		rng := rand.New(rand.NewPCG(1, 10))
		for _, n := range lengths() {
			for _, limit := range []float32{-3, -1.5, 0, 1.9, 3, float32(math.Inf(-1)), float32(math.Inf(1))} {
				x, _ := guarded(t, rng, n)
				if n > 0 {
					x[rng.IntN(n)] = limit
					x[rng.IntN(n)] = float32(math.NaN())
				}
				for _, below := range []bool{false, true} {
					for _, room := range []int{n, 64, 63, 62, 33, 32} {
						at := make([]uint64, room+1)
						at[room] = taken
						found, read := set.Beyond(at[:room], x, limit, below)
						if read < n && found <= room-32 || read > n || at[room] != taken {
							t.Fatalf("%s: read %d of %d and found %d with room for %d (beyond it stands %d)", set.Name, read, n, found, room, at[room])
						}
						var want []int
						for i, v := range x[:read] {
							if v != v || !below && v > limit || below && v < limit {
								want = append(want, i)
							}
						}
						if len(want) != found {
							t.Fatalf("%s: found %d of %d, want %d", set.Name, found, read, len(want))
						}
						for i, w := range want {
							if at[i] != uint64(w) {
								t.Fatalf("%s: place %d holds %d, want %d", set.Name, i, at[i], w)
							}
						}
					}
				}
			}
		}
	}
}
