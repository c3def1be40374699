package op_test

import (
	"encoding/json"
	"strings"
	"testing"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/schema"
	"recsys/tensor"
)

// learnedOf returns what an operator learns from some values of the column x.
func learnedOf(t *testing.T, o feature.Learner, values ...float32) feature.Partial {
	t.Helper()
	p, err := o.Learn(feature.Columns{})
	if err != nil {
		t.Fatal(err)
	}
	if len(values) > 0 {
		if err := p.Add(tensor.Map{"x": tensor.Of(values, len(values))}); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// TestMinMaxMerges has the extremes in parts before, between and behind, and parts without values.
func TestMinMaxMerges(t *testing.T) {
	o := &op.MinMax{Columns: []string{"x"}}
	for _, parts := range [][][]float32{
		{{-5, 1}, {2}, {7}}, {{7}, {}, {2, -5}}, {{}, {0, 1}, {-5, 7}}, {{-5, 7}, {nan()}, {0}},
	} {
		all := learnedOf(t, o)
		for _, values := range parts {
			if err := all.Merge(learnedOf(t, o, values...)); err != nil {
				t.Fatal(err)
			}
		}
		raw := schema.Schema{{Name: "x", DType: schema.DType{DType: tensor.Float32}, Tags: []schema.Tag{schema.Item}}}
		f, err := o.Finish(feature.Columns{Raw: raw, Now: raw}, all)
		if err != nil {
			t.Fatal(err)
		}
		_, state := f.State()
		text, err := json.Marshal(state)
		if err != nil || !strings.Contains(string(text), `"learned":{"min":-5,"max":7}`) {
			t.Errorf("parts %v: %s, %v", parts, text, err)
		}
	}
}

func TestMergeRefusesOthers(t *testing.T) {
	x, y := &op.MinMax{Columns: []string{"x"}}, &op.MinMax{Columns: []string{"y"}}
	groups := &op.GroupStatistics{By: "x", Columns: []string{"y"}}
	for name, pair := range map[string][2]feature.Learner{
		"another column": {x, y}, "another operator": {x, &op.Normalize{Columns: []string{"x"}}}, "groups": {x, groups}, "into groups": {groups, x},
	} {
		err := learnedOf(t, pair[0]).Merge(learnedOf(t, pair[1]))
		if err == nil || !strings.Contains(err.Error(), "they are of different operators") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := x.Finish(feature.Columns{}, learnedOf(t, groups)); err == nil {
		t.Error("min_max takes what group_statistics learned")
	}
}

// TestPartialReadsDamage cuts what was learned short at every byte.
func TestPartialReadsDamage(t *testing.T) {
	for name, o := range map[string]feature.Learner{
		"counts": &op.Categorify{Columns: []string{"x"}}, "moments": &op.Normalize{Columns: []string{"x"}},
	} {
		p, err := o.Learn(feature.Columns{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Add(tensor.Map{"x": tensor.Of([]int64{3, -900, 3, 1 << 40}, 4)}); err != nil {
			t.Fatal(err)
		}
		text, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		for n := range text {
			q, err := o.Learn(feature.Columns{})
			if err != nil {
				t.Fatal(err)
			}
			if q.UnmarshalBinary(text[:n]) == nil {
				t.Errorf("%s: %d of %d bytes are read", name, n, len(text))
			}
		}
	}
}
