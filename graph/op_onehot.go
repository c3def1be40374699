package graph

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"recsys/tensor"
)

// OneHot returns values [2] = off, on (float32, int64) spread by indices (int64, int32; rank 1 or more): along a new axis
// of depth elements, on at the index and off elsewhere. The axis is the place of the new one; -1 is the last.
// Negative indices count from depth; those outside give off throughout.
func (b *Builder) OneHot(indices *Value, depth int64, values *Value, axis int64) *Value {
	return b.op("OneHot", Attrs{"axis": axis}, indices, b.Int64(depth), values)
}

func opOneHot() *Op {
	return &Op{
		Type: "OneHot", Since: 11,
		Infer: func(c *InferContext) error {
			if err := c.Want(3, 3); err != nil {
				return err
			}
			if err := c.WantDType(0, tensor.Int64, tensor.Int32); err != nil {
				return err
			}
			if err := c.WantDType(2, tensor.Float32, tensor.Int64); err != nil {
				return err
			}
			if v := c.In[2].Shape; len(v) != 1 || !v[0].Is(2) {
				return fmt.Errorf("values are %s; they have to be off and on", v)
			}
			if len(c.In[0].Shape) == 0 {
				return errors.New("indices have rank 0; ONNX wants rank 1 or more")
			}
			depth, err := c.integer(1)
			if err != nil {
				return err
			}
			if depth < 1 || depth > math.MaxInt32 {
				return fmt.Errorf("depth is %d; supported are 1 to %d", depth, math.MaxInt32)
			}
			axis, err := Axis(c.Node.Attrs.Int("axis", -1), len(c.In[0].Shape)+1)
			if err != nil {
				return err
			}
			c.Out(0, c.In[2].DType, slices.Insert(slices.Clone(c.In[0].Shape), axis, Fixed(int(depth))))
			return nil
		},
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			switch ids := in[0].Any().(type) {
			case []int64:
				return oneHotOf(n, ids, in[2], out[0])
			case []int32:
				return oneHotOf(n, ids, in[2], out[0])
			}
			return fmt.Errorf("no kernel for %s", in[0].DType())
		},
		Grad: func(c *GradContext) {
			if c.In(2).kind == FromConst {
				return
			}
			b, g := c.B, c.Upstream(0)
			parts := make([]*Value, 2)
			for i := range parts {
				mask := b.Const("", tensor.Of([]float32{float32(1 - i), float32(i)}, 2))
				part := b.op("OneHot", c.Node.Attrs, c.In(0), c.In(1), mask)
				parts[i] = b.Unsqueeze(b.ReduceSum(b.Mul(g, part), nil, false), []int64{0})
			}
			c.Set(2, b.Concat(0, parts...))
		},
	}
}

func oneHotOf[I int64 | int32](n *Node, ids []I, values, out *tensor.Tensor) error {
	switch v := values.Any().(type) {
	case []float32:
		return oneHot(n, ids, v, out)
	case []int64:
		return oneHot(n, ids, v, out)
	}
	return fmt.Errorf("no kernel for values of %s", values.DType())
}

func oneHot[I int64 | int32, T tensor.Element](n *Node, ids []I, values []T, out *tensor.Tensor) error {
	axis, err := Axis(n.Attrs.Int("axis", -1), out.Rank())
	if err != nil {
		return err
	}
	y := tensor.MustData[T](out)
	fill(y, values[0])
	_, depth, inner := around(out.Shape(), axis)
	for i, v := range ids {
		id := int64(v)
		if id < 0 {
			id += int64(depth)
		}
		if id >= 0 && id < int64(depth) {
			y[(i/inner*depth+int(id))*inner+i%inner] = values[1]
		}
	}
	return nil
}
