package graph

import (
	"fmt"
	"slices"

	"recsys/graph/kernel"
	"recsys/tensor"
)

// Einsum returns the sum of products that the equation names, of one or two float32 operands, such as
// "bhid,bhjd->bhij": an axis that both operands and the result have is a batch axis, one that only both operands have is
// summed over, and one of a single operand stays, is permuted or is summed over on its own. Without "->" the result has
// the letters that stand once, in alphabetical order, and "..." stands for leading axes. Axes of one letter have one
// size. A letter that stands twice in one operand (a diagonal) and more operands than two are refused.
func (b *Builder) Einsum(equation string, operands ...*Value) *Value {
	return b.op("Einsum", Attrs{"equation": equation}, operands...)
}

func opEinsum() *Op {
	return &Op{
		Type: "Einsum", Since: 12,
		Infer:   inferEinsum,
		Prepare: func(n *Node) (any, error) { return newContraction(n) },
		Kernel:  einsumKernel,
		Grad:    einsumGrad,
	}
}

func inferEinsum(c *InferContext) error {
	e, err := parseEquation(c.Node)
	if err != nil {
		return err
	}
	sizes := map[label]Dim{}
	for i, t := range c.In {
		if err := c.WantDType(i, tensor.Float32); err != nil {
			return err
		}
		for axis, l := range e.operands[i] {
			d, known := sizes[l]
			if known && !d.Same(t.Shape[axis]) {
				return fmt.Errorf("axis %d of operand %d, %s, is %s where its letter stood for %s before", axis, i, t.Shape,
					t.Shape[axis], d)
			}
			sizes[l] = t.Shape[axis]
		}
	}
	shape := make(Shape, len(e.result))
	for i, l := range e.result {
		shape[i] = sizes[l]
	}
	c.Out(0, tensor.Float32, shape)
	return nil
}

// contraction is how a node computes: both operands are brought to matrices, a batch of them, multiplied, and the
// product's axes are brought into the order of the result.
type contraction struct {
	x, y           arrangement
	transA, transB bool
	z              arrangement // from the product to the result
	batch          int         // the product's first axes, which are a batch
	rows           int         // the axes behind them, which are rows
	shared         int         // axes that are summed over in the product
}

// arrangement is a permutation of axes: target axis i is axis from[i] of the source, and the axes that are left over,
// summed, are summed over.
type arrangement struct{ from, summed []int }

// as returns the arrangement that makes target of l.
func (l labels) as(target ...labels) arrangement {
	var a arrangement
	for _, one := range slices.Concat(target...) {
		a.from = append(a.from, slices.Index(l, one))
	}
	for axis := range l {
		if !slices.Contains(a.from, axis) {
			a.summed = append(a.summed, axis)
		}
	}
	return a
}

// same reports whether target is source as it lies in memory.
func (a arrangement) same() bool { return len(a.summed) == 0 && slices.IsSorted(a.from) }

func newContraction(n *Node) (*contraction, error) {
	e, err := parseEquation(n)
	if err != nil {
		return nil, err
	}
	x := e.operands[0]
	if len(e.operands) == 1 {
		return &contraction{z: x.as(e.result)}, nil
	}
	y := e.operands[1]
	batch := x.filter(func(l label) bool { return y.has(l) && e.result.has(l) })
	shared := x.filter(func(l label) bool { return y.has(l) && !e.result.has(l) })
	rows := x.filter(func(l label) bool { return !y.has(l) && e.result.has(l) })
	columns := y.filter(func(l label) bool { return !x.has(l) && e.result.has(l) })
	c := &contraction{
		x: x.as(batch, rows, shared), y: y.as(batch, shared, columns), z: slices.Concat(batch, rows, columns).as(e.result),
		batch: len(batch), rows: len(rows), shared: len(shared),
	}
	// A product reads either operand transposed too, which saves a copy.
	if turned := x.as(batch, shared, rows); turned.same() && !c.x.same() {
		c.x, c.transA = turned, true
	}
	if turned := y.as(batch, columns, shared); turned.same() && !c.y.same() {
		c.y, c.transB = turned, true
	}
	return c, nil
}

