package portable_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/internal/portable"
)

func TestStreamsDifferByPathAndSeed(t *testing.T) {
	seen := map[uint64]string{}
	for _, path := range []string{"", "a", "b", "ab", "a/b", "users/1", "users/2"} {
		for seed := range uint64(100) {
			x := portable.New(seed, path).Uint64()
			if other, ok := seen[x]; ok {
				t.Errorf("stream %q of seed %d begins like %s", path, seed, other)
			}
			seen[x] = path
			if again := portable.New(seed, path).Uint64(); again != x {
				t.Errorf("stream %q of seed %d gives %d, then %d", path, seed, x, again)
			}
		}
	}
}

func TestNormalMoments(t *testing.T) {
	const n = 400_000
	r := portable.New(1, "normal")
	var sum, square, fourth float64
	for range n {
		x := r.Normal()
		sum += x
		square += x * x
		fourth += x * x * x * x
	}
	// Five standard errors: those of the mean, variance and fourth moment are 1, sqrt(2) and sqrt(96) over sqrt(n).
	se := 5 / math.Sqrt(n)
	if m := sum / n; math.Abs(m) > se {
		t.Errorf("mean %v, want 0 within %v", m, se)
	}
	if v := square / n; math.Abs(v-1) > se*math.Sqrt2 {
		t.Errorf("variance %v, want 1 within %v", v, se*math.Sqrt2)
	}
	if k := fourth / n; math.Abs(k-3) > se*math.Sqrt(96) {
		t.Errorf("fourth moment %v, want 3 within %v", k, se*math.Sqrt(96))
	}
}

func TestQuantile(t *testing.T) {
	for _, p := range []float64{1e-300, 1e-20, 1e-12, 1e-5, 0.01, 0.075, 0.2, 0.5, 0.6, 0.925, 0.99} {
		x := portable.Quantile(p)
		if got := math.Erfc(-x/math.Sqrt2) / 2; math.Abs(got-p) > 1e-13*p*max(1, x*x) { // d log Phi(x) is about x dx
			t.Errorf("Phi(Quantile(%v)) = %v at %v", p, got, x)
		}
	}
	want := []float64{math.Inf(-1), math.Inf(1)}
	if got := []float64{portable.Quantile(0), portable.Quantile(1)}; !slices.Equal(got, want) {
		t.Errorf("Quantile of 0 and 1 is %v, want %v", got, want)
	}
	if x := portable.Quantile(1.5); x == x {
		t.Errorf("Quantile(1.5) = %v, want NaN", x)
	}
}

func TestIntNUniform(t *testing.T) {
	const n, draws = 7, 70_000
	r, count := portable.New(2, "intn"), [n]int{}
	for range draws {
		count[r.IntN(n)]++
	}
	chi := 0.0
	for _, c := range count {
		d := float64(c) - draws/n
		chi += d * d / (draws / n)
	}
	if chi > 27.9 { // the chi-square quantile of 1-1e-4 with 6 degrees of freedom
		t.Errorf("chi-square %v of counts %v, want below 27.9", chi, count)
	}
}

func TestPerm(t *testing.T) {
	p := portable.New(3, "perm").Perm(100)
	if slices.IsSorted(p) {
		t.Errorf("Perm(100) is not shuffled")
	}
	slices.Sort(p)
	for i, v := range p {
		if i != v {
			t.Fatalf("Perm(100) misses %d", i)
		}
	}
}

func TestTable(t *testing.T) {
	table, err := portable.NewTable([]float64{0, 1, 0, 3, 0})
	if err != nil {
		t.Fatal(err)
	}
	r, count := portable.New(4, "table"), make([]int, 5)
	for range 40_000 {
		count[table.Sample(r)]++
	}
	// Binomial(40000, 1/4) has standard deviation 87; 5 of them.
	if count[0]+count[2]+count[4] != 0 || math.Abs(float64(count[1])-10_000) > 435 {
		t.Errorf("counts %v of weights 0 1 0 3 0, want about 0 10000 0 30000 0", count)
	}
	if got := table.Prob(3); got != 0.75 {
		t.Errorf("Prob(3) = %v, want 0.75", got)
	}
	for _, weights := range [][]float64{{}, {0, 0}, {1, -1}, {math.NaN()}, {math.Inf(1)}, {math.MaxFloat64, math.MaxFloat64}} {
		if _, err := portable.NewTable(weights); err == nil {
			t.Errorf("NewTable(%v): no error", weights)
		}
	}
}

func TestRandPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("IntN(0) did not panic")
		}
	}()
	portable.New(1, "").IntN(0)
}

// TestGoldenStream pins the first numbers of a stream: a change of them changes every golden file.
func TestGoldenStream(t *testing.T) {
	r := portable.New(42, "golden")
	got := []any{
		r.Uint64(), r.Uint64(), r.IntN(1000), r.Float64(), r.Float32(), r.Normal(), r.Normal(), r.Perm(6),
		portable.Zipf(1000, 1.1).Sample(r),
	}
	want := []any{
		uint64(12708146375470452403), uint64(8053892337824139631), 541, 0.0692274359177294, float32(0.07083141803741455),
		-2.1781118389131153, 0.2191363015515896,
		[]int{2, 0, 4, 1, 5, 3},
		26,
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("stream differs (-got +want):\n%s", diff)
	}
}
