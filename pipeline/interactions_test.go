package pipeline

import (
	"path/filepath"
	"slices"
	"testing"

	"recsys/data"
	"recsys/ensemble/stage"
	"recsys/feature"
	"recsys/graph/kernel"
	"recsys/schema"
	"recsys/tensor"
)

// TestInteractionsAreServedAsTrained compares what a request gets for an item with what training has of the interaction
// that the request is made of: the columns of both together, of every test user.
func TestInteractionsAreServedAsTrained(t *testing.T) {
	p, _ := open(t, writeShop(t), filepath.Join(t.TempDir(), "run"), "storage: memory", "phone")
	if _, err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Features are always encoded with the portable kernels; the others' logarithms differ in the last bits.
	serving, chain, err := OpenChain(p.run, nil, kernel.Portable())
	must(t, err)
	e, queries, _, err := p.newEval(t.Context(), serving, chain)
	must(t, err)
	columns := p.examples.Schema.Select(schema.Interaction).Names()
	if len(columns) < 3 {
		t.Fatalf("the columns of interactions are %v", columns)
	}
	compared := 0
	for block := range slices.Chunk(queries, evalBatch) {
		out, err := e.block(t.Context(), block)
		must(t, err)
		k := out[stage.Candidates].Dim(1)
		candidates := tensor.MustData[int64](out[stage.Candidates])
		for i, q := range block {
			at := slices.Index(candidates[i*k:(i+1)*k], int64(p.examples.Item[q.row]))
			if at < 0 {
				t.Fatalf("user %d: the item of the interaction is no candidate", p.examples.User[q.row])
			}
			// Features of the history rest on it: it ends strictly before the interaction, here and in training.
			length := out[stage.Encoded("history")].Dim(1)
			history := make([]int64, length)
			feature.Window(history, p.examples.Sequences.Of(p.examples.User[q.row]), p.examples.Position[q.row])
			if got := tensor.MustData[int64](out[stage.Encoded("history")])[i*length : (i+1)*length]; !slices.Equal(got, history) {
				t.Errorf("user %d: the history is served as %v and was trained as %v", p.examples.User[q.row], got, history)
			}
			for _, name := range columns {
				want := p.examples.Context[name].Rows(int(q.row), int(q.row)+1)
				served := out[stage.Interaction(name)]
				got, err := served.Reshape(append([]int{len(block) * k}, served.Shape()[2:]...)...)
				must(t, err)
				if got = got.Rows(i*k+at, i*k+at+1); !got.Equal(want) {
					t.Errorf("user %d: %s is served as %v and was trained as %v", p.examples.User[q.row], name, got.Any(), want.Any())
				}
				compared++
			}
		}
	}
	if compared < 300*len(columns) {
		t.Errorf("%d values were compared, of %d columns", compared, len(columns))
	}
}

// TestTargetsAreEncodedOutOfFold counts the values of an encoded brand: one a brand in the held-out parts, one a brand and fold
// in the training part.
func TestTargetsAreEncodedOutOfFold(t *testing.T) {
	p, _ := open(t, writeShop(t), filepath.Join(t.TempDir(), "run"), "storage: memory", "phone")
	must(t, p.Fit(t.Context()))
	must(t, p.prepare(t.Context()))
	brands, _ := p.workflow.Vocabulary("brand")
	values := tensor.MustData[float32](p.examples.Context["brand_carted"])
	distinct := func(rows []int32) int {
		seen := map[float32]bool{}
		for _, r := range rows {
			seen[values[r]] = true
		}
		return len(seen)
	}
	if n := distinct(p.rows(data.Valid, data.Test)); n > brands.Len()+1 {
		t.Errorf("%d values of %d brands in the held-out parts", n, brands.Len())
	}
	if n := distinct(p.rows(data.Train)); n < 4*brands.Len() {
		t.Errorf("%d values of %d brands in 5 folds of the training part", n, brands.Len())
	}
}
