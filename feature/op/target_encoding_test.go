package op_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/graph"
	"recsys/internal/portable"
	"recsys/metric"
	"recsys/schema"
	"recsys/tensor"
)

// fitJoined fits operators on one table.
func fitJoined(t *testing.T, raw schema.Schema, train tensor.Map, operators ...feature.Operator) *feature.FittedWorkflow {
	t.Helper()
	f, err := feature.Workflow{Operators: operators}.Fit(t.Context(), raw, feature.Tables{Tables: []tensor.Map{train}, BatchRows: 7})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// training is the workflow for the rows that it was fitted on.
func training(t *testing.T, f *feature.FittedWorkflow) *feature.FittedWorkflow {
	t.Helper()
	w, err := f.Training()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestTargetEncodingIsNVTabulars compares with NVTabular 23.8 over all rows and out of its own folds: testdata/target_encoding.py
// has written what it encodes. Each row gets a number that falls into the fold that NVTabular drew for it.
func TestTargetEncodingIsNVTabulars(t *testing.T) {
	text, err := os.ReadFile("testdata/target_encoding.json")
	if err != nil {
		t.Fatal(err)
	}
	type encoded struct {
		All       []float32 `json:"all"`
		Fold      []uint32  `json:"fold"`
		OutOfFold []float32 `json:"out_of_fold"`
	}
	var want struct {
		Brand  []string  `json:"brand"`
		City   []int64   `json:"city"`
		Rating []float32 `json:"rating"`
		One    encoded   `json:"one"`
		Two    encoded   `json:"two"`
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	raw := schema.Schema{
		column("brand", tensor.String, 0, schema.Item), column("city", tensor.Int64, 0, schema.User),
		column("rating", tensor.Float32, 0, schema.Target),
	}
	n := len(want.Brand)
	for _, c := range []struct {
		columns []string
		encoded
	}{{[]string{"brand"}, want.One}, {[]string{"brand", "city"}, want.Two}} {
		rows := make([]int64, n)
		for i, fold := range c.Fold {
			for rows[i] = int64(i) << 20; graph.MurmurHash3Int64(rows[i], 0)%3 != fold; rows[i]++ {
			}
		}
		table := tensor.Map{
			"brand": tensor.Of(want.Brand, n), "city": tensor.Of(want.City, n), "rating": tensor.Of(want.Rating, n),
			feature.RowColumn: tensor.Of(rows, n),
		}
		f := fitJoined(t, raw, table, &op.TargetEncoding{Columns: c.columns, Target: "rating", Column: "x", Folds: 3})
		// Two roundings to float32 of means below 5, and NVTabular adds up in float32.
		near := cmpopts.EquateApprox(0, 2e-6)
		if diff := cmp.Diff(transform(t, f, table)["x"], any(c.All), near); diff != "" {
			t.Errorf("%v over all rows (-got +want):\n%s", c.columns, diff)
		}
		if diff := cmp.Diff(transform(t, training(t, f), table)["x"], any(c.OutOfFold), near); diff != "" {
			t.Errorf("%v out of fold (-got +want):\n%s", c.columns, diff)
		}
	}
}

// TestTargetEncodingOfNoise encodes keys that say nothing of the target. As it is learned from in training it has to stay
// noise: the area under the ROC curve is that of a coin. What requests get, of the same rows, shows what a leak looks like.
func TestTargetEncodingOfNoise(t *testing.T) {
	const rows, keys = 20_000, 2_000
	rng := portable.New(1, "noise")
	noise, other, labels := make([]int64, rows), make([]int64, rows), make([]float32, rows)
	positives := 0.0
	for i := range rows {
		noise[i], other[i] = int64(rng.IntN(keys)), int64(rng.IntN(3))
		if rng.IntN(10) < 3 {
			labels[i] = 1
			positives++
		}
	}
	table := tensor.Map{
		"year": tensor.Of(noise, rows), "offset": tensor.Of(other, rows), "label": tensor.Of(labels, rows),
		feature.RowColumn: tensor.Of(sequence(rows), rows),
	}
	f := fitJoined(t, append(pick("year", "offset"), label(tensor.Float32)), table,
		&op.TargetEncoding{Columns: []string{"year"}, Target: "label", Column: "one", Smoothing: new(1.0)},
		&op.TargetEncoding{Columns: []string{"year", "offset"}, Target: "label", Column: "two", Smoothing: new(1.0)})
	// The standard deviation of the area for scores without information (Hanley and McNeil 1982, of the Mann-Whitney statistic):
	// sqrt((n+1)/(12·positives·negatives)), 0.0045. Five of them are exceeded once in 1.7 million draws of the seed.
	bound := 5 * math.Sqrt((rows+1)/(12*positives*(rows-positives)))
	trained, served := transform(t, training(t, f), table), transform(t, f, table)
	for _, name := range []string{"one", "two"} {
		if got := area(t, trained[name].([]float32), labels); math.Abs(got-0.5) > bound {
			t.Errorf("%s in training: AUC %.4f is further than %.4f from a half", name, got, bound)
		}
		if got := area(t, served[name].([]float32), labels); got < 0.6 {
			t.Errorf("%s in requests: AUC %.4f of the rows that were learned from does not show the leak", name, got)
		}
	}
}

func area(t *testing.T, scores, labels []float32) float64 {
	t.Helper()
	var m metric.AUC
	if err := m.Add(scores, labels); err != nil {
		t.Fatal(err)
	}
	v, err := m.Value()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func sequence(n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(i)
	}
	return out
}

// TestTargetEncodingValues works the edges out by hand: the mean of all is 2, of the rows with a target.
func TestTargetEncodingValues(t *testing.T) {
	rows := sequence(6)
	folds := make([]uint32, len(rows))
	for i := range rows {
		folds[i] = uint32(i % 2) // a alone is in both
		for rows[i] = int64(i) << 20; graph.MurmurHash3Int64(rows[i], 9)%2 != folds[i]; rows[i]++ {
		}
	}
	raw := append(pick("city"), label(tensor.Int64))
	train := tensor.Map{
		"city": tensor.Of([]string{"a", "a", "b", "", "a", "c"}, 6), "label": tensor.Of([]int64{1, 3, 4, 1, 1, null}, 6),
		feature.RowColumn: tensor.Of(rows, 6),
	}
	f := fitJoined(t, raw, train, &op.TargetEncoding{Columns: []string{"city"}, Target: "label", Column: "x", Smoothing: new(1.0), Folds: 2, Seed: 9})
	in := tensor.Map{"city": tensor.Of([]string{"a", "b", "", "c", "unseen"}, 5)}
	// a: (1+3+1+2)/(3+1), b: (4+2)/(1+1); c has no target.
	if diff := cmp.Diff(transform(t, f, in)["x"], any([]float32{1.75, 3, 2, 2, 2})); diff != "" {
		t.Errorf("requests (-got +want):\n%s", diff)
	}
	// Without fold 0 a has 3, without fold 1 it has 1 and 1; b has nothing without its own.
	if diff := cmp.Diff(transform(t, training(t, f), train)["x"], any([]float32{2.5, float32(4) / 3, 2, 2, 2.5, 2})); diff != "" {
		t.Errorf("training (-got +want):\n%s", diff)
	}
	g := fitJoined(t, raw, train, &op.TargetEncoding{Columns: []string{"city"}, Target: "label", Column: "x", Smoothing: new(0.0), Folds: 2, Seed: 9})
	if diff := cmp.Diff(transform(t, training(t, g), train)["x"], any([]float32{3, 1, 2, 2, 3, 2})); diff != "" {
		t.Errorf("training without smoothing (-got +want):\n%s", diff)
	}
}
