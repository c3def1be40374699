package graph

import (
	"errors"
	"fmt"

	"recsys/tensor"
)

// LayerNormalization brings x to mean 0 and variance 1 over the axes from axis on, and returns it times scale plus bias
// (float32; Ba, Kiros and Hinton 2016, equation 4). Scale and bias have the shape of those axes; bias may be nil. The
// variance is that of the values (divided by their number), epsilon is added to it.
func (b *Builder) LayerNormalization(x, scale, bias *Value, axis int64, epsilon float32) *Value {
	attrs := Attrs{"axis": axis, "epsilon": epsilon}
	if bias == nil {
		return b.op("LayerNormalization", attrs, x, scale)
	}
	return b.op("LayerNormalization", attrs, x, scale, bias)
}

func opLayerNormalization() *Op {
	return &Op{
		Type: "LayerNormalization", Since: 17, Infer: inferLayerNormalization, Kernel: layerNormalizationKernel,
		Rows: alongRows(&RowRule{Kind: RowWise, Compute: layerNormalizationRows}, axisAttr),
		Grad: layerNormalizationGrad,
	}
}

func inferLayerNormalization(c *InferContext) error {
	if err := c.Want(2, 3); err != nil {
		return err
	}
	if err := errors.Join(c.WantDType(0, tensor.Float32), c.WantDType(1, tensor.Float32)); err != nil {
		return err
	}
	x := c.In[0].Shape
	axis, err := Axis(c.Node.Attrs.Int("axis", -1), len(x))
	if err != nil {
		return err
	}
	for i, name := range []string{"scale", "bias"} {
		if !c.Has(i + 1) {
			continue
		}
		if err := c.WantDType(i+1, tensor.Float32); err != nil {
			return err
		}
		if got := c.In[i+1].Shape; !got.Same(x[axis:]) {
			return fmt.Errorf("the %s is %s, x %s wants %s from axis %d on", name, got, x, x[axis:], axis)
		}
	}
	c.Out(0, tensor.Float32, x)
	return nil
}

func layerNormalizationKernel(r *Run, n *Node, in, out []*tensor.Tensor) error {
	var x [3][]float32
	for i, t := range in {
		if t != nil {
			x[i] = tensor.MustData[float32](t)
		}
	}
	layerNormalizationRows(r, n, tensor.MustData[float32](out[0]), x[:len(in)], len(x[1]))
	return nil
}

func layerNormalizationRows(r *Run, n *Node, y []float32, x [][]float32, width int) {
	var bias []float32
	if len(x) > 2 {
		bias = x[2]
	}
	epsilon := float64(n.Attrs.Float("epsilon", 1e-5))
	for at := 0; at < len(y); at += width {
		r.Kernels.Normalize(y[at:at+width], x[0][at:at+width], x[1], bias, epsilon)
	}
}

// layerNormalizationGrad follows from y = z·scale + bias with z = d·s, d = x - mean and s = (mean(d²)+epsilon)^-½:
//
//	dx = s·(u - mean(u) - z·mean(u·z)),  u = dy·scale
func layerNormalizationGrad(c *GradContext) {
	b, x, scale, g := c.B, c.In(0), c.In(1), c.Upstream(0)
	first, err := Axis(c.Node.Attrs.Int("axis", -1), len(x.shape))
	if err != nil {
		b.Fail(err)
		return
	}
	var axes []int64
	for i := first; i < len(x.shape); i++ {
		axes = append(axes, int64(i))
	}
	d := b.Sub(x, b.ReduceMean(x, axes, true))
	variance := b.ReduceMean(b.Mul(d, d), axes, true)
	s := b.Div(b.Float32(1), b.Sqrt(b.Add(variance, b.Float32(c.Node.Attrs.Float("epsilon", 1e-5)))))
	z := b.Mul(d, s)
	u := b.Mul(g, scale)
	along := b.Mul(z, b.ReduceMean(b.Mul(u, z), axes, true))
	c.Set(0, b.Mul(s, b.Sub(b.Sub(u, b.ReduceMean(u, axes, true)), along)))
	c.SetBroadcast(1, b.Mul(g, z))
	if len(c.Node.Inputs) > 2 && c.Node.Inputs[2] != nil {
		c.SetBroadcast(2, g)
	}
}
