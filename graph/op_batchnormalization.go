package graph

import (
	"errors"
	"fmt"
	"math"

	"recsys/tensor"
)

// BatchNormalization returns (x-mean)/sqrt(variance+epsilon)·scale + bias for x [B,C,…] and scale, bias, mean and
// variance [C], all float32: ONNX's operator in its form for inference (Ioffe and Szegedy 2015, algorithm 2, step 11).
func (b *Builder) BatchNormalization(x, scale, bias, mean, variance *Value, epsilon float32) *Value {
	return b.op("BatchNormalization", Attrs{"epsilon": epsilon}, x, scale, bias, mean, variance)
}

func opBatchNormalization() *Op {
	return &Op{
		Type: "BatchNormalization", Since: 15,
		Infer: inferBatchNormalization, Kernel: batchNormalizationKernel, Grad: batchNormalizationGrad,
	}
}

func inferBatchNormalization(c *InferContext) error {
	if err := c.Want(5, 5); err != nil {
		return err
	}
	if c.Node.Attrs.Int("training_mode", 0) != 0 {
		return errors.New("attribute training_mode is 1; supported is 0: export the model for inference")
	}
	x := c.In[0].Shape
	if len(x) < 2 {
		return fmt.Errorf("x is %s; it needs two dimensions or more", x)
	}
	for i := range c.In {
		if err := c.WantDType(i, tensor.Float32); err != nil {
			return err
		}
		if s := c.In[i].Shape; i > 0 && !s.Same(x[1:2]) {
			return fmt.Errorf("input %d is %s; x %s wants %s", i, s, x, x[1:2])
		}
	}
	c.Out(0, tensor.Float32, x)
	return nil
}

func batchNormalizationKernel(_ *Run, n *Node, in, out []*tensor.Tensor) error {
	x, y := tensor.MustData[float32](in[0]), tensor.MustData[float32](out[0])
	scale, bias := tensor.MustData[float32](in[1]), tensor.MustData[float32](in[2])
	mean, variance := tensor.MustData[float32](in[3]), tensor.MustData[float32](in[4])
	epsilon := n.Attrs.Float("epsilon", 1e-5)
	_, channels, inner := around(in[0].Shape(), 1)
	for at := 0; at < len(x); at += inner {
		c := at / inner % channels
		factor := scale[c] / float32(math.Sqrt(float64(variance[c]+epsilon)))
		row := y[at : at+inner]
		for i, v := range x[at : at+inner] {
			row[i] = float32((v-mean[c])*factor) + bias[c]
		}
	}
	return nil
}

// batchNormalizationGrad follows from y = z·scale + bias with z = (x-mean)·s and s = (variance+epsilon)^-½, per channel:
//
//	dx = g·scale·s,  dscale = Σ g·z,  dbias = Σ g,  dmean = -scale·s·Σ g,  dvariance = -½·scale·s²·Σ g·z
func batchNormalizationGrad(c *GradContext) {
	b, x, g := c.B, c.In(0), c.Upstream(0)
	rank := len(x.shape)
	var spread, others []int64 // the axes around the channels'
	for i := range int64(rank) {
		if i != 1 {
			others = append(others, i)
		}
		if i > 1 {
			spread = append(spread, i-1)
		}
	}
	along := func(v *Value) *Value {
		if len(spread) == 0 {
			return v
		}
		return b.Unsqueeze(v, spread)
	}
	variance := b.Add(c.In(4), b.Float32(c.Node.Attrs.Float("epsilon", 1e-5)))
	s := b.Div(b.Float32(1), b.Sqrt(variance))
	factor := b.Mul(c.In(1), s)
	z := b.Mul(b.Sub(x, along(c.In(3))), along(s))
	total := b.ReduceSum(g, others, false)
	dot := b.ReduceSum(b.Mul(g, z), others, false)
	c.Set(0, b.Mul(g, along(factor)))
	c.Set(1, dot)
	c.Set(2, total)
	c.Set(3, b.Neg(b.Mul(factor, total)))
	c.Set(4, b.Mul(b.Mul(b.Mul(factor, s), b.Float32(-0.5)), dot))
}
