package stage_test

import (
	"fmt"
	"testing"

	"recsys/ensemble/stage"
	"recsys/graph/exec"
	"recsys/internal/portable"
	"recsys/tensor"
)

// BenchmarkRetrieve is exact retrieval of 300 candidates for one user, D=64, some items blocked.
func BenchmarkRetrieve(b *testing.B) {
	for _, v := range []int{4_000, 100_000} {
		for _, p := range append(precisions(), "") {
			benchmarkRetrieve(b, v, p)
		}
	}
}

func benchmarkRetrieve(b *testing.B, v int, precision stage.Precision) {
	b.Helper()
	b.Run(fmt.Sprintf("V=%d/%s", v, precision), func(b *testing.B) {
		rng := portable.New(1, "benchmark")
		s := narrow(b, stage.Retrieval{Items: random(rng, v, 64), First: 3, Candidates: 300}, precision)
		p, err := exec.Compile(s.Graph, exec.Options{})
		if err != nil {
			b.Fatal(err)
		}
		blocked := make([]int, 200)
		for i := range blocked {
			blocked[i] = i * (v / 200)
		}
		in := tensor.Map{stage.Query: random(rng, 1, 64), stage.Blocked: bitmap(v, blocked)}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.Run(b.Context(), in); err != nil {
				b.Fatal(err)
			}
		}
	})
}
