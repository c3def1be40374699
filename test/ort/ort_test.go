package ort_test

import (
	"math"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/tensor"
	"recsys/test/ort"
)

func model(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// identities holds a [2,2] tensor of every type that identity.onnx takes, with the values that go wrong first.
func identities() tensor.Map {
	return tensor.Map{
		"bool":    tensor.Of([]bool{true, false, false, true}, 2, 2),
		"uint8":   tensor.Of([]uint8{0, 1, 127, math.MaxUint8}, 2, 2),
		"uint16":  tensor.Of([]uint16{0, 1, 255, math.MaxUint16}, 2, 2),
		"uint32":  tensor.Of([]uint32{0, 1, 1 << 31, math.MaxUint32}, 2, 2),
		"uint64":  tensor.Of([]uint64{0, 1, 1 << 63, math.MaxUint64}, 2, 2),
		"int8":    tensor.Of([]int8{math.MinInt8, -1, 0, math.MaxInt8}, 2, 2),
		"int16":   tensor.Of([]int16{math.MinInt16, -1, 0, math.MaxInt16}, 2, 2),
		"int32":   tensor.Of([]int32{math.MinInt32, -1, 0, math.MaxInt32}, 2, 2),
		"int64":   tensor.Of([]int64{tensor.NullInt64, -1, 0, math.MaxInt64}, 2, 2),
		"float16": tensor.Of([]tensor.F16{0, 0x3c00, 0x7c00, 0xfc00}, 2, 2),
		"float32": tensor.Of([]float32{0, float32(math.NaN()), float32(math.Inf(-1)), math.SmallestNonzeroFloat32}, 2, 2),
		"float64": tensor.Of([]float64{0, math.NaN(), math.Inf(1), math.MaxFloat64}, 2, 2),
		"string":  tensor.Of([]string{"", "a", "naïve café", "日本"}, 2, 2),
	}
}

func TestRunKeepsEveryType(t *testing.T) {
	in, want := tensor.Map{}, tensor.Map{}
	for name, value := range identities() {
		in["x_"+name], want["y_"+name] = value, value
	}
	got := ort.Run(t, model(t, "identity.onnx"), in, nil)
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}

	bf16 := tensor.Of([]tensor.BF16{0x3f80, 0xff80, 0}, 3)
	got = ort.Run(t, model(t, "identity_bf16.onnx"), tensor.Map{"x": bf16}, nil)
	if diff := cmp.Diff(got, tensor.Map{"y": bf16}); diff != "" {
		t.Errorf("bfloat16: got (-), want (+):\n%s", diff)
	}
}

func TestRunReturnsTheNamedOutputs(t *testing.T) {
	in := tensor.Map{
		"a": tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3),
		"b": tensor.Of([]float32{10, 20, 30, 40, 50, 60}, 2, 3),
	}
	want := tensor.Map{"product": tensor.Of([]float32{10, 40, 90, 160, 250, 360}, 2, 3)}
	got := ort.Run(t, model(t, "add.onnx"), in, []string{"product"})
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
}

func TestRunFillsInInitialisers(t *testing.T) {
	in := tensor.Map{"a": tensor.Of([]float32{1, 2, 3}, 1, 3)}
	want := tensor.Map{"sum": tensor.Of([]float32{2, 3, 4}, 1, 3)}
	got := ort.Run(t, model(t, "add_default.onnx"), in, []string{"sum"})
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
}

func TestRunTakesEmptyBatches(t *testing.T) {
	empty := tensor.Zeros(tensor.Float32, 0, 3)
	got := ort.Run(t, model(t, "add.onnx"), tensor.Map{"a": empty, "b": empty}, []string{"sum"})
	if diff := cmp.Diff(got, tensor.Map{"sum": empty}); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
}

func TestTryReportsWhatOnnxRuntimeSays(t *testing.T) {
	a := tensor.Of([]float32{1, 2, 3}, 1, 3)
	tests := []struct {
		name   string
		model  []byte
		inputs tensor.Map
		want   string
	}{
		{"no model", []byte("nonsense"), nil, "load model of 8 bytes"},
		{"missing input", model(t, "add.onnx"), tensor.Map{"a": a}, "run model"},
		{"wrong type", model(t, "add.onnx"), tensor.Map{"a": a, "b": tensor.Zeros(tensor.Int64, 1, 3)}, "data type"},
		{"wrong shape", model(t, "add.onnx"), tensor.Map{"a": a, "b": tensor.Zeros(tensor.Float32, 1, 4)}, "Got: 4 Expected: 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ort.Try(t, tt.model, tt.inputs, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestRunIsSafeForConcurrentUse(t *testing.T) {
	add := model(t, "add.onnx")
	ort.Check(t, add) // skips where there is no Python, which only the test's own goroutine may do
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			a := tensor.Of([]float32{float32(i), 0, 0}, 1, 3)
			got, err := ort.Try(t, add, tensor.Map{"a": a, "b": a}, []string{"sum"})
			if want := (tensor.Map{"sum": tensor.Of([]float32{float32(2 * i), 0, 0}, 1, 3)}); err != nil || !cmp.Equal(got, want) {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
		})
	}
	wg.Wait()
}

// recorder stands in for the test that Check is to fail.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestCheckRefusesABrokenModel(t *testing.T) {
	ort.Check(t, model(t, "add.onnx"))

	broken := recorder{TB: t}
	// The name of Add's output, a graph output: without it "sum" is produced by no node.
	ort.Check(&broken, []byte(strings.Replace(string(model(t, "add.onnx")), "sum", "sun", 1)))
	if !broken.failed {
		t.Error("the checker took a model with an output that no node makes")
	}
}

func BenchmarkRun(b *testing.B) {
	add := model(b, "add.onnx")
	a := tensor.Of([]float32{1, 2, 3}, 1, 3)
	b.ReportAllocs()
	for b.Loop() {
		ort.Run(b, add, tensor.Map{"a": a, "b": a}, nil)
	}
}
