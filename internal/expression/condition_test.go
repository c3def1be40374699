package expression_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/internal/expression"
	"recsys/schema"
	"recsys/tensor"
)

func described(name string, d tensor.DType, length int, tag schema.Tag) schema.Column {
	return schema.Column{Name: name, DType: schema.DType{DType: d}, Length: length, Tags: []schema.Tag{tag}}
}

func itemColumns() schema.Schema {
	return schema.Schema{
		described("id", tensor.Int64, 0, schema.Item),
		described("year", tensor.Int64, 0, schema.Item),
		described("price", tensor.Float32, 0, schema.Item),
		described("brand", tensor.String, 0, schema.Item),
		described("twin", tensor.String, 0, schema.Item),
		described("genres", tensor.String, 3, schema.Item),
		described("sizes", tensor.Int64, 2, schema.Item),
	}
}

func requestColumns() schema.Schema {
	return schema.Schema{
		described("min_year", tensor.Int64, 0, schema.User),
		described("likes", tensor.String, 2, schema.User),
		described("nobody", tensor.Float32, 0, schema.User),
		described("brand", tensor.String, 0, schema.Context),
		described("size", tensor.Int8, 0, schema.Context),
	}
}

// items has six rows; the last one is null in everything but the id.
func items(tb testing.TB) *expression.Table {
	tb.Helper()
	const null = tensor.NullInt64
	t := expression.NewTable(itemColumns())
	err := t.Append(6, tensor.Map{
		"id":    tensor.Of([]int64{1, 2, 3, 4, 5, 6}, 6),
		"year":  tensor.Of([]int64{1940, 1950, 1960, 1990, 2000, null}, 6),
		"price": tensor.Of([]float32{0.1, 1, 2.5, 0.3, 10, nan()}, 6),
		"brand": tensor.Of([]string{"acme", "bolt", "acme", "core", "dune", ""}, 6),
		"twin":  tensor.Of([]string{"acme", "core", "", "core", "bolt", ""}, 6),
		"genres": tensor.Of([]string{
			"Comedy", "Drama", "", "Drama", "", "", "Horror", "Comedy", "Drama", "", "", "", "War", "", "Comedy", "", "", "",
		}, 6, 3),
		"sizes": tensor.Of([]int64{1, 2, 2, null, 3, 4, null, null, 0, null, null, null}, 6, 2),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func request() tensor.Map {
	return tensor.Map{
		"min_year": tensor.Of([]int64{1955}, 1, 1), "likes": tensor.Of([]string{"acme", "dune"}, 1, 2),
		"nobody": tensor.Of([]float32{nan()}, 1, 1), "brand": tensor.Of([]string{"bolt"}, 1, 1), "size": tensor.Of([]int8{2}, 1, 1),
	}
}

func TestCondition(t *testing.T) {
	table := items(t)
	for text, want := range map[string]string{ // The ids of the rows that it is true for, worked out by hand.
		"year >= 1950":                                 "2345",
		"not year >= 1950":                             "1",
		"year >= 1950 or is_null(year)":                "23456",
		"genres has 'Comedy'":                          "135",
		"not genres has 'Comedy'":                      "246",
		"genres has \"comedy\"":                        "",
		"is_null(genres)":                              "46",
		"genres has 'Comedy' && year >= user.min_year": "35",
		"year >= user.min_year - 10":                   "2345",
		"price == 0.1 or price == 0.3":                 "14",
		"price * 10 == 100":                            "5",
		"price < user.nobody":                          "",
		"is_null(user.nobody)":                         "123456",
		"is_null(user.nobody) and id > 4":              "56",
		"brand == 'acme'":                              "13",
		"'acme' == brand":                              "13",
		"brand != 'acme'":                              "245",
		"brand == twin":                                "14",
		"brand != twin":                                "25",
		"brand == context.brand":                       "2",
		"context.brand == brand":                       "2",
		"context.brand == 'bolt' and id == 1":          "1",
		"brand == 'nothing'":                           "",
		"brand == ''":                                  "",
		"brand in ('bolt', 'dune')":                    "25",
		"not brand in ('bolt', 'dune')":                "134",
		"brand in user.likes":                          "135",
		"user.likes has brand":                         "135",
		"user.likes has 'dune'":                        "123456",
		"'acme' in user.likes and id < 3":              "12",
		"context.brand in ('bolt')":                    "123456",
		"genres has brand":                             "",
		"sizes has 2":                                  "12",
		"sizes has context.size":                       "12",
		"sizes has context.size + 1":                   "3",
		"0 in sizes":                                   "5",
		"is_null(sizes)":                               "46",
		"id in (1, 3, -4, 6.0)":                        "136",
		"is_null(brand)":                               "6",
		"is_null(year / 0) and year > 1":               "12345",
		"log1p(year - 1940) == 0":                      "1",
		"is_null(log1p(-year))":                        "123456",
		"if(is_null(year), 0, year) < 1950":            "16",
		"clip(year, 1950, 1990) != year":               "15",
		"max(id, 3) == 3 and min(id, 2) == 2":          "23",
		"abs(id - 4) <= 1":                             "345",
		"-id < -4":                                     "56",
		"1 < 2":                                        "123456",
	} {
		c, err := expression.Compile(text, itemColumns(), requestColumns())
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		bits, err := c.Rows(t.Context(), table, request())
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got strings.Builder
		for row := range table.Len() {
			if bits[row/8]>>(row%8)&1 == 1 {
				got.WriteByte(byte('1' + row))
			}
		}
		if got.String() != want {
			t.Errorf("%s: got %s, want %s", text, got.String(), want)
		}
	}
}

func TestCompileFaults(t *testing.T) {
	for text, want := range map[string]string{
		"yeer > 1":                       `at character 1: there is no column yeer; there are brand, context.brand, context.size, genres, id, price, sizes, twin, user.likes, user.min_year, user.nobody, year; did you mean "year"?`,
		"user.year > 1":                  "at character 1: there is no column user.year",
		"context.min_year > 1":           "there is no column context.min_year",
		"size > 1":                       "there is no column size",
		"year":                           "at character 1: this is a number; a condition is needed: compare it",
		"year + 1":                       "at character 6: this is a number; a condition",
		"brand > 1":                      "at character 1: this is a text; a number is needed",
		"brand == 1":                     "at character 1: this is a text; a number is needed to compare it with one",
		"year == '1950'":                 "at character 9: this is a text; a number is needed to compare it with one",
		"genres == 'Comedy'":             "at character 1: this is a list of texts; a number is needed; look into it by has or in",
		"brand has 'acme'":               "at character 1: this is a text; a list is needed",
		"genres has 1":                   "at character 12: this is a number, and the list is a list of texts",
		"sizes has 'a'":                  "at character 11: this is a text, and the list is a list of numbers",
		"year in ('a')":                  "at character 1: this is a number, and the list is a list of texts",
		"year in brand":                  "at character 9: this is a text; a list is needed",
		"genres in user.likes":           "this is a list of texts, and the list is a list of texts",
		"abs(sizes) > 1":                 "at character 5: this is a list of numbers; a number is needed",
		"is_null(brand + 1)":             "at character 9: this is a text",
		"if(brand == 'a', 1, brand) > 1": "at character 21: this is a text",
	} {
		if _, err := expression.Compile(text, itemColumns(), requestColumns()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", text, err, want)
		}
	}
}

func TestRowsWantsItsColumns(t *testing.T) {
	c, err := expression.Compile("year > user.min_year and brand in user.likes and sizes has user.min_year", itemColumns(), requestColumns())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, column := range c.Request() {
		names = append(names, column.Name)
	}
	if diff := cmp.Diff(names, []string{"min_year", "likes"}); diff != "" {
		t.Errorf("columns (-got +want):\n%s", diff)
	}
	values := request()
	delete(values, "likes")
	if _, err := c.Rows(t.Context(), items(t), values); err == nil || !strings.Contains(err.Error(), `column "likes"`) {
		t.Errorf("got error %v, want one about likes", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Rows(ended, items(t), request()); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want that of the context", err)
	}
}

func TestTable(t *testing.T) {
	table := items(t)
	got := []any{
		table.Value("year", 0), table.Value("year", 5), table.Value("price", 3), table.Value("brand", 1), table.Value("brand", 5),
		table.Value("genres", 2), table.Value("genres", 5), table.Value("sizes", 1),
	}
	want := []any{1940.0, nil, 0.3, "bolt", nil, []any{"Horror", "Comedy", "Drama"}, []any{}, []any{2.0}}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("values (-got +want):\n%s", diff)
	}
	err := table.Append(1, tensor.Map{"id": tensor.Of([]int64{1, 2}, 2)})
	if err == nil || !strings.Contains(err.Error(), `column "id" has values int64[2]`) || table.Len() != 6 {
		t.Errorf("got error %v and %d rows, want one about id and 6 rows", err, table.Len())
	}
}

// FuzzCompile wants of every text an error or a condition that can be asked.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		"year >= 1950 and not genres has 'Comedy'", "brand in ('a', \"b\\\"\") || price * 2 < -1e3", "if(is_null(sizes), 1, user.min_year) != 0",
		"`brand` == context.`brand`", "user.likes has twin", "0 in sizes", "genres has", "((id", "brand == '\\",
	} {
		f.Add(seed)
	}
	table := items(f)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := expression.Compile(text, itemColumns(), requestColumns())
		if err != nil {
			return
		}
		if _, err := c.Rows(t.Context(), table, request()); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func BenchmarkRows(b *testing.B) {
	c, err := expression.Compile("genres has 'Comedy' and year >= user.min_year", itemColumns(), requestColumns())
	if err != nil {
		b.Fatal(err)
	}
	table := items(b)
	one := tensor.Map{}
	for _, column := range itemColumns() {
		one[column.Name] = tensor.Zeros(column.DType.DType, append([]int{1}, []int{column.Length}[:min(1, column.Length)]...)...)
	}
	for range 100_000 - table.Len() {
		if err := table.Append(1, one); err != nil {
			b.Fatal(err)
		}
	}
	values := request()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Rows(b.Context(), table, values); err != nil {
			b.Fatal(err)
		}
	}
}

func nan() float32 {
	zero := float32(0)
	return zero / zero
}
