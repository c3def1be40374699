package onnx_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/onnx"
	"recsys/tensor"
	"recsys/test/ort"
)

// TestAgainstONNXRuntime asks ONNX's checker and compares what ONNX Runtime makes of the file with what our engine makes of the
// graph that is read back.
func TestAgainstONNXRuntime(t *testing.T) {
	data := marshal(t, tower(t))
	in := tensor.Map{
		"ids": tensor.Of([]int64{0, 4, 2, 2, 3, 1}, 3, 2), "dense": tensor.Of([]float32{1, -2, 0}, 3, 1),
	}
	g, err := onnx.Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := exec.Compile(g, exec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := plan.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	ort.Check(t, data)
	want := ort.Run(t, data, in, []string{"query", "concat"})
	for name, w := range want {
		x, y := tensor.MustData[float32](w), tensor.MustData[float32](got[name])
		// Sums of 7 products of size 1: errors are a few units in the last place.
		if diff := cmp.Diff(x, y, cmpopts.EquateApprox(0, 1e-6)); diff != "" {
			t.Errorf("%s (-ONNX Runtime +exec):\n%s", name, diff)
		}
	}
}

func Example() {
	b := graph.NewBuilder("rank")
	x := b.Input("user", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(2)})
	b.Output("score", b.Sigmoid(b.MatMul(x, b.Const("weight", tensor.Of([]float32{1, -1}, 2, 1)))))
	g, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := onnx.Marshal(g, onnx.Meta{})
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := onnx.Unmarshal(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := onnx.Dump(again)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(text)
	// Output:
	// graph rank
	// input user float32[B,2]
	// const weight float32[2,1] = [1 -1]
	// matmul = MatMul(user, weight) float32[B,1]
	// score = Sigmoid(matmul) float32[B,1]
	// output score float32[B,1]
}
