package exec

import (
	"errors"
	"fmt"
	"slices"

	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/tensor"
)

type stepKind uint8

const (
	call  stepKind = iota
	view           // the output is the input with another shape
	shape          // the output is known as soon as shapes are
)

// step is one kernel call of a plan: a node, or several nodes that were fused into the last of them.
type step struct {
	node *graph.Node
	kind stepKind
	in   []*graph.Value // nil for absent optional inputs
	out  []*graph.Value
	run  func(r *graph.Run, in, out []*tensor.Tensor) error
	// form describes a step that is not its node alone, such as "ReluGrad".
	form string
	// prepared is what the operator's Prepare returned.
	prepared any
	// reuse lists the inputs in whose memory the first output may be written, best first.
	reuse []int
	// product is set for matrix products, rows for regions.
	product *product
	integer *integer // of products with a constant table of bytes
	rows    *rows
	// gather tells that the step copies rows of a float32 table.
	gather bool
	// rule is how a step that is its node alone works by rows, nil where it does not.
	rule *graph.RowRule
	// part computes a range of the step's units in place of run, side by side with other parts; units tells their
	// number and about how many nanoseconds one takes. With part, run, if any, words the error of a part that fails.
	part  func(l *lane, in, out []*tensor.Tensor, from, to int) error
	units func(in, out []*tensor.Tensor) (n, work int)
	// finish, where set, makes the outputs of what the parts left with their lanes. Many parts then even out the threads: there
	// is nothing that each of them has to read.
	finish func(lanes []*lane, in, out []*tensor.Tensor) error
	// scores computes blocks of columns of the only output, nil where that cannot be.
	scores scores
}

// program is the list of steps while a plan is compiled.
type program struct {
	kernels *kernel.Set
	frozen  bool // parameters do not change
	threads int
	steps   []*step
	outputs map[*graph.Value]bool
	consts  map[*graph.Value]*tensor.Tensor
}

// foldLimit bounds the elements of a folded constant: a larger result is computed at each run.
const foldLimit = 1 << 24

// lower makes a step of each node and computes those that depend on constants alone, but for what widens tables.
func lower(nodes []*graph.Node, outputs []graph.Output, o Options) (*program, error) {
	p := &program{kernels: o.Kernels, frozen: o.Frozen, threads: o.Threads, outputs: map[*graph.Value]bool{}, consts: map[*graph.Value]*tensor.Tensor{}}
	for _, o := range outputs {
		p.outputs[o.Value] = true
	}
	for _, n := range nodes {
		for _, v := range n.Inputs {
			if v != nil && v.Kind() == graph.FromConst {
				p.consts[v] = v.Data()
			}
		}
		s, err := newStep(n, p.outputs)
		if err != nil {
			return nil, err
		}
		p.steps = append(p.steps, s)
	}
	return p, p.foldSteps(func(s *step) bool { return !widens(s.node) })
}

// foldSteps replaces steps on constants by their results, where may says so.
func (p *program) foldSteps(may func(s *step) bool) error {
	kept := p.steps[:0]
	for _, s := range p.steps {
		folded := false
		if may(s) {
			var err error
			if folded, err = p.fold(s); err != nil {
				return err
			}
		}
		if !folded {
			kept = append(kept, s)
		}
	}
	p.steps = kept
	return nil
}

func newStep(n *graph.Node, outputs map[*graph.Value]bool) (*step, error) {
	s := &step{node: n, in: slices.Clone(n.Inputs), out: n.Outputs}
	s.run = func(r *graph.Run, in, out []*tensor.Tensor) error { return n.Op.Kernel(r, n, in, out) }
	if n.Op.Prepare != nil {
		var err error
		if s.prepared, err = n.Op.Prepare(n); err != nil {
			return nil, s.wrap(err)
		}
	}
	switch {
	case n.Op.Domain != "":
	case isView(n.Op.Type):
		s.kind = view
		s.in = s.in[:1]
	case n.Op.Type == "Shape" && !outputs[n.Outputs[0]]:
		s.kind = shape
		s.in = nil
	default:
		s.reuse = reusable(n.Op.Type)
		if n.Op.Rows != nil && len(n.Outputs) == 1 {
			s.rule = n.Op.Rows(n)
		}
	}
	return s, nil
}

