package graph

import (
	"fmt"

	"recsys/tensor"
)

// mover is what operators do with elements that they move without looking at them, for one element type.
type mover interface {
	// rows copies elements of src, operand 1 of w, to dst, operand 0.
	rows(w walk, dst, src *tensor.Tensor)
	zero(t *tensor.Tensor)
	gather(g gather, out, x, indices *tensor.Tensor) error
	gatherElements(axis int, in []*tensor.Tensor, out *tensor.Tensor) error
	gatherND(in []*tensor.Tensor, out *tensor.Tensor) error
	scatterElements(e elements, in []*tensor.Tensor, out *tensor.Tensor) error
	scatterND(in []*tensor.Tensor, out *tensor.Tensor) error
	tile(in, out *tensor.Tensor)
	where(in []*tensor.Tensor, out *tensor.Tensor)
}

// moverOf returns the mover of an element type.
func moverOf(d tensor.DType) (mover, error) {
	switch d {
	case tensor.Bool:
		return movesOf[bool]{}, nil
	case tensor.Uint8:
		return movesOf[uint8]{}, nil
	case tensor.Uint16:
		return movesOf[uint16]{}, nil
	case tensor.Uint32:
		return movesOf[uint32]{}, nil
	case tensor.Uint64:
		return movesOf[uint64]{}, nil
	case tensor.Int8:
		return movesOf[int8]{}, nil
	case tensor.Int16:
		return movesOf[int16]{}, nil
	case tensor.Int32:
		return movesOf[int32]{}, nil
	case tensor.Int64:
		return movesOf[int64]{}, nil
	case tensor.Float16:
		return movesOf[tensor.F16]{}, nil
	case tensor.BFloat16:
		return movesOf[tensor.BF16]{}, nil
	case tensor.Float32:
		return movesOf[float32]{}, nil
	case tensor.Float64:
		return movesOf[float64]{}, nil
	case tensor.String:
		return movesOf[string]{}, nil
	case tensor.Invalid:
	}
	return nil, fmt.Errorf("no kernel for %s", d)
}

type movesOf[T tensor.Element] struct{}

func (movesOf[T]) rows(w walk, dst, src *tensor.Tensor) {
	copyRows(w, tensor.MustData[T](dst), tensor.MustData[T](src))
}

func (movesOf[T]) zero(t *tensor.Tensor) { clear(tensor.MustData[T](t)) }

func (movesOf[T]) gather(g gather, out, x, indices *tensor.Tensor) error {
	return gatherRows(g, tensor.MustData[T](out), tensor.MustData[T](x), indices)
}

func (movesOf[T]) gatherElements(axis int, in []*tensor.Tensor, out *tensor.Tensor) error {
	return gatherElements[T](axis, in, out)
}

func (movesOf[T]) gatherND(in []*tensor.Tensor, out *tensor.Tensor) error {
	return gatherND[T](in, out)
}

func (movesOf[T]) scatterElements(e elements, in []*tensor.Tensor, out *tensor.Tensor) error {
	return scatterElements[T](e, in, out)
}

func (movesOf[T]) scatterND(in []*tensor.Tensor, out *tensor.Tensor) error {
	return scatterND[T](in, out, nil)
}

func (movesOf[T]) tile(in, out *tensor.Tensor) {
	tile(in.Shape(), out.Shape(), tensor.MustData[T](out), tensor.MustData[T](in))
}

func (movesOf[T]) where(in []*tensor.Tensor, out *tensor.Tensor) { where[T](in, out) }
