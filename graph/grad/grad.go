package grad

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"recsys/graph"
	"recsys/tensor"
)

// Pair names the outputs of one row-sparse contribution: IDs [n] int64, Rows [n,D] float32. Row IDs[i] of the
// parameter receives Rows[i]; ids may repeat, and their rows add up. Ids are those of the Gather: a negative one counts
// from the end of the table.
type Pair struct{ IDs, Rows string }

// Step is a graph that computes a loss and its gradients.
type Step struct {
	// Graph has the outputs of the differentiated graph and, behind them, those that Dense and Sparse name.
	Graph *graph.Graph
	// Loss is the name of the loss's output, a float32 of rank 0 or one element.
	Loss string
	// Dense maps a parameter's path to the output that holds its gradient, of the parameter's shape.
	Dense map[string]string
	// Sparse maps a parameter's path to the contributions that make up its gradient.
	Sparse map[string][]Pair
}

type reverse struct {
	b        *graph.Builder
	adjoints map[*graph.Value]*graph.Value
	sparse   map[*graph.Value][][2]*graph.Value // by parameter value
	gathered map[*graph.Value]bool              // parameters whose every use is a sparse Gather
}

// Of returns the step for output loss of g: gradients for every parameter that the loss depends on and that frozen
// does not name. It fails when loss is no float32 of one element, when frozen names a parameter that g does not have,
// when no parameter is left, or when an operator on the way has no gradient for a shape. A parameter that the loss
// reaches through operators without a gradient alone (comparisons, Floor, casts to integers) is in neither map.
func Of(g *graph.Graph, loss string, frozen ...string) (*Step, error) {
	b := graph.NewBuilder(g.Name + "_step")
	outs := b.Inline(g, nil)
	top, ok := outs[loss]
	if !ok {
		return nil, fmt.Errorf("differentiate %q: no output %q", g.Name, loss)
	}
	if err := b.Err(); err != nil {
		return nil, err
	}
	for _, path := range frozen {
		if g.Param(path) == nil {
			return nil, fmt.Errorf("differentiate %q: frozen parameter %q does not exist", g.Name, path)
		}
	}
	if n, fixed := top.Shape().Fixed(); !fixed || product(n) != 1 || top.DType() != tensor.Float32 {
		return nil, fmt.Errorf("differentiate %q: loss %s has to be one float32; reduce it", g.Name, top)
	}
	for _, o := range g.Outputs {
		b.Output(o.Name, outs[o.Name])
	}
	r := &reverse{b: b, adjoints: map[*graph.Value]*graph.Value{}, sparse: map[*graph.Value][][2]*graph.Value{}}
	ones := make([]int, top.Rank())
	for i := range ones {
		ones[i] = 1
	}
	r.adjoints[top] = b.Const("grad/one", tensor.Of([]float32{1}, ones...))
	forward := ancestors(b.Nodes(), top)
	needs := dependents(forward, frozen)
	r.gathered = gatheredOnly(forward, needs)
	for _, n := range slices.Backward(forward) {
		r.node(n, needs)
	}
	return r.step(g, loss, needs)
}

// ancestors returns the nodes that top depends on, in order. What else reads a parameter has no gradient.
func ancestors(nodes []*graph.Node, top *graph.Value) []*graph.Node {
	reached := map[*graph.Value]bool{top: true}
	var kept []*graph.Node
	for _, n := range slices.Backward(nodes) {
		if !slices.ContainsFunc(n.Outputs, func(v *graph.Value) bool { return reached[v] }) {
			continue
		}
		kept = append(kept, n)
		for _, v := range n.Inputs {
			if v != nil {
				reached[v] = true
			}
		}
	}
	slices.Reverse(kept)
	return kept
}

