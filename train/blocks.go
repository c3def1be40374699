package train

import (
	"cmp"
	"fmt"
	"slices"

	"recsys/model"
	"recsys/schema"
	"recsys/tensor"
)

// Blocks holds the columns of context and interactions and the labels of interactions outside memory, in blocks of consecutive rows. It has
// to be safe for concurrent use. [recsys/data.Blocks] is one.
type Blocks interface {
	// Rows is the number of interactions, BlockRows that of a block; the last block may have fewer.
	Rows() int
	BlockRows() int
	// Columns are those columns, int64 where they are categorical and float32 otherwise, under their WideName, and labels, float32, under those that model.LabelInput gives their tasks.
	Columns() schema.Schema
	// ReadBlock reads the columns that into names, and only those, of block i, whose first row is i·BlockRows, into the
	// first rows of tensors [n] or [n,L], n at least BlockRows.
	ReadBlock(i int, into tensor.Map) error
}

// picked is some interactions with what fillers copy from.
type picked struct {
	rows []int32
	// places are where the wide columns hold the rows: columns of context, interactions and labels by the names of graph inputs.
	places []int32
	wide   tensor.Map
}

// hasLabels reports whether there are labels of a task.
func (e *Examples) hasLabels(task string) bool {
	if e.Blocks != nil {
		_, ok := e.Blocks.Columns().Column(model.LabelInput(task))
		return ok
	}
	_, ok := e.Labels[task]
	return ok
}

// wide reports whether a column has a value for each interaction, not for each user or item.
func wide(c schema.Column) bool { return c.Has(schema.Context) || c.Has(schema.Interaction) }

// WideName is the graph input of a column of context or of interactions.
func WideName(c schema.Column) string {
	if c.Has(schema.Interaction) {
		return model.InteractionInput(c.Name)
	}
	return model.QueryInput(c.Name)
}

// wide returns the columns of context, interactions and labels in memory.
func (e *Examples) wide() tensor.Map {
	m := tensor.Map{}
	for _, c := range e.Schema {
		if t, ok := e.Context[c.Name]; ok && wide(c) {
			m[WideName(c)] = t
		}
	}
	for task, labels := range e.Labels {
		m[model.LabelInput(task)] = tensor.Of(labels, len(labels))
	}
	return m
}

// wideNames returns the wide columns that the task copies from.
func (t *Task) wideNames() []string {
	var names []string
	for _, f := range t.fillers {
		if f.wide {
			names = append(names, f.name)
		}
	}
	return names
}

// newWide allocates columns of blocks for n rows.
func newWide(b Blocks, names []string, n int) tensor.Map {
	m := tensor.Map{}
	for _, c := range b.Columns() {
		if !slices.Contains(names, c.Name) {
			continue
		}
		shape := []int{n}
		if c.Length > 0 {
			shape = append(shape, c.Length)
		}
		m[c.Name] = tensor.Zeros(c.DType.DType, shape...)
	}
	return m
}

// pick finds wide columns of some interactions.
func (e *Examples) pick(names []string, rows []int32) (picked, error) {
	if e.Blocks == nil {
		return picked{rows: rows, places: rows, wide: e.wide()}, nil
	}
	p := picked{rows: rows, places: make([]int32, len(rows)), wide: newWide(e.Blocks, names, len(rows))}
	for i := range p.places {
		p.places[i] = int32(i)
	}
	return p, newBlockReader(e.Blocks, names).gather(p)
}

func noLabels(task string) error { return fmt.Errorf("the examples have no labels of task %q", task) }

// LabelsOf returns a task's labels of some interactions, in the order of rows. The slice is new.
func (e *Examples) LabelsOf(task string, rows []int32) ([]float32, error) {
	if !e.hasLabels(task) {
		return nil, noLabels(task)
	}
	name := model.LabelInput(task)
	p, err := e.pick([]string{name}, rows)
	if err != nil {
		return nil, fmt.Errorf("labels of task %q: %w", task, err)
	}
	out := make([]float32, len(rows))
	gather(out, tensor.MustData[float32](p.wide[name]), p.places, nil, 1)
	return out, nil
}

// blockReader has one block in memory.
type blockReader struct {
	blocks Blocks
	wide   tensor.Map
	block  int // -1 for none
}

func newBlockReader(b Blocks, names []string) *blockReader {
	return &blockReader{blocks: b, wide: newWide(b, names, b.BlockRows()), block: -1}
}

// gather reads the rows of p into their places, each block once.
func (r *blockReader) gather(p picked) error {
	order := make([]int, len(p.rows))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p.rows[a], p.rows[b]) })
	rows, places := make([]int32, len(order)), make([]int32, len(order))
	for i, at := range order {
		rows[i], places[i] = p.rows[at], p.places[at]
	}
	size := int32(r.blocks.BlockRows())
	for from, to := 0, 0; from < len(rows); from = to {
		for to < len(rows) && rows[to]/size == rows[from]/size {
			to++
		}
		if err := r.copy(p.wide, places[from:to], rows[from:to]); err != nil {
			return err
		}
	}
	return nil
}

// copy copies rows of one block to their places in wide.
func (r *blockReader) copy(wide tensor.Map, places, rows []int32) error {
	if len(wide) == 0 || len(rows) == 0 {
		return nil
	}
	size := r.blocks.BlockRows()
	if block := int(rows[0]) / size; block != r.block {
		r.block = -1
		if err := r.blocks.ReadBlock(block, r.wide); err != nil {
			return err
		}
		r.block = block
	}
	for name, to := range wide {
		width := to.Len() / to.Dim(0)
		switch x := r.wide[name].Any().(type) {
		case []int64:
			scatter(tensor.MustData[int64](to), x, places, rows, r.block*size, width)
		case []float32:
			scatter(tensor.MustData[float32](to), x, places, rows, r.block*size, width)
		}
	}
	return nil
}

// scatter copies row rows[i]-first of src to row places[i] of dst.
func scatter[T any](dst, src []T, places, rows []int32, first, width int) {
	if width == 1 {
		for i, r := range rows {
			dst[places[i]] = src[int(r)-first]
		}
		return
	}
	for i, r := range rows {
		at := int(r) - first
		copy(dst[int(places[i])*width:(int(places[i])+1)*width], src[at*width:])
	}
}
