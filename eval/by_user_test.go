package eval_test

import (
	"math"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"recsys/eval"
	"recsys/metric"
	"recsys/model/modeltest"
)

// means are the metrics that the users' values make.
func means(b *eval.ByUser) eval.Metrics {
	out := eval.Metrics{}
	for m, name := range b.Names {
		var values, weights []float64
		for i, v := range b.Values[m] {
			if !math.IsNaN(v) {
				values, weights = append(values, v), append(weights, b.Weights[i])
			}
		}
		if len(values) > 0 {
			out[name] = metric.Mean(values, weights)
		}
	}
	return out
}

func TestRetrievalByUserMakesTheMeans(t *testing.T) {
	e, seen, held, r, _ := world(t)
	metrics, byUser, err := eval.RetrievalByUser(t.Context(), r, e, held, seen, eval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := means(byUser)
	want["users"] = float64(len(byUser.Users))
	for _, name := range []string{"coverage@10", "gini@10", "novelty@10", "tail_share@10"} { // no means over users
		want[name] = metrics[name]
	}
	if diff := gocmp.Diff(want, metrics, exact()); diff != "" {
		t.Errorf("(-by user +metrics):\n%s", diff)
	}
	// One user alone has its own value.
	at := len(byUser.Users) / 2
	var own []int32
	for _, row := range held {
		if e.User[row] == byUser.Users[at] {
			own = append(own, row)
		}
	}
	alone, err := eval.Retrieval(t.Context(), r, e, own, seen, eval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for m, name := range byUser.Names {
		if alone[name] != byUser.Values[m][at] {
			t.Errorf("%s of one user is %v among others and %v alone", name, byUser.Values[m][at], alone[name])
		}
	}
}

func TestRankingByUserMakesTheMeans(t *testing.T) {
	e := modeltest.Examples()
	rows := make([]int32, e.Len())
	for i := range rows {
		rows[i] = int32(i)
	}
	rows = rows[:len(rows)-5] // users differ in rows
	metrics, byUser, err := eval.RankingByUser(t.Context(), priceRanker(t), e, rows, eval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for task, got := range metrics {
		want := means(byUser[task])
		if len(want) != 2 {
			t.Errorf("task %s: users have %v, want gauc and log_loss", task, want)
		}
		for _, name := range []string{"auc", "ece", "rows"} { // no means over users
			want[name] = got[name]
		}
		if diff := gocmp.Diff(want, got, exact()); diff != "" {
			t.Errorf("task %s: (-by user +metrics):\n%s", task, diff)
		}
	}
}
