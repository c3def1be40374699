package modeltest_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"recsys/graph"
	"recsys/layer"
	"recsys/model"
	"recsys/model/modeltest"
	"recsys/schema"
)

// FM are the settings of the how-to page's ranker, a factorisation machine over the categorical columns (Rendle 2010,
// equation 1): the logit is a bias, a weight per id, and the product of the vectors of every two ids.
type FM struct {
	// Dim is the width of the vectors; 0 means 8.
	Dim int `json:"dim,omitempty"`
}

type fm struct {
	settings FM
	schema   schema.Schema
}

// NewFM binds the settings to a schema.
func NewFM(s schema.Schema, settings FM) (model.Ranker, error) {
	if settings.Dim == 0 {
		settings.Dim = 8
	}
	if len(model.ItemColumns(s).Select(schema.Categorical)) == 0 {
		return nil, errors.New(`model "fm": the schema has no categorical item column; categorify the item key`)
	}
	return &fm{settings: settings, schema: s}, nil
}

func (m *fm) Name() string { return "fm" }

func (m *fm) Schema() schema.Schema { return m.schema }

func (m *fm) Tasks() []string { return []string{"like"} }

// Logits keeps user and candidate columns apart until their sums meet: [B,1,·] and [B,K,·] add up to [B,K,·].
func (m *fm) Logits(b *graph.Builder, query, candidates model.Columns) []*graph.Value {
	defer b.Scope(m.Name())()
	user := m.sums(b, model.QueryColumns(m.schema), query)
	item := m.sums(b, model.CandidateColumns(m.schema), candidates)
	add := func(u, i *graph.Value) *graph.Value { return b.Add(b.Unsqueeze(u, []int64{1}), i) }
	vectors, squares := add(user.vectors, item.vectors), add(user.squares, item.squares)
	// Σ_{i<j} <v_i,v_j> = ½ Σ_d ((Σ_i v_i)² - Σ_i v_i²)
	pairs := b.ReduceSum(b.Sub(b.Mul(vectors, vectors), squares), []int64{-1}, true)
	logit := b.Add(add(user.weights, item.weights), b.Mul(pairs, b.Float32(0.5)))
	logit = b.Add(logit, b.Param("bias", graph.Dims(1), graph.Zero()))
	return []*graph.Value{b.Squeeze(logit, []int64{-1})}
}

// sums are over columns: of the ids' weights [...,1], of their vectors and of the vectors' squares [...,D].
type sums struct{ weights, vectors, squares *graph.Value }

func (m *fm) sums(b *graph.Builder, s schema.Schema, values model.Columns) sums {
	var weights, vectors, squares []*graph.Value
	for _, c := range s.Select(schema.Categorical) {
		v := lookUp(b, c, layer.Embedding{Name: c.Name, Rows: c.Cardinality, Dim: m.settings.Dim}, values[c.Name])
		w := layer.Embedding{Name: c.Name + "_weight", Rows: c.Cardinality, Dim: 1, Init: graph.Zero()}
		weights = append(weights, lookUp(b, c, w, values[c.Name]))
		vectors, squares = append(vectors, v), append(squares, b.Mul(v, v))
	}
	return sums{total(b, weights), total(b, vectors), total(b, squares)}
}

// lookUp takes the mean of a list, without its padding.
func lookUp(b *graph.Builder, c schema.Column, e layer.Embedding, ids *graph.Value) *graph.Value {
	if c.Length > 0 {
		return layer.ListEmbedding{Embedding: e}.Apply(b, ids)
	}
	return e.Apply(b, ids)
}

func total(b *graph.Builder, values []*graph.Value) *graph.Value {
	sum := values[0]
	for _, v := range values[1:] {
		sum = b.Add(sum, v)
	}
	return sum
}

func TestFM(t *testing.T) {
	modeltest.Ranker(t, func(s schema.Schema) (model.Ranker, error) { return NewFM(s, FM{Dim: 4}) })
}

// TestHowToPage: every piece of Go on the page stands in this file.
func TestHowToPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/how-to/write-a-model.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("fm_test.go")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(page), "```")
	n := 0
	for i := 1; i < len(parts); i += 2 {
		if code, ok := strings.CutPrefix(parts[i], "go\n"); ok {
			n++
			if !strings.Contains(string(source), code) {
				t.Errorf("not in fm_test.go:\n%s", code)
			}
		}
	}
	if n < 4 {
		t.Errorf("the page has %d pieces of Go, want at least 4", n)
	}
}
