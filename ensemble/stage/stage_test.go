package stage_test

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/internal/portable"
	"recsys/onnx"
	"recsys/tensor"
	"recsys/test/ort"
)

var inf = float32(math.Inf(1))

// run evaluates a stage in our engine and, where there is one, in ONNX Runtime, which has to agree: exactly but for floats.
func run(t *testing.T, s ensemble.Stage, in tensor.Map) tensor.Map {
	t.Helper()
	p, err := exec.Compile(s.Graph, exec.Options{Kernels: kernel.Portable()})
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("ONNX Runtime", func(t *testing.T) {
		data, err := onnx.Marshal(s.Graph, onnx.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		ort.Check(t, data)
		for name, want := range ort.Run(t, data, in, nil) {
			same(t, name, want, got[name])
		}
	})
	return got
}

// same compares tensors; floats may differ by sums of a few products of size 1 in another order.
func same(t *testing.T, name string, want, got *tensor.Tensor) {
	t.Helper()
	if diff := gocmp.Diff(want.Shape(), got.Shape()); diff != "" {
		t.Errorf("shape of %s (-want +got):\n%s", name, diff)
	}
	if diff := gocmp.Diff(want.Any(), got.Any(), cmpopts.EquateApprox(0, 1e-5)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func random(rng *portable.Rand, shape ...int) *tensor.Tensor {
	t := tensor.Zeros(tensor.Float32, shape...)
	for i := range tensor.MustData[float32](t) {
		tensor.MustData[float32](t)[i] = rng.Float32() - 0.5
	}
	return t
}

// bitmap makes the input blocked for users that each have a set of items.
func bitmap(v int, users ...[]int) *tensor.Tensor {
	width := stage.BlockedBytes(v)
	data := make([]uint8, width*len(users))
	for u, items := range users {
		for _, i := range items {
			data[u*width+i/8] |= 1 << (i % 8)
		}
	}
	return tensor.Of(data, len(users), width)
}

// bruteForce scores every item of a user and sorts.
func bruteForce(items, query []float32, d, first, k int, blocked []int) (ids []int64, scores []float32) {
	type scored struct {
		id    int64
		score float32
	}
	var list []scored
	for i := first; i < len(items)/d; i++ {
		s := scored{int64(i), 0}
		for j := range d {
			s.score += float32(items[i*d+j] * query[j])
		}
		if slices.Contains(blocked, i) {
			s.score = -inf
		}
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	for _, s := range list[:min(k, len(list))] {
		ids, scores = append(ids, s.id), append(scores, s.score)
	}
	return ids, scores
}

func TestRetrieve(t *testing.T) {
	all := make([]int, 21)
	for i := range all {
		all[i] = i
	}
	tests := []struct {
		name    string
		v, k    int
		first   int
		blocked [][]int
		ties    bool
	}{
		{name: "nothing blocked", v: 21, k: 5, first: 3, blocked: [][]int{nil, nil}},
		{name: "some blocked", v: 21, k: 5, first: 3, blocked: [][]int{{3, 7, 8, 20}, {4, 15, 16}}},
		{name: "a width of whole bytes", v: 24, k: 5, first: 0, blocked: [][]int{{0, 23}, {8}}},
		{name: "fewer free items than K", v: 21, k: 10, first: 3, blocked: [][]int{all[:15], all[6:]}},
		{name: "everything blocked", v: 21, k: 4, first: 3, blocked: [][]int{all, nil}},
		{name: "K beyond the catalogue", v: 9, k: 300, first: 3, blocked: [][]int{{5}, nil}},
		{name: "ties", v: 21, k: 7, first: 3, blocked: [][]int{{3}, nil}, ties: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const d = 4
			rng := portable.New(1, tt.name)
			items, query := random(rng, tt.v, d), random(rng, len(tt.blocked), d)
			if tt.ties {
				clear(tensor.MustData[float32](items)[d*5:])
			}
			s, err := stage.Retrieve(stage.Retrieval{Items: items, First: tt.first, Candidates: tt.k})
			if err != nil {
				t.Fatal(err)
			}
			got := run(t, s, tensor.Map{stage.Query: query, stage.Blocked: bitmap(tt.v, tt.blocked...)})
			var ids []int64
			var scores []float32
			for u, blocked := range tt.blocked {
				i, sc := bruteForce(tensor.MustData[float32](items), tensor.MustData[float32](query.Rows(u, u+1)), d, tt.first, tt.k, blocked)
				ids, scores = append(ids, i...), append(scores, sc...)
			}
			k := len(ids) / len(tt.blocked)
			same(t, stage.Candidates, tensor.Of(ids, len(tt.blocked), k), got[stage.Candidates])
			same(t, stage.CandidateScores, tensor.Of(scores, len(tt.blocked), k), got[stage.CandidateScores])
		})
	}
}

func TestFilter(t *testing.T) {
	s, err := stage.Filter(20, 4)
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, s, tensor.Map{
		stage.Candidates:      tensor.Of([]int64{0, 7, 8, 19, 19, 9, 3, 15}, 2, 4),
		stage.CandidateScores: tensor.Of([]float32{4, 3, 2, 1, 8, -7, -inf, 5}, 2, 4),
		stage.Blocked:         bitmap(20, []int{7, 8}, []int{15, 2}),
	})
	same(t, stage.MaskedScores, tensor.Of([]float32{4, -inf, -inf, 1, 8, -7, -inf, -inf}, 2, 4), got[stage.MaskedScores])
}

func TestLookup(t *testing.T) {
	s, err := stage.Lookup(tensor.Map{
		"brand":  tensor.Of([]int64{0, 10, 20, 30}, 4),
		"price":  tensor.Of([]float32{0, 1.5, 2.5, 3.5}, 4),
		"genres": tensor.Of([]int64{0, 0, 1, 2, 3, 4, 5, 0}, 4, 2),
	}, tensor.Map{
		"title": tensor.Of([]string{"", "x", "y", "z"}, 4), "tags": tensor.Of([]string{"", "", "a", "b", "c", "", "d", "e"}, 4, 2),
	}, 3)
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, s, tensor.Map{stage.Candidates: tensor.Of([]int64{3, 1, 2, 0, 3, 3}, 2, 3)})
	same(t, "item_brand", tensor.Of([]int64{30, 10, 20, 0, 30, 30}, 2, 3), got["item_brand"])
	same(t, "item_price", tensor.Of([]float32{3.5, 1.5, 2.5, 0, 3.5, 3.5}, 2, 3), got["item_price"])
	same(t, "item_genres", tensor.Of([]int64{5, 0, 1, 2, 3, 4, 0, 0, 5, 0, 5, 0}, 2, 3, 2), got["item_genres"])
	same(t, "raw_item_tags", tensor.Of([]string{"d", "e", "a", "b", "c", "", "", "", "d", "e", "d", "e"}, 2, 3, 2), got["raw_item_tags"])
	same(t, "raw_item_title", tensor.Of([]string{"z", "x", "y", "", "z", "z"}, 2, 3), got["raw_item_title"])
}

func TestOrder(t *testing.T) {
	candidates := tensor.Of([]int64{3, 4, 5, 6, 6, 5, 4, 3}, 2, 4)
	masked := tensor.Of([]float32{9, 8, -inf, 7, -inf, -inf, 1, -inf}, 2, 4)
	like := tensor.Of([]float32{0.5, 0.7, 0.9, 0.7, 0.1, 0.2, 0.3, 0.4}, 2, 4)
	text := tensor.Of([]string{"", "", "", "c", "d", "e", "f"}, 7)
	number := tensor.Of([]int64{0, 0, 0, 33, 44, 55, 66}, 7)
	tests := []struct {
		name    string
		o       stage.Ordering
		ids     *tensor.Tensor
		indices []int64
		scores  []float32
	}{
		{
			"by a task, ties to the earlier candidate",
			stage.Ordering{Keys: text, Blend: []stage.Term{{Tensor: "like", Weight: 1}}, Candidates: 4, Return: 3},
			tensor.Of([]string{"d", "f", "c", "d", "f", "e"}, 2, 3),
			[]int64{4, 6, 3, 4, 6, 5},
			[]float32{0.7, 0.7, 0.5, 0.3, -inf, -inf},
		},
		{
			"by the retrieval, integer keys, all",
			stage.Ordering{Keys: number, Candidates: 4, Return: 100},
			tensor.Of([]int64{33, 44, 66, 55, 44, 66, 55, 33}, 2, 4),
			[]int64{3, 4, 6, 5, 4, 6, 5, 3},
			[]float32{9, 8, 7, -inf, 1, -inf, -inf, -inf},
		},
		{
			"by a weighted sum, masked slots stay masked",
			stage.Ordering{
				Keys: number, Candidates: 4, Return: 4,
				Blend: []stage.Term{{Tensor: stage.MaskedScores, Weight: -1}, {Tensor: "like", Weight: 10}},
			},
			tensor.Of([]int64{66, 44, 33, 55, 44, 66, 55, 33}, 2, 4),
			[]int64{6, 4, 3, 5, 4, 6, 5, 3},
			[]float32{0, -1, -4, -inf, 2, -inf, -inf, -inf},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := stage.Order(tt.o)
			if err != nil {
				t.Fatal(err)
			}
			in := tensor.Map{stage.Candidates: candidates, stage.MaskedScores: masked}
			if len(tt.o.Blend) > 0 {
				in["like"] = like
			}
			got := run(t, s, in)
			same(t, stage.ItemIDs, tt.ids, got[stage.ItemIDs])
			same(t, stage.ItemIndices, tensor.Of(tt.indices, tt.ids.Shape()...), got[stage.ItemIndices])
			same(t, stage.Scores, tensor.Of(tt.scores, tt.ids.Shape()...), got[stage.Scores])
		})
	}
}

