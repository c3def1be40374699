package graph

import (
	"cmp"
	"fmt"

	"recsys/tensor"
)

// Equal returns x == y elementwise as bool, broadcasting (float32, int64, int32, bool). NaN equals nothing.
func (b *Builder) Equal(x, y *Value) *Value { return b.op("Equal", nil, x, y) }

// Greater returns x > y elementwise as bool, broadcasting (float32, int64, int32).
func (b *Builder) Greater(x, y *Value) *Value { return b.op("Greater", nil, x, y) }

// GreaterOrEqual returns x >= y elementwise as bool, broadcasting (float32, int64, int32).
func (b *Builder) GreaterOrEqual(x, y *Value) *Value { return b.op("GreaterOrEqual", nil, x, y) }

// Less returns x < y elementwise as bool, broadcasting (float32, int64, int32).
func (b *Builder) Less(x, y *Value) *Value { return b.op("Less", nil, x, y) }

// LessOrEqual returns x <= y elementwise as bool, broadcasting (float32, int64, int32).
func (b *Builder) LessOrEqual(x, y *Value) *Value { return b.op("LessOrEqual", nil, x, y) }

func opEqual() *Op {
	return &Op{
		Type: "Equal", Since: 13,
		Infer: inferCompare(tensor.Float32, tensor.Int64, tensor.Int32, tensor.Bool),
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			switch in[0].DType() {
			case tensor.Float32:
				broadcastBinary(equal[float32], in, out)
			case tensor.Int64:
				broadcastBinary(equal[int64], in, out)
			case tensor.Int32:
				broadcastBinary(equal[int32], in, out)
			case tensor.Bool:
				broadcastBinary(equal[bool], in, out)
			default:
				return fmt.Errorf("no kernel for %s", in[0].DType())
			}
			return nil
		},
	}
}

func opGreater() *Op {
	return comparison("Greater", 13, greater[float32], greater[int64], greater[int32])
}

func opGreaterOrEqual() *Op {
	return comparison("GreaterOrEqual", 16, greaterOrEqual[float32], greaterOrEqual[int64], greaterOrEqual[int32])
}

func opLess() *Op {
	return comparison("Less", 13, less[float32], less[int64], less[int32])
}

func opLessOrEqual() *Op {
	return comparison("LessOrEqual", 16, lessOrEqual[float32], lessOrEqual[int64], lessOrEqual[int32])
}

func equal[T comparable](x, y T) bool           { return x == y }
func greater[T cmp.Ordered](x, y T) bool        { return x > y }
func greaterOrEqual[T cmp.Ordered](x, y T) bool { return x >= y }
func less[T cmp.Ordered](x, y T) bool           { return x < y }
func lessOrEqual[T cmp.Ordered](x, y T) bool    { return x <= y }

func comparison(
	typ string, since int, float func(x, y float32) bool, long func(x, y int64) bool, short func(x, y int32) bool,
) *Op {
	return &Op{
		Type: typ, Since: since,
		Infer: inferCompare(tensor.Float32, tensor.Int64, tensor.Int32),
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			switch in[0].DType() {
			case tensor.Float32:
				broadcastBinary(float, in, out)
			case tensor.Int64:
				broadcastBinary(long, in, out)
			case tensor.Int32:
				broadcastBinary(short, in, out)
			default:
				return fmt.Errorf("no kernel for %s", in[0].DType())
			}
			return nil
		},
	}
}
