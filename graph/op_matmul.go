package graph

import (
	"errors"
	"fmt"

	"recsys/graph/kernel"
	"recsys/tensor"
)

// MatMul returns the matrix product of x [...,M,K] and y [...,K,N]: [...,M,N] float32. Leading axes broadcast.
func (b *Builder) MatMul(x, y *Value) *Value { return b.op("MatMul", nil, x, y) }

func opMatMul() *Op {
	return &Op{
		Type: "MatMul", Since: 13,
		Infer: func(c *InferContext) error {
			if err := errors.Join(c.Want(2, 2)); err != nil {
				return err
			}
			if err := errors.Join(c.WantDType(0, tensor.Float32), c.WantDType(1, tensor.Float32)); err != nil {
				return err
			}
			x, y := c.In[0].Shape, c.In[1].Shape
			if len(x) < 2 || len(y) < 2 {
				return fmt.Errorf("shapes %s and %s: both need two dimensions or more", x, y)
			}
			if !x[len(x)-1].Same(y[len(y)-2]) {
				return fmt.Errorf("shapes %s and %s: %s columns meet %s rows", x, y, x[len(x)-1], y[len(y)-2])
			}
			lead, err := Broadcast(x[:len(x)-2], y[:len(y)-2])
			if err != nil {
				return err
			}
			c.Out(0, tensor.Float32, append(lead, x[len(x)-2], y[len(y)-1]))
			return nil
		},
		Kernel: func(r *Run, _ *Node, in, out []*tensor.Tensor) error {
			MatMulKernel(r, false, false, in, out)
			return nil
		},
		Grad: matMulGrad,
	}
}

// MatMulKernel computes MatMul of in[0] and in[1] with the last two axes of either exchanged where asked: graph/exec
// folds a Transpose into the product.
func MatMulKernel(r *Run, transA, transB bool, in, out []*tensor.Tensor) {
	x, y, z := tensor.MustData[float32](in[0]), tensor.MustData[float32](in[1]), tensor.MustData[float32](out[0])
	m, n := out[0].Dim(-2), out[0].Dim(-1)
	k := in[0].Dim(-1)
	if transA {
		k = in[0].Dim(-2)
	}
	if len(z) == 0 {
		return
	}
	g := kernel.Gemm{
		TransA: transA, TransB: transB, M: m, N: n, K: k,
		LDA: in[0].Dim(-1), LDB: in[1].Dim(-1), LDC: n,
	}
	if in[1].Len() == in[1].Dim(-1)*in[1].Dim(-2) && !transA {
		// One right-hand side for all: the left-hand rows form a single matrix.
		g.M = len(z) / n
		g.A, g.B, g.C = x, y, z
		r.Kernels.Gemm(g)
		return
	}
	// Leading axes broadcast; the two of a matrix count as one of one element, so that offsets count matrices.
	var w walk
	var strides [MaxRank][maxOperands]int
	lead := out[0].Rank() - 2
	for o, t := range [...]*tensor.Tensor{out[0], in[0], in[1]} {
		lay(&strides, o, t.Shape()[:t.Rank()-2], lead)
	}
	for i, size := range out[0].Shape()[:lead] {
		w.axis(size, strides[i])
	}
	for w.next() {
		for i := range w.n {
			zi, xi, yi := w.off[0]+i*w.step[0], w.off[1]+i*w.step[1], w.off[2]+i*w.step[2]
			g.A, g.B, g.C = x[xi*m*k:(xi+1)*m*k], y[yi*k*n:(yi+1)*k*n], z[zi*m*n:(zi+1)*m*n]
			r.Kernels.Gemm(g)
		}
	}
}

func matMulGrad(c *GradContext) {
	b, x, y, g := c.B, c.In(0), c.In(1), c.Upstream(0)
	if len(y.shape) == 2 && len(x.shape) > 2 {
		c.Set(0, b.MatMul(g, b.swap(y)))
		k, n := y.shape[0], y.shape[1]
		if k.IsFixed() && n.IsFixed() {
			rows := b.Reshape(x, b.Int64s(-1, int64(k.Size)))
			upstream := b.Reshape(g, b.Int64s(-1, int64(n.Size)))
			c.Set(1, b.matMulRows(rows, upstream))
			return
		}
	}
	c.SetBroadcast(0, b.MatMul(g, b.swap(y)))
	c.SetBroadcast(1, b.MatMul(b.swap(x), g))
}

// matMulRows returns xᵀ·g for x [n,K] and g [n,N], whose n may carry different names for one size.
func (b *Builder) matMulRows(x, g *Value) *Value { return b.MatMul(b.swap(x), g) }

// swap exchanges the last two axes.
func (b *Builder) swap(x *Value) *Value {
	perm := make([]int64, len(x.shape))
	for i := range perm {
		perm[i] = int64(i)
	}
	n := len(perm)
	if n >= 2 {
		perm[n-1], perm[n-2] = perm[n-2], perm[n-1]
	}
	return b.Transpose(x, perm)
}
