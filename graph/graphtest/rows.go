package graphtest

import (
	"fmt"

	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// Rows checks that the operator's way to work row by row, where it has one for the case, gives the bits of its kernel:
// into memory of its own, and in place of every operand that it may overwrite.
func Rows(op *graph.Op, c *Case, kernels *kernel.Set) error {
	if op.Rows == nil || c.Error != "" {
		return nil
	}
	g, fed, err := c.graph(op, fixed)
	if err != nil {
		return nil //nolint:nilerr // Forward judges errors.
	}
	n := g.Nodes[0]
	rule := op.Rows(n)
	if rule == nil {
		return nil
	}
	out, err := Run(g, fed, kernels)
	if err != nil {
		return nil //nolint:nilerr // Forward judges errors.
	}
	want := out[g.Outputs[0].Name]
	x, width, fits := rowOperands(rule.Kind, n, fed, want)
	if !fits {
		return nil
	}
	for place := -1; place < len(x); place++ {
		if place >= 0 && (rule.Kind == graph.RowReduce || rule.Kind == graph.RowWise && place > 0) {
			break
		}
		operands := make([][]float32, len(x))
		for i := range x {
			operands[i] = append([]float32{}, x[i]...)
		}
		y := make([]float32, want.Len())
		soil(tensor.Of(y, len(y)))
		if place >= 0 {
			y = operands[place]
		}
		rule.Compute(&graph.Run{Kernels: kernels}, n, y, operands, width)
		if err := Compare(tensor.Of(y, want.Shape()...), want, 0); err != nil {
			return fmt.Errorf("written in place of operand %d (-1: none): %w", place, err)
		}
	}
	return nil
}

// rowOperands returns the operands as a rule of the given kind reads them, and the width of a row; false when their
// shapes do not go by rows.
func rowOperands(kind graph.RowKind, n *graph.Node, fed tensor.Map, y *tensor.Tensor) (x [][]float32, width int, fits bool) {
	for i, v := range n.Inputs {
		if v == nil || kind == graph.RowReduce && i > 0 {
			continue
		}
		t := fed[v.Name()]
		if t == nil {
			t = v.Data()
		}
		data, ok := t.Any().([]float32)
		if !ok {
			return nil, 0, false
		}
		if i == 0 && t.Rank() > 0 {
			width = t.Dim(-1)
		}
		switch {
		case kind == graph.Elementwise && len(data) != y.Len(),
			kind == graph.RowWise && i > 0 && len(data) != width:
			return nil, 0, false
		}
		x = append(x, data)
	}
	return x, width, len(x) > 0 && len(x[0]) > 0
}
