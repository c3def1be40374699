package graph

import (
	"errors"
	"fmt"
	"math"

	"recsys/tensor"
)

// Range returns start, start+delta, start+2·delta and so on up to limit, which is left out. The three are constants of
// rank 0 and one type (float32, int64, int32); delta is not 0.
func (b *Builder) Range(start, limit, delta *Value) *Value {
	return b.op("Range", nil, start, limit, delta)
}

func opRange() *Op {
	return &Op{
		Type: "Range", Since: 11,
		Infer: func(c *InferContext) error {
			if err := c.Want(3, 3); err != nil {
				return err
			}
			if err := c.WantDType(0, tensor.Float32, tensor.Int64, tensor.Int32); err != nil {
				return err
			}
			for i, t := range c.In {
				if t.DType != c.In[0].DType || len(t.Shape) > 0 || c.Const(i) == nil {
					return fmt.Errorf("input %d is %s; it has to be a constant %s of rank 0", i, t, c.In[0].DType)
				}
			}
			n, err := rangeSize(c.Const(0), c.Const(1), c.Const(2))
			if err != nil {
				return err
			}
			c.Out(0, c.In[0].DType, Dims(n))
			return nil
		},
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			switch in[0].DType() {
			case tensor.Float32:
				progress[float32](in, out[0])
			case tensor.Int64:
				progress[int64](in, out[0])
			case tensor.Int32:
				progress[int32](in, out[0])
			default:
				return fmt.Errorf("no kernel for %s", in[0].DType())
			}
			return nil
		},
	}
}

// rangeSize returns ceil((limit-start)/delta), 0 where that is negative.
func rangeSize(start, limit, delta *tensor.Tensor) (int, error) {
	var n float64
	if from, ok := start.Any().([]float32); ok {
		to, step := tensor.MustData[float32](limit)[0], tensor.MustData[float32](delta)[0]
		if step == 0 {
			return 0, errDelta
		}
		n = math.Ceil((float64(to) - float64(from[0])) / float64(step))
	} else {
		var bounds [3]int64
		for i, t := range []*tensor.Tensor{start, limit, delta} {
			v, err := integer(t)
			if err != nil {
				return 0, err
			}
			bounds[i] = v
		}
		if bounds[2] == 0 {
			return 0, errDelta
		}
		n = countSteps(bounds[0], bounds[1], bounds[2])
	}
	if !(n <= math.MaxInt32) {
		return 0, fmt.Errorf("the range has more than %d elements", math.MaxInt32)
	}
	return int(max(n, 0)), nil
}

var errDelta = errors.New("delta is 0")

// countSteps is exact below 2**53; differences of int64 fit into uint64.
func countSteps(from, to, step int64) float64 {
	distance, length := uint64(to)-uint64(from), uint64(step)
	if step < 0 {
		from, to = to, from
		distance, length = -distance, -length
	}
	if to <= from {
		return 0
	}
	return float64((distance-1)/length + 1)
}

func progress[T number](in []*tensor.Tensor, out *tensor.Tensor) {
	y, start, delta := tensor.MustData[T](out), tensor.MustData[T](in[0])[0], tensor.MustData[T](in[2])[0]
	for i := range y {
		y[i] = start + T(T(i)*delta) //nolint:unconvert // It forbids to fuse the product with the sum.
	}
}
