package featurestore_test

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/featurestore"
	"recsys/schema"
	"recsys/tensor"
)

func column(name string, d tensor.DType, length int) schema.Column {
	return schema.Column{Name: name, DType: schema.DType{DType: d}, Length: length}
}

// wide has a scalar and a list of every data type.
func wide() schema.Schema {
	var s schema.Schema
	for d := tensor.Bool; d <= tensor.String; d++ {
		s = append(s, column(d.String(), d, 0), column(d.String()+"_list", d, 3))
	}
	return s
}

func wideValues() tensor.Map {
	nan := math.NaN()
	return tensor.Map{
		"bool": tensor.Of([]bool{true, false}, 2), "bool_list": tensor.Of([]bool{true, false, true, false, false, false}, 2, 3),
		"uint8": tensor.Of([]uint8{255, 0}, 2), "uint8_list": tensor.Of([]uint8{1, 2, 3, 0, 0, 0}, 2, 3),
		"uint16": tensor.Of([]uint16{65535, 0}, 2), "uint16_list": tensor.Of([]uint16{1, 2, 3, 0, 0, 0}, 2, 3),
		"uint32": tensor.Of([]uint32{1 << 31, 0}, 2), "uint32_list": tensor.Of([]uint32{1, 2, 3, 0, 0, 0}, 2, 3),
		"uint64": tensor.Of([]uint64{1 << 63, 0}, 2), "uint64_list": tensor.Of([]uint64{1, 2, 3, 0, 0, 0}, 2, 3),
		"int8": tensor.Of([]int8{-128, 0}, 2), "int8_list": tensor.Of([]int8{1, -2, 3, 0, 0, 0}, 2, 3),
		"int16": tensor.Of([]int16{-3, 0}, 2), "int16_list": tensor.Of([]int16{1, -2, 3, 0, 0, 0}, 2, 3),
		"int32": tensor.Of([]int32{-3, 0}, 2), "int32_list": tensor.Of([]int32{1, -2, 3, 0, 0, 0}, 2, 3),
		"int64":         tensor.Of([]int64{math.MaxInt64, tensor.NullInt64}, 2),
		"int64_list":    tensor.Of([]int64{tensor.NullInt64, 5, tensor.NullInt64, tensor.NullInt64, tensor.NullInt64, tensor.NullInt64}, 2, 3),
		"float16":       tensor.Of([]tensor.F16{0x3c00, 0}, 2),
		"float16_list":  tensor.Of([]tensor.F16{1, 2, 3, 0, 0, 0}, 2, 3),
		"bfloat16":      tensor.Of([]tensor.BF16{0x3f80, 0}, 2),
		"bfloat16_list": tensor.Of([]tensor.BF16{1, 2, 3, 0, 0, 0}, 2, 3),
		"float32":       tensor.Of([]float32{float32(math.Inf(-1)), float32(nan)}, 2),
		"float32_list":  tensor.Of([]float32{1, float32(nan), 2, float32(nan), float32(nan), float32(nan)}, 2, 3),
		"float64":       tensor.Of([]float64{math.Pi, nan}, 2), "float64_list": tensor.Of([]float64{1, 2, nan, nan, nan, nan}, 2, 3),
		"string":      tensor.Of([]string{"a\x00b", ""}, 2),
		"string_list": tensor.Of([]string{"", "x", "", "", "", ""}, 2, 3),
	}
}

func newCodec(tb testing.TB, s schema.Schema) *featurestore.Codec {
	tb.Helper()
	c, err := featurestore.NewCodec(s)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestCodecRoundTrip(t *testing.T) {
	codec := newCodec(t, wide())
	values := wideValues()
	for i := range 2 {
		row, err := codec.Append([]byte("before"), values, i, 1700000000123)
		if err != nil {
			t.Fatal(err)
		}
		row = row[len("before"):]
		got, err := codec.Decode(row)
		if err != nil {
			t.Fatal(err)
		}
		want := tensor.Map{}
		for name, v := range values {
			want[name] = v.Rows(i, i+1)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("row %d (-got +want):\n%s", i, diff)
		}
		if at, err := codec.EventTime(row); err != nil || at != 1700000000123 {
			t.Errorf("event time %d, error %v", at, err)
		}
	}
}

func TestCodecNullRow(t *testing.T) {
	codec := newCodec(t, wide())
	values := tensor.Map{}
	for _, c := range wide() {
		values[c.Name] = featurestore.Null(c)
	}
	row, err := codec.Encode(values, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := codec.Decode(row)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, values); diff != "" {
		t.Errorf("-got +want:\n%s", diff)
	}
}

func TestCodecRefusesOtherSchema(t *testing.T) {
	base := schema.Schema{column("a", tensor.Int64, 0), column("b", tensor.String, 4)}
	row, err := newCodec(t, base).Encode(tensor.Map{"a": tensor.Of([]int64{1}, 1), "b": featurestore.Null(base[1])}, 0)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		schema schema.Schema
		same   bool
	}{
		{"tags and cardinality do not count", schema.Schema{{Name: "a", DType: base[0].DType, Tags: []schema.Tag{schema.User}, Cardinality: 3}, base[1]}, true},
		{"name", schema.Schema{column("c", tensor.Int64, 0), base[1]}, false},
		{"type", schema.Schema{column("a", tensor.Float64, 0), base[1]}, false},
		{"length", schema.Schema{base[0], column("b", tensor.String, 5)}, false},
		{"order", schema.Schema{base[1], base[0]}, false},
		{"missing", base[:1], false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newCodec(t, tt.schema).Decode(row)
			var hash *featurestore.HashError
			if errors.As(err, &hash) == tt.same || (err == nil) != tt.same {
				t.Errorf("got error %v, want a HashError: %t", err, !tt.same)
			}
		})
	}
}

