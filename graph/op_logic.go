package graph

import (
	"recsys/tensor"
)

// And returns x && y elementwise, broadcasting (bool).
func (b *Builder) And(x, y *Value) *Value { return b.op("And", nil, x, y) }

// Or returns x || y elementwise, broadcasting (bool).
func (b *Builder) Or(x, y *Value) *Value { return b.op("Or", nil, x, y) }

// Not returns !x elementwise (bool).
func (b *Builder) Not(x *Value) *Value { return b.op("Not", nil, x) }

// IsNaN tells where x is NaN (float32).
func (b *Builder) IsNaN(x *Value) *Value { return b.op("IsNaN", nil, x) }

// IsInf tells where x is infinite (float32).
func (b *Builder) IsInf(x *Value) *Value { return b.op("IsInf", nil, x) }

func opAnd() *Op { return logical("And", func(x, y bool) bool { return x && y }) }

func opOr() *Op { return logical("Or", func(x, y bool) bool { return x || y }) }

func logical(typ string, f func(x, y bool) bool) *Op {
	return &Op{
		Type: typ, Since: 7,
		Infer: inferCompare(tensor.Bool),
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			broadcastBinary(f, in, out)
			return nil
		},
	}
}

func opNot() *Op {
	return &Op{
		Type: "Not", Since: 1,
		Infer: inferSame(tensor.Bool),
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			y := tensor.MustData[bool](out[0])
			for i, v := range tensor.MustData[bool](in[0]) {
				y[i] = !v
			}
			return nil
		},
	}
}

func opIsNaN() *Op {
	return &Op{
		Type: "IsNaN", Since: 13,
		Infer: inferTest(tensor.Float32),
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			y := tensor.MustData[bool](out[0])
			for i, v := range tensor.MustData[float32](in[0]) {
				y[i] = v != v
			}
			return nil
		},
	}
}

func opIsInf() *Op {
	return &Op{
		Type: "IsInf", Since: 10,
		Infer: inferTest(tensor.Float32),
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			y := tensor.MustData[bool](out[0])
			low, high := n.Attrs.Int("detect_negative", 1) != 0, n.Attrs.Int("detect_positive", 1) != 0
			for i, v := range tensor.MustData[float32](in[0]) {
				y[i] = v-v != 0 && (v > 0 && high || v < 0 && low)
			}
			return nil
		},
	}
}
