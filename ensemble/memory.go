package ensemble

import (
	"fmt"
	"slices"

	"recsys/graph"
	"recsys/tensor"
)

// Memory estimates what a model takes in a server, in bytes, from the shapes in its graph. What a runtime adds, such as copies that
// it lays out for its kernels, is not part of it.
type Memory struct {
	Model string
	// Weights are the constants of one instance.
	Weights int64
	// One and Full are the intermediate values that are alive at once in a run of one user and of MaxBatch users.
	One, Full int64
	MaxBatch  int
	Instances int
}

// Total is what all instances take while each answers a full batch.
func (m Memory) Total() int64 { return int64(m.Instances) * (m.Weights + m.Full) }

// DefaultMemory is the default of [Options.Memory].
const DefaultMemory = 1 << 30

// stringBytes stands for a string, header and text.
const stringBytes = 32

func elementBytes(d tensor.DType) int64 {
	if d == tensor.String {
		return stringBytes
	}
	return int64(d.Size())
}

// weights adds up the bytes of a graph's constants.
func weights(g *graph.Graph) int64 {
	seen, total := map[*graph.Value]bool{}, int64(0)
	for _, n := range g.Nodes {
		for _, v := range n.Inputs {
			if v != nil && v.Data() != nil && !seen[v] {
				seen[v] = true
				total += int64(v.Data().Len()) * elementBytes(v.DType())
			}
		}
	}
	return total
}

// intermediate returns the most bytes of values that are alive at once when the graph runs for a batch of users, node by node: inputs
// from the start, outputs to the end. What follows from constants alone is computed once, when a model is loaded; a runtime keeps
// DequantizeLinear for each run, lest a small table becomes a large one.
func intermediate(g *graph.Graph, batch int) (int64, error) {
	sizes, err := valueSizes(g, batch)
	if err != nil {
		return 0, err
	}
	last := map[*graph.Value]int{}
	for i, n := range g.Nodes {
		for _, v := range slices.Concat(n.Outputs, n.Inputs) {
			last[v] = i
		}
	}
	for _, o := range g.Outputs {
		last[o.Value] = len(g.Nodes)
	}
	alive := int64(0)
	for _, v := range g.Inputs {
		alive += sizes[v]
	}
	most := alive
	for i, n := range g.Nodes {
		for _, v := range n.Outputs {
			alive += sizes[v]
		}
		most = max(most, alive)
		for _, v := range slices.Concat(n.Outputs, n.Inputs) {
			if last[v] == i {
				alive -= sizes[v]
				delete(sizes, v) // a node may read it twice
			}
		}
	}
	return most, nil
}

// valueSizes returns the bytes of every value that a run for a batch of users makes or is given.
func valueSizes(g *graph.Graph, batch int) (map[*graph.Value]int64, error) {
	shapes, sizes, once := map[*graph.Value]graph.Shape{}, map[*graph.Value]int64{}, map[*graph.Value]bool{}
	shapeOf := func(v *graph.Value) graph.Shape {
		if s, ok := shapes[v]; ok {
			return s
		}
		return v.Shape()
	}
	put := func(v *graph.Value, s graph.Shape) error {
		shapes[v] = s
		axes, fixed := s.Fixed()
		if !fixed {
			return fmt.Errorf("value %q has the shape %s, which the batch does not bind", v.Name(), s)
		}
		n, err := tensor.Count(axes)
		sizes[v] = int64(n) * elementBytes(v.DType())
		return err
	}
	for _, v := range g.Inputs {
		if err := put(v, append(graph.Shape{graph.Fixed(batch)}, v.Shape()[1:]...)); err != nil {
			return nil, err
		}
	}
	for _, n := range g.Nodes {
		types, err := graph.InferNode(n, shapeOf)
		if err != nil {
			return nil, err
		}
		folded := n.Op.Type != "DequantizeLinear" && !slices.ContainsFunc(n.Inputs, func(v *graph.Value) bool {
			return v != nil && v.Kind() != graph.FromConst && v.Kind() != graph.FromParam && !once[v]
		})
		for i, v := range n.Outputs {
			if err := put(v, types[i].Shape); err != nil {
				return nil, err
			}
			if once[v] = folded; folded {
				sizes[v] = 0
			}
		}
	}
	return sizes, nil
}

// memory estimates one model for batches of up to batch users.
func (m model) memory(name string, batch int) (Memory, error) {
	out := Memory{Model: name, Weights: weights(m.stage.Graph), MaxBatch: m.batch(batch), Instances: m.settings.InstanceGroup.Count}
	var err error
	if out.One, err = intermediate(m.stage.Graph, 1); err != nil {
		return out, err
	}
	out.Full, err = intermediate(m.stage.Graph, out.MaxBatch)
	return out, err
}

// fittingBatch returns the batch with which the intermediate values of all models' instances take at most limit bytes: the one that
// the repository has already, if it is not 0 and fits, because a model of another batch is one of another name; else the greatest power
// of two up to DefaultMaxBatch. It is one that the models of other backends take.
func fittingBatch(models []model, limit int64, live int) (int, error) {
	var batches []int
	if live > 0 {
		batches = append(batches, live)
	}
	for batch := DefaultMaxBatch; batch > 0; batch /= 2 {
		batches = append(batches, batch)
	}
	need := int64(0)
	for _, batch := range batches {
		need = 0
		if slices.ContainsFunc(models, func(m model) bool { return !m.stage.Folder.takes(batch) }) {
			continue
		}
		for _, m := range models {
			if m.stage.Folder != nil {
				continue // what it takes only its backend knows
			}
			bytes, err := intermediate(m.stage.Graph, m.batch(batch))
			if err != nil {
				return 0, fmt.Errorf("stage %q: %w", m.stage.Name, err)
			}
			need += bytes * int64(m.settings.InstanceGroup.Count)
		}
		if need <= limit {
			return batch, nil
		}
	}
	return 0, fmt.Errorf("intermediate values for one user take %d bytes, memory is %d: allow more, or retrieve less", need, limit)
}
