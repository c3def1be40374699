package loss_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/loss"
	"recsys/tensor"
)

// near allows the rounding of float32 sums of a few terms below 100.
func near() cmp.Option { return cmpopts.EquateApprox(1e-5, 1e-5) }

// rows builds a loss of inputs of the given shapes (a leading symbolic B) and returns every row's.
func rows(t *testing.T, in tensor.Map, build func(b *graph.Builder, in map[string]*graph.Value) *graph.Value) []float32 {
	t.Helper()
	b := graph.NewBuilder("test")
	values := map[string]*graph.Value{}
	for _, name := range in.Names() {
		shape := graph.Dims(in[name].Shape()...)
		shape[0] = graph.Sym("B")
		values[name] = b.Input(name, in[name].DType(), shape)
	}
	b.Output("rows", build(b, values))
	return runGraph(t, b, in)["rows"]
}

func runGraph(t *testing.T, b *graph.Builder, in tensor.Map) map[string][]float32 {
	t.Helper()
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	plan, err := exec.Compile(g, exec.Options{Kernels: kernel.Portable()})
	if err != nil {
		t.Fatal(err)
	}
	out, err := plan.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]float32{}
	for name, v := range out {
		values[name] = tensor.MustData[float32](v)
	}
	return values
}

func TestBinaryCrossEntropy(t *testing.T) {
	in := tensor.Map{
		"logits": tensor.Of([]float32{0, 2, -3, 1, 200, -200}, 3, 2),
		"labels": tensor.Of([]float32{1, 0, 0, 0.25, 0, 0}, 3, 2),
	}
	got := rows(t, in, func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
		return loss.BinaryCrossEntropy{}.Apply(b, in["logits"], in["labels"])
	})
	one := func(z, y float64) float64 {
		p := 1 / (1 + math.Exp(-z))
		return -y*math.Log(p) - (1-y)*math.Log(1-p)
	}
	want := []float32{
		float32((one(0, 1) + one(2, 0)) / 2), float32((one(-3, 0) + one(1, 0.25)) / 2),
		100, // (200 + 0)/2: the naive form is infinite here
	}
	if diff := cmp.Diff(want, got, near()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBPR(t *testing.T) {
	in := tensor.Map{"scores": tensor.Of([]float32{1, 0, 3, -2, -2, -2, 0, 150, -150}, 3, 3)}
	got := rows(t, in, func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
		return loss.BPR{}.Apply(b, in["scores"])
	})
	one := func(positive, negative float64) float64 { return math.Log1p(math.Exp(negative - positive)) }
	want := []float32{float32((one(1, 0) + one(1, 3)) / 2), float32(one(0, 0)), 75}
	if diff := cmp.Diff(want, got, near()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPairwiseLosses compares with PyTorch 2 in float64: margin_ranking_loss for hinge, and the formulas by softmax,
// sigmoid and log for the others.
func TestPairwiseLosses(t *testing.T) {
	scores := tensor.Of([]float32{1, 0, 3, -0.5, 0.5, -2, -2, 1.5, 0.25, -1, 0.75, 2}, 3, 4)
	tests := map[string]struct {
		loss pairwise
		want []float32
	}{
		"hinge":              {loss.Hinge{}, []float32{1, 0.6666667, 1.4166667}},
		"hinge, narrow":      {loss.Hinge{Margin: 0.5}, []float32{0.8333333, 0.5, 1.0833333}},
		"top1":               {loss.TOP1{}, []float32{1.1314057, 1.2504844, 1.3490718}},
		"bpr max":            {loss.BPRMax{}, []float32{1.7901419, 1.1833263, 1.5109704}},
		"bpr max, regulated": {loss.BPRMax{Regularization: 0.5}, []float32{5.9603637, 2.3581619, 3.0865790}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := rows(t, tensor.Map{"scores": scores}, func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
				return test.loss.Apply(b, in["scores"])
			})
			if diff := cmp.Diff(test.want, got, near()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	// A naive exponential is infinite, or its logarithm is, at scores that float32 holds well. The highest negative has
	// all but e^-300 of the weight; in the second row the other one adds half as much, as it is as far above the positive
	// as that weight is small.
	far := tensor.Map{"scores": tensor.Of([]float32{0, 150, -150, -150, 150, -150}, 2, 3)}
	got := rows(t, far, func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
		return loss.BPRMax{}.Apply(b, in["scores"])
	})
	if diff := cmp.Diff([]float32{150, float32(300 - math.Log(1.5))}, got, near()); diff != "" {
		t.Errorf("far scores (-want +got):\n%s", diff)
	}
}

type pairwise interface {
	Apply(b *graph.Builder, scores *graph.Value) *graph.Value
}

func TestPairwiseLossesRefuseScoresWithoutNegatives(t *testing.T) {
	for name, l := range map[string]pairwise{"bpr": loss.BPR{}, "bpr_max": loss.BPRMax{}, "top1": loss.TOP1{}, "hinge": loss.Hinge{}} {
		b := graph.NewBuilder("test")
		scores := b.Input("scores", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(1)})
		b.Output("rows", l.Apply(b, scores))
		if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), name+" of") {
			t.Errorf("%s: error %v for a positive alone", name, err)
		}
	}
}

