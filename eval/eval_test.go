package eval_test

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/eval"
	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/internal/portable"
	"recsys/metric"
	"recsys/model"
	"recsys/model/modeltest"
	"recsys/tensor"
	"recsys/train"
)

// exact allows the rounding of float64 sums in another order.
func exact() gocmp.Option { return cmpopts.EquateApprox(1e-12, 1e-12) }

// world is modeltest's, each user's last two interactions held out, with a random factorisation. Users meet items more
// than once, so that some held-out items are seen already.
func world(t *testing.T) (e *train.Examples, seen, held []int32, r *model.Retrieval, vectors tensor.Map) {
	t.Helper()
	e = modeltest.Examples()
	for i := range e.Len() {
		if e.Position[i] >= 10 {
			held = append(held, int32(i))
		} else {
			seen = append(seen, int32(i))
		}
	}
	m, err := model.NewMatrixFactorization(e.Schema, model.MatrixFactorization{Dim: 3})
	if err != nil {
		t.Fatal(err)
	}
	rng := portable.New(1, "eval")
	random := func(shape ...int) *tensor.Tensor {
		x := tensor.Zeros(tensor.Float32, shape...)
		data := tensor.MustData[float32](x)
		for i := range data {
			data[i] = float32(rng.IntN(5) - 2) // whole numbers make ties
		}
		return x
	}
	vectors = tensor.Map{
		"mf/embedding/user_id": random(43, 3), "mf/embedding/item_id": random(27, 3), "mf/embedding/item_id_bias": random(27, 1),
	}
	r, err = model.NewRetrieval(t.Context(), m, vectors, e.Items, e.First, kernel.Portable())
	if err != nil {
		t.Fatal(err)
	}
	return e, seen, held, r, vectors
}

// bruteForce is the protocol in plain words: sort all items that the user has not seen by score, then look where the
// held-out ones stand.
func bruteForce(e *train.Examples, seen, held []int32, vectors tensor.Map, cutoffs []int) eval.Metrics {
	p := tensor.MustData[float32](vectors["mf/embedding/user_id"])
	q := tensor.MustData[float32](vectors["mf/embedding/item_id"])
	bias := tensor.MustData[float32](vectors["mf/embedding/item_id_bias"])
	out, n := eval.Metrics{}, 0.0
	popularity := make([]int64, 27)
	for _, r := range seen {
		popularity[e.Item[r]]++
	}
	shown := metric.NewExposure(10, popularity, 3)
	for user := int32(3); user < 43; user++ {
		known := map[int32]bool{}
		for _, r := range seen {
			if e.User[r] == user {
				known[e.Item[r]] = true
			}
		}
		targets := map[int32]bool{}
		for _, r := range held {
			if e.User[r] == user && !known[e.Item[r]] {
				targets[e.Item[r]] = true
			}
		}
		if len(targets) == 0 {
			continue
		}
		n++
		var ranked []int32
		score := func(i int32) float64 {
			s := float64(bias[i])
			for k := range int32(3) {
				s += float64(p[user*3+k]) * float64(q[i*3+k])
			}
			return s
		}
		for i := int32(3); i < 27; i++ {
			if !known[i] {
				ranked = append(ranked, i)
			}
		}
		slices.SortStableFunc(ranked, func(a, b int32) int { return cmp.Compare(score(b), score(a)) })
		list := make([]int, 0, 10)
		for _, item := range ranked[:min(10, len(ranked))] {
			list = append(list, int(item))
		}
		shown.Add(list)
		for _, k := range cutoffs {
			hits, gain, ideal, precisions := 0.0, 0.0, 0.0, 0.0
			for i, item := range ranked[:min(k, len(ranked))] {
				if targets[item] {
					hits++
					gain += 1 / math.Log2(float64(i)+2)
					precisions += hits / float64(i+1)
				}
			}
			for i := range min(k, len(targets)) {
				ideal += 1 / math.Log2(float64(i)+2)
			}
			name := map[int]string{1: "1", 3: "3", 20: "20"}[k]
			out["recall@"+name] += hits / float64(len(targets))
			out["ndcg@"+name] += gain / ideal
			out["precision@"+name] += hits / float64(k)
			out["hit_rate@"+name] += min(hits, 1)
			out["map@"+name] += precisions / float64(min(k, len(targets)))
		}
		for i, item := range ranked[:min(20, len(ranked))] {
			if targets[item] {
				out["mrr@20"] += 1 / float64(i+1)
				break
			}
		}
	}
	for name := range out {
		out[name] /= n
	}
	maps.Copy(out, shown.Values())
	out["users"] = n
	return out
}

