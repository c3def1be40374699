package schema_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/schema"
	"recsys/tensor"
)

func column(name string, d tensor.DType, tags ...schema.Tag) schema.Column {
	return schema.Column{Name: name, DType: schema.DType{DType: d}, Tags: tags}
}

func TestValidate(t *testing.T) {
	good := column("user_id", tensor.Int64, schema.User, schema.ID, schema.Categorical)
	negative := good
	negative.Length = -1
	cases := map[string]struct {
		schema schema.Schema
		want   []string
	}{
		"good":    {schema.Schema{good, column("price", tensor.Float32, schema.Item, schema.Continuous)}, nil},
		"unnamed": {schema.Schema{column("", tensor.Int64)}, []string{"column without a name"}},
		"no type": {schema.Schema{column("a", tensor.Invalid)}, []string{`column "a" has no data type`}},
		"length":  {schema.Schema{negative}, []string{"negative length"}},
		"twice":   {schema.Schema{good, good}, []string{`column "user_id" appears twice`}},
		"entities": {
			schema.Schema{column("a", tensor.Int64, schema.User, schema.Item)},
			[]string{`column "a" has tags [user item], which exclude each other`},
		},
		"kinds, and every fault": {
			schema.Schema{column("a", tensor.Int64, schema.Categorical, schema.Continuous), column("", tensor.Int64)},
			[]string{"[categorical continuous]", "column without a name"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := c.schema.Validate()
			if (err == nil) != (c.want == nil) {
				t.Fatalf("Validate = %v, want %q", err, c.want)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Validate = %v, want %q", err, want)
				}
			}
		})
	}
}

func TestSelectAndColumn(t *testing.T) {
	s := schema.Schema{
		column("user_id", tensor.Int64, schema.User, schema.ID), column("age", tensor.Int64, schema.User),
		column("price", tensor.Float32, schema.Item),
	}
	if diff := cmp.Diff([]string{"user_id", "age"}, s.Select(schema.User).Names()); diff != "" {
		t.Errorf("user columns (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"user_id"}, s.Select(schema.User, schema.ID).Names()); diff != "" {
		t.Errorf("user keys (-want +got):\n%s", diff)
	}
	if len(s.Select()) != 3 || len(s.Select(schema.Target)) != 0 {
		t.Error("no tags select everything, a tag that nobody has nothing")
	}
	if _, ok := s.Column("price"); !ok {
		t.Error("price is not found")
	}
	if c, ok := s.Column("brand"); ok {
		t.Errorf("found %v, want nothing", c)
	}
}

func TestJSON(t *testing.T) {
	s := schema.Schema{{
		Name: "history", DType: schema.DType{DType: tensor.Int64}, Length: 50, Cardinality: 10,
		Tags: []schema.Tag{schema.User, schema.Sequence},
	}}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var got schema.Schema
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, got); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
	if err := json.Unmarshal([]byte(`[{"name":"a","dtype":"decimal"}]`), &got); err == nil {
		t.Error("the type decimal is read")
	}
}

func ExampleSchema_Select() {
	s := schema.Schema{
		{Name: "user_id", Tags: []schema.Tag{schema.User, schema.ID}},
		{Name: "price", Tags: []schema.Tag{schema.Item}},
	}
	fmt.Println(s.Select(schema.Item).Names())
	// Output: [price]
}