// inBatch is a batch of four rows, two of which have item 7.
func inBatch() tensor.Map {
	return tensor.Map{
		"query": tensor.Of([]float32{1, 2, 0.5, -1, 2, 0, -1, -1}, 4, 2),
		"items": tensor.Of([]float32{0.5, 1, 0.2, 0.3, 0.5, 1, -1, 0}, 4, 2),
		"ids":   tensor.Of([]int64{7, 3, 7, 9}, 4),
		"log_q": tensor.Of([]float32{-0.7, -2, -0.7, -3}, 4),
	}
}

// softmaxOf is the definition, in float64 and without tricks: the positive once, and every entry of another id.
func softmaxOf(in tensor.Map, temperature float64, corrected, keepHits bool) []float32 {
	q, v := tensor.MustData[float32](in["query"]), tensor.MustData[float32](in["items"])
	ids, logQ := tensor.MustData[int64](in["ids"]), tensor.MustData[float32](in["log_q"])
	score := func(r, j int) float64 {
		s := (float64(q[2*r])*float64(v[2*j]) + float64(q[2*r+1])*float64(v[2*j+1])) / temperature
		if corrected {
			s -= float64(logQ[j])
		}
		return s
	}
	out := make([]float32, len(ids))
	for r := range ids {
		sum := math.Exp(score(r, r))
		for j := range ids {
			if ids[j] != ids[r] || keepHits && j != r {
				sum += math.Exp(score(r, j))
			}
		}
		out[r] = float32(math.Log(sum) - score(r, r))
	}
	return out
}

func apply(s loss.SampledSoftmax) func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
	return func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
		return s.Apply(b, loss.Sample{
			Query: in["query"], PositiveID: in["ids"], Items: in["items"], ItemIDs: in["ids"], LogQ: in["log_q"],
		})
	}
}

func TestSampledSoftmax(t *testing.T) {
	tests := []struct {
		name string
		loss loss.SampledSoftmax
		want []float32
	}{
		{"corrected", loss.SampledSoftmax{}, softmaxOf(inBatch(), 1, true, false)},
		{"temperature", loss.SampledSoftmax{Temperature: 0.25}, softmaxOf(inBatch(), 0.25, true, false)},
		{"uncorrected", loss.SampledSoftmax{Uncorrected: true}, softmaxOf(inBatch(), 1, false, false)},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			in := inBatch()
			if tc.loss.Uncorrected {
				delete(in, "log_q")
			}
			if diff := cmp.Diff(tc.want, rows(t, in, apply(tc.loss)), near()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestSampledSoftmaxFixtureTellsFaultsApart: the batch has to be one on which a forgotten correction, a correction of
// the wrong sign and forgotten accidental hits all give other numbers, or the test above proves nothing.
func TestSampledSoftmaxFixtureTellsFaultsApart(t *testing.T) {
	right := softmaxOf(inBatch(), 1, true, false)
	negated := inBatch()
	for i, v := range tensor.MustData[float32](negated["log_q"]) {
		tensor.MustData[float32](negated["log_q"])[i] = -v
	}
	for name, wrong := range map[string][]float32{
		"no correction": softmaxOf(inBatch(), 1, false, false), "wrong sign": softmaxOf(negated, 1, true, false),
		"accidental hits kept": softmaxOf(inBatch(), 1, true, true),
	} {
		if cmp.Equal(right, wrong, cmpopts.EquateApprox(0.01, 0.01)) {
			t.Errorf("%s: gives %v, the right loss is %v", name, wrong, right)
		}
	}
}
