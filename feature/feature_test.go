package feature_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/schema"
	"recsys/tensor"
)

func column(name string, d tensor.DType, length int, tags ...schema.Tag) schema.Column {
	return schema.Column{Name: name, DType: schema.DType{DType: d}, Length: length, Tags: tags}
}

func rawSchema() schema.Schema {
	return schema.Schema{
		column("user_id", tensor.Int64, 0, schema.User, schema.ID),
		column("item_id", tensor.String, 0, schema.Item, schema.ID),
		column("rating", tensor.Float32, 0, schema.Target),
		column("genres", tensor.String, 2, schema.Item),
		column("age", tensor.Float32, 0, schema.User),
		column("time", tensor.Int64, 0, schema.Context, schema.Time),
	}
}

func tables() feature.Tables {
	return feature.Tables{BatchRows: 2, Tables: []tensor.Map{
		{
			"user_id": tensor.Of([]int64{1, 1, 2}, 3), "item_id": tensor.Of([]string{"a", "b", "b"}, 3),
			"time": tensor.Of([]int64{0, 1, 2}, 3),
		},
		{"item_id": tensor.Of([]string{"b", "c"}, 2), "genres": tensor.Of([]string{"x", "", "x", "y"}, 2, 2)},
		{"user_id": tensor.Of([]int64{1, 2}, 2), "age": tensor.Of([]float32{20, 40}, 2)},
	}}
}

func workflow() feature.Workflow {
	return feature.Workflow{Operators: []feature.Operator{
		&op.Categorify{Columns: []string{"user_id", "item_id", "genres"}},
		&op.Normalize{Columns: []string{"age"}},
		&op.Sequence{Column: "history", Of: "item_id", Length: 3},
		&op.DateParts{Column: "time", Parts: []string{"hour"}},
	}}
}

func fitted(tb testing.TB) *feature.FittedWorkflow {
	tb.Helper()
	f, err := workflow().Fit(tb.Context(), rawSchema(), tables())
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func TestSchemas(t *testing.T) {
	f := fitted(t)
	ids := func(name string, length, cardinality int, tags ...schema.Tag) schema.Column {
		c := column(name, tensor.Int64, length, append(tags, schema.Categorical)...)
		c.Cardinality = cardinality
		return c
	}
	want := schema.Schema{
		ids("user_id", 0, 5, schema.User, schema.ID),
		ids("item_id", 0, 5, schema.Item, schema.ID), // c is in no interaction
		ids("genres", 2, 5, schema.Item),
		column("age", tensor.Float32, 0, schema.User, schema.Continuous),
		ids("history", 3, 5, schema.User, schema.Sequence),
		ids("time_hour", 0, 26, schema.Context),
	}
	if diff := cmp.Diff(f.Schema(), want); diff != "" {
		t.Errorf("encoded schema (-got +want):\n%s", diff)
	}
	planned, err := workflow().Plan(rawSchema())
	if err != nil {
		t.Fatal(err)
	}
	for i := range want[:5] {
		want[i].Cardinality = 0
	}
	if diff := cmp.Diff(planned, want); diff != "" {
		t.Errorf("planned schema (-got +want):\n%s", diff)
	}
	raw := schema.Schema{
		rawSchema()[0], rawSchema()[1], rawSchema()[3], rawSchema()[4], rawSchema()[5],
		column("history", tensor.String, 3, schema.User, schema.Sequence),
	}
	if diff := cmp.Diff(f.Raw(), raw); diff != "" {
		t.Errorf("raw schema (-got +want):\n%s", diff)
	}
}

// TestRawTagsOfEncodedColumns gives raw columns the marks of encoded ones, which mean nothing on them.
func TestRawTagsOfEncodedColumns(t *testing.T) {
	raw := rawSchema()
	raw[0].Tags, raw[0].Cardinality = append(raw[0].Tags, schema.Categorical), 9
	raw[4].Tags = append(raw[4].Tags, schema.Continuous)
	f, err := workflow().Fit(t.Context(), raw, tables())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f.Schema(), fitted(t).Schema()); diff != "" {
		t.Errorf("encoded schema (-got +want):\n%s", diff)
	}
}

