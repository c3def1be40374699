package portable_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"recsys/internal/portable"
)

// ulps returns how many float64 lie between a and b; 0 for two NaN.
func ulps(a, b float64) uint64 {
	if a != a || b != b {
		if a != a && b != b {
			return 0
		}
		return math.MaxUint64
	}
	order := func(x float64) int64 {
		if i := int64(math.Float64bits(x)); i >= 0 {
			return i
		}
		return math.MinInt64 - int64(math.Float64bits(x))
	}
	d := order(a) - order(b)
	return uint64(max(d, -d))
}

func specials() []float64 {
	s := []float64{
		0, 1, 2, 3, 0.5, 0.1, 1e-5, 1e-300, 1e300, 5e-324, math.MaxFloat64, 0x1p-1022, 0x1p-1021, math.Pi, math.E,
		math.Sqrt2, math.Sqrt2 / 2, math.Sqrt2 - 1, 709.78, 709.79, 745.1, 745.2, 1 << 31, 1 << 53, 1<<53 + 2, 0x1p64, 0x1p70,
		math.Inf(1), math.NaN(), math.Nextafter(1, 2), math.Nextafter(1, 0), 0x1p-29, 0x1p-54, 22, 0.625, 87, 89, 104,
	}
	for _, x := range slices.Clip(s) {
		s = append(s, -x)
	}
	return s
}

// TestWithinTwoUlp compares with package math, whose functions are themselves within 1 ulp.
func TestWithinTwoUlp(t *testing.T) {
	wide := func(r *rand.Rand) float64 { return math.Float64frombits(r.Uint64()) }
	within := func(a, b float64) func(*rand.Rand) float64 {
		return func(r *rand.Rand) float64 { return a + (b-a)*r.Float64() }
	}
	tests := []struct {
		name      string
		got, want func(float64) float64
		ranges    []func(*rand.Rand) float64
	}{
		{"Exp", portable.Exp, exp, []func(*rand.Rand) float64{wide, within(-1, 1), within(-745, 710), within(-746, -700)}},
		{"Log", portable.Log, log, []func(*rand.Rand) float64{wide, within(0, 2), within(0.9, 1.1), within(0, 1e-307)}},
		{"Log1p", portable.Log1p, math.Log1p, []func(*rand.Rand) float64{wide, within(-1, 1), within(-1e-8, 1e-8), within(0, 1e20)}},
		{"Sqrt", portable.Sqrt, math.Sqrt, []func(*rand.Rand) float64{wide}},
		{"Erf", portable.Erf, math.Erf, []func(*rand.Rand) float64{wide, within(-1, 1), within(-6.5, 6.5), within(-1e-300, 1e-300)}},
		{"Tanh", portable.Tanh, math.Tanh, []func(*rand.Rand) float64{wide, within(-1, 1), within(-25, 25)}},
		{"Sigmoid", portable.Sigmoid, sigmoid, []func(*rand.Rand) float64{wide, within(-1, 1), within(-40, 40), within(-740, 0)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			check := func(x float64) {
				if got, want := tt.got(x), tt.want(x); ulps(got, want) > 2 {
					t.Fatalf("%s(%v) = %v, want %v (%d ulp apart)", tt.name, x, got, want, ulps(got, want))
				}
			}
			for _, x := range specials() {
				check(x)
			}
			for _, draw := range tt.ranges {
				for range 200_000 {
					check(draw(r))
				}
			}
		})
	}
}

// exp is math.Exp but where its amd64 assembler overflows early; TestAgainstDecimal looks there.
func exp(x float64) float64 {
	if x > 709 && x < 709.7827 {
		return portable.Exp(x)
	}
	return math.Exp(x)
}

// log is math.Log, whose amd64 assembler is wrong for subnormal numbers.
func log(x float64) float64 {
	if x > 0 && x < 0x1p-1022 {
		return math.Log(x*0x1p54) - 54*math.Ln2
	}
	return math.Log(x)
}

func sigmoid(x float64) float64 {
	if x < 0 {
		return math.Exp(x) / (1 + math.Exp(x))
	}
	return 1 / (1 + math.Exp(-x))
}

