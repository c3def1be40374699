package pipeline

// Inside the package, because runs that differ in chosen ways are written by hand.

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"recsys/eval"
	"recsys/internal/atomicfile"
	"recsys/metric"
)

// handRun writes a run whose one retrieval model has the given value of ndcg@10 for each user, and returns its folder.
func handRun(t *testing.T, name string, users []string, values []float64) string {
	t.Helper()
	run := filepath.Join(t.TempDir(), name)
	weights := make([]float64, len(users))
	for i := range weights {
		weights[i] = 1
	}
	const yaml = "name: hand\ndata: {interactions: {path: x.csv, user: u, item: i}}\nfeatures: [{categorify: {columns: [u, i]}}]\nretrieval: [ease]\n"
	key := resultKey{boardRetrieval, "ease", "test", ""}
	path := filepath.Join(run, resultsDir, key.file())
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.WriteBytes(filepath.Join(run, configFile), []byte(yaml)); err != nil {
		t.Fatal(err)
	}
	m := &Metrics{Split: "last", Manifest: Origin{Data: "d", Split: "s"}, Retrieval: map[string]map[string]eval.Metrics{
		"ease": {"test": {"ndcg@10": metric.Mean(values, weights)}},
	}}
	if err := writeJSON(filepath.Join(run, metricsFile), m); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&userResults{[]string{"ndcg@10"}, users, weights, [][]float64{values}}).write(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return run
}

// TestComparePairsUsersByKey has a run that is better by 0.1 for every user, whose users stand in another order; one is
// missing. Only by their keys is the difference the same for all.
func TestComparePairsUsersByKey(t *testing.T) {
	var users []string
	var low, high []float64
	for i := range 40 {
		users = append(users, strconv.Itoa(i))
		low = append(low, float64(i*i%17)/20)
		high = append(high, low[i]+0.1)
	}
	a := handRun(t, "a", users, low)
	slices.Reverse(users)
	slices.Reverse(high)
	b := handRun(t, "b", users[1:], high[1:])
	c, err := Compare(t.Context(), []string{a, b}, CompareOptions{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	rows := c.Boards[0].Rows
	if rows[0].Run != b || !rows[0].Best || rows[1].Best {
		t.Fatalf("the best is %+v, want %s", rows[0], b)
	}
	d := rows[1].Difference
	if d == nil || d.Users != 39 {
		t.Fatalf("difference %+v, want one over 39 users", d)
	}
	for _, v := range []float64{d.Value, d.Interval.Low, d.Interval.High} {
		if math.Abs(v+0.1) > 1e-12 { // rounding of sums
			t.Errorf("difference %v within %+v, want -0.1 of every user", d.Value, d.Interval)
			break
		}
	}
	if want := 1.0 / (metric.Samples + 1); d.P != want {
		t.Errorf("p = %v, want %v, the least there is", d.P, want)
	}
	other, err := Compare(t.Context(), []string{a, b}, CompareOptions{Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	if *other.Boards[0].Rows[1].Interval == *rows[1].Interval {
		t.Error("another seed gives the same interval")
	}
	// The figures of a run do not depend on what stands beside it.
	alone, err := Compare(t.Context(), []string{a}, CompareOptions{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := *alone.Boards[0].Rows[0].Interval; got != *rows[1].Interval {
		t.Errorf("interval %v alone and %v beside another run", got, *rows[1].Interval)
	}
	if rows[1].Interval.Low >= rows[1].Metrics["ndcg@10"] || rows[1].Interval.High <= rows[1].Metrics["ndcg@10"] {
		t.Errorf("interval %v does not hold %v", *rows[1].Interval, rows[1].Metrics["ndcg@10"])
	}
}

func TestCompareRefusesOtherData(t *testing.T) {
	first := &Metrics{Split: "last", Manifest: Origin{Data: "d", Split: "s"}}
	for name, tt := range map[string]struct {
		manifest Origin
		want     bool
	}{
		"the same":      {Origin{Data: "d", Split: "s", Seed: 2}, true},
		"other data":    {Origin{Data: "e", Split: "s"}, false},
		"another split": {Origin{Data: "d", Split: "r"}, false},
		"old run":       {Origin{Data: "d"}, false},
	} {
		if err := sameData("a", "b", first, &Metrics{Manifest: tt.manifest}); (err == nil) != tt.want {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestBoardHasTheBestFirst(t *testing.T) {
	for by, want := range map[string]string{"log_loss": "low", "auc": "high"} {
		b := &Board{Kind: boardRanking}
		for name, v := range map[string]float64{"low": 0.2, "high": 0.7} {
			b.Rows = append(b.Rows, Standing{Run: name, Metrics: eval.Metrics{by: v}, results: &userResults{}})
		}
		b.Rows = append(b.Rows, Standing{Run: "none", Metrics: eval.Metrics{}, results: &userResults{}})
		if err := b.rank(t.Context(), CompareOptions{By: by}); err != nil {
			t.Fatal(err)
		}
		if b.Rows[0].Run != want || b.Rows[2].Run != "none" {
			t.Errorf("by %s the rows are %v, want %s first and none last", by, b.Rows, want)
		}
	}
}
