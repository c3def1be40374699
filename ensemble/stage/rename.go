package stage

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"recsys/ensemble"
	"recsys/graph"
)

// Names renames tensors: a key is a name in the graph, its value the name in the ensemble. Names without an entry stay.
type Names struct {
	Inputs  map[string]string
	Outputs map[string]string
}

// Rename makes a stage of a graph under other names of inputs and outputs. The leading axis of its inputs is taken for that of the users,
// whatever its name. It fails for entries that the graph has not, and where two tensors get one name.
func Rename(name string, g *graph.Graph, names Names) (ensemble.Stage, error) {
	if err := names.check(g); err != nil {
		return ensemble.Stage{}, fmt.Errorf("stage %q: %w", name, err)
	}
	b := graph.NewBuilder(name)
	given := map[string]*graph.Value{}
	for _, in := range g.Inputs {
		given[in.Name()] = b.Input(renamed(names.Inputs, in.Name()), in.DType(), forUsers(in.Shape()))
	}
	values := b.Inline(g, given)
	for _, o := range g.Outputs {
		b.Output(renamed(names.Outputs, o.Name), values[o.Name])
	}
	return build(name, b)
}

// forUsers names the leading axis as stages do, if it has any other name.
func forUsers(shape graph.Shape) graph.Shape {
	if len(shape) == 0 || shape[0].IsFixed() {
		return shape
	}
	shape = slices.Clone(shape)
	shape[0] = graph.Sym(ensemble.BatchDim)
	return shape
}

func renamed(names map[string]string, name string) string {
	if to, ok := names[name]; ok {
		return to
	}
	return name
}

func (n Names) check(g *graph.Graph) error {
	inputs, outputs := make([]string, 0, len(g.Inputs)), make([]string, 0, len(g.Outputs))
	for _, v := range g.Inputs {
		inputs = append(inputs, v.Name())
	}
	for _, o := range g.Outputs {
		outputs = append(outputs, o.Name)
	}
	return errors.Join(
		missing(fmt.Sprintf("graph %q", g.Name), "input", n.Inputs, inputs),
		missing(fmt.Sprintf("graph %q", g.Name), "output", n.Outputs, outputs))
}

// missing reports entries of a renaming for tensors that the model has not.
func missing(model, kind string, names map[string]string, have []string) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !slices.Contains(have, name) {
			errs = append(errs, fmt.Errorf("%s has no %s %q to rename; it has %s", model, kind, name, strings.Join(have, ", ")))
		}
	}
	return errors.Join(errs...)
}

// build ends a stage's graph.
func build(name string, b *graph.Builder) (ensemble.Stage, error) {
	g, err := b.Build()
	if err != nil {
		return ensemble.Stage{}, fmt.Errorf("stage %q: %w", name, err)
	}
	return ensemble.Stage{Name: name, Graph: g}, nil
}

// Interactions makes a stage of the columns of a request and each candidate together, from a fitted workflow's graph over both
// (feature.FittedWorkflow.Candidates): its outputs get the prefix "interaction_", and the inputs that items names are the raw columns of
// candidates, which lookup makes.
func Interactions(candidates *graph.Graph, items []string) (ensemble.Stage, error) {
	names := Names{Inputs: map[string]string{}, Outputs: map[string]string{}}
	for _, column := range items {
		names.Inputs[column] = RawItem(column)
	}
	for _, o := range candidates.Outputs {
		names.Outputs[o.Name] = Interaction(o.Name)
	}
	return Rename(InteractionsName, candidates, names)
}

// Features makes the first stage of a fitted workflow's graph: its outputs get the prefix "encoded_".
func Features(workflow *graph.Graph) (ensemble.Stage, error) {
	names := Names{Outputs: map[string]string{}}
	for _, o := range workflow.Outputs {
		names.Outputs[o.Name] = Encoded(o.Name)
	}
	return Rename(FeaturesName, workflow, names)
}
