package featuretest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"recsys/feature"
	"recsys/feature/featuretest"
	"recsys/feature/op"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// Cap is the operator of the how-to page: it limits a column of numbers to the greatest value of the training data.
type Cap struct {
	Column string `json:"column"`
}

func (o *Cap) Name() string { return "cap" }

func (o *Cap) Validate() error {
	if o.Column == "" {
		return errors.New("no column; name it in the setting column")
	}
	return nil
}

// Plan says what becomes of the columns: ours is replaced by a finished column of numbers.
func (o *Cap) Plan(in feature.Columns) (feature.Plan, error) {
	c, err := in.FindRaw(o.Column, tensor.Float32)
	if err != nil {
		return feature.Plan{}, err
	}
	c = feature.WithTags(c, []schema.Tag{schema.Continuous}, nil)
	return feature.Plan{Reads: []string{o.Column}, Writes: schema.Schema{c}}, nil
}

// Fit reads the column once and keeps its greatest value.
func (o *Cap) Fit(ctx context.Context, in feature.Columns, src feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	f := &capped{Column: plan.Writes[0]}
	for batch, err := range src.Batches(ctx, []string{o.Column}) {
		if err != nil {
			return nil, err
		}
		values, err := tensor.Data[float32](batch[o.Column])
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", o.Column, err)
		}
		for _, v := range values {
			if v > f.Greatest { // false for NaN, which is null
				f.Greatest = v
			}
		}
	}
	return f, nil
}

// capped is what Cap learns; its exported fields are saved.
type capped struct {
	Column   schema.Column `json:"column"`
	Greatest float32       `json:"greatest"`
}

func (f *capped) Name() string          { return "cap" }
func (f *capped) Reads() []string       { return []string{f.Column.Name} }
func (f *capped) Writes() schema.Schema { return schema.Schema{f.Column} }
func (f *capped) State() (int, any)     { return 1, f }

// Apply is the graph. Nulls become 0, for the column is tagged continuous.
func (f *capped) Apply(b *graph.Builder, in map[string]*graph.Value) map[string]*graph.Value {
	x := in[f.Column.Name]
	y := b.Clip(x, b.Float32(0), b.Float32(f.Greatest))
	return map[string]*graph.Value{f.Column.Name: b.Where(b.IsNaN(x), b.Float32(0), y)}
}

// CapKind is what a registry knows about Cap.
func CapKind() feature.Kind {
	return feature.Kind{
		Name: "cap", Version: 1,
		New: func() feature.Operator { return &Cap{} },
		Load: func(state json.RawMessage, _ feature.Vocabularies) (feature.Fitted, error) {
			f := &capped{}
			if err := feature.DecodeState(state, f); err != nil {
				return nil, err
			}
			return f, nil
		},
	}
}

func TestCap(t *testing.T) {
	registry, err := op.Registry().With(CapKind())
	if err != nil {
		t.Fatal(err)
	}
	featuretest.Run(t, featuretest.Case{
		Operator: &Cap{Column: "price"},
		Raw: schema.Schema{
			{Name: "price", DType: schema.DType{DType: tensor.Float32}, Tags: []schema.Tag{schema.Item}},
		},
		Registry: registry,
	})
}

// TestHowTo compares the code of the how-to page with this file.
func TestHowTo(t *testing.T) {
	page, err := os.ReadFile("../../docs/how-to/write-a-feature-operator.md")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("cap_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```go\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("the page has no Go code")
	}
	for _, block := range blocks {
		code, _, _ := strings.Cut(block, "```")
		if !strings.Contains(string(file), code) {
			t.Errorf("the page has code that cap_test.go has not:\n%s", code)
		}
	}
}
