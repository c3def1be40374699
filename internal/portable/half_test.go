package portable_test

import (
	"math"
	"testing"

	"recsys/internal/portable"
)

// TestHalf goes through all half-precision numbers: each converts to itself and back, the value between two neighbours
// goes to the even one, and what lies beside that value to the nearer one. Together that is every rounding there is.
func TestHalf(t *testing.T) {
	for h := range uint16(0x7c00) { // finite, sign bit clear
		v, up := portable.FromHalf(h), portable.FromHalf(h+1)
		if want := half(h); v != want {
			t.Fatalf("FromHalf(%#04x) = %v, want %v", h, v, want)
		}
		if h == 0x7bff {
			up = 0x1p16 // what would come next has the infinity's place
		}
		middle, even := v/2+up/2, h+h&1
		for _, c := range []struct {
			v    float32
			want uint16
		}{
			{v, h},
			{middle, even},
			{math.Nextafter32(middle, 0), h},
			{math.Nextafter32(middle, up), h + 1},
		} {
			if got := portable.ToHalf(c.v); got != c.want {
				t.Fatalf("ToHalf(%v) = %#04x, want %#04x", c.v, got, c.want)
			}
			if got := portable.ToHalf(-c.v); got != c.want|0x8000 {
				t.Fatalf("ToHalf(%v) = %#04x, want %#04x", -c.v, got, c.want|0x8000)
			}
		}
		if got := portable.FromHalf(h | 0x8000); math.Float32bits(got) != math.Float32bits(v)|1<<31 {
			t.Fatalf("FromHalf(%#04x) = %v, want %v", h|0x8000, got, -v)
		}
	}
}

// half is the definition: (-1)^s · 2^(e-15) · (1 + f/2^10), or 2^-14 · f/2^10 for e = 0 (IEEE 754-2019, 3.4).
func half(h uint16) float32 {
	e, f := int(h>>10), float64(h&0x3ff)/1024
	if e == 0 {
		return float32(math.Ldexp(f, -14))
	}
	return float32(math.Ldexp(1+f, e-15))
}

func TestHalfBeyondTheNumbers(t *testing.T) {
	for _, sign := range []int{1, -1} {
		inf := float32(math.Inf(sign))
		h := portable.ToHalf(inf)
		if h&0x7fff != 0x7c00 || portable.FromHalf(h) != inf {
			t.Errorf("ToHalf(%v) = %#04x, which is %v", inf, h, portable.FromHalf(h))
		}
		if got := portable.ToHalf(float32(sign) * math.MaxFloat32); got != h {
			t.Errorf("ToHalf(%v·MaxFloat32) = %#04x, want %#04x", sign, got, h)
		}
	}
	for _, h := range []uint16{0x7c01, 0x7dff, 0x7e00, 0xffff} {
		v := portable.FromHalf(h)
		if v == v || portable.ToHalf(v)&0x7c00 != 0x7c00 || portable.ToHalf(v)&0x3ff == 0 {
			t.Errorf("FromHalf(%#04x) = %v, ToHalf of which is %#04x", h, v, portable.ToHalf(v))
		}
	}
}
