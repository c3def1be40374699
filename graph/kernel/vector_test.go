package kernel_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"recsys/graph/kernel"
)

// lengths covers whole vectors, tails and unrolled loops.
func lengths() []int {
	list := []int{0}
	for n := 1; n < 80; n++ {
		list = append(list, n)
	}
	return append(list, 1000, 4099)
}

// guarded returns a misaligned slice of n random floats and a function that fails the test when its surroundings
// were written.
func guarded(t *testing.T, rng *rand.Rand, n int) ([]float32, func()) {
	t.Helper()
	room := make([]float32, n+35)
	for i := range room {
		room[i] = guard
	}
	from := 16 + rng.IntN(4)
	x := room[from : from+n]
	for i := range x {
		x[i] = 4*rng.Float32() - 2
	}
	return x, func() {
		t.Helper()
		for i, v := range room {
			if (i < from || i >= from+n) && v != guard {
				t.Errorf("length %d: element %d beside the destination was written", n, i-from)
			}
		}
	}
}

func TestBinary(t *testing.T) {
	for _, set := range kernel.Sets() {
		kernels := map[string]struct {
			f    func(z, x, y []float32)
			want func(x, y float32) float32
		}{
			"Add": {set.Add, func(x, y float32) float32 { return x + y }},
			"Sub": {set.Sub, func(x, y float32) float32 { return x - y }},
			"Mul": {set.Mul, func(x, y float32) float32 { return x * y }},
			"ReluGrad": {set.ReluGrad, func(x, y float32) float32 {
				if x > 0 {
					return y
				}
				return 0
			}},
		}
		for name, k := range kernels {
			t.Run(set.Name+"/"+name, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, 2))
				for _, n := range lengths() {
					x, _ := guarded(t, rng, n)
					y, _ := guarded(t, rng, n)
					for _, alias := range []string{"none", "x", "y"} {
						z, check := guarded(t, rng, n)
						xs, ys := x, y
						switch alias {
						case "x":
							copy(z, x)
							xs = z
						case "y":
							copy(z, y)
							ys = z
						}
						k.f(z, xs, ys)
						check()
						for i := range z {
							if want := k.want(x[i], y[i]); z[i] != want {
								t.Fatalf("length %d, destination is %s: element %d is %v, want %v", n, alias, i, z[i], want)
							}
						}
					}
				}
			})
		}
	}
}

func TestScaled(t *testing.T) {
	for _, set := range kernel.Sets() {
		rng := rand.New(rand.NewPCG(1, 3))
		for _, n := range lengths() {
			x, _ := guarded(t, rng, n)
			y, check := guarded(t, rng, n)
			old := append([]float32{}, y...)
			set.AddScaled(y, 0.3, x)
			check()
			for i := range y {
				if want := old[i] + float32(0.3*x[i]); y[i] != want {
					t.Fatalf("%s: AddScaled of %d: element %d is %v, want %v", set.Name, n, i, y[i], want)
				}
			}
			set.Scale(y, 0.3, x)
			check()
			for i := range y {
				if want := 0.3 * x[i]; y[i] != want {
					t.Fatalf("%s: Scale of %d: element %d is %v, want %v", set.Name, n, i, y[i], want)
				}
			}
		}
	}
}

func TestReductions(t *testing.T) {
	for _, set := range kernel.Sets() {
		rng := rand.New(rand.NewPCG(1, 4))
		for _, n := range lengths() {
			x, _ := guarded(t, rng, n)
			y, _ := guarded(t, rng, n)
			var sum, dot float64
			greatest := math.Inf(-1)
			for i := range x {
				sum += float64(x[i])
				dot += float64(x[i]) * float64(y[i])
				greatest = max(greatest, float64(x[i]))
			}
			// n roundings of partial sums below 4n.
			bound := 4 * float64(n) * float64(n) * 0x1p-24
			if got := float64(set.Sum(x)); math.Abs(got-sum) > bound {
				t.Errorf("%s: Sum of %d is %v, want %v", set.Name, n, got, sum)
			}
			if got := float64(set.Dot(x, y)); math.Abs(got-dot) > bound {
				t.Errorf("%s: Dot of %d is %v, want %v", set.Name, n, got, dot)
			}
			if n == 0 {
				continue
			}
			if got := float64(set.Max(x)); got != greatest {
				t.Errorf("%s: Max of %d is %v, want %v", set.Name, n, got, greatest)
			}
			x[rng.IntN(n)] = float32(math.NaN())
			if got := set.Max(x); got == got {
				t.Errorf("%s: Max of %d with NaN is %v", set.Name, n, got)
			}
		}
	}
}

