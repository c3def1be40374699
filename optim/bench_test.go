package optim_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"recsys/optim"
	"recsys/tensor"
)

// BenchmarkStep reports the update of 50,000 of 500,000 rows of 32 columns: four floats of memory traffic and more
// for each element.
func BenchmarkStep(b *testing.B) {
	const rows, width = 500_000, 32
	rng := rand.New(rand.NewPCG(1, 1))
	ids := make([]int64, 0, rows/10)
	for id := range int64(rows) {
		if id%10 == 3 {
			ids = append(ids, id)
		}
	}
	g := optim.Gradients{Sparse: map[string]optim.Rows{"table": {IDs: ids, Rows: random(rng, len(ids)*width)}}}
	for _, rule := range []optim.Rule{optim.SGD{}, optim.Adagrad{}, optim.Adam{}} {
		b.Run(fmt.Sprintf("%T", rule), func(b *testing.B) {
			o := newOptimizer(b, tensor.Map{"table": tensor.Zeros(tensor.Float32, rows, width)}, optim.Config{Rule: rule, Rate: optim.Constant(0.1)})
			b.ReportAllocs()
			for b.Loop() {
				if err := o.Step(g); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(ids)*width)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Melements/s")
		})
	}
}

// BenchmarkCombine adds up 100,000 rows of 32 columns that name 50,000 rows of a table.
func BenchmarkCombine(b *testing.B) {
	const rows, width, n = 500_000, 32, 50_000
	rng := rand.New(rand.NewPCG(1, 1))
	pairs := make([]optim.Rows, 2)
	for i := range pairs {
		ids := make([]int64, n)
		for k := range ids {
			ids[k] = rng.Int64N(rows / 8)
		}
		pairs[i] = optim.Rows{IDs: ids, Rows: random(rng, n*width)}
	}
	var c optim.Combiner
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Combine(pairs, rows, width); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(2*n*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
