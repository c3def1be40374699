package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// Chain runs stages one after another, unfused, in this process: it is the offline form of the serving ensemble, and
// what every other form is compared with. It is immutable and safe for concurrent use.
type Chain struct {
	names []string
	plans []*exec.Plan
	graph []*graph.Graph
}

// NewChain compiles the stages' graphs, in order. Their parameters must not change any more. Nil kernels are the fastest.
func NewChain(stages []NamedGraph, kernels *kernel.Set) (*Chain, error) {
	c := &Chain{}
	for _, s := range stages {
		plan, err := exec.Compile(s.Graph, exec.Options{Kernels: kernels, Frozen: true})
		if err != nil {
			return nil, fmt.Errorf("stage %q: %w", s.Name, err)
		}
		c.names, c.plans, c.graph = append(c.names, s.Name), append(c.plans, plan), append(c.graph, s.Graph)
	}
	return c, nil
}

// NamedGraph is a stage of a run.
type NamedGraph struct {
	Name  string
	Graph *graph.Graph
}

// Inputs returns the names of the tensors that no stage makes: the raw columns and the blocked bitmap.
func (c *Chain) Inputs() []*graph.Value {
	var inputs []*graph.Value
	made := map[string]bool{}
	for _, g := range c.graph {
		for _, in := range g.Inputs {
			if !made[in.Name()] {
				made[in.Name()] = true
				inputs = append(inputs, in)
			}
		}
		for _, o := range g.Outputs {
			made[o.Name] = true
		}
	}
	return inputs
}

// Run computes every tensor of the ensemble from raw columns [B] and [B,L] (or [B,1], as on the wire) and the bitmap [B,ceil(V/8)]. The result
// holds all outputs of all stages; it belongs to the caller. raw may hold more than is needed.
func (c *Chain) Run(ctx context.Context, raw tensor.Map) (tensor.Map, error) {
	all, out := make(tensor.Map, len(raw)), tensor.Map{}
	maps.Copy(all, raw)
	for i, plan := range c.plans {
		in := make(tensor.Map, len(c.graph[i].Inputs))
		for _, v := range c.graph[i].Inputs {
			t, ok := all[v.Name()]
			if !ok {
				return nil, fmt.Errorf("stage %q: no tensor %q", c.names[i], v.Name())
			}
			var err error
			if in[v.Name()], err = scalarAs(t, v.Rank()); err != nil {
				return nil, fmt.Errorf("stage %q: tensor %q: %w", c.names[i], v.Name(), err)
			}
		}
		results, err := plan.Run(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("stage %q: %w", c.names[i], err)
		}
		for name, t := range results {
			all[name], out[name] = t, t
		}
	}
	return out, nil
}

// scalarAs turns [B] into [B,1] and back, where a stage has the one form and its neighbour the other.
func scalarAs(t *tensor.Tensor, rank int) (*tensor.Tensor, error) {
	switch {
	case t.Rank() == 1 && rank == 2:
		return t.Reshape(t.Dim(0), 1)
	case t.Rank() == 2 && rank == 1 && t.Dim(1) == 1:
		return t.Reshape(t.Dim(0))
	}
	return t, nil
}

// Has reports whether the chain has a stage of that name.
func (c *Chain) Has(name string) bool { return slices.Contains(c.names, name) }