// isView reports whether an operator's output is its first input with another shape.
func isView(typ string) bool {
	switch typ {
	case "Reshape", "Squeeze", "Unsqueeze", "Identity":
		return true
	}
	return false
}

// reusable returns the inputs whose memory an operator may overwrite: its kernel reads element i of them before it
// writes element i of the output, and no other element.
func reusable(typ string) []int {
	switch typ {
	case "Relu", "Sigmoid", "Tanh", "Exp", "Log", "Sqrt", "Neg", "Abs", "Reciprocal", "Not":
		return []int{0}
	case "Add", "Sub", "Mul", "Div":
		return []int{0, 1}
	}
	return nil
}

// fold runs s when all its inputs are constants.
func (p *program) fold(s *step) (bool, error) {
	if s.kind == shape {
		return false, nil
	}
	in := make([]*tensor.Tensor, len(s.in))
	for i, v := range s.in {
		if v == nil {
			continue
		}
		if in[i] = p.consts[v]; in[i] == nil {
			return false, nil
		}
	}
	out := make([]*tensor.Tensor, len(s.out))
	for i, v := range s.out {
		sizes, fixed := v.Shape().Fixed()
		if !fixed || p.outputs[v] {
			return false, nil
		}
		if n, err := tensor.Count(sizes); err != nil || n > foldLimit {
			return false, nil //nolint:nilerr // Too large to fold; the run reports the shape.
		}
		out[i] = tensor.Zeros(v.DType(), sizes...)
	}
	if err := s.compute(p.kernels, in, out); err != nil {
		return false, err
	}
	for i, v := range s.out {
		p.consts[v] = out[i]
	}
	return true, nil
}

// compute runs the step alone, turning a panic into an error that names the node.
func (s *step) compute(kernels *kernel.Set, in, out []*tensor.Tensor) (err error) {
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("node %q (%s): panic: %v", s.node.Name, s.node.Op, e)
		}
	}()
	if s.kind == view {
		return tensor.Copy(out[0], in[0])
	}
	if err := s.do([]*lane{{Run: graph.Run{Kernels: kernels}}}, in, out); err != nil {
		return s.wrap(err)
	}
	return nil
}

// do runs the kernel on one goroutine, with the first of its lanes.
func (s *step) do(lanes []*lane, in, out []*tensor.Tensor) error {
	l := lanes[0]
	if s.part == nil {
		l.Prepared = s.prepared
		return s.run(&l.Run, in, out)
	}
	n, _ := s.units(in, out)
	s.begin(lanes)
	return s.end(lanes, in, out, s.part(l, in, out, 0, n))
}

// begin makes lanes ready for parts.
func (s *step) begin(lanes []*lane) {
	if s.finish == nil {
		return
	}
	for _, l := range lanes {
		l.tops = l.tops[:0]
	}
}

// end finishes what parts did; err is that of one of them.
func (s *step) end(lanes []*lane, in, out []*tensor.Tensor, err error) error {
	if err == nil && s.finish != nil {
		err = s.finish(lanes, in, out)
	}
	if err != nil && s.run != nil {
		return s.run(&lanes[0].Run, in, out)
	}
	return err
}

// String names the node and what is computed at its place.
func (s *step) String() string { return s.node.Name + ": " + s.what() }

func (s *step) what() string {
	switch {
	case s.rows != nil:
		return s.rows.String()
	case s.product != nil:
		return s.product.String()
	case s.form != "":
		return s.form
	}
	return s.node.Op.String()
}

func (s *step) wrap(err error) error {
	if f := (*fault)(nil); errors.As(err, &f) {
		s, err = f.step, f.err
	}
	return fmt.Errorf("node %q (%s): %w", s.node.Name, s.node.Op, err)
}

// dropUnused removes the steps whose outputs no step and no output of the graph reads.
func (p *program) dropUnused() {
	needed := map[*graph.Value]bool{}
	kept := p.steps[:0:0]
	for _, s := range slices.Backward(p.steps) {
		if !slices.ContainsFunc(s.out, func(v *graph.Value) bool { return needed[v] || p.outputs[v] }) {
			continue
		}
		for _, v := range s.in {
			needed[v] = true
		}
		kept = append(kept, s)
	}
	slices.Reverse(kept)
	p.steps = kept
}