// TestTrig has an absolute tolerance: near a multiple of pi the relative error of any reduction in float64 grows.
func TestTrig(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 400_000 {
		x := 14*r.Float64() - 7
		if i%2 == 0 {
			x = (2*r.Float64() - 1) * (1 << 28)
		}
		if got, want := portable.Sin(x), math.Sin(x); math.Abs(got-want) > 2.3e-16 {
			t.Fatalf("Sin(%v) = %v, want %v", x, got, want)
		}
		if got, want := portable.Cos(x), math.Cos(x); math.Abs(got-want) > 2.3e-16 {
			t.Fatalf("Cos(%v) = %v, want %v", x, got, want)
		}
	}
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1 << 29} {
		if got, got2 := portable.Sin(x), portable.Cos(x); got == got || got2 == got2 {
			t.Errorf("Sin(%v), Cos = %v, %v, want NaN", x, got, got2)
		}
	}
	if got := portable.Sin(math.Copysign(0, -1)); got != 0 || !math.Signbit(got) {
		t.Errorf("Sin(-0) = %v, want -0", got)
	}
}

func TestPow(t *testing.T) {
	for _, x := range specials() {
		for _, y := range specials() {
			if x != 0 && math.Abs(x) < 0x1p-1022 {
				continue // math.Pow takes the logarithm of a subnormal number; TestAgainstDecimal has them
			}
			got, want := portable.Pow(x, y), math.Pow(x, y)
			// math.Pow multiplies repeatedly and loses digits with the exponent: compare specials by their kind only.
			if ulps(got, want) > 2 && !(math.Abs(got-want) <= 1e-12*math.Abs(want)) && math.Abs(y) < 1<<30 {
				t.Errorf("Pow(%v, %v) = %v, want %v", x, y, got, want)
			}
			if math.Signbit(got) != math.Signbit(want) && want == want {
				t.Errorf("Pow(%v, %v) = %v has the wrong sign, want %v", x, y, got, want)
			}
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 400_000 {
		x, y := 10*r.Float64(), 8*r.Float64()-4
		if got, want := portable.Pow(x, y), math.Pow(x, y); ulps(got, want) > 4 { // math.Pow is off by up to 3
			t.Fatalf("Pow(%v, %v) = %v, want %v (%d ulp apart)", x, y, got, want, ulps(got, want))
		}
	}
}

// TestPowExact uses powers that float64 holds exactly, where the answer is known without another library.
func TestPowExact(t *testing.T) {
	for x := 2.0; x <= 30; x++ {
		want := 1.0
		for y := 0.0; want < 1<<53; y++ {
			if got := portable.Pow(x, y); got != want {
				t.Errorf("Pow(%v, %v) = %v, want %v", x, y, got, want)
			}
			want *= x
		}
	}
	for e := -1074; e <= 1023; e++ {
		if got, want := portable.Pow(2, float64(e)), math.Ldexp(1, e); got != want {
			t.Errorf("Pow(2, %d) = %v, want %v", e, got, want)
		}
	}
}

// TestFloat32 allows 1 ulp: one rounding of a value that is right to many more digits.
func TestFloat32(t *testing.T) {
	tests := []struct {
		name  string
		got   func(float32) float32
		want  func(float64) float64
		limit float64
	}{
		{"Exp32", portable.Exp32, math.Exp, 106},
		{"Log32", portable.Log32, math.Log, 1e30},
		{"Log1p32", portable.Log1p32, math.Log1p, 3},
		{"Sqrt32", portable.Sqrt32, math.Sqrt, 1e30},
		{"Tanh32", portable.Tanh32, math.Tanh, 10},
		{"Sigmoid32", portable.Sigmoid32, sigmoid, 104},
		{"Sin32", portable.Sin32, math.Sin, 1000},
		{"Cos32", portable.Cos32, math.Cos, 1000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 6))
			check := func(x float32) {
				got, want := tt.got(x), float32(tt.want(float64(x)))
				if got != got && want != want {
					return
				}
				if got != want && got != math.Nextafter32(want, got) {
					t.Fatalf("%s(%v) = %v, want %v", tt.name, x, got, want)
				}
			}
			for _, x := range specials() {
				if math.Abs(x) < 1<<29 || math.IsInf(x, 0) || x != x {
					check(float32(x))
				}
			}
			for range 200_000 {
				check(float32((2*r.Float64() - 1) * tt.limit))
				check(float32(2*r.Float64() - 1))
			}
		})
	}
}

func BenchmarkExp32(b *testing.B) {
	b.ReportAllocs()
	var sum float32
	for b.Loop() {
		sum += portable.Exp32(-1.25)
	}
	_ = sum
}
