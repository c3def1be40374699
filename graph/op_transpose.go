package graph

import (
	"fmt"
	"slices"

	"recsys/tensor"
)

// Transpose returns x with its axes in the order of perm: axis i of the result is axis perm[i] of x (float32, int64,
// bool, uint8, string).
func (b *Builder) Transpose(x *Value, perm []int64) *Value {
	return b.op("Transpose", Attrs{"perm": slices.Clone(perm)}, x)
}

func opTranspose() *Op {
	return &Op{
		Type: "Transpose", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(1, 1); err != nil {
				return err
			}
			perm, err := permutation(c.Node, len(c.In[0].Shape))
			if err != nil {
				return err
			}
			shape := make(Shape, len(perm))
			for i, p := range perm {
				shape[i] = c.In[0].Shape[p]
			}
			c.Out(0, c.In[0].DType, shape)
			return nil
		},
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			perm, err := permutation(n, in[0].Rank())
			if err != nil {
				return err
			}
			switch x := in[0].Any().(type) {
			case []float32:
				transpose(tensor.MustData[float32](out[0]), x, in[0].Shape(), perm)
			case []int64:
				transpose(tensor.MustData[int64](out[0]), x, in[0].Shape(), perm)
			case []bool:
				transpose(tensor.MustData[bool](out[0]), x, in[0].Shape(), perm)
			case []uint8:
				transpose(tensor.MustData[uint8](out[0]), x, in[0].Shape(), perm)
			case []string:
				transpose(tensor.MustData[string](out[0]), x, in[0].Shape(), perm)
			default:
				return fmt.Errorf("no kernel for %s", in[0].DType())
			}
			return nil
		},
		Grad: func(c *GradContext) {
			perm, _ := permutation(c.Node, len(c.In(0).shape))
			inverse := make([]int64, len(perm))
			for i, p := range perm {
				inverse[p] = int64(i)
			}
			c.Set(0, c.B.Transpose(c.Upstream(0), inverse))
		},
	}
}

// permutation reads the node's perm; absent means reversed.
func permutation(n *Node, rank int) ([]int, error) {
	perm := make([]int, rank)
	attr := n.Attrs.Ints("perm")
	if attr == nil {
		for i := range perm {
			perm[i] = rank - 1 - i
		}
		return perm, nil
	}
	seen := make([]bool, rank)
	for i, p := range attr {
		if len(attr) != rank || p < 0 || int(p) >= rank || seen[p] {
			return nil, fmt.Errorf("attribute perm %v is no permutation of %d axes", attr, rank)
		}
		perm[i], seen[p] = int(p), true
	}
	return perm, nil
}

func transpose[T any](y, x []T, shape, perm []int) {
	if len(y) == 0 {
		return
	}
	rank := len(shape)
	strides := make([]int, rank)
	for i, s := rank-1, 1; i >= 0; i-- {
		strides[i] = s
		s *= shape[i]
	}
	// index walks the result in order; from follows in x.
	index, from := make([]int, rank), 0
	for at := range y {
		y[at] = x[from]
		for i := rank - 1; i >= 0; i-- {
			index[i]++
			from += strides[perm[i]]
			if index[i] < shape[perm[i]] {
				break
			}
			from -= strides[perm[i]] * shape[perm[i]]
			index[i] = 0
		}
	}
}