func TestCodecEncodeRefuses(t *testing.T) {
	codec := newCodec(t, schema.Schema{column("a", tensor.Int64, 0), column("b", tensor.String, 2)})
	good := func() tensor.Map {
		return tensor.Map{"a": tensor.Of([]int64{1}, 1), "b": tensor.Of([]string{"x", "y"}, 1, 2)}
	}
	tests := []struct {
		name  string
		spoil func(tensor.Map)
		row   int
	}{
		{"missing column", func(m tensor.Map) { delete(m, "a") }, 0},
		{"wrong type", func(m tensor.Map) { m["a"] = tensor.Of([]int32{1}, 1) }, 0},
		{"wrong rank", func(m tensor.Map) { m["a"] = tensor.Of([]int64{1}, 1, 1) }, 0},
		{"wrong length", func(m tensor.Map) { m["b"] = tensor.Of([]string{"x"}, 1, 1) }, 0},
		{"no such row", func(tensor.Map) {}, 1},
		{"negative row", func(tensor.Map) {}, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			values := good()
			tt.spoil(values)
			if _, err := codec.Append(nil, values, tt.row, 0); err == nil {
				t.Error("encoded")
			}
		})
	}
	if _, err := codec.Encode(good(), 0); err != nil {
		t.Errorf("the unspoiled values: %v", err)
	}
	if _, err := featurestore.NewCodec(schema.Schema{column("a", tensor.Int64, 0), column("a", tensor.Int64, 0)}); err == nil {
		t.Error("a schema with a column twice was accepted")
	}
}

func TestCodecDecodeRefusesEveryTruncation(t *testing.T) {
	codec := newCodec(t, wide())
	row, err := codec.Append(nil, wideValues(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	for n := range row {
		if _, err := codec.Decode(row[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were decoded", n, len(row))
		}
	}
	if _, err := codec.Decode(append(row, 0)); err == nil {
		t.Error("a row with a byte too many was decoded")
	}
}

func FuzzCodecDecode(f *testing.F) {
	codec := newCodec(f, wide())
	for i := range 2 {
		row, err := codec.Append(nil, wideValues(), i, 1)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(row)
		f.Add(row[:len(row)-1])
	}
	f.Fuzz(func(t *testing.T, row []byte) {
		values, err := codec.Decode(row)
		if err != nil {
			return
		}
		again, err := codec.Encode(values, 0)
		if err != nil {
			t.Fatalf("decoded but not encodable: %v", err)
		}
		twice, err := codec.Decode(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(twice, values); diff != "" {
			t.Errorf("decoded again (-got +want):\n%s", diff)
		}
	})
}

func BenchmarkCodecDecode(b *testing.B) {
	s := schema.Schema{
		column("age", tensor.Float32, 0), column("gender", tensor.String, 0), column("occupation", tensor.Int64, 0),
		column("zip", tensor.String, 0), column("likes", tensor.Int64, 8),
	}
	codec := newCodec(b, s)
	row, err := codec.Encode(tensor.Map{
		"age": tensor.Of([]float32{30}, 1), "gender": tensor.Of([]string{"F"}, 1), "occupation": tensor.Of([]int64{3}, 1),
		"zip": tensor.Of([]string{"12345"}, 1), "likes": tensor.Of([]int64{1, 2, 3, 4, 5, 6, 7, 8}, 1, 8),
	}, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.Decode(row); err != nil {
			b.Fatal(err)
		}
	}
}
