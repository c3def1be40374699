package keytable_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/internal/keytable"
)

// keySets are keys that open addressing could do badly with.
func keySets() map[string][]int64 {
	rng := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(rng, 1.1, 1, 1<<20)
	sets := map[string][]int64{"none": {}, "least": {math.MinInt64, math.MinInt64}, "one": {7}}
	const n = 50_000
	for i := range int64(n) {
		sets["row"] = append(sets["row"], i)
		sets["high bits"] = append(sets["high bits"], i<<48)
		sets["around zero"] = append(sets["around zero"], i%200-100)
		sets["few bits"] = append(sets["few bits"], int64(1)<<(i%64))
		sets["zipf"] = append(sets["zipf"], int64(zipf.Uint64()))
		sets["any"] = append(sets["any"], int64(rng.Uint64()))
	}
	sets["any"] = append(sets["any"], math.MinInt64, math.MaxInt64, 0, -1, math.MinInt64)
	return sets
}

func TestTableIsAMap(t *testing.T) {
	for name, keys := range keySets() {
		t.Run(name, func(t *testing.T) {
			counts, table, added := map[int64]int64{}, &keytable.Table{}, keytable.New(3)
			for from := 0; from < len(keys); from += 1000 {
				table.Count(keys[from:min(from+1000, len(keys))])
			}
			for i, k := range keys {
				if _, known := counts[k]; known == added.Put(k, int64(i)) {
					t.Fatalf("key %d: put when known is %t", k, known)
				}
				counts[k]++
			}
			if diff := cmp.Diff(maps.Collect(table.All()), counts); diff != "" {
				t.Fatalf("counts (-got +want):\n%.500s", diff)
			}
			if table.Len() != len(counts) || added.Len() != len(counts) {
				t.Errorf("%d and %d keys, want %d", table.Len(), added.Len(), len(counts))
			}
			asked := append([]int64{0, 1, -1, math.MinInt64, 123_456_789}, keys...)
			got := make([]int64, len(asked))
			table.Lookup(got, asked, -7)
			for i, k := range asked {
				want, known := counts[k]
				if v, ok := table.Get(k); ok != known || v != want {
					t.Fatalf("key %d: %d, %t, want %d, %t", k, v, ok, want, known)
				}
				if !known {
					want = -7
				}
				if got[i] != want {
					t.Fatalf("key %d: looked up %d, want %d", k, got[i], want)
				}
			}
			merged := &keytable.Table{}
			for range 2 {
				for k, n := range table.All() {
					merged.Add(k, n)
				}
			}
			for k, n := range merged.All() {
				if n != 2*counts[k] {
					t.Fatalf("key %d: %d, want twice %d", k, n, counts[k])
				}
			}
			if merged.Len() != len(counts) {
				t.Errorf("%d keys merged, want %d", merged.Len(), len(counts))
			}
		})
	}
}

func TestLookupInPlace(t *testing.T) {
	table := &keytable.Table{}
	table.Put(5, 50)
	table.Put(math.MinInt64, 1)
	x := []int64{5, 6, math.MinInt64}
	table.Lookup(x, x, 2)
	if diff := cmp.Diff(x, []int64{50, 2, 1}); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkTable(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, size := range map[string]uint64{"small": 1000, "large": 1_000_000} {
		zipf := rand.NewZipf(rng, 1.1, 1, size-1)
		keys, ids := make([]int64, 1<<20), make([]int64, 1<<20)
		for i := range keys {
			keys[i] = int64(zipf.Uint64() * 0x9e3779b97f4a7c15)
		}
		b.Run("count "+name, func(b *testing.B) {
			for b.Loop() {
				(&keytable.Table{}).Count(keys)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(keys)), "ns/key")
		})
		table := &keytable.Table{}
		table.Count(keys)
		b.Run("lookup "+name, func(b *testing.B) {
			for b.Loop() {
				table.Lookup(ids, keys, 0)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(keys)), "ns/key")
		})
	}
}
