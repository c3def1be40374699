package stage_test

import (
	"math"
	"strings"
	"testing"

	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/ensemble/stage"
	"recsys/graph"
	"recsys/internal/portable"
	"recsys/tensor"
)

func precisions() []stage.Precision {
	return []stage.Precision{stage.Float16, stage.Int8, stage.Int8Dequantized}
}

func narrow(tb testing.TB, r stage.Retrieval, p stage.Precision) ensemble.Stage {
	tb.Helper()
	s, err := stage.Retrieve(r)
	if err != nil {
		tb.Fatal(err)
	}
	if p != "" {
		if s.Graph, err = stage.NarrowItems(s.Graph, p); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

// TestRetrieveNarrow compares scores with float64 ones of the item matrix as it was: they may be off by the rounding of each number.
func TestRetrieveNarrow(t *testing.T) {
	const v, d, k, first = 500, 24, 60, 3
	for _, p := range precisions() {
		t.Run(string(p), func(t *testing.T) {
			rng := portable.New(1, "narrow")
			items, query := random(rng, v, d), random(rng, 3, d)
			clear(tensor.MustData[float32](items)[d*7 : d*8])       // an item that nobody rated
			for i := range tensor.MustData[float32](items)[:d*20] { // rows of other lengths
				tensor.MustData[float32](items)[i] *= 50
			}
			clear(tensor.MustData[float32](query)[2*d:]) // a user without taste
			s := narrow(t, stage.Retrieval{Items: items, First: first, Candidates: k}, p)
			blocked := [][]int{{4, 9}, nil, {3}}
			got := run(t, s, tensor.Map{stage.Query: query, stage.Blocked: bitmap(v, blocked...)})
			ids := tensor.MustData[int64](got[stage.Candidates])
			for i, score := range tensor.MustData[float32](got[stage.CandidateScores]) {
				q := tensor.MustData[float32](query)[i/k*d:][:d]
				row := tensor.MustData[float32](items)[int(ids[i])*d:][:d]
				want, most, taste, limit := 0.0, 0.0, 0.0, 1e-6
				for j := range d {
					want += float64(row[j]) * float64(q[j])
					most, taste = max(most, math.Abs(float64(row[j]))), max(taste, math.Abs(float64(q[j])))
				}
				for j := range d {
					x, y := math.Abs(float64(row[j])), math.Abs(float64(q[j]))
					switch p {
					case stage.Float16: // half a unit of 11 bits
						limit += x * y / 2048
					case stage.Int8: // half a step of the row, and of the query
						limit += y*most/254 + (x+most/254)*taste/1032192/2
					default:
						limit += y * most / 254
					}
				}
				if !(math.Abs(float64(score)-want) <= limit*1.001) {
					t.Fatalf("user %d item %d: score %v is more than %g from %v", i/k, ids[i], score, limit, want)
				}
			}
			for _, id := range ids[:k] {
				if id == 4 || id == 9 || id < first {
					t.Errorf("item %d is recommended", id)
				}
			}
		})
	}
}

// TestInt8KeepsTheQuery compares whole numbers with dequantised ones, which have the same matrix and the query as it is.
func TestInt8KeepsTheQuery(t *testing.T) {
	const v, d = 300, 32
	rng := portable.New(4, "query")
	items, query := random(rng, v, d), random(rng, 2, d)
	const smaller = 1e-3 // the first user's query, which has a scale of its own beside the second one's
	for i := range tensor.MustData[float32](query)[:d] {
		tensor.MustData[float32](query)[i] *= smaller
	}
	in := tensor.Map{stage.Query: query, stage.Blocked: bitmap(v, nil, nil)}
	scores := map[stage.Precision]map[[2]int64]float32{}
	for _, p := range []stage.Precision{stage.Int8, stage.Int8Dequantized} {
		got := run(t, narrow(t, stage.Retrieval{Items: items, Candidates: v}, p), in)
		scores[p] = map[[2]int64]float32{}
		for i, id := range tensor.MustData[int64](got[stage.Candidates]) {
			scores[p][[2]int64{int64(i / v), id}] = tensor.MustData[float32](got[stage.CandidateScores])[i]
		}
	}
	// Each of 32 numbers of a query below 1/2 is off by at most half of 1/63/128/128 of that, times an item's number of at most 1/2, and
	// the sums round: 1e-6.
	limit := d*0.5/1032192/2*0.5 + 1e-6
	for at, want := range scores[stage.Int8Dequantized] {
		own := limit
		if at[0] == 0 {
			own *= smaller
		}
		if got := scores[stage.Int8][at]; !(math.Abs(float64(got-want)) <= own) {
			t.Errorf("user %d item %d: score %v, with the whole query %v", at[0], at[1], got, want)
		}
	}
}

// TestNarrowRetrievalsConform wants the same answers alone and in a batch: the query's rounding is each user's own.
func TestNarrowRetrievalsConform(t *testing.T) {
	for _, p := range precisions() {
		t.Run(string(p), func(t *testing.T) {
			items := random(portable.New(2, "conform"), 90, 8)
			subject, err := ensembletest.Graph(narrow(t, stage.Retrieval{Items: items, First: 3, Candidates: 20}, p))
			if err != nil {
				t.Fatal(err)
			}
			ensembletest.Run(t, subject)
		})
	}
}

func TestNarrowErrors(t *testing.T) {
	inf := tensor.Of([]float32{1, 2, 3, float32(math.Inf(1))}, 2, 2)
	large := tensor.Of([]float32{1, 2, 70000, 4}, 2, 2)
	for want, tt := range map[string]struct {
		items *tensor.Tensor
		p     stage.Precision
	}{
		`precision "int4": want fp16, int8 or int8_dequantized`: {large, "int4"},
		"row 1 has a number that is not finite":                 {inf, stage.Int8},
		"70000 is beyond the range of float16":                  {large, stage.Float16},
	} {
		s, err := stage.Retrieve(stage.Retrieval{Items: tt.items, Candidates: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stage.NarrowItems(s.Graph, tt.p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	s, err := stage.Filter(20, 4)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stage.NarrowItems(s.Graph, stage.Int8); err == nil || !strings.Contains(err.Error(), `multiplies its input "query" by no constant`) {
		t.Errorf("a filter: got error %v", err)
	}
}

// TestNarrowTables stores two of three tables in less: the small one stays.
func TestNarrowTables(t *testing.T) {
	rng := portable.New(3, "tables")
	b := graph.NewBuilder("rank")
	batch := graph.Sym("B")
	user := b.Input("user", tensor.Int64, graph.Shape{batch})
	item := b.Input("item", tensor.Int64, graph.Shape{batch, graph.Fixed(4)})
	users, items, small := random(rng, 200, 8), random(rng, 300, 8), random(rng, 5, 8)
	table := b.Const("items", items)
	x := b.Add(b.Unsqueeze(b.Gather(b.Const("users", users), user, 0), []int64{1}), b.Gather(table, b.Add(item, b.Int64(1)), 0))
	x = b.Add(x, b.Gather(table, item, 0))
	x = b.Mul(x, b.Unsqueeze(b.Gather(b.Const("small", small), b.Int64s(3), 0), []int64{0}))
	b.Output("score", b.MatMul(x, b.Const("w", random(rng, 8, 1))))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	in := tensor.Map{"user": tensor.Of([]int64{3, 199}, 2), "item": tensor.Of([]int64{0, 1, 2, 298, 7, 8, 9, 10}, 2, 4)}
	score := func(t *testing.T, g *graph.Graph) []float32 {
		t.Helper()
		s, err := stage.Rename("rank", g, stage.Names{})
		if err != nil {
			t.Fatal(err)
		}
		return tensor.MustData[float32](run(t, s, in)["score"])
	}
	want := score(t, g)
	for p, tt := range map[stage.Precision]struct {
		dtype tensor.DType
		step  float64 // of a number of at most 1/2
	}{stage.Float16: {tensor.Float16, 0.5 / 1024}, stage.Int8: {tensor.Int8, 0.5 / 127}} {
		t.Run(string(p), func(t *testing.T) {
			narrow, n, err := stage.NarrowTables(g, p)
			if err != nil || n != 2 {
				t.Fatalf("%d tables, %v; want 2", n, err)
			}
			got, same := score(t, narrow), true
			for i := range want {
				same = same && want[i] == got[i]
				// Three numbers are each off by half a step, times at most 1/2 and 1/2, in 8 products.
				if d := math.Abs(float64(want[i] - got[i])); !(d <= 8*3*tt.step/2*0.5*0.5) {
					t.Errorf("score %d is %v, in float32 %v", i, got[i], want[i])
				}
			}
			if same {
				t.Error("the scores are those of float32 tables")
			}
			numbers := 0
			for _, node := range narrow.Nodes {
				for _, v := range node.Inputs {
					if v.Data() != nil && v.DType() == tt.dtype {
						numbers += v.Data().Len()
					}
				}
			}
			if numbers != 200*8+300*8+300*8 { // the items' table is read by two nodes
				t.Errorf("%d numbers in narrow tables", numbers)
			}
		})
	}
	if _, _, err := stage.NarrowTables(g, "int4"); err == nil || !strings.Contains(err.Error(), `table "users": precision "int4": want fp16 or int8`) {
		t.Errorf("got error %v", err)
	}
}
