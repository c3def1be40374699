package portable

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// Rand is a seeded stream of random numbers: PCG-DXSM (O'Neill 2014; [rand.PCG]) and derivations from it that are
// spelt out here, so that they stay the same whatever package math/rand/v2 does. It is not safe for concurrent use.
type Rand struct{ src rand.Source }

// New makes the stream named path of the given seed. Streams of different paths are independent of one another and
// of the order in which they are made: name one for each thing that is drawn, such as "users/17/taste".
func New(seed uint64, path string) *Rand {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(path) {
		h = (h ^ uint64(path[i])) * 1099511628211
	}
	return &Rand{src: rand.NewPCG(mix(seed), mix(h^mix(seed+1)))}
}

// Over derives numbers from the bits of another source, which it shares.
func Over(src rand.Source) *Rand {
	if r, ok := src.(*Rand); ok {
		return r
	}
	return &Rand{src: src}
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Uint64 returns 64 random bits. It makes Rand a [rand.Source].
func (r *Rand) Uint64() uint64 { return r.src.Uint64() }

// IntN returns a number in [0, n), without bias (Lemire 2019). It panics unless n > 0.
func (r *Rand) IntN(n int) int {
	if n <= 0 {
		panic("portable: IntN of a bound that is not positive")
	}
	bound := uint64(n)
	hi, lo := bits.Mul64(r.Uint64(), bound)
	if lo < bound {
		for reject := -bound % bound; lo < reject; {
			hi, lo = bits.Mul64(r.Uint64(), bound)
		}
	}
	return int(hi)
}

// Float64 returns a multiple of 2**-53 in [0, 1).
func (r *Rand) Float64() float64 { return float64(float64(r.Uint64()>>11) * 0x1p-53) }

// Float32 returns a multiple of 2**-24 in [0, 1).
func (r *Rand) Float32() float32 { return float32(float32(r.Uint64()>>40) * 0x1p-24) }

// Normal returns a normally distributed number of mean 0 and variance 1, by inversion of one uniform number.
func (r *Rand) Normal() float64 {
	// The middle of one of 2**53 equal intervals: never 0 or 1.
	return Quantile(float64(float64(float64(r.Uint64()>>11)+0.5) * 0x1p-53))
}

// Perm returns a random permutation of 0 to n-1.
func (r *Rand) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	r.Shuffle(n, func(i, j int) { p[i], p[j] = p[j], p[i] })
	return p
}

// Shuffle permutes n elements by calls of swap (Fisher and Yates), the last element first.
func (r *Rand) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, r.IntN(i+1))
	}
}

// Quantile returns x with Phi(x) = p, the inverse of the normal distribution; -Inf at 0, +Inf at 1, NaN outside
// (Wichura 1988, algorithm AS 241, PPND16: relative error about 1e-16).
func Quantile(p float64) float64 {
	switch {
	case p != p || p < 0 || p > 1:
		return math.NaN()
	case p == 0:
		return math.Inf(-1)
	case p == 1:
		return math.Inf(1)
	}
	q := p - 0.5
	if math.Abs(q) <= 0.425 {
		r := 0.180625 - mul(q, q)
		return mul(q, quantileCentre(r))
	}
	r := math.Sqrt(-Log(min(p, 1-p)))
	x := quantileTail(r)
	if q < 0 {
		return -x
	}
	return x
}