func einsumKernel(r *Run, n *Node, in, out []*tensor.Tensor) error {
	c, ok := r.Prepared.(*contraction)
	if !ok {
		var err error
		if c, err = newContraction(n); err != nil {
			return err
		}
	}
	x, z := tensor.MustData[float32](in[0]), tensor.MustData[float32](out[0])
	if len(in) == 1 {
		c.z.arrange(z, x, in[0].Shape())
		return nil
	}
	y := tensor.MustData[float32](in[1])
	if len(z) == 0 {
		return nil
	}
	var shapes [3][MaxRank]int // of x and y as arranged, and of the product
	xs, ys := c.x.shape(&shapes[0], in[0].Shape()), c.y.shape(&shapes[1], in[1].Shape())
	xs, ys = turned(xs, c.batch, c.shared, c.transA), turned(ys, c.batch, len(ys)-c.batch-c.shared, c.transB)
	rows, columns := xs[c.batch:c.batch+c.rows], ys[c.batch+c.shared:]
	zs := append(append(append(shapes[2][:0], xs[:c.batch]...), rows...), columns...)

	g := kernel.Gemm{TransA: c.transA, TransB: c.transB, M: volume(rows), N: volume(columns), K: volume(xs[c.batch+c.rows:])}
	g.LDA, g.LDB, g.LDC = g.K, g.N, g.N
	if g.TransA {
		g.LDA = g.M
	}
	if g.TransB {
		g.LDB = g.K
	}
	batch := volume(xs[:c.batch])
	buffer := r.Scratch(batch * (g.M*g.K + g.K*g.N + g.M*g.N))
	take := func(n int) []float32 {
		part := buffer[:n]
		buffer = buffer[n:]
		return part
	}
	if !c.x.same() {
		x = c.x.arrange(take(batch*g.M*g.K), x, in[0].Shape())
	}
	if !c.y.same() {
		y = c.y.arrange(take(batch*g.K*g.N), y, in[1].Shape())
	}
	product := z
	if !c.z.same() {
		product = take(len(z))
	}
	for i := range batch {
		g.A, g.B, g.C = x[i*g.M*g.K:(i+1)*g.M*g.K], y[i*g.K*g.N:(i+1)*g.K*g.N], product[i*g.M*g.N:(i+1)*g.M*g.N]
		r.Kernels.Gemm(g)
	}
	if !c.z.same() {
		c.z.arrange(z, product, zs)
	}
	return nil
}

func volume(sizes []int) int {
	n := 1
	for _, s := range sizes {
		n *= s
	}
	return n
}

// shape writes the sizes of the target's axes into to.
func (a arrangement) shape(to *[MaxRank]int, source []int) []int {
	for i, axis := range a.from {
		to[i] = source[axis]
	}
	return to[:len(a.from)]
}

// turned returns the axes of a transposed operand as if it were not: the first ones behind the batch go to the end.
func turned(sizes []int, batch, first int, transposed bool) []int {
	if transposed {
		var front [MaxRank]int
		part := sizes[batch:]
		n := copy(front[:], part[:first])
		copy(part, part[n:])
		copy(part[len(part)-n:], front[:n])
	}
	return sizes
}

// arrange writes source, of the given shape, to dst in the order of the target and returns dst.
func (a arrangement) arrange(dst, source []float32, shape []int) []float32 {
	var strides [MaxRank][maxOperands]int
	lay(&strides, 1, shape, len(shape))
	stride := 1
	for _, axis := range slices.Backward(a.from) {
		strides[axis][0] = stride
		stride *= shape[axis]
	}
	var w walk
	for _, axis := range a.from {
		w.axis(shape[axis], strides[axis])
	}
	if len(a.summed) == 0 {
		copyRows(w, dst, source)
		return dst
	}
	for _, axis := range a.summed {
		w.axis(shape[axis], strides[axis])
	}
	clear(dst)
	for w.next() {
		to, from := w.off[0], w.off[1]
		for range w.n {
			dst[to] += source[from]
			to += w.step[0]
			from += w.step[1]
		}
	}
	return dst
}

// einsumGrad: the gradient of an operand is the sum of products of the upstream gradient and the other operand over
// the axes that the operand has not; along axes that it was summed over on its own it is repeated.
func einsumGrad(c *GradContext) {
	e, err := parseEquation(c.Node)
	if err != nil {
		c.B.Fail(err)
		return
	}
	for i, own := range e.operands {
		sources, values := []labels{e.result}, []*Value{c.Upstream(0)}
		if len(e.operands) == 2 {
			sources, values = append(sources, e.operands[1-i]), append(values, c.In(1-i))
		}
		known := slices.Concat(sources...)
		kept := own.filter(func(l label) bool { return known.has(l) })
		g := c.B.Einsum(equation(sources, kept), values...)
		if len(kept) < len(own) {
			var repeated []int64
			for axis, l := range own {
				if !known.has(l) {
					repeated = append(repeated, int64(axis))
				}
			}
			g = c.B.Expand(c.B.Unsqueeze(g, repeated), c.B.ShapeOf(c.In(i)))
		}
		c.Set(i, g)
	}
}
