package layer

import (
	"fmt"
	"strconv"

	"recsys/graph"
)

// Bilinear fuses two vectors to a number (FinalMLP, Mao et al. 2023, equations 8 and 9): b + u·x + v·y + Σ_h x_h·W_h·y_h,
// where x_h and y_h are the parts of x and y that head h has.
type Bilinear struct {
	// Name makes the parameter paths: those of [Dense] behind "NAME/x" and "NAME/y", and "NAME/HEAD/weight"
	// [M/Heads,N/Heads].
	Name string
	// Heads divide M and N; 0 means 1.
	Heads int
}

// Apply maps x [...,M] and y [...,N] float32, whose M and N have to be fixed and whose leading axes broadcast, to [...,1].
func (l Bilinear) Apply(b *graph.Builder, x, y *graph.Value) *graph.Value {
	heads := max(l.Heads, 1)
	m, err := width(b, x)
	n := 0
	if err == nil {
		n, err = width(b, y)
	}
	if err == nil && (m%heads != 0 || n%heads != 0) {
		err = fmt.Errorf("%d heads do not divide the widths %d and %d", heads, m, n)
	}
	if err != nil {
		return b.Fail(fmt.Errorf("bilinear fusion %q: %w", l.Name, err))
	}
	one := func(name string, x *graph.Value) *graph.Value {
		return Dense{Name: l.Name + "/" + name, Units: 1, Activation: Linear}.Apply(b, x)
	}
	sum := b.Add(one("x", x), one("y", y))
	xs, ys := parts(b, x, heads, m/heads), parts(b, y, heads, n/heads)
	for i := range heads {
		weight := b.Param(l.Name+"/"+strconv.Itoa(i)+"/weight", graph.Dims(m/heads, n/heads), graph.GlorotUniform())
		sum = b.Add(sum, b.ReduceSum(b.Mul(b.MatMul(xs[i], weight), ys[i]), []int64{-1}, true))
	}
	return sum
}

// parts cuts the last axis of x into n parts of the same size.
func parts(b *graph.Builder, x *graph.Value, n, size int) []*graph.Value {
	if n == 1 {
		return []*graph.Value{x}
	}
	sizes := make([]int64, n)
	for i := range sizes {
		sizes[i] = int64(size)
	}
	return b.Split(x, -1, sizes...)
}