func workflow(t *testing.T) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder("workflow")
	age := b.Input("age", tensor.Float32, graph.Shape{graph.Sym("B")})
	b.Output("age", b.Mul(age, b.Float32(0.01)))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestFeatures(t *testing.T) {
	s, err := stage.Features(workflow(t))
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, s, tensor.Map{"age": tensor.Of([]float32{50, 20}, 2)})
	same(t, "encoded_age", tensor.Of([]float32{0.5, 0.2}, 2), got["encoded_age"])
}

func TestFile(t *testing.T) {
	f, err := stage.Features(workflow(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := onnx.Write(path, f.Graph, onnx.Meta{}); err != nil {
		t.Fatal(err)
	}
	s, err := stage.File("mine", path, stage.Names{
		Inputs: map[string]string{"age": "raw_age"}, Outputs: map[string]string{"encoded_age": "years"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, s, tensor.Map{"raw_age": tensor.Of([]float32{50}, 1)})
	same(t, "years", tensor.Of([]float32{0.5}, 1), got["years"])

	_, err = stage.File("mine", path, stage.Names{Outputs: map[string]string{"query": "q"}})
	if want := `stage "mine": graph "features" has no output "query" to rename; it has encoded_age`; err == nil || err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
}

func TestSettingsErrors(t *testing.T) {
	matrix := tensor.Zeros(tensor.Float32, 5, 2)
	fail := func(_ ensemble.Stage, err error) error { return err }
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"item matrix", fail(stage.Retrieve(stage.Retrieval{Items: tensor.Zeros(tensor.Int64, 5), Candidates: 1})), "want float32 [V,D]"},
		{"no item matrix", fail(stage.Retrieve(stage.Retrieval{Candidates: 1})), "want float32 [V,D]"},
		{"first item", fail(stage.Retrieve(stage.Retrieval{Items: matrix, First: 5, Candidates: 1})), "there are 5 items"},
		{"candidates", fail(stage.Retrieve(stage.Retrieval{Items: matrix})), "0 candidates"},
		{"filter", fail(stage.Filter(0, 1)), "0 items and 1 candidates"},
		{"no tables", fail(stage.Lookup(nil, nil, 1)), "at least one table"},
		{"tables of two lengths", fail(stage.Lookup(tensor.Map{"a": tensor.Zeros(tensor.Int64, 2), "b": tensor.Zeros(tensor.Int64, 3)}, nil, 1)), `column "b" is int64[3]`},
		{"keys", fail(stage.Order(stage.Ordering{Keys: matrix, Candidates: 1, Return: 1})), "want [V] int64 or string"},
		{"return", fail(stage.Order(stage.Ordering{Keys: tensor.Zeros(tensor.Int64, 5), Candidates: 1})), "0 of 1 candidates"},
		{"weight", fail(stage.Order(stage.Ordering{
			Keys: tensor.Zeros(tensor.Int64, 5), Candidates: 1, Return: 1, Blend: []stage.Term{{Tensor: "like"}},
		})), `blend of 0 times "like"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", tt.err, tt.want)
			}
		})
	}
}

func ExampleRetrieve() {
	items := tensor.Of([]float32{0, 0, 1, 0, 0, 1, 1, 1}, 4, 2) // item 0 is padding
	s, err := stage.Retrieve(stage.Retrieval{Items: items, First: 1, Candidates: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range s.Graph.Outputs {
		fmt.Println(o.Name, o.Value.DType(), o.Value.Shape())
	}
	// Output:
	// candidates int64 [B,2]
	// candidate_scores float32 [B,2]
}
