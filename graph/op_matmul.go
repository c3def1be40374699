package graph

import (
	"errors"
	"fmt"

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
			shape, err := productShape(c.In[0].Shape, c.In[1].Shape)
			if err != nil {
				return err
			}
			c.Out(0, tensor.Float32, shape)
			return nil
		},
		Kernel: func(r *Run, _ *Node, in, out []*tensor.Tensor) error {
			p := Product{}
			n, _ := p.Units(in, out)
			p.Run(r, in, out, 0, n)
			return nil
		},
		Grad: matMulGrad,
	}
}

// productShape is the shape rule of matrix products.
func productShape(x, y Shape) (Shape, error) {
	if len(x) < 2 || len(y) < 2 {
		return nil, fmt.Errorf("shapes %s and %s: both need two dimensions or more", x, y)
	}
	if !x[len(x)-1].Same(y[len(y)-2]) {
		return nil, fmt.Errorf("shapes %s and %s: %s columns meet %s rows", x, y, x[len(x)-1], y[len(y)-2])
	}
	lead, err := Broadcast(x[:len(x)-2], y[:len(y)-2])
	if err != nil {
		return nil, err
	}
	return append(lead, x[len(x)-2], y[len(y)-1]), nil
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
