package graph

import (
	"errors"
	"fmt"
	"math"

	"recsys/tensor"
)

// QuantizeLinear returns x/scale rounded to the nearest integer, the even one of two, plus zero, within the range of
// the type of zero: uint8 or int8, uint8 for nil, which is 0 (Jacob et al. 2018, equation 12). Scale is one float32 for
// all, or one for each place along axis, [n]; zero has its shape. NaN becomes the least value. It has no gradient.
func (b *Builder) QuantizeLinear(x, scale, zero *Value, axis int64) *Value {
	if zero == nil {
		return b.op("QuantizeLinear", Attrs{"axis": axis}, x, scale)
	}
	return b.op("QuantizeLinear", Attrs{"axis": axis}, x, scale, zero)
}

func opQuantizeLinear() *Op {
	return &Op{
		Type: "QuantizeLinear", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(2, 3); err != nil {
				return err
			}
			if err := errors.Join(c.WantDType(0, tensor.Float32), inferScale(c)); err != nil {
				return err
			}
			to := tensor.Uint8
			if c.Has(2) {
				if err := c.WantDType(2, tensor.Uint8, tensor.Int8); err != nil {
					return err
				}
				to = c.In[2].DType
			}
			c.Out(0, to, c.In[0].Shape)
			return nil
		},
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			switch y := out[0].Any().(type) {
			case []int8:
				return quantizeAll(n, y, in, math.MinInt8, math.MaxInt8)
			case []uint8:
				return quantizeAll(n, y, in, 0, math.MaxUint8)
			}
			return fmt.Errorf("no kernel for %s", out[0].DType())
		},
	}
}

func quantizeAll[T int8 | uint8](n *Node, y []T, in []*tensor.Tensor, least, most int32) error {
	x, scale, zero := tensor.MustData[float32](in[0]), tensor.MustData[float32](in[1]), zeroPoint[T](in)
	p, err := placesOf(n, in[0], in[1])
	if err != nil {
		return err
	}
	for p.next() {
		z := T(0)
		if zero != nil {
			z = zero[p.i]
		}
		quantize(y[p.from:p.to], x[p.from:p.to], scale[p.i], z, least, most)
	}
	return nil
}

// quantize computes one run of QuantizeLinear to the type whose range is [least,most].
func quantize[T int8 | uint8](y []T, x []float32, scale float32, zero T, least, most int32) {
	z := int32(zero)
	low, high := float32(least-z), float32(most-z)
	for i, v := range x {
		switch v /= scale; {
		case !(v > low): // NaN, too
			y[i] = T(least)
		case v >= high:
			y[i] = T(most)
		default:
			y[i] = T(int32(math.RoundToEven(float64(v))) + z)
		}
	}
}

// inferScale checks the shapes of input 1, the scale, and of input 2, the zero point, against input 0.
func inferScale(c *InferContext) error {
	if err := c.WantDType(1, tensor.Float32); err != nil {
		return err
	}
	x, scale := c.In[0].Shape, c.In[1].Shape
	if c.Has(2) && !c.In[2].Shape.Same(scale) {
		return fmt.Errorf("the zero point is %s, the scale %s", c.In[2].Shape, scale)
	}
	if len(scale) == 0 || len(scale) == 1 && scale[0].Same(Fixed(1)) {
		return nil
	}
	axis, err := Axis(c.Node.Attrs.Int("axis", 1), len(x))
	if err != nil {
		return err
	}
	if len(scale) != 1 || !scale[0].Same(x[axis]) {
		return fmt.Errorf("the scale is %s; axis %d of %s wants one number, or [%s]", scale, axis, x, x[axis])
	}
	return nil
}

// zeroPoint returns input 2, nil when it is absent.
func zeroPoint[T tensor.Element](in []*tensor.Tensor) []T {
	if len(in) < 3 || in[2] == nil {
		return nil
	}
	return tensor.MustData[T](in[2])
}

// places goes through the runs of elements [from,to) that share scale i.
type places struct {
	from, to, i    int
	inner, n, left int
}

func placesOf(node *Node, x, scale *tensor.Tensor) (places, error) {
	if scale.Len() == 1 {
		return places{inner: x.Len(), n: 1, left: x.Len(), i: -1}, nil
	}
	axis, err := Axis(node.Attrs.Int("axis", 1), x.Rank())
	if err != nil {
		return places{}, err
	}
	inner := 1
	for _, d := range x.Shape()[axis+1:] {
		inner *= d
	}
	return places{inner: inner, n: scale.Len(), left: x.Len(), i: -1}, nil
}

func (p *places) next() bool {
	if p.left == 0 {
		return false
	}
	p.from, p.to, p.left = p.to, p.to+p.inner, p.left-p.inner
	if p.i++; p.i == p.n {
		p.i = 0
	}
	return true
}