func TestParts(t *testing.T) {
	f := fitted(t)
	cases := []struct {
		name    string
		tags    []schema.Tag
		in, out []string
	}{
		{"user", []schema.Tag{schema.User}, []string{"user_id", "age", "history"}, []string{"user_id", "age", "history"}},
		{"item", []schema.Tag{schema.Item}, []string{"item_id", "genres"}, []string{"item_id", "genres"}},
		{"context", []schema.Tag{schema.Context}, []string{"time"}, []string{"time_hour"}},
		{"ids of users", []schema.Tag{schema.User, schema.ID}, []string{"user_id"}, []string{"user_id"}},
		{
			"all", nil,
			[]string{"user_id", "item_id", "genres", "age", "time", "history"},
			[]string{"user_id", "item_id", "genres", "age", "history", "time_hour"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g, err := f.Graph(c.name, c.tags...)
			if err != nil {
				t.Fatal(err)
			}
			var in, out []string
			for _, v := range g.Inputs {
				in = append(in, v.Name())
			}
			for _, o := range g.Outputs {
				out = append(out, o.Name)
			}
			if diff := cmp.Diff([][]string{in, out}, [][]string{c.in, c.out}); diff != "" {
				t.Errorf("inputs and outputs (-got +want):\n%s", diff)
			}
			part, err := f.Tagged(c.tags...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([][]string{part.Raw().Names(), part.Schema().Names()}, [][]string{c.in, c.out}); diff != "" {
				t.Errorf("columns of the part (-got +want):\n%s", diff)
			}
		})
	}
	if _, err := f.Graph("x", schema.Time); err == nil {
		t.Error("a graph without columns is made")
	}
	if _, err := f.Tagged(schema.Time); err == nil {
		t.Error("a part without columns is made")
	}
	if _, err := f.Only(); err == nil {
		t.Error("a part of no columns is made")
	}
	if _, err := f.Only("rating"); err == nil || !strings.Contains(err.Error(), `no encoded column "rating"; there are user_id`) {
		t.Errorf("error of a column that is not encoded: %v", err)
	}
}

func TestVocabularyOfColumn(t *testing.T) {
	f := fitted(t)
	items, ok := f.Vocabulary("item_id")
	history, ok2 := f.Vocabulary("history")
	if !ok || !ok2 || items != history {
		t.Errorf("history uses %v, items %v", history, items)
	}
	if diff := cmp.Diff(items.Keys().Any(), []string{"b", "a"}); diff != "" {
		t.Errorf("keys (-got +want):\n%s", diff)
	}
	if _, ok := f.Vocabulary("age"); ok {
		t.Error("age has a vocabulary")
	}
}

func TestTransformErrors(t *testing.T) {
	f, err := fitted(t).Tagged(schema.User)
	if err != nil {
		t.Fatal(err)
	}
	good := func() tensor.Map {
		return tensor.Map{
			"user_id": tensor.Of([]int64{1}, 1), "age": tensor.Of([]float32{1}, 1),
			"history": tensor.Of([]string{"a", "", ""}, 1, 3), "more": tensor.Of([]int64{5}, 1),
		}
	}
	if _, err := f.Transform(t.Context(), good()); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name, column string
		value        *tensor.Tensor
		want         string
	}{
		{"missing", "age", nil, `transform: raw column "age" is missing; there are history, more, user_id`},
		{"type", "age", tensor.Of([]int64{1}, 1), `raw column "age" is int64[1]; it has to be float32[B]`},
		{"length", "history", tensor.Of([]string{"a"}, 1, 1), `raw column "history" is string[1,1]; it has to be string[B,3]`},
		{"scalar", "age", tensor.Scalar[float32](1), `raw column "age" is float32[]; it has to be float32[B]`},
		{"rows", "age", tensor.Of([]float32{1, 2}, 2), `column "user_id" has 1 rows and column "age" has 2`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := good()
			delete(in, c.column)
			if c.value != nil {
				in[c.column] = c.value
			}
			if _, err := f.Transform(t.Context(), in); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Transform(ended, good()); !errors.Is(err, context.Canceled) {
		t.Errorf("transform after the end of its context: %v", err)
	}
	large := tensor.Map{}
	for name, v := range good() {
		copies := make([]*tensor.Tensor, 20_000)
		for i := range copies {
			copies[i] = v
		}
		if large[name], err = tensor.Concat(copies...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Transform(ended, large); !errors.Is(err, context.Canceled) {
		t.Errorf("transform of many rows after the end of its context: %v", err)
	}
}

func TestWorkflowErrors(t *testing.T) {
	double := append(rawSchema(), rawSchema()[0])
	noEntity := rawSchema()
	noEntity[4].Tags = nil
	cases := []struct {
		name      string
		raw       schema.Schema
		src       feature.Source
		operators []feature.Operator
		want      string
	}{
		{"no operators", rawSchema(), tables(), nil, "workflow writes no columns"},
		{"column twice", double, tables(), workflow().Operators, `raw schema: column "user_id" appears twice`},
		{"no entity", noEntity, tables(), workflow().Operators, `operator 2, normalize: column "age" belongs to no entity; give it the tag user, item or context`},
		{"target", rawSchema(), tables(), []feature.Operator{&op.Normalize{Columns: []string{"rating"}}}, `column "rating" is a target`},
		{"no table", rawSchema(), feature.Tables{Tables: tables().Tables[:2]}, workflow().Operators, `operator 2, normalize: column "age": no table has it; tables hold item_id, time, user_id; genres, item_id`},
		{"table of another type", rawSchema(), feature.Tables{Tables: []tensor.Map{{"age": tensor.Of([]int64{3}, 1)}}}, workflow().Operators[1:2], `raw column "age" is int64[1]; it has to be float32[B]`},
		{"source that gives nothing", rawSchema(), batches(nil), workflow().Operators[1:2], `column "age": the source gives no batch with age`},
		{"history read before it is declared", rawSchema(), tables(), []feature.Operator{&op.Categorify{Columns: []string{"history"}}}, `column "history": there is none`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := feature.Workflow{Operators: c.operators}.Fit(t.Context(), c.raw, c.src)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := workflow().Fit(ended, rawSchema(), tables()); !errors.Is(err, context.Canceled) {
		t.Errorf("fit after the end of its context: %v", err)
	}
}

// batches is a source that yields the given batches whatever it is asked for.
type batches []tensor.Map

func (b batches) Batches(context.Context, []string) iter.Seq2[tensor.Map, error] {
	return func(yield func(tensor.Map, error) bool) {
		for _, m := range b {
			if !yield(m, nil) {
				return
			}
		}
	}
}

// TestTablesOwnColumns fits a key from the first table that has it, with its frequencies there, and a column that
// an operator computes from another.
func TestTablesOwnColumns(t *testing.T) {
	f, err := feature.Workflow{Operators: []feature.Operator{
		&op.FillMissing{Columns: []string{"age"}, Value: 30},
		&op.Categorify{Columns: []string{"item_id", "genres"}},
		&op.Normalize{Columns: []string{"age"}},
	}}.Fit(t.Context(), rawSchema(), feature.Tables{BatchRows: 1, Tables: []tensor.Map{
		{"item_id": tensor.Of([]string{"a", "b", "b"}, 3)},
		{"item_id": tensor.Of([]string{"c"}, 1), "genres": tensor.Of([]string{"x", ""}, 1, 2)},
		{"age": tensor.Of([]float32{20, nan(), 40}, 3)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	items, _ := f.Vocabulary("item_id")
	if diff := cmp.Diff(items.Keys().Any(), []string{"b", "a"}); diff != "" {
		t.Errorf("keys (-got +want):\n%s", diff)
	}
	part, err := f.Only("age")
	if err != nil {
		t.Fatal(err)
	}
	out, err := part.Transform(t.Context(), tensor.Map{"age": tensor.Of([]float32{nan()}, 1)})
	if err != nil {
		t.Fatal(err)
	}
	// The mean of 20, 30 and 40 is the constant.
	if diff := cmp.Diff(out["age"].Any(), []float32{0}); diff != "" {
		t.Errorf("age (-got +want):\n%s", diff)
	}
}

func TestTablesErrors(t *testing.T) {
	uneven := feature.Tables{Tables: []tensor.Map{{"a": tensor.Of([]int64{1}, 1), "b": tensor.Of([]int64{1, 2}, 2)}}}
	for _, err := range uneven.Batches(t.Context(), []string{"a", "b"}) {
		if err == nil || !strings.Contains(err.Error(), `column "a" has 1 rows and column "b" has 2`) {
			t.Errorf("got error %v", err)
		}
	}
	flat := feature.Tables{Tables: []tensor.Map{{"a": tensor.Scalar[int64](1)}}}
	for _, err := range flat.Batches(t.Context(), []string{"a"}) {
		if err == nil || !strings.Contains(err.Error(), "needs a row dimension") {
			t.Errorf("got error %v", err)
		}
	}
}
