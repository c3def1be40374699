package tensor

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// MaxElements bounds the element count of a tensor, so that sizes in bytes never overflow an int.
const MaxElements = math.MaxInt64 / 16

// Tensor is a dense row-major array. The zero value is not usable; see [Of], [New] and [Zeros].
type Tensor struct {
	dtype DType
	shape []int
	data  any // []T with T of dtype
}

// Map names tensors. It is a plain map: not safe for concurrent writes.
type Map map[string]*Tensor

// Names returns the names in ascending order.
func (m Map) Names() []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// New makes a tensor over data, which it keeps, of the given shape. A rank-0 shape (nil) holds one element.
func New[T Element](data []T, shape []int) (*Tensor, error) {
	n, err := Count(shape)
	if err != nil {
		return nil, err
	}
	if n != len(data) {
		return nil, fmt.Errorf("shape %s needs %d elements, got %d", FormatShape(shape), n, len(data))
	}
	return &Tensor{dtype: DTypeOf[T](), shape: slices.Clone(shape), data: data}, nil
}

// Of is New for shapes that are right by construction: it panics where New returns an error.
func Of[T Element](data []T, shape ...int) *Tensor {
	t, err := New(data, shape)
	if err != nil {
		panic("tensor.Of: " + err.Error())
	}
	return t
}

// Scalar makes a rank-0 tensor.
func Scalar[T Element](v T) *Tensor { return Of([]T{v}) }

// Zeros allocates a tensor of zero values (empty strings for String). It panics on an invalid dtype or shape.
func Zeros(dtype DType, shape ...int) *Tensor {
	n, err := Count(shape)
	if err != nil {
		panic("tensor.Zeros: " + err.Error())
	}
	return &Tensor{dtype: dtype, shape: slices.Clone(shape), data: alloc(dtype, n)}
}

func alloc(d DType, n int) any {
	switch d {
	case Bool:
		return make([]bool, n)
	case Uint8:
		return make([]uint8, n)
	case Uint16:
		return make([]uint16, n)
	case Uint32:
		return make([]uint32, n)
	case Uint64:
		return make([]uint64, n)
	case Int8:
		return make([]int8, n)
	case Int16:
		return make([]int16, n)
	case Int32:
		return make([]int32, n)
	case Int64:
		return make([]int64, n)
	case Float16:
		return make([]F16, n)
	case BFloat16:
		return make([]BF16, n)
	case Float32:
		return make([]float32, n)
	case Float64:
		return make([]float64, n)
	case String:
		return make([]string, n)
	case Invalid:
	}
	panic("tensor: invalid data type")
}

// Data returns the elements, shared with t. It fails when T does not belong to t's DType.
func Data[T Element](t *Tensor) ([]T, error) {
	if data, ok := t.data.([]T); ok {
		return data, nil
	}
	return nil, fmt.Errorf("tensor holds %s, not %s", t.dtype, DTypeOf[T]())
}

// MustData is Data for tensors whose DType was checked before: it panics where Data returns an error.
func MustData[T Element](t *Tensor) []T {
	data, err := Data[T](t)
	if err != nil {
		panic(err.Error())
	}
	return data
}

// DType returns the element type.
func (t *Tensor) DType() DType { return t.dtype }

// Shape returns the dimensions. The caller must not change them.
func (t *Tensor) Shape() []int { return t.shape }

// Dim returns the size of axis i; a negative i counts from the end.
func (t *Tensor) Dim(i int) int {
	if i < 0 {
		i += len(t.shape)
	}
	return t.shape[i]
}

// Rank returns the number of axes.
func (t *Tensor) Rank() int { return len(t.shape) }

// Len returns the number of elements.
func (t *Tensor) Len() int {
	n := 1
	for _, d := range t.shape {
		n *= d
	}
	return n
}

// Any returns the elements as a []T in an interface, shared with t, for callers that switch over types.
func (t *Tensor) Any() any { return t.data }

// Reshape returns a tensor of another shape over the same data.
func (t *Tensor) Reshape(shape ...int) (*Tensor, error) {
	n, err := Count(shape)
	if err != nil {
		return nil, err
	}
	if n != t.Len() {
		return nil, fmt.Errorf("reshape %s to %s: %d and %d elements",
			FormatShape(t.shape), FormatShape(shape), t.Len(), n)
	}
	return &Tensor{dtype: t.dtype, shape: slices.Clone(shape), data: t.data}, nil
}

// Clone copies t and its data.
func (t *Tensor) Clone() *Tensor {
	c := Zeros(t.dtype, t.shape...)
	copyInto(c, 0, t)
	return c
}

// Rows returns the rows [from, to) of the first axis, sharing t's data.
func (t *Tensor) Rows(from, to int) *Tensor {
	stride := 1
	for _, d := range t.shape[1:] {
		stride *= d
	}
	shape := slices.Clone(t.shape)
	shape[0] = to - from
	return &Tensor{dtype: t.dtype, shape: shape, data: slice(t.data, from*stride, to*stride)}
}

// String describes the tensor without its data, such as "float32[2,3]".
func (t *Tensor) String() string { return t.dtype.String() + FormatShape(t.shape) }

// Equal reports whether both have the same type, shape and elements; NaN equals NaN.
func (t *Tensor) Equal(o *Tensor) bool {
	if t.dtype != o.dtype || !slices.Equal(t.shape, o.shape) {
		return false
	}
	switch a := t.data.(type) {
	case []float32:
		return slices.EqualFunc(a, o.data.([]float32), func(x, y float32) bool { return x == y || x != x && y != y })
	case []float64:
		return slices.EqualFunc(a, o.data.([]float64), func(x, y float64) bool { return x == y || x != x && y != y })
	}
	return equalData(t.data, o.data)
}

// Count returns the number of elements of a shape; an error for negative dimensions and overflow.
func Count(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %s has a negative dimension", FormatShape(shape))
		}
		if d > 0 && n > MaxElements/d {
			return 0, fmt.Errorf("shape %s has too many elements", FormatShape(shape))
		}
		n *= d
	}
	return n, nil
}

// FormatShape writes a shape as "[2,3]".
func FormatShape(shape []int) string {
	parts := make([]string, len(shape))
	for i, d := range shape {
		parts[i] = strconv.Itoa(d)
	}
	return "[" + strings.Join(parts, ",") + "]"
}
