package graph

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"recsys/tensor"
)

// TopK returns the k greatest elements of x along axis, greatest first, and their indices (int64) there (float32,
// int64, int32). Of equal elements the one with the lower index comes first. NaN fails the run.
func (b *Builder) TopK(x *Value, k, axis int64) (values, indices *Value) {
	outs := b.Apply(b.ops["TopK"], Attrs{"axis": axis}, x, b.Int64s(k))
	return outs[0], outs[1]
}

func opTopK() *Op {
	return &Op{
		Type: "TopK", Since: 11,
		Infer: func(c *InferContext) error {
			if err := c.Want(2, 2); err != nil {
				return err
			}
			if err := c.WantDType(0, tensor.Float32, tensor.Int64, tensor.Int32); err != nil {
				return err
			}
			k, err := c.Int64s(1)
			if err != nil {
				return err
			}
			x := c.In[0].Shape
			axis, err := Axis(c.Node.Attrs.Int("axis", -1), len(x))
			if err != nil {
				return err
			}
			if len(k) != 1 || k[0] < 0 || x[axis].IsFixed() && k[0] > int64(x[axis].Size) {
				return fmt.Errorf("k is %v; axis %d of %s has %s elements", k, axis, x, x[axis])
			}
			shape := slices.Clone(x)
			shape[axis] = Fixed(int(k[0]))
			c.Out(0, c.In[0].DType, shape)
			c.Out(1, tensor.Int64, shape)
			return nil
		},
		Kernel: func(r *Run, n *Node, in, out []*tensor.Tensor) error {
			switch in[0].DType() {
			case tensor.Float32:
				return topK(r, n, in[0], out, topKRow)
			case tensor.Int64:
				return topK[int64](r, n, in[0], out, nil)
			case tensor.Int32:
				return topK[int32](r, n, in[0], out, nil)
			default:
				return fmt.Errorf("no kernel for %s", in[0].DType())
			}
		},
		Grad: func(c *GradContext) {
			b := c.B
			if c.Upstream(0) == nil {
				return
			}
			zeros := b.Expand(b.Float32(0), b.ShapeOf(c.In(0)))
			c.Set(0, b.ScatterElements(zeros, c.Out(1), c.Upstream(0), c.Node.Attrs.Int("axis", -1), "none"))
		},
	}
}

type number interface{ float32 | int64 | int32 }

// topK selects along the node's axis: adjacent elements by row where there is such a function, others by a heap.
func topK[T number](
	r *Run, n *Node, in *tensor.Tensor, out []*tensor.Tensor, row func(r *Run, values []T, ids []int64, x []T, largest bool) error,
) error {
	x, y, ids := tensor.MustData[T](in), tensor.MustData[T](out[0]), tensor.MustData[int64](out[1])
	axis, err := Axis(n.Attrs.Int("axis", -1), in.Rank())
	if err != nil || len(y) == 0 {
		return err
	}
	size, k, inner := in.Dim(axis), out[0].Dim(axis), 1
	for _, d := range in.Shape()[axis+1:] {
		inner *= d
	}
	largest := n.Attrs.Int("largest", 1) != 0
	for at, to := 0, 0; at < len(x); at, to = at+size*inner, to+k*inner {
		if inner == 1 && row != nil && size <= math.MaxInt32 {
			if err := row(r, y[to:to+k], ids[to:to+k], x[at:at+size], largest); err != nil {
				return err
			}
			continue
		}
		for i := range inner {
			s := selection[T]{
				values: y[to+i:], ids: ids[to+i:], stride: inner, k: k, largest: largest,
			}
			if err := s.take(x[at+i:], size); err != nil {
				return err
			}
		}
	}
	return nil
}

// selection keeps the k best elements seen in a heap whose root is the worst of them. It lives in the result itself;
// a place is index·stride.
type selection[T number] struct {
	values  []T
	ids     []int64
	stride  int
	k       int
	largest bool
}

var errNaN = errors.New("NaN has no rank; remove it before TopK")

// take selects from the n elements of x that stand stride apart.
func (s *selection[T]) take(x []T, n int) error {
	for i := range s.k {
		v := x[i*s.stride]
		if isNaN(v) {
			return errNaN
		}
		s.values[i*s.stride], s.ids[i*s.stride] = v, int64(i)
	}
	for i := s.k/2 - 1; i >= 0; i-- {
		s.sink(i, s.k)
	}
	worst := s.values[0]
	at := s.k * s.stride
	for i := s.k; i < n; i++ {
		v := x[at]
		at += s.stride
		// Later elements lose ties, so most are passed over here. NaN is not.
		if s.largest && v <= worst || !s.largest && v >= worst {
			continue
		}
		if isNaN(v) {
			return errNaN
		}
		s.values[0], s.ids[0] = v, int64(i)
		s.sink(0, s.k)
		worst = s.values[0]
	}
	for last := s.k - 1; last > 0; last-- {
		s.swap(0, last)
		s.sink(0, last)
	}
	return nil
}

func isNaN[T number](v T) bool { return v != v } //nolint:gocritic // NaN alone differs from itself.

// worse orders elements from the worst to the best; of equal ones the higher index is worse.
func (s *selection[T]) worse(i, j int) bool {
	i, j = i*s.stride, j*s.stride
	v, w := s.values[i], s.values[j]
	switch {
	case v == w:
		return s.ids[i] > s.ids[j]
	case s.largest:
		return v < w
	}
	return v > w
}

func (s *selection[T]) swap(i, j int) {
	i, j = i*s.stride, j*s.stride
	s.values[i], s.values[j] = s.values[j], s.values[i]
	s.ids[i], s.ids[j] = s.ids[j], s.ids[i]
}

// sink restores the heap of the first n places below place i.
func (s *selection[T]) sink(i, n int) {
	for {
		child := 2*i + 1
		if child >= n {
			return
		}
		if child+1 < n && s.worse(child+1, child) {
			child++
		}
		if !s.worse(child, i) {
			return
		}
		s.swap(i, child)
		i = child
	}
}
