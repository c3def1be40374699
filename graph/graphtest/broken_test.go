package graphtest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// TestBrokenOpsAreRejected changes one thing of an operator that is right and names the check that has to see it.
func TestBrokenOpsAreRejected(t *testing.T) {
	tests := []struct {
		name, op, file string
		breakIt        func(op *graph.Op)
		want           string
	}{
		{"wrong kernel", "Tanh", "Tanh", func(op *graph.Op) {
			op.Kernel = func(_ *graph.Run, _ *graph.Node, in, out []*tensor.Tensor) error { return tensor.Copy(out[0], in[0]) }
		}, "forward, portable kernels"},
		{"a kernel that relies on zeroed memory", "ReduceSum", "ReduceSum", func(op *graph.Op) {
			op.Kernel = func(_ *graph.Run, _ *graph.Node, in, out []*tensor.Tensor) error {
				if y, ok := out[0].Any().([]float32); ok && len(y) == 1 {
					for _, v := range tensor.MustData[float32](in[0]) {
						y[0] += v
					}
				}
				return nil
			}
		}, "forward, portable kernels"},
		{"a kernel that passes over bad ids", "Gather", "Gather", func(op *graph.Op) {
			right := op.Kernel
			op.Kernel = func(r *graph.Run, n *graph.Node, in, out []*tensor.Tensor) error {
				_ = right(r, n, in, out)
				return nil
			}
		}, "got no error"},
		{"a kernel that panics", "Gather", "Gather", func(op *graph.Op) {
			right := op.Kernel
			op.Kernel = func(r *graph.Run, n *graph.Node, in, out []*tensor.Tensor) error {
				if err := right(r, n, in, out); err != nil {
					panic(err)
				}
				return nil
			}
		}, "panic"},
		{"a kernel that changes its input", "Exp", "Exp", func(op *graph.Op) {
			right := op.Kernel
			op.Kernel = func(r *graph.Run, n *graph.Node, in, out []*tensor.Tensor) error {
				err := right(r, n, in, out)
				clear(tensor.MustData[float32](in[0]))
				return err
			}
		}, "changed input 0"},
		{"wrong gradient", "Sigmoid", "Sigmoid", func(op *graph.Op) {
			op.Grad = func(c *graph.GradContext) { c.Set(0, c.B.Mul(c.Upstream(0), c.Out(0))) }
		}, "gradient"},
		{"gradient of the wrong shape", "Mul", "Mul", func(op *graph.Op) {
			op.Grad = func(c *graph.GradContext) { c.Set(0, c.B.Mul(c.Upstream(0), c.In(1))) }
		}, "gradient"},
		{"no gradient for one input", "Sub", "Sub", func(op *graph.Op) {
			op.Grad = func(c *graph.GradContext) { c.SetBroadcast(0, c.Upstream(0)) }
		}, "gradient of input 1"},
		{"wrong sparse gradient", "Gather", "Gather", func(op *graph.Op) {
			right := op.SparseGrad
			op.SparseGrad = func(c *graph.GradContext) (ids, rows *graph.Value) {
				ids, rows = right(c)
				if rows != nil {
					rows = c.B.Neg(rows)
				}
				return ids, rows
			}
		}, "gradient of input 0"},
		{"wrong shape", "Transpose", "Transpose", func(op *graph.Op) {
			op.Infer = func(c *graph.InferContext) error {
				c.Out(0, c.In[0].DType, c.In[0].Shape)
				return nil
			}
		}, "forward, portable kernels"},
		{"wrong type", "Less", "Less", func(op *graph.Op) {
			right := op.Infer
			op.Infer = func(c *graph.InferContext) error {
				err := right(c)
				if err == nil {
					shape, _ := graph.Broadcast(c.In[0].Shape, c.In[1].Shape)
					c.Out(0, tensor.Float32, shape)
				}
				return err
			}
		}, "forward, portable kernels"},
		{"a shape rule that is wrong about symbols", "Concat", "Concat", func(op *graph.Op) {
			right := op.Infer
			op.Infer = func(c *graph.InferContext) error {
				err := right(c)
				shape := c.In[0].Shape
				if err == nil && !slices.ContainsFunc(shape, graph.Dim.IsFixed) && len(shape) > 0 {
					c.Out(0, c.In[0].DType, shape)
				}
				return err
			}
		}, "symbolic"},
		{"a missing error", "Softmax", "Softmax", func(op *graph.Op) {
			right := op.Infer
			op.Infer = func(c *graph.InferContext) error {
				_ = right(c)
				c.Out(0, c.In[0].DType, c.In[0].Shape)
				return nil
			}
			kernel := op.Kernel
			op.Kernel = func(r *graph.Run, n *graph.Node, in, out []*tensor.Tensor) error {
				_ = kernel(r, n, in, out)
				return nil
			}
		}, "got no error"},
		{"an operator that ONNX knows otherwise", "Abs", "Neg", func(op *graph.Op) {
			neg := graph.Standard()["Neg"]
			op.Infer, op.Kernel, op.Grad = neg.Infer, neg.Kernel, neg.Grad
		}, "ONNX round trip"},
	}
	sets := []*kernel.Set{kernel.Portable()}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := graph.Standard()[test.op]
			test.breakIt(op)
			file, err := graphtest.Read(opFile(test.file))
			if err != nil {
				t.Fatal(err)
			}
			var faults []error
			for i := range file.Cases {
				faults = append(faults, graphtest.Check(op, &file.Cases[i], sets)...)
			}
			if err := errors.Join(faults...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got faults %v, want one with %q", err, test.want)
			}
		})
	}
}

// TestRefereeSeesWrongExpectations: the expected outputs are judged too, by ONNX Runtime.
func TestRefereeSeesWrongExpectations(t *testing.T) {
	file, err := graphtest.Parse("inline", "case wrong\nin float32[2] 1 4\n----\nout float32[2] 1 3\n")
	if err != nil {
		t.Fatal(err)
	}
	if err := graphtest.Referee(t, graph.Standard()["Sqrt"], &file.Cases[0]); err == nil {
		t.Error("got no error, want one: the square root of 4 is not 3")
	}
}
