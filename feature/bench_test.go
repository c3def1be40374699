package feature_test

import (
	"strconv"
	"testing"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/internal/portable"
	"recsys/tensor"
)

// benchTable has the shape of ml-1m's interactions with one numeric column: a million rows, 6k users, 4k items with
// string keys.
func benchTable() tensor.Map {
	rng := portable.New(6, "bench")
	const rows = 1_000_000
	users, items := make([]int64, rows), make([]string, rows)
	times, prices := make([]int64, rows), make([]float32, rows)
	keys := make([]string, 4000)
	for i := range keys {
		keys[i] = "item-" + strconv.Itoa(i)
	}
	for i := range rows {
		users[i], items[i] = int64(rng.IntN(6000)), keys[rng.IntN(len(keys))]
		times[i], prices[i] = int64(978_300_000+rng.IntN(1e7)), rng.Float32()*100
	}
	return tensor.Map{
		"user_id": tensor.Of(users, rows), "item_id": tensor.Of(items, rows),
		"time": tensor.Of(times, rows), "age": tensor.Of(prices, rows),
	}
}

func benchWorkflow() feature.Workflow {
	return feature.Workflow{Operators: []feature.Operator{
		&op.Categorify{Columns: []string{"user_id", "item_id"}},
		&op.FillMissing{Columns: []string{"age"}},
		&op.Log{Columns: []string{"age"}},
		&op.Normalize{Columns: []string{"age"}},
		&op.DateParts{Column: "time"},
	}}
}

func BenchmarkFit(b *testing.B) {
	src := feature.Tables{Tables: []tensor.Map{benchTable()}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := benchWorkflow().Fit(b.Context(), rawSchema(), src); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(1e6*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkTransform(b *testing.B) {
	table := benchTable()
	f, err := benchWorkflow().Fit(b.Context(), rawSchema(), feature.Tables{Tables: []tensor.Map{table}})
	if err != nil {
		b.Fatal(err)
	}
	for _, rows := range []int{1, 1_000_000} {
		in := tensor.Map{}
		for name, t := range table {
			in[name] = t.Rows(0, rows)
		}
		b.Run(strconv.Itoa(rows)+" rows", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Transform(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
