package train

import (
	"errors"
	"fmt"

	"recsys/graph"
	"recsys/internal/portable"
	"recsys/tensor"
)

// Task is a training graph with the interactions to train on. It is immutable but for the data of its graph's
// parameters, and serves one Fit at a time.
type Task struct {
	// Name is the model's name.
	Name string
	// Graph has the output LossOutput: the sum over rows of WeightInput times the row's loss.
	Graph *graph.Graph
	// Rows are the interactions to train on.
	Rows []int32

	examples   *Examples
	candidates int // items per row: 1 positive and the negatives
	fillers    []filler
	negatives  func(d *draw)
}

// NewTask makes a task of a loss of one's own. The output LossOutput of g is the sum over rows of WeightInput times the
// row's loss; its other inputs are columns of e, model.QueryInput, model.ItemInput and
// model.InteractionInput, and labels, model.LabelInput. Every
// row comes with its own item.
func NewTask(name string, g *graph.Graph, e *Examples, rows []int32) (*Task, error) {
	if g.Output(LossOutput) == nil {
		return nil, fmt.Errorf("train %q: the graph %q has no output %q", name, g.Name, LossOutput)
	}
	return newTask(name, g, e, rows, 1, nil)
}

// newTask binds every input of g to the examples, but for those that special fills. k is the number of items per row: for
// k > 1 the caller sets negatives, which writes items 1 to k-1 of every row of a shard.
func newTask(name string, g *graph.Graph, e *Examples, rows []int32, k int, special specials) (*Task, error) {
	if err := e.Validate(); err != nil {
		return nil, fmt.Errorf("train %q: examples: %w", name, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("train %q: %w", name, errors.New("there are no interactions to train on; look at the split"))
	}
	for _, r := range rows {
		if r < 0 || int(r) >= e.Len() {
			return nil, fmt.Errorf("train %q: row %d of %d interactions", name, r, e.Len())
		}
	}
	t := &Task{Name: name, Graph: g, Rows: rows, examples: e, candidates: k}
	if err := t.bind(special); err != nil {
		return nil, fmt.Errorf("train %q: %w", name, err)
	}
	return t, nil
}

// bind finds where every input of the graph comes from.
func (t *Task) bind(special specials) error {
	for _, in := range t.Graph.Inputs {
		f, err := newFiller(in, t.examples, special)
		if err != nil {
			return err
		}
		t.fillers = append(t.fillers, f)
	}
	return nil
}

// buffer holds the tensors of a shard of a fixed number of rows.
type buffer struct {
	in    tensor.Map
	items []int32
}

// newBuffer allocates the inputs of a shard of n rows.
func (t *Task) newBuffer(n int) *buffer {
	b := &buffer{in: make(tensor.Map, len(t.fillers)), items: make([]int32, n*t.candidates)}
	for _, f := range t.fillers {
		shape := make([]int, len(f.shape))
		for i, d := range f.shape {
			shape[i] = d.Size
		}
		shape[0] = n
		if len(f.shape) > 1 && !f.shape[1].IsFixed() {
			shape[1] = t.candidates // [B,K]
		}
		b.in[f.name] = tensor.Zeros(f.dtype, shape...)
	}
	return b
}

// fill writes the shard of p into b, which was made for as many rows.
func (t *Task) fill(b *buffer, p picked, weight float32, rng *portable.Rand) {
	d := &draw{picked: p, items: b.items, rng: rng, weight: weight}
	for i, r := range p.rows {
		b.items[i*t.candidates] = t.examples.Item[r]
	}
	if t.candidates > 1 {
		t.negatives(d)
	}
	for _, f := range t.fillers {
		f.fill(b.in[f.name], d)
	}
}

// Inputs returns the inputs of the task's graph for one shard of rows, with weights of 1/len(rows) and negatives drawn
// from seed. The tensors are new. Fit feeds the graph the same way.
func (t *Task) Inputs(rows []int32, seed uint64) (tensor.Map, error) {
	p, err := t.examples.pick(t.wideNames(), rows)
	if err != nil {
		return nil, fmt.Errorf("train %q: %w", t.Name, err)
	}
	b := t.newBuffer(len(rows))
	t.fill(b, p, 1/float32(len(rows)), portable.New(seed, t.Name+"/inputs"))
	return b.in, nil
}
