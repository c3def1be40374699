package featuretest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"recsys/feature"
	"recsys/feature/featuretest"
	"recsys/feature/op"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// scale is a small operator that multiplies a column by what a fault says it learned. Faults break one promise each.
type scale struct {
	Column string `json:"column"`
	Calls  int    `json:"calls"`
	faults
}

type faults struct {
	plansAnything, changesSettings, countsFits, countsBatches, ignoresErrors, forgets bool
	looksAtBatch, wrongType, keepsNaN                                                 bool
}

func (o *scale) Name() string    { return "scale" }
func (o *scale) Validate() error { return nil }

func (o *scale) Plan(in feature.Columns) (feature.Plan, error) {
	c, err := in.FindRaw(o.Column, tensor.Float32)
	if err != nil && o.plansAnything {
		c, err = schema.Column{Name: o.Column, Tags: []schema.Tag{schema.User}}, nil
	}
	c = feature.WithTags(c, []schema.Tag{schema.Continuous}, []schema.Tag{schema.Target})
	c.DType = schema.DType{DType: tensor.Float32}
	return feature.Plan{Reads: []string{o.Column, "other"}, Writes: schema.Schema{c}}, err
}

func (o *scale) Fit(ctx context.Context, in feature.Columns, src feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	if o.changesSettings || o.countsFits {
		o.Calls++
	}
	f := &scaled{faults: o.faults, Column: plan.Writes[0], By: 2}
	for _, err := range src.Batches(ctx, []string{o.Column}) {
		if err != nil && !o.ignoresErrors {
			return nil, err
		}
		if o.countsBatches {
			f.By++
		}
	}
	if o.countsFits {
		f.By += float32(o.Calls)
	}
	return f, nil
}

type scaled struct {
	faults
	Column schema.Column `json:"column"`
	By     float32       `json:"by"`
}

func (f *scaled) Name() string          { return "scale" }
func (f *scaled) Reads() []string       { return []string{f.Column.Name, "other"} }
func (f *scaled) Writes() schema.Schema { return schema.Schema{f.Column} }
func (f *scaled) State() (int, any)     { return 1, f }

func (f *scaled) Apply(b *graph.Builder, in map[string]*graph.Value) map[string]*graph.Value {
	x := in[f.Column.Name]
	if !f.keepsNaN {
		x = b.Where(b.IsNaN(x), b.Float32(0), x)
	}
	y := b.Mul(x, b.Float32(f.By))
	if f.looksAtBatch {
		y = b.Add(y, b.ReduceSum(b.Clip(x, b.Float32(0), b.Float32(1)), []int64{0}, false))
	}
	if f.wrongType {
		y = b.Cast(y, tensor.Int64)
	}
	return map[string]*graph.Value{f.Column.Name: y}
}

func registry(t *testing.T, f faults) *feature.Registry {
	t.Helper()
	r, err := op.Registry().With(feature.Kind{
		Name: "scale", Version: 1, New: func() feature.Operator { return &scale{} },
		Load: func(state json.RawMessage, _ feature.Vocabularies) (feature.Fitted, error) {
			s := &scaled{faults: f}
			if err := feature.DecodeState(state, s); err != nil {
				return nil, err
			}
			if f.forgets {
				s.By = 1
			}
			return s, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func caseOf(t *testing.T, f faults) featuretest.Case {
	t.Helper()
	return featuretest.Case{
		Operator: &scale{Column: "price", faults: f},
		Before:   []feature.Operator{&op.Normalize{Columns: []string{"other"}}},
		Raw: schema.Schema{
			{Name: "price", DType: schema.DType{DType: tensor.Float32}, Tags: []schema.Tag{schema.Item}},
			{Name: "other", DType: schema.DType{DType: tensor.Float32}, Tags: []schema.Tag{schema.Item}},
		},
		Registry: registry(t, f),
	}
}

func TestAcceptsASoundOperator(t *testing.T) {
	featuretest.Run(t, caseOf(t, faults{}))
}

func TestRejectsBrokenOperators(t *testing.T) {
	cases := []struct {
		name   string
		faults faults
		want   string
	}{
		{"schema rule that takes anything", faults{plansAnything: true}, `column "price" is missing, and the schema rule does not say so`},
		{"settings that change", faults{changesSettings: true}, "fitting changed the settings"},
		{"state that depends on earlier fits", faults{countsFits: true}, "saves other bytes"},
		{"state that depends on batches", faults{countsBatches: true}, "saves other bytes"},
		{"errors of the source dropped", faults{ignoresErrors: true}, "over the source broke after one batch and fitting returns no error"},
		{"state that is not read whole", faults{forgets: true}, "instead of"},
		{"rows that depend on their batch", faults{looksAtBatch: true}, "pieces of 1 rows"},
		{"type other than the schema's", faults{wrongType: true}, "the schema says float32[B] and the graph computes int64[B]"},
		{"NaN let through", faults{keepsNaN: true}, "nulls have to be replaced"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := featuretest.Verify(t.Context(), caseOf(t, c.faults))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}

// lastPart is a learner that keeps what the last part has learned instead of merging.
type lastPart struct{ op.Normalize }

func (o *lastPart) Fit(ctx context.Context, in feature.Columns, src feature.Source) (feature.Fitted, error) {
	return feature.FitLearner(ctx, o, in, src)
}

func (o *lastPart) Learn(in feature.Columns) (feature.Partial, error) {
	p, err := o.Normalize.Learn(in)
	return &replaced{p}, err
}

func (o *lastPart) Finish(in feature.Columns, learned feature.Partial) (feature.Fitted, error) {
	return o.Normalize.Finish(in, learned.(*replaced).Partial)
}

type replaced struct{ feature.Partial }

func (r *replaced) Merge(other feature.Partial) error {
	r.Partial = other.(*replaced).Partial
	return nil
}

func TestRejectsALearnerThatDoesNotMerge(t *testing.T) {
	c := caseOf(t, faults{})
	c.Operator, c.Before = &lastPart{op.Normalize{Columns: []string{"price"}}}, nil
	err := featuretest.Verify(t.Context(), c)
	if want := "2 parts, merged: the state differs at"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want one with %q", err, want)
	}
}

func TestCaseWithoutOperator(t *testing.T) {
	if err := featuretest.Verify(t.Context(), featuretest.Case{}); err == nil {
		t.Error("an empty case is accepted")
	}
}

func ExampleVerify() {
	err := featuretest.Verify(context.Background(), featuretest.Case{
		Operator: &op.Normalize{Columns: []string{"age"}},
		Raw:      schema.Schema{{Name: "age", DType: schema.DType{DType: tensor.Float32}, Tags: []schema.Tag{schema.User}}},
		Registry: op.Registry(),
	})
	fmt.Println(err)
	// Output: <nil>
}
