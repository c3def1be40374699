package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"recsys/engine"
	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/onnx"
	"recsys/tensor"
)

// wide writes a repository of a model whose product is worth several threads, with a parameter for ONNX Runtime.
func wide(t *testing.T, threads string) string {
	t.Helper()
	b := graph.NewBuilder("wide")
	x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(64)})
	b.Output("y", b.Relu(b.MatMul(x, b.Param("w", graph.Dims(64, 64), graph.Uniform(1)))))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.InitParams(1); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "wide", "1"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := onnx.Write(filepath.Join(dir, "wide", "1", "model.onnx"), g, onnx.Meta{}); err != nil {
		t.Fatal(err)
	}
	config := `name: "wide" backend: "onnxruntime" max_batch_size: 4096
input [ { name: "x" data_type: TYPE_FP32 dims: [ 64 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ 64 ] } ]
`
	if threads != "" {
		config += fmt.Sprintf("parameters { key: %q value { string_value: %q } }\n", "intra_op_thread_count", threads)
	}
	if err := os.WriteFile(filepath.Join(dir, "wide", "config.pbtxt"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestThreads: a request alone is computed on as many threads as Options say, on fewer where the model's configuration says 2 or more, and
// has the same bits with any number of them.
func TestThreads(t *testing.T) {
	x := make([]float32, 2000*64)
	for i := range x {
		x[i] = float32(i*i%1013)/1013 - 0.5
	}
	in := tensor.Map{"x": tensor.Of(x, 2000, 64)}
	var want *tensor.Tensor
	pieces := map[int]int64{} // by the number of threads
	for _, test := range []struct {
		threads   int
		parameter string
		want      int
	}{
		{1, "", 1}, // the first three are what the others are compared with
		{2, "", 2},
		{3, "", 3},
		{1, "1", 1},
		{2, "1", 2},
		{3, "1", 3},
		{1, "2", 1},
		{2, "2", 2},
		{3, "2", 2},
		{2, "7", 2},
		{3, "0", 3},
		{3, "3", 3},
	} {
		// One thread computes the product as a whole, several compute pieces of it, more of them the more they are.
		var n atomic.Int64
		kernels := *kernel.Portable()
		gemm := kernels.Gemm
		kernels.Gemm = func(p kernel.Gemm) {
			n.Add(1)
			gemm(p)
		}
		e := open(t, wide(t, test.parameter), engine.Options{Threads: test.threads, Kernels: &kernels})
		out, _, err := e.Infer(t.Context(), "wide", in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if test.parameter == "" {
			pieces[test.want] = n.Load()
		}
		if n.Load() != pieces[test.want] {
			t.Errorf("%d threads, intra_op_thread_count %q: the product has %d pieces, want %d", test.threads, test.parameter, n.Load(), pieces[test.want])
		}
		if want == nil {
			want = out["y"]
		}
		if !out["y"].Equal(want) {
			t.Errorf("%d threads, intra_op_thread_count %q: other bits than one thread gives", test.threads, test.parameter)
		}
	}
	if pieces[1] != 1 || pieces[2] <= 1 || pieces[3] <= pieces[2] {
		t.Errorf("1, 2 and 3 threads compute %v pieces", pieces)
	}
}
