package featurestore_test

import (
	"errors"
	"slices"
	"testing"

	"recsys/featurestore"
	"recsys/schema"
	"recsys/tensor"
)

// batchSchema has a column of every kind; wanted leaves out one of each.
func batchSchema() (columns schema.Schema, wanted []string) {
	column := func(name string, d tensor.DType, length int) schema.Column {
		return schema.Column{Name: name, DType: schema.DType{DType: d}, Length: length}
	}
	return schema.Schema{
		column("label", tensor.String, 0), column("price", tensor.Float32, 0), column("stock", tensor.Int64, 0),
		column("sold", tensor.Bool, 0), column("ratio", tensor.Float64, 0), column("tags", tensor.String, 3),
		column("sizes", tensor.Int64, 2), column("weights", tensor.Float32, 2), column("codes", tensor.Int32, 2),
		column("skipped", tensor.Float32, 0), column("unread", tensor.String, 2), column("unseen", tensor.Int64, 2),
	}, []string{"label", "price", "stock", "sold", "ratio", "tags", "sizes", "weights", "codes"}
}

func blanks(columns schema.Schema, wanted []string) tensor.Map {
	m := tensor.Map{}
	for _, c := range columns {
		if slices.Contains(wanted, c.Name) {
			m[c.Name] = featurestore.Null(c)
		}
	}
	return m
}

// TestBatchReadsWhatDecodeReads sets rows in places that had others, and compares with Decode.
func TestBatchReadsWhatDecodeReads(t *testing.T) {
	columns, wanted := batchSchema()
	codec, err := featurestore.NewCodec(columns)
	if err != nil {
		t.Fatal(err)
	}
	full := tensor.Map{
		"label": tensor.Of([]string{"cup"}, 1), "price": tensor.Of([]float32{2.5}, 1), "stock": tensor.Of([]int64{7}, 1),
		"sold": tensor.Of([]bool{true}, 1), "ratio": tensor.Of([]float64{0.25}, 1), "tags": tensor.Of([]string{"a", "", "c"}, 1, 3),
		"sizes": tensor.Of([]int64{1, 2}, 1, 2), "weights": tensor.Of([]float32{1, 2}, 1, 2), "codes": tensor.Of([]int32{5, 6}, 1, 2),
		"skipped": tensor.Of([]float32{9}, 1), "unread": tensor.Of([]string{"x", "y"}, 1, 2), "unseen": tensor.Of([]int64{3, 4}, 1, 2),
	}
	empty := tensor.Map{}
	for _, c := range columns {
		empty[c.Name] = featurestore.Null(c)
	}
	rows := make([][]byte, 2)
	for i, values := range []tensor.Map{full, empty} {
		if rows[i], err = codec.Encode(values, 0); err != nil {
			t.Fatal(err)
		}
	}
	b, err := codec.NewBatch(3, blanks(columns, wanted))
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range []int{0, 1} {
		for _, row := range [][]byte{rows[0], rows[1], rows[place]} {
			if err := b.Set(place, row); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.Copy(2, 0)
	got := b.Tensors()
	if len(got) != len(wanted) {
		t.Errorf("got the columns %v, want %v", got.Names(), wanted)
	}
	for place, row := range [][]byte{rows[0], rows[1], rows[0]} {
		want, err := codec.Decode(row)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range wanted {
			if have := got[name].Rows(place, place+1); have.String() != want[name].String() || !have.Equal(want[name]) && !nan(want[name]) {
				t.Errorf("place %d, column %q: got %v, want %v", place, name, have.Any(), want[name].Any())
			}
		}
	}
}

// nan reports whether a tensor's first element is NaN, which equals nothing; then all of them are in this test.
func nan(t *tensor.Tensor) bool {
	switch s := t.Any().(type) {
	case []float32:
		return s[0] != s[0]
	case []float64:
		return s[0] != s[0]
	}
	return false
}

func TestBatchLeavesBadRowsBlank(t *testing.T) {
	columns, wanted := batchSchema()
	codec, err := featurestore.NewCodec(columns)
	if err != nil {
		t.Fatal(err)
	}
	values := tensor.Map{}
	for _, c := range columns {
		values[c.Name] = tensor.Zeros(c.DType.DType, featurestore.Null(c).Shape()...)
	}
	row, err := codec.Encode(values, 0)
	if err != nil {
		t.Fatal(err)
	}
	blank := blanks(columns, wanted)
	blank["stock"], blank["tags"] = tensor.Of([]int64{42}, 1), tensor.Of([]string{"none", "", ""}, 1, 3)
	b, err := codec.NewBatch(1, blank)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string) {
		t.Helper()
		stock, tags := tensor.MustData[int64](b.Tensors()["stock"]), tensor.MustData[string](b.Tensors()["tags"])
		if stock[0] != 42 || !slices.Equal(tags, []string{"none", "", ""}) {
			t.Errorf("%s: the place has stock %d and tags %q, want the blank ones", what, stock[0], tags)
		}
	}
	check("before any row")
	for n := range row {
		if err := b.Set(0, row[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes are taken for a row", n, len(row))
		}
		check("a row cut short")
	}
	if err := b.Set(0, append(slices.Clone(row), 0)); err == nil {
		t.Error("a row with a byte too many is taken")
	}
	check("a row with a byte too many")
	other := slices.Clone(row)
	other[4]++
	var hash *featurestore.HashError
	if err := b.Set(0, other); !errors.As(err, &hash) {
		t.Errorf("a row of another schema: got %v, want a HashError", err)
	}
	check("a row of another schema")
	if err := b.Set(1, row); err == nil {
		t.Error("there is no place 1")
	}
	if _, err := codec.NewBatch(1, tensor.Map{"colour": tensor.Of([]int64{1}, 1)}); err == nil {
		t.Error("a column that the codec has not is taken")
	}
	if _, err := codec.NewBatch(1, tensor.Map{"stock": tensor.Of([]float32{1}, 1)}); err == nil {
		t.Error("a blank of another type is taken")
	}
}
