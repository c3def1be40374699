package kernel_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"recsys/graph/kernel"
	"recsys/internal/portable"
)

// eachDots calls f for numbers of rows and columns around whole vectors, fours of rows and blocks.
func eachDots(f func(set *kernel.Set, rng *rand.Rand, n, width int)) {
	for _, set := range kernel.Sets() {
		rng := rand.New(rand.NewPCG(1, 11))
		for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 131} {
			for _, width := range lengths() {
				if width < 1000 || n < 8 {
					f(set, rng, n, width)
				}
			}
		}
	}
}

func TestDotsInteger(t *testing.T) {
	eachDots(func(set *kernel.Set, rng *rand.Rand, n, width int) {
		const taken = 123456789
		room := make([]int32, n+2)
		room[0], room[n+1] = taken, taken
		z := room[1 : n+1]
		// The ends of the ranges are what saturates, or overflows 16 bits, where a kernel may not.
		shift := rng.IntN(16)
		x, rows := make([]uint8, shift+width)[shift:], make([]int8, shift+n*width)[shift:]
		for i := range x {
			x[i] = [...]uint8{0, 255, 255, uint8(rng.Uint32())}[rng.IntN(4)]
		}
		for i := range rows {
			rows[i] = [...]int8{-128, -128, 127, int8(rng.Uint32())}[rng.IntN(4)]
		}
		set.DotsInteger(z, x, rows)
		for i := range z {
			want := int32(0)
			for k, v := range x {
				want += int32(v) * int32(rows[i*width+k])
			}
			if z[i] != want {
				t.Fatalf("%s: row %d of [%d,%d] is %d, want %d", set.Name, i, n, width, z[i], want)
			}
		}
		if room[0] != taken || room[n+1] != taken {
			t.Fatalf("%s: [%d,%d] wrote beside the result", set.Name, n, width)
		}
	})
}

// TestDotsIntegerWraps: sums beyond 32 bits wrap around in every lane, where instructions might saturate.
func TestDotsIntegerWraps(t *testing.T) {
	const width = 3 << 20 // 16 lanes sum 255·128·width/16 each, above 2³²
	x, rows := make([]uint8, width), make([]int8, 4*width)
	for i := range x {
		x[i], rows[i], rows[width+i] = 255, -128, 127
	}
	want := [4]int32{}
	for i := range want {
		total := int64(255) * int64(rows[i*width]) * width
		want[i] = int32(total)
	}
	for _, set := range kernel.Sets() {
		got := [4]int32{}
		set.DotsInteger(got[:], x, rows)
		if got != want {
			t.Errorf("%s: %v, want %v", set.Name, got, want)
		}
	}
}

func TestDotsOfFloats(t *testing.T) {
	eachDots(func(set *kernel.Set, rng *rand.Rand, n, width int) {
		x, _ := guarded(t, rng, width)
		z, check := guarded(t, rng, n)
		shift := rng.IntN(16)
		ints, halves := make([]int8, shift+n*width)[shift:], make([]uint16, shift+n*width)[shift:]
		for i := range ints {
			ints[i], halves[i] = int8(rng.Uint32()), portable.ToHalf(4*rng.Float32()-2)
			if rng.IntN(8) == 0 {
				halves[i] &= 0x83ff // subnormal
			}
		}
		set.DotsInt8(z, x, ints, nil)
		check()
		compareDots(t, set.Name+": int8", z, x, func(i int) float64 { return float64(ints[i]) })
		unscaled, scale := slices.Clone(z), random(n)
		set.DotsInt8(z, x, ints, scale)
		check()
		for i, v := range z {
			if want := unscaled[i] * scale[i]; math.Float32bits(v) != math.Float32bits(want) {
				t.Fatalf("%s: row %d of [%d,%d] by %v is %v, want %v", set.Name, i, n, width, scale[i], v, want)
			}
		}
		set.DotsHalf(z, x, halves)
		check()
		compareDots(t, set.Name+": half", z, x, func(i int) float64 { return float64(portable.FromHalf(halves[i])) })
	})
}

// compareDots holds sums to the bound of any order of summing: width roundings of 2⁻²⁴ each (Higham 2002, section 3.1).
func compareDots(t *testing.T, what string, z, x []float32, row func(i int) float64) {
	t.Helper()
	for i, got := range z {
		want, size := 0.0, 0.0
		for k, v := range x {
			p := float64(v) * row(i*len(x)+k)
			want += p
			size += math.Abs(p)
		}
		if !(math.Abs(float64(got)-want) <= float64(len(x)+1)*0x1p-24*size) {
			t.Fatalf("%s: row %d of [%d,%d] is %v, want %v", what, i, len(z), len(x), got, want)
		}
	}
}

// TestDotsHalfBeyondTheNumbers: infinities and NaN come through, in whole vectors and behind them.
func TestDotsHalfBeyondTheNumbers(t *testing.T) {
	for _, set := range kernel.Sets() {
		for k := range 11 {
			x, rows, z := random(11), make([]uint16, 8*11), make([]float32, 8)
			x[k] = 2
			rows[k], rows[11+k], rows[22+k] = 0x7c00, 0xfc00, 0x7e01
			set.DotsHalf(z, x, rows)
			if z[0] != float32(math.Inf(1)) || z[1] != float32(math.Inf(-1)) || z[2] == z[2] || z[3] != 0 {
				t.Errorf("%s: column %d: got %v", set.Name, k, z)
			}
		}
	}
}
