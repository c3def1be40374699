package graph

import (
	"fmt"
	"slices"

	"recsys/tensor"
)

// Transpose returns x with its axes in the order of perm: axis i of the result is axis perm[i] of x (any
// type).
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
			shape := make(Shape, len(c.In[0].Shape))
			for i := range shape {
				shape[i] = c.In[0].Shape[perm[i]]
			}
			c.Out(0, c.In[0].DType, shape)
			return nil
		},
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			perm, err := permutation(n, in[0].Rank())
			if err != nil {
				return err
			}
			return copyWalk(transposeWalk(in[0].Shape(), out[0].Shape(), perm), out[0], in[0])
		},
		Grad: func(c *GradContext) {
			rank := len(c.In(0).shape)
			perm, _ := permutation(c.Node, rank)
			c.Set(0, c.B.Transpose(c.Upstream(0), inverse(perm[:rank])))
		},
	}
}

// inverse returns the permutation that undoes perm.
func inverse[I int | int64](perm []I) []int64 {
	out := make([]int64, len(perm))
	for i, p := range perm {
		out[p] = int64(i)
	}
	return out
}

// permutation reads the node's perm; absent means reversed.
func permutation(n *Node, rank int) (perm [MaxRank]int, err error) {
	attr := n.Attrs.Ints("perm")
	if attr == nil {
		for i := range rank {
			perm[i] = rank - 1 - i
		}
		return perm, nil
	}
	var seen [MaxRank]bool
	for i, p := range attr {
		if len(attr) != rank || p < 0 || int(p) >= rank || seen[p] {
			return perm, fmt.Errorf("attribute perm %v is no permutation of %d axes", attr, rank)
		}
		perm[i], seen[p] = int(p), true
	}
	if len(attr) != rank {
		return perm, fmt.Errorf("attribute perm %v is no permutation of %d axes", attr, rank)
	}
	return perm, nil
}

// transposeWalk walks the transpose, operand 0, in order together with the elements of the original, operand 1.
func transposeWalk(from, to []int, perm [MaxRank]int) walk {
	var source, strides [MaxRank][maxOperands]int
	lay(&source, 1, from, len(from))
	lay(&strides, 0, to, len(to))
	var w walk
	for i, size := range to {
		strides[i][1] = source[perm[i]][1]
		w.axis(size, strides[i])
	}
	return w
}
