package sampler_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"recsys/internal/portable"
	"recsys/sampler"
	"recsys/sampler/samplertest"
)

// must is the result of a constructor that has to succeed.
func must[T sampler.Sampler](s T, err error) sampler.Sampler {
	if err != nil {
		panic(err)
	}
	return s
}

func zipf(v int) []int64 {
	counts := make([]int64, v)
	for i := range counts {
		counts[i] = int64(100_000 / (i + 1))
	}
	return counts
}

func TestConformance(t *testing.T) {
	skewed := zipf(1000)
	skewed[500] = 0
	tests := []struct {
		name string
		s    sampler.Sampler
		v    int
	}{
		{"uniform", must(sampler.NewUniform(3, 1000)), 1000},
		{"uniform of one", must(sampler.NewUniform(0, 1)), 1},
		{"popularity", must(sampler.NewPopularity(3, skewed, 0.75)), 1000},
		{"popularity as counted", must(sampler.NewPopularity(0, []int64{1, 0, 5, 100}, 1)), 4},
		{"popularity of one", must(sampler.NewPopularity(2, []int64{7, 7, 0, 1, 0}, 1)), 5},
		{"popularity without exponent", must(sampler.NewPopularity(1, []int64{9, 0, 5}, 0)), 3},
		{"log-uniform", must(sampler.NewLogUniform(3, 5000)), 5000},
		{"log-uniform of one", must(sampler.NewLogUniform(3, 4)), 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := samplertest.Check(tt.s, tt.v); err != nil {
				t.Error(err)
			}
		})
	}
}

// broken samples like a uniform sampler of ids 0 to 99 but for one fault.
type broken struct {
	sampler.Uniform
	fault string
	calls *int
}

func (b broken) Sample(src rand.Source, ids []int64) {
	*b.calls++
	if b.fault == "state" {
		src = rand.NewPCG(uint64(*b.calls), 0)
	}
	if b.fault == "deaf" {
		src = rand.NewPCG(0, 0)
	}
	b.Uniform.Sample(src, ids)
	for i := range ids {
		if b.fault == "skewed" && ids[i] == 7 && i%4 == 0 {
			ids[i] = 8
		}
		if b.fault == "outside" && i == 1000 {
			ids[i] = 100
		}
	}
}

func (b broken) LogProb(id int64) float32 {
	p := b.Uniform.LogProb(id)
	switch b.fault {
	case "sum":
		return p + 0.01
	case "everywhere":
		return max(p, -100)
	}
	return p
}

// TestSuiteRejects shows that the conformance suite finds each kind of fault.
func TestSuiteRejects(t *testing.T) {
	for fault, want := range map[string]string{
		"": "", "state": "second time", "deaf": "another source", "skewed": "chi-square", "outside": "drew id 100", "sum": "sum to",
		"everywhere": "LogProb(-1)",
	} {
		u, err := sampler.NewUniform(0, 100)
		if err != nil {
			t.Fatal(err)
		}
		err = samplertest.Check(broken{Uniform: *u, fault: fault, calls: new(int)}, 100)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("fault %q: error %v, want one with %q", fault, err, want)
		}
	}
}

func TestLogProbValues(t *testing.T) {
	p := must(sampler.NewPopularity(1, []int64{50, 1, 3}, 1))
	l := must(sampler.NewLogUniform(3, 12))
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		{"popularity", float64(p.LogProb(2)), math.Log(0.75)},
		{"log-uniform of the first", float64(l.LogProb(3)), math.Log(math.Log(2) / math.Log(10))},
		{"log-uniform of the last", float64(l.LogProb(11)), math.Log(math.Log(10.0/9) / math.Log(10))},
	} {
		if math.Abs(tt.got-tt.want) > 1e-6 { // float32
			t.Errorf("%s: %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

// TestGolden pins draws: other ones would change every trained model.
func TestGolden(t *testing.T) {
	for name, tt := range map[string]struct {
		s    sampler.Sampler
		want []int64
	}{
		"uniform":     {must(sampler.NewUniform(3, 1000)), []int64{296, 343, 245, 495, 739, 626, 190, 958}},
		"popularity":  {must(sampler.NewPopularity(3, zipf(1000), 0.75)), []int64{296, 245, 29, 189, 295, 137, 80, 4}},
		"log-uniform": {must(sampler.NewLogUniform(3, 1000)), []int64{9, 12, 7, 32, 165, 77, 5, 753}},
	} {
		got := make([]int64, 8)
		tt.s.Sample(portable.New(1, "golden"), got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: drew %v, want %v", name, got, tt.want)
		}
	}
}

func TestErrors(t *testing.T) {
	calls := map[string]func() error{
		"no uniform ids":     func() error { _, err := sampler.NewUniform(3, 3); return err },
		"negative first":     func() error { _, err := sampler.NewUniform(-1, 3); return err },
		"no log-uniform ids": func() error { _, err := sampler.NewLogUniform(5, 3); return err },
		"no counts":          func() error { _, err := sampler.NewPopularity(0, nil, 1); return err },
		"counts of 0":        func() error { _, err := sampler.NewPopularity(1, []int64{1, 0, 0}, 1); return err },
		"negative count":     func() error { _, err := sampler.NewPopularity(0, []int64{1, -1}, 1); return err },
		"exponent NaN":       func() error { _, err := sampler.NewPopularity(0, []int64{1}, math.NaN()); return err },
		"exponent -1":        func() error { _, err := sampler.NewPopularity(0, []int64{1}, -1); return err },
		"overflow":           func() error { _, err := sampler.NewPopularity(0, []int64{1 << 60}, 100); return err },
	}
	for name, call := range calls {
		if call() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func Example() {
	s, err := sampler.NewPopularity(3, []int64{0, 0, 0, 1000, 10, 10}, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	negatives := make([]int64, 1000)
	s.Sample(rand.NewPCG(1, 2), negatives)
	popular := 0
	for _, id := range negatives {
		if id == 3 {
			popular++
		}
	}
	fmt.Printf("%v %.4f\n", popular > 900, s.LogProb(3))
	// Output:
	// true -0.0198
}

func BenchmarkPopularity(b *testing.B) {
	s, err := sampler.NewPopularity(3, zipf(100_000), 0.75)
	if err != nil {
		b.Fatal(err)
	}
	ids, src := make([]int64, 1000), rand.NewPCG(1, 2)
	b.ReportAllocs()
	for b.Loop() {
		s.Sample(src, ids)
	}
}
