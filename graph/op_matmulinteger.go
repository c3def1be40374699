package graph

import (
	"fmt"

	"recsys/tensor"
)

// MatMulInteger returns the matrix product of x-xZero [...,M,K] and y-yZero [...,K,N]: [...,M,N] int32, which wraps
// around. Both are uint8 or int8, each on its own; leading axes broadcast. XZero is one number; yZero is one, or one
// for each column, [N]. They have the types of x and y; nil is 0.
func (b *Builder) MatMulInteger(x, y, xZero, yZero *Value) *Value {
	inputs := []*Value{x, y, xZero, yZero}
	for len(inputs) > 2 && inputs[len(inputs)-1] == nil {
		inputs = inputs[:len(inputs)-1]
	}
	return b.op("MatMulInteger", nil, inputs...)
}

func opMatMulInteger() *Op {
	return &Op{
		Type: "MatMulInteger", Since: 10,
		Infer: func(c *InferContext) error {
			if err := c.Want(2, 4); err != nil {
				return err
			}
			for i := range c.In {
				if !c.Has(i) {
					continue
				}
				if err := c.WantDType(i, tensor.Uint8, tensor.Int8); err != nil {
					return err
				}
				if c.In[i].DType != c.In[i%2].DType {
					return fmt.Errorf("input %d is %s and its zero point %s", i%2, c.In[i%2].DType, c.In[i].DType)
				}
			}
			shape, err := productShape(c.In[0].Shape, c.In[1].Shape)
			if err != nil {
				return err
			}
			one := func(s Shape) bool { return len(s) == 0 || len(s) == 1 && s[0].Same(Fixed(1)) }
			if c.Has(2) && !one(c.In[2].Shape) {
				return fmt.Errorf("the zero point of x is %s, want one number", c.In[2].Shape)
			}
			if n := shape[len(shape)-1]; c.Has(3) && !one(c.In[3].Shape) && !c.In[3].Shape.Same(Shape{n}) {
				return fmt.Errorf("the zero point of y is %s, want one number or [%s]", c.In[3].Shape, n)
			}
			c.Out(0, tensor.Int32, shape)
			return nil
		},
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			x, signedX := in[0].Any().([]int8)
			y, signedY := in[1].Any().([]int8)
			switch {
			case signedX && signedY:
				matMulInteger(x, y, in, out[0])
			case signedX:
				matMulInteger(x, tensor.MustData[uint8](in[1]), in, out[0])
			case signedY:
				matMulInteger(tensor.MustData[uint8](in[0]), y, in, out[0])
			default:
				matMulInteger(tensor.MustData[uint8](in[0]), tensor.MustData[uint8](in[1]), in, out[0])
			}
			return nil
		},
	}
}

func matMulInteger[X, Y int8 | uint8](x []X, y []Y, in []*tensor.Tensor, out *tensor.Tensor) {
	z := tensor.MustData[int32](out)
	m, k, n := out.Dim(-2), in[0].Dim(-1), out.Dim(-1)
	if len(z) == 0 {
		return
	}
	xZero := int32(0)
	if zero := zeroPoint[X](in); zero != nil {
		xZero = int32(zero[0])
	}
	var yZero []Y
	if len(in) > 3 && in[3] != nil {
		yZero = tensor.MustData[Y](in[3])
	}
	lead := out.Shape()[:out.Rank()-2]
	for i := range len(z) / (m * n) {
		xi, yi := matrixAt(lead, in[0].Shape(), i), matrixAt(lead, in[1].Shape(), i)
		for r := range m {
			row := z[(i*m+r)*n:][:n]
			clear(row)
			for j, a := range x[(xi*m+r)*k:][:k] {
				addInteger(row, int32(a)-xZero, y[(yi*k+j)*n:][:n], yZero)
			}
		}
	}
}

// addInteger adds a·(y-zero) to z; zero has no element, one, or one for each of y.
func addInteger[Y int8 | uint8](z []int32, a int32, y, zero []Y) {
	switch len(zero) {
	case len(y):
		for i, v := range y {
			z[i] += a * (int32(v) - int32(zero[i]))
		}
	case 0:
		for i, v := range y {
			z[i] += a * int32(v)
		}
	default:
		for i, v := range y {
			z[i] += a * (int32(v) - int32(zero[0]))
		}
	}
}
