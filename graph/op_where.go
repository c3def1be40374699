package graph

import (
	"fmt"
	"math"

	"recsys/tensor"
)

// Where returns x where the bool condition holds, else y, all three broadcast (any type).
func (b *Builder) Where(condition, x, y *Value) *Value { return b.op("Where", nil, condition, x, y) }

func opWhere() *Op {
	return &Op{
		Type: "Where", Since: 16,
		Infer: func(c *InferContext) error {
			if err := c.Want(3, 3); err != nil {
				return err
			}
			if err := c.WantDType(0, tensor.Bool); err != nil {
				return err
			}
			if c.In[1].DType != c.In[2].DType {
				return fmt.Errorf("choices are %s and %s; cast one", c.In[1].DType, c.In[2].DType)
			}
			shape, err := Broadcast(c.In[1].Shape, c.In[2].Shape)
			if err != nil {
				return err
			}
			if shape, err = Broadcast(c.In[0].Shape, shape); err != nil {
				return err
			}
			c.Out(0, c.In[1].DType, shape)
			return nil
		},
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			if in[1].DType() == tensor.Float32 {
				whereFloat32(in, out)
				return nil
			}
			m, err := moverOf(in[1].DType())
			if err != nil {
				return err
			}
			m.where(in, out[0])
			return nil
		},
		Grad: func(c *GradContext) {
			b, g, zero := c.B, c.Upstream(0), c.B.Float32(0)
			c.SetBroadcast(1, b.Where(c.In(0), g, zero))
			c.SetBroadcast(2, b.Where(c.In(0), zero, g))
		},
	}
}

func where[T tensor.Element](in []*tensor.Tensor, out *tensor.Tensor) {
	condition, z := tensor.MustData[bool](in[0]), tensor.MustData[T](out)
	x, y := tensor.MustData[T](in[1]), tensor.MustData[T](in[2])
	w := broadcastWalk(out.Shape(), in[0].Shape(), in[1].Shape(), in[2].Shape())
	for w.next() {
		at, i, j, k := w.off[0], w.off[1], w.off[2], w.off[3]
		for range w.n {
			if condition[i] {
				z[at] = x[j]
			} else {
				z[at] = y[k]
			}
			at++
			i += w.step[1]
			j += w.step[2]
			k += w.step[3]
		}
	}
}

// whereFloat32 chooses between bit patterns, which the compiler does without a branch: a branch on a mask is
// mispredicted every other time.
func whereFloat32(in, out []*tensor.Tensor) {
	condition, z := tensor.MustData[bool](in[0]), tensor.MustData[float32](out[0])
	x, y := tensor.MustData[float32](in[1]), tensor.MustData[float32](in[2])
	w := broadcastWalk(out[0].Shape(), in[0].Shape(), in[1].Shape(), in[2].Shape())
	for w.next() {
		row, i, j, k := z[w.off[0]:w.off[0]+w.n], w.off[1], w.off[2], w.off[3]
		for at := range row {
			v, other := math.Float32bits(y[k]), math.Float32bits(x[j])
			if condition[i] {
				v = other
			}
			row[at] = math.Float32frombits(v)
			i += w.step[1]
			j += w.step[2]
			k += w.step[3]
		}
	}
}

// reluGrad returns g where y > 0, else 0: the gradient of Relu, whose output is y.
func (b *Builder) reluGrad(g, y *Value) *Value {
	return b.Where(b.Greater(y, b.Float32(0)), g, b.Float32(0))
}
