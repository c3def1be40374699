package stage_test

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/graph/exec"
	"recsys/internal/ivf"
	"recsys/internal/portable"
	"recsys/tensor"
)

// topical draws vectors around the given number of topics: what trained items and queries are like, unlike independent ones.
func topical(rng *portable.Rand, topics *tensor.Tensor, n int) *tensor.Tensor {
	d := topics.Dim(1)
	out := make([]float32, 0, n*d)
	for range n {
		topic := tensor.MustData[float32](topics)[rng.IntN(topics.Dim(0))*d:]
		for j := range d {
			out = append(out, topic[j]+float32(rng.Normal())*0.4)
		}
	}
	return tensor.Of(out, n, d)
}

func topics(rng *portable.Rand, n, d int) *tensor.Tensor {
	out := make([]float32, n*d)
	for i := range out {
		out[i] = float32(rng.Normal())
	}
	return tensor.Of(out, n, d)
}

// ivfStage builds inverted lists and the stage.
func ivfStage(tb testing.TB, r stage.Retrieval, lists, probes int) ensemble.Stage {
	tb.Helper()
	x, err := ivf.Build(tb.Context(), r.Items, r.First, ivf.Settings{Lists: lists, Seed: 1, Threads: runtime.GOMAXPROCS(0)})
	if err != nil {
		tb.Fatal(err)
	}
	s, err := stage.RetrieveIVF(r, stage.Lists{Centroids: x.Centroids, Items: x.Lists, Probes: probes})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// TestRetrieveIVF looks at every list, in our engine and in ONNX Runtime: candidates and scores are those of exact retrieval, blocked
// items have -inf.
func TestRetrieveIVF(t *testing.T) {
	const v, d, k, users = 203, 8, 20, 3
	rng := portable.New(1, "ivf")
	r := stage.Retrieval{Items: topical(rng, topics(rng, 6, d), v), First: 3, Candidates: k}
	exact, err := stage.Retrieve(r)
	if err != nil {
		t.Fatal(err)
	}
	blocked := make([]int, 0, users*40)
	for user := range users {
		for i := range 60 {
			blocked = append(blocked, user*stage.BlockedBytes(v)*8+3+i*3)
		}
	}
	in := tensor.Map{stage.Query: topical(rng, topics(rng, 6, d), users), stage.Blocked: bitmaps(users, v, blocked)}
	want, got := run(t, exact, in), run(t, ivfStage(t, r, 9, 9), in)
	same(t, stage.CandidateScores, want[stage.CandidateScores], got[stage.CandidateScores])
	if !got[stage.Candidates].Equal(want[stage.Candidates]) {
		t.Errorf("candidates %v, exact retrieval has %v", got[stage.Candidates].Any(), want[stage.Candidates].Any())
	}

	// Where all is blocked no slot has an item.
	bits := make([]uint8, stage.BlockedBytes(v))
	for i := range bits {
		bits[i] = 255
	}
	none := run(t, ivfStage(t, r, 9, 3), tensor.Map{stage.Query: in[stage.Query].Rows(0, 1), stage.Blocked: tensor.Of(bits, 1, len(bits))})
	for i, s := range tensor.MustData[float32](none[stage.CandidateScores]) {
		if !math.IsInf(float64(s), -1) {
			t.Errorf("all items are blocked, slot %d has the score %v", i, s)
		}
	}
}

// bitmaps is bitmap for several users: bits count through all of them.
func bitmaps(users, v int, blocked []int) *tensor.Tensor {
	width := stage.BlockedBytes(v)
	bits := make([]uint8, users*width)
	for _, i := range blocked {
		bits[i/8] |= 1 << (i % 8)
	}
	return tensor.Of(bits, users, width)
}

// TestRecallGrowsWithProbes compares with brute force: the more lists, the more of the best 50 of 4,000 items are found.
func TestRecallGrowsWithProbes(t *testing.T) {
	const v, d, k, users = 4000, 16, 50, 40
	rng := portable.New(2, "ivf")
	where := topics(rng, 80, d)
	r := stage.Retrieval{Items: topical(rng, where, v), First: 0, Candidates: k}
	in := tensor.Map{stage.Query: topical(rng, where, users), stage.Blocked: bitmaps(users, v, nil)}
	exact, err := stage.Retrieve(r)
	if err != nil {
		t.Fatal(err)
	}
	want := candidates(t, exact, in)
	before := 0.0
	// What an index of this kind finds of such data; without clusters, 4 of 64 lists would hold 6 %.
	for probes, least := range map[int]float64{4: 0.6, 16: 0.9, 64: 1} {
		recall := recallOf(want, candidates(t, ivfStage(t, r, 64, probes), in))
		t.Logf("%d of 64 lists: recall@%d %.3f", probes, k, recall)
		if recall < least {
			t.Errorf("%d of 64 lists: recall@%d %.3f, want %v at least", probes, k, recall, least)
		}
		before = max(before, recall)
	}
	if before != 1 {
		t.Errorf("all lists find %v of the items, want all", before)
	}
}

// candidates runs a stage and returns each user's items.
func candidates(tb testing.TB, s ensemble.Stage, in tensor.Map) [][]int64 {
	tb.Helper()
	p, err := exec.Compile(s.Graph, exec.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	out, err := p.Run(tb.Context(), in)
	if err != nil {
		tb.Fatal(err)
	}
	list := out[stage.Candidates]
	users := make([][]int64, list.Dim(0))
	for i := range users {
		users[i] = tensor.MustData[int64](list.Rows(i, i+1))
	}
	return users
}

// TestIVFStaysFloat: the first product of the graph is with the centroids, which must not be taken for the items.
func TestIVFStaysFloat(t *testing.T) {
	rng := portable.New(3, "ivf")
	s := ivfStage(t, stage.Retrieval{Items: topical(rng, topics(rng, 4, 8), 60), First: 1, Candidates: 5}, 4, 2)
	if _, err := stage.NarrowItems(s.Graph, stage.Float16); err == nil || !strings.Contains(err.Error(), "inverted lists") {
		t.Errorf("got error %v, want one about inverted lists", err)
	}
}

func TestRetrieveIVFNeedsVectors(t *testing.T) {
	_, err := stage.RetrieveIVF(stage.Retrieval{Count: 5, Candidates: 3}, stage.Lists{})
	if err == nil || !strings.Contains(err.Error(), "no item matrix") {
		t.Errorf("got error %v, want one that there is no item matrix", err)
	}
}

// recallOf is the share of wanted items that were found.
func recallOf(want, got [][]int64) float64 {
	found, all := 0, 0
	for user := range want {
		all += len(want[user])
		for _, i := range got[user] {
			if slices.Contains(want[user], i) {
				found++
			}
		}
	}
	return float64(found) / float64(all)
}

func TestRetrieveIVFErrors(t *testing.T) {
	r := stage.Retrieval{Items: tensor.Zeros(tensor.Float32, 5, 2), First: 1, Candidates: 3}
	centroids := tensor.Zeros(tensor.Float32, 2, 2)
	for _, tt := range []struct {
		name string
		l    stage.Lists
		want string
	}{
		{"centroids", stage.Lists{Centroids: centroids, Items: [][]int32{{1, 2, 3, 4}}, Probes: 1}, "1 lists with the centroids"},
		{"probes", stage.Lists{Centroids: centroids, Items: [][]int32{{1, 2}, {3, 4}}, Probes: 3}, "3 of 2 lists probed"},
		{"twice", stage.Lists{Centroids: centroids, Items: [][]int32{{1, 2}, {2, 4}}, Probes: 1}, "item index 2 is in two lists"},
		{"no item", stage.Lists{Centroids: centroids, Items: [][]int32{{0, 2}, {3, 4}}, Probes: 1}, "item index 0 is in two lists, or none of 1 to 4"},
		{"missing", stage.Lists{Centroids: centroids, Items: [][]int32{{1, 2}, {4}}, Probes: 1}, "the lists hold 3 of 4 items"},
		{"room", stage.Lists{Centroids: centroids, Items: [][]int32{{1, 2}, {3, 4}}, Probes: 1}, "1 probed lists of 2 items cannot hold 3 candidates"},
	} {
		if _, err := stage.RetrieveIVF(r, tt.l); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want one with %q", tt.name, err, tt.want)
		}
	}
}

// BenchmarkRetrieveIVF is BenchmarkRetrieve with inverted lists; the exact one beside it has the same items and queries. The recall is that
// of 16 queries.
func BenchmarkRetrieveIVF(b *testing.B) {
	for _, size := range []struct{ items, lists, probes int }{{100_000, 316, 16}, {1_000_000, 1000, 16}} {
		rng := portable.New(1, "benchmark")
		where := topics(rng, size.lists, 64)
		r := stage.Retrieval{Items: topical(rng, where, size.items), First: 3, Candidates: 300}
		exact, err := stage.Retrieve(r)
		if err != nil {
			b.Fatal(err)
		}
		inverted := ivfStage(b, r, size.lists, size.probes)
		many := tensor.Map{stage.Query: topical(rng, where, 16), stage.Blocked: bitmaps(16, size.items, nil)}
		recall := recallOf(candidates(b, exact, many), candidates(b, inverted, many))
		in := tensor.Map{stage.Query: many[stage.Query].Rows(0, 1), stage.Blocked: bitmaps(1, size.items, []int{5, 6, 7})}
		for _, way := range []struct {
			name   string
			stage  ensemble.Stage
			recall float64
		}{{"exact", exact, 1}, {"ivf", inverted, recall}} {
			b.Run(fmt.Sprintf("V=%d/%s", size.items, way.name), func(b *testing.B) {
				p, err := exec.Compile(way.stage.Graph, exec.Options{Frozen: true})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := p.Run(b.Context(), in); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(way.recall, "recall")
			})
		}
	}
}
