package graph

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Dim is one dimension: a number, or a name that a run binds to a number. A Dim with the name "?" is unknown:
// it agrees with nothing but a broadcast 1, not even with another unknown.
type Dim struct {
	Name string
	Size int
}

// Unknown is the name of a dimension that has no name of its own, such as the sum of two symbolic ones.
const Unknown = "?"

// Fixed is a dimension of known size.
func Fixed(n int) Dim { return Dim{Size: n} }

// Sym is a dimension that a run binds. The shape letters of the project (B, K, …) are the usual names.
func Sym(name string) Dim { return Dim{Name: name} }

// IsFixed reports whether the size is known.
func (d Dim) IsFixed() bool { return d.Name == "" }

// Is reports whether d is the number n.
func (d Dim) Is(n int) bool { return d.Name == "" && d.Size == n }

// Same reports whether both are certain to be equal.
func (d Dim) Same(o Dim) bool { return d == o && d.Name != Unknown }

func (d Dim) String() string {
	if d.Name != "" {
		return d.Name
	}
	return strconv.Itoa(d.Size)
}

// Shape is a list of dimensions. It prints as "[B,300,64]".
type Shape []Dim

// Dims makes a shape of fixed dimensions.
func Dims(sizes ...int) Shape {
	s := make(Shape, len(sizes))
	for i, n := range sizes {
		s[i] = Fixed(n)
	}
	return s
}

func (s Shape) String() string {
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = d.String()
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// Same reports whether both shapes are certain to be equal.
func (s Shape) Same(o Shape) bool { return slices.EqualFunc(s, o, Dim.Same) }

// Fixed returns the sizes; ok is false when a dimension is symbolic.
func (s Shape) Fixed() (sizes []int, ok bool) {
	sizes = make([]int, len(s))
	for i, d := range s {
		if !d.IsFixed() {
			return nil, false
		}
		sizes[i] = d.Size
	}
	return sizes, true
}

// Axis turns a possibly negative axis of a shape of the given rank into its index in [0, rank).
func Axis(axis int64, rank int) (int, error) {
	if axis < int64(-rank) || axis >= int64(rank) {
		return 0, fmt.Errorf("axis %d is outside [%d,%d]", axis, -rank, rank-1)
	}
	if axis < 0 {
		axis += int64(rank)
	}
	return int(axis), nil
}

// Broadcast returns the shape of an elementwise operator over a and b (numpy's rule). A fixed 1 meets any
// dimension; other dimensions must be the same.
func Broadcast(a, b Shape) (Shape, error) {
	out := make(Shape, max(len(a), len(b)))
	for i := range out {
		da, db := Fixed(1), Fixed(1)
		if j := i - len(out) + len(a); j >= 0 {
			da = a[j]
		}
		if j := i - len(out) + len(b); j >= 0 {
			db = b[j]
		}
		switch {
		case da.Same(db), db.Is(1):
			out[i] = da
		case da.Is(1):
			out[i] = db
		default:
			return nil, fmt.Errorf("shapes %s and %s do not broadcast: %s meets %s", a, b, da, db)
		}
	}
	return out, nil
}