// dependents marks the values that depend on a parameter that is not frozen, the parameters included.
func dependents(nodes []*graph.Node, frozen []string) map[*graph.Value]bool {
	needs := map[*graph.Value]bool{}
	for _, n := range nodes {
		for _, v := range n.Inputs {
			if v != nil && v.Kind() == graph.FromParam && !slices.Contains(frozen, v.Param().Path) {
				needs[v] = true
			}
			if v != nil && needs[v] {
				for _, out := range n.Outputs {
					needs[out] = true
				}
			}
		}
	}
	return needs
}

// gatheredOnly finds the rank-2 parameters that nothing but row-sparse operators read, as their first input.
func gatheredOnly(nodes []*graph.Node, needs map[*graph.Value]bool) map[*graph.Value]bool {
	only := map[*graph.Value]bool{}
	for _, n := range nodes {
		for i, v := range n.Inputs {
			if v == nil || v.Kind() != graph.FromParam || !needs[v] {
				continue
			}
			sparse := i == 0 && n.Op.SparseGrad != nil && v.Rank() == 2 && n.Attrs.Int("axis", 0) == 0
			if before, seen := only[v]; seen {
				sparse = sparse && before
			}
			only[v] = sparse
		}
	}
	return only
}

// node adds the gradients of n's inputs to their adjoints.
func (r *reverse) node(n *graph.Node, needs map[*graph.Value]bool) {
	upstream := make([]*graph.Value, len(n.Outputs))
	reached := false
	for i, v := range n.Outputs {
		upstream[i] = r.adjoints[v]
		reached = reached || upstream[i] != nil && needs[v]
	}
	if !reached || n.Op.Grad == nil {
		return
	}
	defer r.b.Scope("grad")()
	c := graph.NewGradContext(r.b, n, upstream)
	if first := n.Inputs[0]; first != nil && r.gathered[first] {
		if ids, rows := n.Op.SparseGrad(c); ids != nil {
			r.sparse[first] = append(r.sparse[first], [2]*graph.Value{ids, rows})
			return
		}
	}
	n.Op.Grad(c)
	for i, g := range c.Grads() {
		v := n.Inputs[i]
		if g == nil || v == nil || !needs[v] {
			continue
		}
		if sum := r.adjoints[v]; sum != nil {
			g = r.b.Add(sum, g)
		}
		r.adjoints[v] = g
	}
}

// step names the gradients as outputs and builds.
func (r *reverse) step(g *graph.Graph, loss string, needs map[*graph.Value]bool) (*Step, error) {
	s := &Step{Loss: loss, Dense: map[string]string{}, Sparse: map[string][]Pair{}}
	params := make([]*graph.Value, 0, len(needs))
	for v := range needs {
		if v.Kind() == graph.FromParam {
			params = append(params, v)
		}
	}
	slices.SortFunc(params, func(x, y *graph.Value) int { return strings.Compare(x.Param().Path, y.Param().Path) })
	for _, v := range params {
		path := v.Param().Path
		for i, pair := range r.sparse[v] {
			names := Pair{fmt.Sprintf("grad/%s/ids#%d", path, i), fmt.Sprintf("grad/%s/rows#%d", path, i)}
			r.b.Output(names.IDs, pair[0])
			r.b.Output(names.Rows, pair[1])
			s.Sparse[path] = append(s.Sparse[path], names)
		}
		if adjoint := r.adjoints[v]; adjoint != nil {
			if r.b.Err() == nil && !adjoint.Shape().Same(v.Shape()) {
				return nil, fmt.Errorf("differentiate %q: gradient of %s has shape %s", g.Name, v, adjoint.Shape())
			}
			s.Dense[path] = "grad/" + path
			r.b.Output(s.Dense[path], adjoint)
		}
	}
	if len(s.Dense)+len(s.Sparse) == 0 && r.b.Err() == nil {
		return nil, fmt.Errorf("differentiate %q: %w", g.Name, errors.New("the loss depends on no parameter"))
	}
	var err error
	s.Graph, err = r.b.Build()
	return s, err
}

func product(sizes []int) int {
	n := 1
	for _, s := range sizes {
		n *= s
	}
	return n
}
