package exec

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// Options are the settings of a plan. The zero value is the default.
type Options struct {
	// Kernels is the set to compute with; nil means kernel.Best().
	Kernels *kernel.Set
	// Outputs selects outputs by name; nil means all. What only the others need is not computed, and inputs that
	// only the others need may be left out of a run.
	Outputs []string
	// Threads is the most goroutines that a run computes on at once, 0 means 1. The outputs have the same bits whatever
	// their number.
	Threads int
	// Budget, where set, is shared with other plans: a run uses more than one thread only while the budget has free
	// ones. Nil means that the runs of this plan share Threads.
	Budget *Budget
	// Frozen promises that the parameters' data stays as it is at the first run: the plan may keep it in another layout,
	// as for products, whose right-hand sides then take twice the memory. Where it changes all the same, runs may mix
	// old and new values. Not for training.
	Frozen bool
	// Unfused runs every node by its own kernel. It is for finding faults: fused and unfused plans agree.
	Unfused bool
}

// Plan is a graph made ready to run. It is immutable and safe for concurrent use.
type Plan struct {
	name     string
	kernels  *kernel.Set
	threads  int
	budget   *Budget
	inputs   []*graph.Value
	optional map[string]bool // inputs of the graph that the selected outputs do not need
	outputs  []graph.Output
	nodes    []*graph.Node // everything whose shape is needed, producers first
	steps    []*step
	values   []*graph.Value // everything that steps read or write, by slot
	slots    map[*graph.Value]int
	consts   map[*graph.Value]*tensor.Tensor // constants and folded nodes
	symbols  symbols
	bindings bindings
}

// Compile makes a plan for g. It fails when an output is unknown or a node on constants does.
func Compile(g *graph.Graph, o Options) (*Plan, error) {
	if o.Kernels == nil {
		o.Kernels = kernel.Best()
	}
	o.Threads = max(o.Threads, 1)
	if o.Budget == nil {
		o.Budget = NewBudget(o.Threads)
	}
	outputs, err := selectOutputs(g, o.Outputs)
	if err != nil {
		return nil, fmt.Errorf("compile graph %q: %w", g.Name, err)
	}
	p := &Plan{name: g.Name, kernels: o.Kernels, threads: o.Threads, budget: o.Budget, outputs: outputs, optional: map[string]bool{}}
	live := liveNodes(g, outputs)
	for _, v := range g.Inputs {
		if live.values[v] {
			p.inputs = append(p.inputs, v)
		} else {
			p.optional[v.Name()] = true
		}
	}
	p.nodes = live.nodes
	prog, err := lower(p.nodes, outputs, o)
	if err != nil {
		return nil, fmt.Errorf("compile graph %q: %w", g.Name, err)
	}
	if !o.Unfused {
		prog.narrowProducts()
		prog.dropUnused()
	}
	if err := prog.foldSteps(func(*step) bool { return true }); err != nil {
		return nil, fmt.Errorf("compile graph %q: %w", g.Name, err)
	}
	if !o.Unfused {
		prog.rewrite()
	}
	prog.dropUnused()
	p.steps, p.consts = prog.steps, prog.consts
	p.assignSlots()
	p.symbols = collectSymbols(p.inputs)
	p.bindings.init()
	return p, nil
}

// selectOutputs returns the outputs of the given names in that order, all of them for none.
func selectOutputs(g *graph.Graph, names []string) ([]graph.Output, error) {
	if names == nil {
		return g.Outputs, nil
	}
	outputs := make([]graph.Output, 0, len(names))
	for i, name := range names {
		v := g.Output(name)
		if v == nil {
			return nil, fmt.Errorf("no output %q; there are %s", name, strings.Join(outputNames(g.Outputs), ", "))
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("output %q is selected twice", name)
		}
		outputs = append(outputs, graph.Output{Name: name, Value: v})
	}
	return outputs, nil
}

func outputNames(outputs []graph.Output) []string {
	names := make([]string, 0, len(outputs))
	for _, o := range outputs {
		names = append(names, o.Name)
	}
	return names
}

type liveness struct {
	nodes  []*graph.Node
	values map[*graph.Value]bool
}

// liveNodes returns what outputs depend on.
func liveNodes(g *graph.Graph, outputs []graph.Output) liveness {
	l := liveness{values: map[*graph.Value]bool{}}
	for _, o := range outputs {
		l.values[o.Value] = true
	}
	for _, n := range slices.Backward(g.Nodes) {
		if !slices.ContainsFunc(n.Outputs, func(v *graph.Value) bool { return l.values[v] }) {
			continue
		}
		l.nodes = append(l.nodes, n)
		for _, v := range n.Inputs {
			if v != nil {
				l.values[v] = true
			}
		}
	}
	slices.Reverse(l.nodes)
	return l
}

// assignSlots numbers the values that a run holds.
func (p *Plan) assignSlots() {
	p.slots = map[*graph.Value]int{}
	add := func(v *graph.Value) {
		if _, ok := p.slots[v]; v != nil && !ok {
			p.slots[v] = len(p.values)
			p.values = append(p.values, v)
		}
	}
	for _, v := range p.inputs {
		add(v)
	}
	for _, s := range p.steps {
		for _, v := range slices.Concat(s.in, s.out) {
			add(v)
		}
		if s.kind == shape {
			add(s.node.Inputs[0])
		}
	}
	for _, o := range p.outputs {
		add(o.Value)
	}
}

// Inputs returns the inputs that a run needs, in the graph's order. The caller must not change the slice.
func (p *Plan) Inputs() []*graph.Value { return p.inputs }

// Outputs returns the outputs of a run. The caller must not change the slice.
func (p *Plan) Outputs() []graph.Output { return p.outputs }

// Steps describes what a run computes, in order: "NODE: OPERATOR", where a fused step has the name of its last node.
func (p *Plan) Steps() []string {
	list := make([]string, 0, len(p.steps))
	for _, s := range p.steps {
		list = append(list, s.String())
	}
	return list
}

// Run computes the outputs for the inputs in. The outputs belong to the caller. It fails when an input is missing,
// unknown or of another type or shape than the graph says, when a kernel refuses its data (the error names the
// node), and with ctx's error when ctx ends.
func (p *Plan) Run(ctx context.Context, in tensor.Map) (tensor.Map, error) {
	b, err := p.bind(in)
	if err != nil {
		return nil, fmt.Errorf("run graph %q: %w", p.name, err)
	}
	st := b.take()
	defer b.give(st)
	if err := st.run(ctx, in); err != nil {
		return nil, fmt.Errorf("run graph %q: %w", p.name, err)
	}
	out := make(tensor.Map, len(p.outputs))
	for i, o := range p.outputs {
		out[o.Name] = st.outputs[i].Clone()
	}
	return out, nil
}
