package graphtest_test

import (
	"fmt"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// Check returns what is wrong with an operator: here one that doubles, said to be the square.
func ExampleCheck() {
	file, err := graphtest.Parse("square.txt", "case three\nin float32[2] 2 3\n----\nout float32[2] 4 9\n")
	if err != nil {
		fmt.Println(err)
		return
	}
	square := &graph.Op{
		Type: "Square", Domain: "example",
		Infer: func(c *graph.InferContext) error {
			c.Out(0, c.In[0].DType, c.In[0].Shape)
			return nil
		},
		Kernel: func(r *graph.Run, _ *graph.Node, in, out []*tensor.Tensor) error {
			x := tensor.MustData[float32](in[0])
			r.Kernels.Add(tensor.MustData[float32](out[0]), x, x)
			return nil
		},
	}
	for _, err := range graphtest.Check(square, &file.Cases[0], []*kernel.Set{kernel.Portable()})[:1] {
		fmt.Println(err)
	}
	// Output: forward, portable kernels: output 0: element 1: got 6, want 9 (tolerance 1e-06)
}