// TestFunctions states the error of each function in units of the last place of the exact result, and the results
// at the borders.
func TestFunctions(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	borders := []float64{
		0, math.Copysign(0, -1), inf, -inf, nan, 1, -1, 0.625, -0.625, 88.72283, 88.7229, 89, 200, -87.3, -88, -103, -103.9, -104, -105, -1000,
		math.MaxFloat32, math.SmallestNonzeroFloat32, 0x1p-126, 1e-40, 1e-20, 9, 10, 20, 40, math.Sqrt2 / 2,
	}
	for _, set := range kernel.Sets() {
		functions := map[string]struct {
			f        func(y, x []float32)
			want     func(float64) float64
			from, to float64
			ulp      float64
		}{
			"Exp":     {set.Exp, math.Exp, -110, 95, 1.5},
			"Log":     {set.Log, math.Log, 0, 1e6, 1.5},
			"Tanh":    {set.Tanh, math.Tanh, -12, 12, 2},
			"Sigmoid": {set.Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, -110, 95, 2.5},
		}
		for name, fn := range functions {
			t.Run(set.Name+"/"+name, func(t *testing.T) {
				x := make([]float32, 0, 200000)
				for _, v := range borders {
					x = append(x, float32(v))
				}
				rng := rand.New(rand.NewPCG(7, 7))
				for len(x) < cap(x) {
					v := fn.from + (fn.to-fn.from)*rng.Float64()
					x = append(x, float32(v), float32(v/100), float32(math.Exp(-v)))
				}
				y := make([]float32, len(x))
				fn.f(y, x)
				worst, at := 0.0, 0
				for i, v := range x {
					if e := ulps(y[i], fn.want(float64(v))); e > worst {
						worst, at = e, i
					}
				}
				if worst > fn.ulp {
					t.Errorf("f(%v) is %v, want %v: %.2f ulp, %.2f are stated", x[at], y[at], fn.want(float64(x[at])), worst, fn.ulp)
				}
				t.Logf("greatest error %.2f ulp at %v", worst, x[at])
				fn.f(x[:1001], x[:1001])
				for i := range 1001 {
					if math.Float32bits(x[i]) != math.Float32bits(y[i]) && x[i] == x[i] {
						t.Fatalf("in place, element %d is %v, want %v", i, x[i], y[i])
					}
				}
			})
		}
	}
}

// ulps is the distance of got from want in units of the last place of want as a float32.
func ulps(got float32, want float64) float64 {
	if w := float32(want); got == w || got != got && w != w {
		return 0
	}
	_, e := math.Frexp(want)
	unit := math.Ldexp(1, max(e-24, -149))
	d := math.Abs(float64(got)-want) / unit
	if d != d {
		return math.Inf(1)
	}
	return d
}

func TestFunctionTails(t *testing.T) {
	for _, set := range kernel.Sets() {
		rng := rand.New(rand.NewPCG(1, 5))
		for _, n := range lengths() {
			x, _ := guarded(t, rng, n)
			for name, f := range map[string]func(y, x []float32){
				"Exp": set.Exp, "Log": set.Log, "Tanh": set.Tanh, "Sigmoid": set.Sigmoid, "Relu": set.Relu,
			} {
				y, check := guarded(t, rng, n)
				f(y, x)
				check()
				one := make([]float32, 1)
				for i := range x {
					f(one, x[i:i+1])
					if y[i] != one[0] && y[i] == y[i] {
						t.Fatalf("%s: %s of %d: element %d is %v, alone %v", set.Name, name, n, i, y[i], one[0])
					}
				}
			}
		}
	}
}

func TestRelu(t *testing.T) {
	for _, set := range kernel.Sets() {
		x := []float32{-1, 0, 2, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), -3, 4, -5, 6}
		y := make([]float32, len(x))
		set.Relu(y, x)
		for i, v := range x {
			if want := max(v, 0); y[i] != want && !(y[i] != y[i] && v != v) {
				t.Errorf("%s: Relu(%v) is %v", set.Name, v, y[i])
			}
		}
	}
}

func TestTranspose(t *testing.T) {
	for _, set := range kernel.Sets() {
		rng := rand.New(rand.NewPCG(1, 6))
		for _, rows := range []int{0, 1, 7, 8, 9, 16, 33, 70} {
			for _, cols := range []int{0, 1, 5, 8, 15, 64, 65, 130} {
				x, _ := guarded(t, rng, rows*cols)
				y, check := guarded(t, rng, rows*cols)
				set.Transpose(y, x, rows, cols)
				check()
				for i := range y {
					if want := x[i%rows*cols+i/rows]; y[i] != want {
						t.Fatalf("%s: transpose of [%d,%d]: element %d is %v, want %v", set.Name, rows, cols, i, y[i], want)
					}
				}
			}
		}
	}
}

