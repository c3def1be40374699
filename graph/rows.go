package graph

import "recsys/tensor"

// RowRule is the kernel of a node that looks at one row of float32 at a time, a row being all of the last axis.
// graph/exec runs several such nodes over a block of rows while it is in the cache.
type RowRule struct {
	Kind RowKind
	// Compute computes y from x: rows of width elements, one behind the other, laid out as Kind says. It gives the
	// bits of the operator's Kernel.
	Compute func(r *Run, n *Node, y []float32, x [][]float32, width int)
}

// RowKind is how the operands of a RowRule are laid out.
type RowKind uint8

const (
	// Elementwise operators compute y[i] from x[k][i]. All have one length and y may be any x.
	Elementwise RowKind = iota
	// RowWise operators compute a row of y from a row of x[0]; further inputs have one row. y may be x[0].
	RowWise
	// RowReduce operators compute one element of y from a row of x[0].
	RowReduce
)

// elementwise is the Rows of operators that are elementwise on float32.
func elementwise(f func(r *Run, n *Node, y []float32, x [][]float32)) func(*Node) *RowRule {
	rule := &RowRule{Kind: Elementwise, Compute: func(r *Run, n *Node, y []float32, x [][]float32, _ int) { f(r, n, y, x) }}
	return func(n *Node) *RowRule {
		for _, v := range n.Inputs {
			if v == nil || v.dtype != tensor.Float32 {
				return nil
			}
		}
		return rule
	}
}

// elementwise1 is elementwise for operators with one input.
func elementwise1(f func(r *Run, y, x []float32)) func(*Node) *RowRule {
	return elementwise(func(r *Run, _ *Node, y []float32, x [][]float32) { f(r, y, x[0]) })
}

// elementwise2 is elementwise for operators with two inputs.
func elementwise2(f func(r *Run, z, x, y []float32)) func(*Node) *RowRule {
	return elementwise(func(r *Run, _ *Node, z []float32, x [][]float32) { f(r, z, x[0], x[1]) })
}

// alongRows gives rule to float32 nodes whose axes, by axes, are the last one alone.
func alongRows(rule *RowRule, axes func(n *Node) []int64) func(*Node) *RowRule {
	return func(n *Node) *RowRule {
		x := n.Inputs[0]
		list := axes(n)
		if x.dtype != tensor.Float32 || len(list) != 1 || len(x.shape) == 0 {
			return nil
		}
		if a, err := Axis(list[0], len(x.shape)); err != nil || a != len(x.shape)-1 {
			return nil
		}
		return rule
	}
}

func axisAttr(n *Node) []int64 { return []int64{n.Attrs.Int("axis", -1)} }

// reduceAxes returns the axes of a reduction as they stand in the node; none means all.
func (n *Node) reduceAxes() []int64 {
	if len(n.Inputs) > 1 && n.Inputs[1] != nil {
		if n.Inputs[1].kind != FromConst {
			return nil
		}
		return tensor.MustData[int64](n.Inputs[1].data)
	}
	return n.Attrs.Ints("axes")
}
