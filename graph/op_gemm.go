package graph

import (
	"errors"
	"fmt"
	"slices"

	"recsys/graph/kernel"
	"recsys/tensor"
)

// GemmOptions are the attributes of [Builder.Gemm]. The zero value asks for the plain product plus the bias.
type GemmOptions struct {
	TransA, TransB bool
	Alpha, Beta    *float32 // nil means 1
}

// Gemm returns alpha·x·y + beta·bias, [M,N] float32, for x [M,K] and y [K,N], each transposed first where asked. The
// bias broadcasts to [M,N]; nil, or a beta of 0, leaves it out (ONNX, operator Gemm, version 13).
func (b *Builder) Gemm(x, y, bias *Value, o GemmOptions) *Value {
	attrs := Attrs{"transA": boolAttr(o.TransA), "transB": boolAttr(o.TransB)}
	if o.Alpha != nil {
		attrs["alpha"] = *o.Alpha
	}
	if o.Beta != nil {
		attrs["beta"] = *o.Beta
	}
	if bias == nil {
		return b.op("Gemm", attrs, x, y)
	}
	return b.op("Gemm", attrs, x, y, bias)
}

func opGemm() *Op {
	return &Op{Type: "Gemm", Since: 13, Infer: inferGemm, Kernel: gemmKernel, Grad: gemmGrad}
}

func inferGemm(c *InferContext) error {
	if err := c.Want(2, 3); err != nil {
		return err
	}
	if err := errors.Join(c.WantDType(0, tensor.Float32), c.WantDType(1, tensor.Float32)); err != nil {
		return err
	}
	x, y := c.In[0].Shape, c.In[1].Shape
	if len(x) != 2 || len(y) != 2 {
		return fmt.Errorf("shapes %s and %s: both need two dimensions", x, y)
	}
	m, k, rows, n := x[0], x[1], y[0], y[1]
	if c.Node.Attrs.Int("transA", 0) != 0 {
		m, k = k, m
	}
	if c.Node.Attrs.Int("transB", 0) != 0 {
		rows, n = n, rows
	}
	if !k.Same(rows) {
		return fmt.Errorf("shapes %s and %s: %s columns meet %s rows", x, y, k, rows)
	}
	shape := Shape{m, n}
	if c.Has(2) {
		if err := c.WantDType(2, tensor.Float32); err != nil {
			return err
		}
		full, err := Broadcast(shape, c.In[2].Shape)
		if err != nil {
			return err
		}
		if !slices.Equal(full, shape) {
			return fmt.Errorf("the bias %s does not broadcast to %s", c.In[2].Shape, shape)
		}
	}
	c.Out(0, tensor.Float32, shape)
	return nil
}

func gemmKernel(r *Run, n *Node, in, out []*tensor.Tensor) error {
	y := tensor.MustData[float32](out[0])
	if len(y) == 0 {
		return nil
	}
	g := kernel.Gemm{
		TransA: n.Attrs.Int("transA", 0) != 0, TransB: n.Attrs.Int("transB", 0) != 0,
		M: out[0].Dim(0), N: out[0].Dim(1), K: in[0].Dim(1),
		A: tensor.MustData[float32](in[0]), B: tensor.MustData[float32](in[1]), C: y,
		LDA: in[0].Dim(1), LDB: in[1].Dim(1), LDC: out[0].Dim(1),
	}
	if g.TransA {
		g.K = in[0].Dim(0)
	}
	alpha, beta := n.Attrs.Float("alpha", 1), n.Attrs.Float("beta", 1)
	biased := len(in) > 2 && in[2] != nil && beta != 0
	if biased && alpha == 1 && beta == 1 && in[2].Rank() > 0 && in[2].Len() == g.N && in[2].Dim(-1) == g.N {
		g.Bias, biased = tensor.MustData[float32](in[2]), false
	}
	r.Kernels.Gemm(g)
	if alpha != 1 {
		r.Kernels.Scale(y, alpha, y)
	}
	if !biased {
		return nil
	}
	bias := tensor.MustData[float32](in[2])
	w := broadcastWalk(out[0].Shape(), in[2].Shape())
	for w.next() {
		to, from := w.off[0], w.off[1]
		for range w.n {
			y[to] += float32(beta * bias[from])
			to += w.step[0]
			from += w.step[1]
		}
	}
	return nil
}

// gemmGrad: with P = A·B of the matrices as multiplied, dA = alpha·g·Bᵀ and dB = alpha·Aᵀ·g, transposed back where the
// input was; the bias receives beta·g.
func gemmGrad(c *GradContext) {
	b, x, y, g, a := c.B, c.In(0), c.In(1), c.Upstream(0), c.Node.Attrs
	alpha, beta := a.Float("alpha", 1), a.Float("beta", 1)
	transA, transB := a.Int("transA", 0) != 0, a.Int("transB", 0) != 0
	product := func(x, y *Value, transA, transB bool) *Value {
		return b.Gemm(x, y, nil, GemmOptions{TransA: transA, TransB: transB, Alpha: &alpha})
	}
	if transA {
		c.Set(0, product(y, g, transB, true))
	} else {
		c.Set(0, product(g, y, false, !transB))
	}
	if transB {
		c.Set(1, product(g, x, true, transA))
	} else {
		c.Set(1, product(x, g, !transA, false))
	}
	if len(c.Node.Inputs) > 2 && c.In(2) != nil && beta != 0 {
		c.SetBroadcast(2, b.Mul(g, b.Float32(beta)))
	}
}