func TestRetrievalEqualsBruteForce(t *testing.T) {
	e, seen, held, r, vectors := world(t)
	cutoffs := []int{1, 3, 20}
	want := bruteForce(e, seen, held, vectors, cutoffs)
	for _, workers := range []int{1, 3} {
		got, err := eval.Retrieval(t.Context(), r, e, held, seen, eval.Options{Cutoffs: cutoffs, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, got, exact()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	// The fixture has to tell a forgotten mask apart.
	unmasked := bruteForce(e, nil, held, vectors, cutoffs)
	if math.Abs(unmasked["recall@3"]-want["recall@3"]) < 0.01 {
		t.Error("the fixture does not see whether seen items are left out")
	}
}

func TestPopularityEqualsBruteForce(t *testing.T) {
	e, seen, held, _, _ := world(t)
	counts := train.Counts(e, seen)
	r, err := model.Popularity(e.Schema, counts, e.First)
	if err != nil {
		t.Fatal(err)
	}
	got, err := eval.Retrieval(t.Context(), r, e, held, seen, eval.Options{Cutoffs: []int{1, 3, 20}})
	if err != nil {
		t.Fatal(err)
	}
	bias := tensor.Zeros(tensor.Float32, 27, 1)
	for i, n := range counts {
		tensor.MustData[float32](bias)[i] = float32(n)
	}
	want := bruteForce(e, seen, held, tensor.Map{
		"mf/embedding/user_id": tensor.Zeros(tensor.Float32, 43, 3), "mf/embedding/item_id": tensor.Zeros(tensor.Float32, 27, 3),
		"mf/embedding/item_id_bias": bias,
	}, []int{1, 3, 20})
	if diff := gocmp.Diff(want, got, exact()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRetrievalEndsHistoryBeforeTheFirstTarget: the query must not see what it is asked for.
func TestRetrievalEndsHistoryBeforeTheFirstTarget(t *testing.T) {
	e, seen, held, _, _ := world(t)
	// A query of its history alone, whose item vectors are the identity: it scores what it has seen last highest.
	b := graph.NewBuilder("last")
	ids := b.Input("encoded_history", tensor.Int64, graph.Shape{graph.Sym("B"), graph.Fixed(5)})
	identity := tensor.Zeros(tensor.Float32, 27, 27)
	for i := 3; i < 27; i++ {
		tensor.MustData[float32](identity)[i*27+i] = 1
	}
	b.Output(model.QueryOutput, b.ReduceSum(b.Gather(b.Const("identity", identity), ids, 0), []int64{1}, false))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	r := &model.Retrieval{Name: "last", Query: g, Items: identity, First: 3}
	got, err := eval.Retrieval(t.Context(), r, e, held, seen, eval.Options{Cutoffs: []int{1}})
	if err != nil {
		t.Fatal(err)
	}
	// All items of the history are seen, so the best score left is 0 and the lowest index wins, whoever is asked.
	want := 0.0
	known := train.NewUserItems(e, seen)
	users := 0.0
	for user := int32(3); user < 43; user++ {
		var targets []int32
		for _, row := range held {
			if e.User[row] == user && !known.Has(user, e.Item[row]) && !slices.Contains(targets, e.Item[row]) {
				targets = append(targets, e.Item[row])
			}
		}
		if len(targets) == 0 {
			continue
		}
		users++
		for i := int32(3); i < 27; i++ {
			if !known.Has(user, i) {
				if slices.Contains(targets, i) {
					want += 1 / float64(len(targets))
				}
				break
			}
		}
	}
	if math.Abs(got["recall@1"]-want/users) > 1e-12 {
		t.Errorf("got recall@1 %g, want %g", got["recall@1"], want/users)
	}
}

// priceRanker's probability is sigmoid(price), by an item column of its own.
func priceRanker(t *testing.T) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder("price")
	price := b.Input("item_price", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Sym("K")})
	b.Output("like", b.Sigmoid(price))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestRanking(t *testing.T) {
	e := modeltest.Examples()
	// More rows than are scored at once, in no order.
	rows := make([]int32, 5*e.Len())
	for i := range rows {
		rows[i] = int32(i * 7 % e.Len())
	}
	got, err := eval.Ranking(t.Context(), priceRanker(t), e, rows, eval.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	prices, labels := tensor.MustData[float32](e.Items["price"]), e.Labels["like"]
	wins, pairs, loss := 0.0, 0.0, 0.0
	var gaps [15]float64 // by bin of the probability
	for _, r := range rows {
		i, a := r, e.Item[r]
		p := 1 / (1 + math.Exp(-float64(prices[a])))
		bin := min(int(p*15), 14)
		gaps[bin] += p - float64(labels[i])
		loss -= float64(labels[i])*math.Log(p) + float64(1-labels[i])*math.Log(1-p)
		for _, j := range rows {
			c := e.Item[j]
			if labels[i] == 1 && labels[j] == 0 {
				pairs++
				switch {
				case prices[a] > prices[c]:
					wins++
				case prices[a] == prices[c]:
					wins += 0.5
				}
			}
		}
	}
	ece := 0.0
	for _, gap := range gaps {
		ece += math.Abs(gap) / float64(len(rows))
	}
	want := map[string]eval.Metrics{"like": {"auc": wins / pairs, "ece": ece, "log_loss": loss / float64(len(rows)), "rows": float64(len(rows))}}
	delete(got["like"], "gauc") // package metric tests it
	// Probabilities are float32.
	if diff := gocmp.Diff(want, got, cmpopts.EquateApprox(1e-6, 1e-6)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestErrors(t *testing.T) {
	e, seen, held, r, _ := world(t)
	if _, err := eval.Retrieval(t.Context(), r, e, nil, seen, eval.Options{}); err == nil ||
		!strings.Contains(err.Error(), "look at the split") {
		t.Errorf("no rows: got %v", err)
	}
	tensor.MustData[float32](r.Items)[40] = float32(math.NaN())
	if _, err := eval.Retrieval(t.Context(), r, e, held, seen, eval.Options{}); err == nil || !strings.Contains(err.Error(), "NaN") {
		t.Errorf("NaN score: got %v", err)
	}
	if _, err := eval.Ranking(t.Context(), r.Query, e, nil, eval.Options{}); err == nil {
		t.Error("ranking without rows: got no error")
	}
}