func TestOptimizerKernels(t *testing.T) {
	for _, set := range kernel.Sets()[1:] {
		rng := rand.New(rand.NewPCG(1, 8))
		for _, n := range lengths() {
			g, _ := guarded(t, rng, n)
			vectors := make([][]float32, 5)
			var checks []func()
			for i := range vectors {
				v, check := guarded(t, rng, n)
				for k := range v {
					v[k] = float32(math.Abs(float64(v[k])))
				}
				vectors[i] = v
				checks = append(checks, check)
			}
			want := make([][]float32, len(vectors))
			for i, v := range vectors {
				want[i] = append([]float32{}, v...)
			}
			c := &kernel.AdamScalars{Rate: -0.1, Gain1: 0.1, Keep2: 0.99, Gain2: 0.01, Correction: 0.3, Epsilon: 1e-8}
			for s, v := range map[*kernel.Set][][]float32{kernel.Portable(): want, set: vectors} {
				s.Adagrad(v[0], v[1], g, -0.1, 1e-10)
				s.Adam(v[2], v[3], v[4], g, c)
			}
			for i := range vectors {
				checks[i]()
				for k := range vectors[i] {
					if vectors[i][k] != want[i][k] {
						t.Fatalf("%s: length %d: element %d of vector %d is %v, want %v", set.Name, n, k, i, vectors[i][k], want[i][k])
					}
				}
			}
		}
	}
}

func TestGather(t *testing.T) {
	for _, set := range kernel.Sets() {
		rng := rand.New(rand.NewPCG(1, 9))
		for _, n := range []int{0, 1, 7, 8, 9, 50} {
			for _, width := range []int{0, 1, 3, 8, 9, 16, 27, 64} {
				for _, gap := range []int{0, 1, 21} {
					testGather(t, set, rng, n, width, width+gap)
				}
			}
		}
	}
}

// TestScatterAdd compares sums of rows with those of the definition, to the bit, and negative zeros with what is written.
func TestScatterAdd(t *testing.T) {
	const rows = 20
	for _, set := range kernel.Sets() {
		rng := rand.New(rand.NewPCG(1, 9))
		for _, n := range []int{0, 1, 7, 8, 9, 50} {
			for _, width := range []int{0, 1, 3, 7, 8, 9, 15, 16, 17, 27, 64} {
				y, check := guarded(t, rng, rows*width)
				x, _ := guarded(t, rng, n*width)
				at, want := make([]int32, n), slices.Clone(y)
				for i := range at {
					to := rng.IntN(rows)
					at[i] = int32(to)
					if first := rng.IntN(3) == 0; first {
						at[i] = ^at[i]
						if width > 0 {
							x[i*width] = float32(math.Copysign(0, -1))
						}
						copy(want[to*width:], x[i*width:(i+1)*width])
						continue
					}
					for k := range width {
						want[to*width+k] += x[i*width+k]
					}
				}
				set.ScatterAdd(y, at, x, width)
				check()
				for i, v := range y {
					if math.Float32bits(v) != math.Float32bits(want[i]) {
						t.Fatalf("%s: %d rows of %d: element %d is %v, want %v", set.Name, n, width, i, v, want[i])
					}
				}
			}
		}
		for _, bad := range []int32{rows, math.MaxInt32, ^rows, math.MinInt32} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: place %d of %d did not panic", set.Name, bad, rows)
					}
				}()
				set.ScatterAdd(make([]float32, rows*3), []int32{0, bad}, make([]float32, 6), 3)
			}()
		}
	}
}

// testGather gathers n rows into places step elements apart.
func testGather(t *testing.T, set *kernel.Set, rng *rand.Rand, n, width, step int) {
	t.Helper()
	const rows = 20
	x, _ := guarded(t, rng, rows*width)
	y, check := guarded(t, rng, max(n-1, 0)*step+min(n, 1)*width)
	before := slices.Clone(y)
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = rng.Int64N(2*rows) - rows
	}
	if got := set.Gather(y, step, ids, x, rows, width); got != n {
		t.Fatalf("%s: gathered %d rows, want %d", set.Name, got, n)
	}
	check()
	for i, v := range y {
		want := before[i]
		if at := i % step; at < width {
			want = x[(int(ids[i/step])+rows)%rows*width+at]
		}
		if v != want {
			t.Fatalf("%s: element %d of rows of %d, %d apart: got %v, want %v", set.Name, i, width, step, v, want)
		}
	}
	for _, bad := range []int64{rows, -rows - 1, math.MaxInt64, math.MinInt64} {
		if n < 2 {
			continue
		}
		at := rng.IntN(n)
		good := ids[at]
		ids[at] = bad
		if got := set.Gather(y, step, ids, x, rows, width); got != at {
			t.Errorf("%s: id %d at %d: got %d", set.Name, bad, at, got)
		}
		check()
		ids[at] = good
	}
}
