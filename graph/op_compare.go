package graph

import (
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

// relation is what a comparison asks.
type relation uint8

const (
	equal relation = iota
	greater
	greaterOrEqual
	less
	lessOrEqual
)

func opEqual() *Op {
	op := comparison("Equal", 13, equal)
	op.Infer = inferCompare(tensor.Float32, tensor.Int64, tensor.Int32, tensor.Bool)
	return op
}

func opGreater() *Op { return comparison("Greater", 13, greater) }

func opGreaterOrEqual() *Op { return comparison("GreaterOrEqual", 16, greaterOrEqual) }

func opLess() *Op { return comparison("Less", 13, less) }

func opLessOrEqual() *Op { return comparison("LessOrEqual", 16, lessOrEqual) }

func comparison(typ string, since int, rel relation) *Op {
	return &Op{
		Type: typ, Since: since,
		Infer: inferCompare(tensor.Float32, tensor.Int64, tensor.Int32),
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			switch in[0].DType() {
			case tensor.Float32:
				compare[float32](rel, in, out)
			case tensor.Int64:
				compare[int64](rel, in, out)
			case tensor.Int32:
				compare[int32](rel, in, out)
			case tensor.Bool:
				broadcastBinary(func(x, y bool) bool { return x == y }, in, out)
			default:
				return fmt.Errorf("no kernel for %s", in[0].DType())
			}
			return nil
		},
	}
}

func compare[T number](rel relation, in, out []*tensor.Tensor) {
	x, y, z := tensor.MustData[T](in[0]), tensor.MustData[T](in[1]), tensor.MustData[bool](out[0])
	w := broadcastWalk(out[0].Shape(), in[0].Shape(), in[1].Shape())
	for w.next() {
		row, i, j := z[w.off[0]:w.off[0]+w.n], w.off[1], w.off[2]
		switch {
		case w.n == 1 || w.step[1] == 1 && w.step[2] == 1:
			compareRows(rel, row, x[i:i+w.n], y[j:j+w.n])
		case w.step[1] == 1:
			compareRowWith(rel, row, x[i:i+w.n], y[j])
		default:
			// x ∘ y is y ∘' x with the relation turned round.
			turned := [...]relation{equal, less, lessOrEqual, greater, greaterOrEqual}[rel]
			compareRowWith(turned, row, y[j:j+w.n], x[i])
		}
	}
}

func compareRows[T number](rel relation, z []bool, x, y []T) {
	x, y = x[:len(z)], y[:len(z)]
	switch rel {
	case equal:
		for i := range z {
			z[i] = x[i] == y[i]
		}
	case greater:
		for i := range z {
			z[i] = x[i] > y[i]
		}
	case greaterOrEqual:
		for i := range z {
			z[i] = x[i] >= y[i]
		}
	case less:
		for i := range z {
			z[i] = x[i] < y[i]
		}
	case lessOrEqual:
		for i := range z {
			z[i] = x[i] <= y[i]
		}
	}
}

func compareRowWith[T number](rel relation, z []bool, x []T, y T) {
	x = x[:len(z)]
	switch rel {
	case equal:
		for i := range z {
			z[i] = x[i] == y
		}
	case greater:
		for i := range z {
			z[i] = x[i] > y
		}
	case greaterOrEqual:
		for i := range z {
			z[i] = x[i] >= y
		}
	case less:
		for i := range z {
			z[i] = x[i] < y
		}
	case lessOrEqual:
		for i := range z {
			z[i] = x[i] <= y
		}
	}
}
