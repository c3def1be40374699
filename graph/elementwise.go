package graph

import (
	"fmt"

	"recsys/tensor"
)

// inferSame is the rule of operators with one input and an output of the same type. No dtypes means any.
func inferSame(dtypes ...tensor.DType) func(*InferContext) error {
	return func(c *InferContext) error {
		if err := c.Want(1, 1); err != nil {
			return err
		}
		if len(dtypes) > 0 {
			if err := c.WantDType(0, dtypes...); err != nil {
				return err
			}
		}
		c.Out(0, c.In[0].DType, c.In[0].Shape)
		return nil
	}
}

// inferTest is the rule of operators with one input of the given types and a bool output of its shape.
func inferTest(dtypes ...tensor.DType) func(*InferContext) error {
	return func(c *InferContext) error {
		if err := inferSame(dtypes...)(c); err != nil {
			return err
		}
		c.Out(0, tensor.Bool, c.In[0].Shape)
		return nil
	}
}

// inferBroadcast is the rule of operators on two broadcast inputs of one type, whose output has that type.
func inferBroadcast(dtypes ...tensor.DType) func(*InferContext) error {
	return func(c *InferContext) error {
		shape, err := broadcastInputs(c, dtypes)
		if err != nil {
			return err
		}
		c.Out(0, c.In[0].DType, shape)
		return nil
	}
}

// inferCompare is inferBroadcast with a bool output.
func inferCompare(dtypes ...tensor.DType) func(*InferContext) error {
	return func(c *InferContext) error {
		shape, err := broadcastInputs(c, dtypes)
		if err != nil {
			return err
		}
		c.Out(0, tensor.Bool, shape)
		return nil
	}
}

func broadcastInputs(c *InferContext, dtypes []tensor.DType) (Shape, error) {
	if err := c.Want(2, 2); err != nil {
		return nil, err
	}
	if err := c.WantDType(0, dtypes...); err != nil {
		return nil, err
	}
	if c.In[0].DType != c.In[1].DType {
		return nil, fmt.Errorf("inputs are %s and %s; cast one", c.In[0].DType, c.In[1].DType)
	}
	return Broadcast(c.In[0].Shape, c.In[1].Shape)
}

// unaryFloat32 is the kernel of operators that f computes on whole slices, y from x.
func unaryFloat32(f func(r *Run, y, x []float32)) func(*Run, *Node, []*tensor.Tensor, []*tensor.Tensor) error {
	return func(r *Run, _ *Node, in, out []*tensor.Tensor) error {
		f(r, tensor.MustData[float32](out[0]), tensor.MustData[float32](in[0]))
		return nil
	}
}

// chunk is how many repetitions of one element are laid out at a time: they and as many elements of the other operand
// and of the result fit in a first-level cache of 32 KiB.
const chunk = 1024

// binaryFloat32 runs a broadcast operator row by row through the vector kernel rows, which may get one slice as
// source and destination. An input that is repeated along a row is laid out in scratch.
func binaryFloat32(r *Run, rows func(z, x, y []float32), in, out []*tensor.Tensor) {
	x, y, z := tensor.MustData[float32](in[0]), tensor.MustData[float32](in[1]), tensor.MustData[float32](out[0])
	w := broadcastWalk(out[0].Shape(), in[0].Shape(), in[1].Shape())
	for w.next() {
		row, i, j := z[w.off[0]:w.off[0]+w.n], w.off[1], w.off[2]
		switch {
		case w.n == 1 || w.step[1] == 1 && w.step[2] == 1:
			rows(row, x[i:i+w.n], y[j:j+w.n])
		case w.step[1] == 1:
			same := r.Scratch(min(w.n, chunk))
			fill(same, y[j])
			for at := 0; at < w.n; at += chunk {
				n := min(w.n-at, chunk)
				rows(row[at:at+n], x[i+at:i+at+n], same[:n])
			}
		default:
			same := r.Scratch(min(w.n, chunk))
			fill(same, x[i])
			for at := 0; at < w.n; at += chunk {
				n := min(w.n-at, chunk)
				rows(row[at:at+n], same[:n], y[j+at:j+at+n])
			}
		}
	}
}

// binaryInt runs a broadcast operator on int64 or int32 tensors.
func binaryInt(f func(x, y int64) int64, in, out []*tensor.Tensor) error {
	switch in[0].DType() {
	case tensor.Int64:
		broadcastBinary[int64](f, in, out)
	case tensor.Int32:
		broadcastBinary(func(x, y int32) int32 { return int32(f(int64(x), int64(y))) }, in, out)
	default:
		return fmt.Errorf("no kernel for %s", in[0].DType())
	}
	return nil
}

// broadcastBinary computes out[0] = f(in[0], in[1]) for any broadcast shapes.
func broadcastBinary[S, T tensor.Element](f func(x, y S) T, in, out []*tensor.Tensor) {
	x, y, z := tensor.MustData[S](in[0]), tensor.MustData[S](in[1]), tensor.MustData[T](out[0])
	w := broadcastWalk(out[0].Shape(), in[0].Shape(), in[1].Shape())
	for w.next() {
		i, j := w.off[1], w.off[2]
		for k := range w.n {
			z[w.off[0]+k] = f(x[i], y[j])
			i += w.step[1]
			j += w.step[2]
		}
	}
}

// sumTo sums g over the axes along which like was broadcast, so that the result has like's shape.
func (b *Builder) sumTo(g, like *Value) *Value {
	if b.err != nil || g.shape.Same(like.shape) {
		return g
	}
	lead := len(g.shape) - len(like.shape)
	var dropped, kept []int64
	for i := range lead {
		dropped = append(dropped, int64(i))
	}
	for i, d := range like.shape {
		if d.Is(1) && !g.shape[lead+i].Is(1) {
			kept = append(kept, int64(lead+i))
		}
	}
	if len(kept) > 0 {
		g = b.ReduceSum(g, kept, true)
	}
	if len(dropped) > 0 {
		g = b.ReduceSum(g, dropped, false)
	}
	return g
}
