package ensemble

import (
	"errors"
	"fmt"
	"slices"

	"recsys/graph"
	"recsys/tensor"
)

// The ends of the names of the parts that cutDense makes: the first two stand behind a stage's name, the last behind a group's.
const (
	embedSuffix = "_embed" // up to the dense part
	denseSuffix = "_dense"
	restSuffix  = "_rest" // behind it
)

// cutDense cuts the dense part out of every stage on GPUs that has one, so that it becomes a model of its own whether stages or groups
// are fused. TensorRT takes whole models well, but not those with Gather or TopK: each piece of a model that it has to leave to others
// needs profiles of shapes that cannot be named.
func (e Ensemble) cutDense(how Fuse) (Ensemble, error) {
	if how == FuseAll {
		return e, fmt.Errorf("profile %q needs the dense parts as models of their own: fuse groups or none", ProfileTensorRT)
	}
	out, found := e, false
	out.Groups = nil
	for _, g := range e.Groups {
		var graphs []*graph.Graph
		for _, s := range g.Stages {
			if s.Folder == nil {
				graphs = append(graphs, s.Graph)
			}
		}
		if cpuWork(graphs...) {
			out.Groups = append(out.Groups, g)
			continue
		}
		next, cut := Group{}, false
		for _, s := range g.Stages {
			embed, dense, err := cutStage(s)
			if err != nil {
				return e, fmt.Errorf("stage %q: cut out its dense part: %w", s.Name, err)
			}
			if dense == nil {
				next.Stages = append(next.Stages, s)
				continue
			}
			if embed != nil {
				next.Stages = append(next.Stages, *embed)
			}
			if len(next.Stages) > 0 {
				out.Groups = append(out.Groups, Group{Name: s.Name + embedSuffix, Stages: next.Stages, Ranking: g.Ranking, within: []string{g.Name}})
			}
			out.Groups = append(out.Groups, Group{Name: dense.Name, Stages: []Stage{*dense}, Ranking: g.Ranking, within: []string{g.Name, s.Name}})
			next, cut = Group{}, true
		}
		switch found = found || cut; {
		case !cut:
			out.Groups = append(out.Groups, g)
		case len(next.Stages) > 0:
			out.Groups = append(out.Groups, Group{Name: g.Name + restSuffix, Stages: next.Stages, Ranking: g.Ranking, within: []string{g.Name}})
		}
	}
	if !found {
		return e, fmt.Errorf("profile %q: %w", ProfileTensorRT, errors.New("no stage on a GPU has a dense part; export with profile gpu"))
	}
	return out, nil
}

// cutStage cuts a stage in two: what comes before its dense part, nil if nothing does, and that part, nil if it has no matrix product.
func cutStage(s Stage) (embed, dense *Stage, err error) {
	if s.Folder != nil {
		return nil, nil, nil
	}
	part := denseNodes(s.Graph)
	if !slices.ContainsFunc(s.Graph.Nodes, func(n *graph.Node) bool {
		return part[n] && (n.Op.Type == "MatMul" || n.Op.Type == "Gemm")
	}) {
		return nil, nil, nil
	}
	var border []*graph.Value // what the dense part reads of nodes that are not part of it
	var nodes []*graph.Node
	for _, n := range s.Graph.Nodes {
		if !part[n] {
			continue
		}
		nodes = append(nodes, n)
		for _, v := range n.Inputs {
			if v == nil || slices.Contains(border, v) {
				continue
			}
			if maker, _ := v.Node(); v.Kind() == graph.FromNode && !part[maker] {
				border = append(border, v)
			}
		}
	}
	b := graph.NewBuilder(s.Name + denseSuffix)
	first := &graph.Graph{Name: s.Graph.Name, Inputs: s.Graph.Inputs, Params: s.Graph.Params, Nodes: s.Graph.Nodes}
	given := map[string]*graph.Value{}
	for i, v := range border {
		name := fmt.Sprintf("%s%s_%d", s.Name, denseSuffix, i)
		first.Outputs = append(first.Outputs, graph.Output{Name: name, Value: v})
		given[v.Name()] = b.Input(name, v.DType(), v.Shape())
	}
	second := &graph.Graph{
		Name: s.Graph.Name, Inputs: append(slices.Clone(s.Graph.Inputs), border...), Params: s.Graph.Params, Nodes: nodes,
	}
	for _, o := range s.Graph.Outputs {
		maker, _ := o.Value.Node()
		if part[maker] {
			second.Outputs = append(second.Outputs, o)
		} else {
			first.Outputs = append(first.Outputs, o)
		}
	}
	results := b.Inline(second, given)
	for _, o := range second.Outputs {
		b.Output(o.Name, results[o.Name])
	}
	g, err := b.Build()
	if err != nil {
		return nil, nil, err
	}
	dense = &Stage{Name: s.Name + denseSuffix, Graph: g, dense: true, within: []string{s.Name}}
	if len(first.Outputs) > 0 {
		embed = &Stage{Name: s.Name + embedSuffix, within: []string{s.Name}}
		embed.Graph, err = extract(embed.Name, first)
	}
	return embed, dense, err
}

// extract rebuilds a graph of the nodes that its outputs need.
func extract(name string, g *graph.Graph) (*graph.Graph, error) {
	b := graph.NewBuilder(name)
	results := b.Inline(g, nil)
	for _, o := range g.Outputs {
		b.Output(o.Name, results[o.Name])
	}
	return b.Build()
}

// denseNodes returns the nodes from which on a graph is dense to its outputs: TensorRT has the operators, all values are float32,
// and what enters has the users of the batch in front.
func denseNodes(g *graph.Graph) map[*graph.Node]bool {
	part, readers := map[*graph.Node]bool{}, map[*graph.Value][]*graph.Node{}
	for _, n := range g.Nodes {
		for _, v := range n.Inputs {
			readers[v] = append(readers[v], n)
		}
		part[n] = slices.Contains(denseOperators(), n.Op.Type) && n.Op.Domain == "" &&
			!slices.ContainsFunc(n.Outputs, func(v *graph.Value) bool { return v.DType() != tensor.Float32 })
	}
	crosses := func(v *graph.Value) bool { // can stand between two models
		return v.DType() == tensor.Float32 && v.Rank() > 0 && v.Shape()[0].Same(graph.Sym(BatchDim))
	}
	for again := true; again; {
		again = false
		for _, n := range g.Nodes {
			keep := part[n]
			for _, v := range n.Outputs {
				keep = keep && !slices.ContainsFunc(readers[v], func(r *graph.Node) bool { return !part[r] })
			}
			for _, v := range n.Inputs {
				if v == nil || v.Kind() == graph.FromConst || v.Kind() == graph.FromParam {
					continue
				}
				maker, _ := v.Node()
				keep = keep && (v.Kind() == graph.FromNode && part[maker] || crosses(v))
			}
			again = again || keep != part[n]
			part[n] = keep
		}
	}
	return part
}

func denseOperators() []string {
	return []string{
		"Add", "BatchNormalization", "Clip", "Concat", "Div", "Elu", "Erf", "Exp", "Gemm", "Identity", "LayerNormalization", "LeakyRelu",
		"Log", "MatMul", "Max", "Min", "Mul", "Neg", "Pow", "ReduceMax", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Sigmoid", "Slice",
		"Softmax", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze",
	}
}
