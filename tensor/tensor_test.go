package tensor_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"recsys/tensor"
)

// all lists every element type.
func all() []tensor.DType {
	var list []tensor.DType
	for d := tensor.Bool; d <= tensor.String; d++ {
		list = append(list, d)
	}
	return list
}

func TestDTypeNames(t *testing.T) {
	for _, d := range all() {
		for _, name := range []string{d.String(), d.Triton(), d.Config()} {
			got, err := tensor.ParseDType(name)
			if err != nil || got != d {
				t.Errorf("ParseDType(%q) = %v, %v; want %v", name, got, err, d)
			}
		}
	}
	if d, err := tensor.ParseDType("float"); err == nil {
		t.Errorf("ParseDType(float) = %v, want an error", d)
	}
	if got := tensor.String.Config() + " " + tensor.String.Triton(); got != "TYPE_STRING BYTES" {
		t.Errorf("strings are called %s", got)
	}
}

func TestDTypeKinds(t *testing.T) {
	floats, integers, sizes := "", "", 0
	for _, d := range all() {
		if d.IsFloat() {
			floats += d.String() + " "
		}
		if d.IsInteger() {
			integers += d.String() + " "
		}
		sizes += d.Size()
	}
	if floats != "float16 bfloat16 float32 float64 " {
		t.Errorf("floats are %s", floats)
	}
	if integers != "uint8 uint16 uint32 uint64 int8 int16 int32 int64 " {
		t.Errorf("integers are %s", integers)
	}
	if sizes != 1+2*(1+2+4+8)+2+2+4+8 {
		t.Errorf("the sizes sum to %d", sizes)
	}
}

func TestNew(t *testing.T) {
	cases := map[string]struct {
		shape []int
		want  string
	}{
		"fits":     {[]int{2, 3}, ""},
		"too few":  {[]int{2, 4}, "shape [2,4] needs 8 elements, got 6"},
		"scalar":   {nil, "shape [] needs 1 elements, got 6"},
		"negative": {[]int{-2, -3}, "shape [-2,-3] has a negative dimension"},
		"overflow": {[]int{math.MaxInt, 2}, "has too many elements"},
		"zero":     {[]int{0, math.MaxInt}, "needs 0 elements, got 6"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := tensor.New(make([]float32, 6), c.shape)
			switch {
			case c.want == "" && (err != nil || got.Len() != 6 || got.DType() != tensor.Float32):
				t.Errorf("New = %v, %v", got, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestNewKeepsItsOwnShape(t *testing.T) {
	shape := []int{2, 3}
	v := tensor.Of(make([]int64, 6), shape...)
	shape[0] = 7
	if v.Dim(0) != 2 || v.Dim(-1) != 3 || v.Rank() != 2 {
		t.Errorf("the tensor became %s", v)
	}
}

func TestDataChecksTheType(t *testing.T) {
	v := tensor.Of([]string{"a"}, 1)
	if _, err := tensor.Data[int64](v); err == nil || err.Error() != "tensor holds string, not int64" {
		t.Errorf("error %v", err)
	}
	got, err := tensor.Data[string](v)
	if err != nil || got[0] != "a" {
		t.Errorf("Data = %v, %v", got, err)
	}
}

// TestEveryType takes each element type through all operations that switch over types.
func TestEveryType(t *testing.T) {
	for _, d := range all() {
		t.Run(d.String(), func(t *testing.T) {
			v := tensor.Zeros(d, 4, 2)
			if !v.Equal(v.Clone()) {
				t.Error("a clone differs")
			}
			joined, err := tensor.Concat(v.Rows(1, 3), v.Rows(0, 1))
			if err != nil || joined.Dim(0) != 3 || joined.DType() != d {
				t.Errorf("concat = %v, %v", joined, err)
			}
			if err := tensor.Copy(joined, v.Rows(0, 3)); err != nil {
				t.Error(err)
			}
			r, err := v.Reshape(2, 4)
			if err != nil || r.Equal(v) {
				t.Errorf("reshape = %v, %v", r, err)
			}
		})
	}
}

func TestEqual(t *testing.T) {
	nan := float32(math.NaN())
	a := tensor.Of([]float32{1, nan}, 2)
	cases := map[string]struct {
		other *tensor.Tensor
		want  bool
	}{
		"nan equals nan": {tensor.Of([]float32{1, nan}, 2), true},
		"value":          {tensor.Of([]float32{2, nan}, 2), false},
		"shape":          {tensor.Of([]float32{1, nan}, 1, 2), false},
		"type":           {tensor.Of([]float64{1, math.NaN()}, 2), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := a.Equal(c.other); got != c.want {
				t.Errorf("Equal = %v, want %v", got, c.want)
			}
		})
	}
}

func TestConcatErrors(t *testing.T) {
	a := tensor.Zeros(tensor.Int64, 2, 3)
	for name, others := range map[string][]*tensor.Tensor{
		"none":   {},
		"type":   {a, tensor.Zeros(tensor.Int32, 2, 3)},
		"width":  {a, tensor.Zeros(tensor.Int64, 2, 4)},
		"rank":   {a, tensor.Zeros(tensor.Int64, 2)},
		"scalar": {tensor.Scalar(int64(1)), tensor.Scalar(int64(2))},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := tensor.Concat(others...); err == nil {
				t.Errorf("Concat = %v, want an error", got)
			}
		})
	}
	if err := tensor.Copy(a, tensor.Zeros(tensor.Int64, 5)); err == nil {
		t.Error("a copy of 5 elements into 6 succeeds")
	}
}

// TestRowsAndConcat cuts random tensors in two and joins them again.
func TestRowsAndConcat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, width := rapid.IntRange(0, 6).Draw(t, "rows"), rapid.IntRange(1, 4).Draw(t, "width")
		data := rapid.SliceOfN(rapid.String(), rows*width, rows*width).Draw(t, "data")
		v := tensor.Of(data, rows, width)
		at := rapid.IntRange(0, rows).Draw(t, "at")
		got, err := tensor.Concat(v.Rows(0, at), v.Rows(at, rows))
		if err != nil || !got.Equal(v) {
			t.Fatalf("%v, %v; want %v", got, err, v)
		}
	})
}

func TestMapNames(t *testing.T) {
	m := tensor.Map{"b": tensor.Scalar(true), "a": tensor.Scalar(int8(1))}
	if diff := cmp.Diff([]string{"a", "b"}, m.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}
