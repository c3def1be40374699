package stage

import (
	"fmt"
	"maps"
	"slices"

	"recsys/ensemble"
	"recsys/graph"
	"recsys/onnx"
)

// Names renames tensors: a key is a name in the graph, its value the name in the ensemble. Names without an entry stay.
type Names struct {
	Inputs  map[string]string
	Outputs map[string]string
}

// Rename makes a stage of a graph under other names of inputs and outputs. It fails for entries that the graph has not, and where two
// tensors get one name.
func Rename(name string, g *graph.Graph, names Names) (ensemble.Stage, error) {
	if err := names.check(g); err != nil {
		return ensemble.Stage{}, fmt.Errorf("stage %q: %w", name, err)
	}
	b := graph.NewBuilder(name)
	given := map[string]*graph.Value{}
	for _, in := range g.Inputs {
		given[in.Name()] = b.Input(renamed(names.Inputs, in.Name()), in.DType(), in.Shape())
	}
	values := b.Inline(g, given)
	for _, o := range g.Outputs {
		b.Output(renamed(names.Outputs, o.Name), values[o.Name])
	}
	return build(name, b)
}

func renamed(names map[string]string, name string) string {
	if to, ok := names[name]; ok {
		return to
	}
	return name
}

func (n Names) check(g *graph.Graph) error {
	for _, name := range slices.Sorted(maps.Keys(n.Inputs)) {
		if g.Input(name) == nil {
			return fmt.Errorf("graph %q has no input %q to rename", g.Name, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.Outputs)) {
		if g.Output(name) == nil {
			return fmt.Errorf("graph %q has no output %q to rename", g.Name, name)
		}
	}
	return nil
}

// build ends a stage's graph.
func build(name string, b *graph.Builder) (ensemble.Stage, error) {
	g, err := b.Build()
	if err != nil {
		return ensemble.Stage{}, fmt.Errorf("stage %q: %w", name, err)
	}
	return ensemble.Stage{Name: name, Graph: g}, nil
}

// File makes a stage of an ONNX file. Its inputs and outputs need a leading axis for the users of a batch; an unnamed one is taken for it.
func File(name, path string, names Names) (ensemble.Stage, error) {
	g, err := onnx.Read(path)
	if err != nil {
		return ensemble.Stage{}, fmt.Errorf("stage %q: %w", name, err)
	}
	return Rename(name, g, names)
}

// Features makes the first stage of a fitted workflow's graph: its outputs get the prefix "encoded_".
func Features(workflow *graph.Graph) (ensemble.Stage, error) {
	names := Names{Outputs: map[string]string{}}
	for _, o := range workflow.Outputs {
		names.Outputs[o.Name] = Encoded(o.Name)
	}
	return Rename(FeaturesName, workflow, names)
}
