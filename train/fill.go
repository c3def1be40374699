package train

import (
	"fmt"
	"strings"

	"recsys/feature"
	"recsys/graph"
	"recsys/internal/portable"
	"recsys/model"
	"recsys/schema"
	"recsys/tensor"
)

// Names of training inputs beside those of package model.
const (
	// WeightInput holds the weights of rows [B] float32, whose weighted sum of losses is the loss.
	WeightInput = "weight"
	// ItemIDsInput holds item indices [B] int64, LogQInput the logarithm of their share among the positives [B].
	ItemIDsInput = "item_ids"
	LogQInput    = "log_q"
	// LossOutput is the training graph's loss, float32 of rank 0.
	LossOutput = "loss"
)

// draw is one shard before it is written into tensors.
type draw struct {
	picked
	items []int32 // item indices, B or B·K
	rng   *portable.Rand
	// weight is the weight of every row.
	weight float32
}

// filler writes one input of a training graph.
type filler struct {
	name  string
	dtype tensor.DType
	// items tells that the input has an entry per item and not per row; width is the elements of an entry.
	items bool
	width int
	shape graph.Shape
	// wide tells that the values come from the wide column of the input's name.
	wide bool
	fill func(dst *tensor.Tensor, d *draw)
}

// specials are inputs of a kind of task, by name.
type specials map[string]special

// special fills an input; items is that of the filler.
type special struct {
	items bool
	fill  func(dst *tensor.Tensor, d *draw)
}

// newFiller finds where the input's values come from.
func newFiller(in *graph.Value, e *Examples, special specials) (filler, error) {
	f := filler{name: in.Name(), dtype: in.DType(), shape: in.Shape(), width: 1}
	if s, ok := special[in.Name()]; ok {
		f.items, f.fill = s.items, s.fill
		return f, nil
	}
	if strings.HasPrefix(in.Name(), graph.UniformInput) {
		return f.uniform()
	}
	switch in.Name() {
	case WeightInput:
		f.fill = func(dst *tensor.Tensor, d *draw) {
			w := tensor.MustData[float32](dst)
			for i := range w {
				w[i] = d.weight
			}
		}
		return f, nil
	case ItemIDsInput:
		f.items = true
		f.fill = func(dst *tensor.Tensor, d *draw) {
			for i, id := range d.items {
				tensor.MustData[int64](dst)[i] = int64(id)
			}
		}
		return f, nil
	case LogQInput:
		return f, fmt.Errorf("the input %q is for softmax tasks", LogQInput)
	}
	if name, ok := strings.CutPrefix(in.Name(), model.LabelInput("")); ok {
		return f.label(name, e)
	}
	for _, c := range model.QueryColumns(e.Schema) {
		if model.QueryInput(c.Name) == in.Name() {
			return f.query(c, e), nil
		}
	}
	for _, c := range model.InteractionColumns(e.Schema) {
		if model.InteractionInput(c.Name) == in.Name() {
			f.items, f.width = true, max(1, c.Length)
			return f.copies(), nil
		}
	}
	for _, c := range model.ItemColumns(e.Schema) {
		if model.ItemInput(c.Name) == in.Name() {
			f.items, f.width = true, max(1, c.Length)
			f.fill = func(dst *tensor.Tensor, d *draw) { gatherRows(dst, e.Items[c.Name], d.items, f.width) }
			return f, nil
		}
	}
	return f, fmt.Errorf("the graph's input %q is neither a column of the schema nor a training input", in.Name())
}

// uniform makes the filler draw numbers in [0,1), an element each of the rows.
func (f filler) uniform() (filler, error) {
	for _, d := range f.shape[1:] {
		if !d.IsFixed() {
			return f, fmt.Errorf("the random numbers %q are %s; all axes but the first have to be fixed", f.name, f.shape)
		}
	}
	f.fill = func(dst *tensor.Tensor, d *draw) {
		x := tensor.MustData[float32](dst)
		for len(x) > 1 { // two numbers of 24 bits a draw
			bits := d.rng.Uint64()
			x[0], x[1] = float32(bits>>40)*0x1p-24, float32(bits<<24>>40)*0x1p-24
			x = x[2:]
		}
		if len(x) > 0 {
			x[0] = d.rng.Float32()
		}
	}
	return f, nil
}

func (f filler) label(task string, e *Examples) (filler, error) {
	if !e.hasLabels(task) {
		return f, noLabels(task)
	}
	f.items = true
	return f.copies(), nil
}

// copies makes the filler copy the rows of a wide column.
func (f filler) copies() filler {
	f.wide = true
	f.fill = func(dst *tensor.Tensor, d *draw) { gatherRows(dst, d.wide[f.name], d.places, f.width) }
	return f
}

func (f filler) query(c schema.Column, e *Examples) filler {
	f.width = max(1, c.Length)
	switch {
	case wide(c):
		return f.copies()
	case c.Has(schema.Sequence):
		f.fill = func(dst *tensor.Tensor, d *draw) {
			ids := tensor.MustData[int64](dst)
			for i, r := range d.rows {
				feature.Window(ids[i*f.width:(i+1)*f.width], e.Sequences.Of(e.User[r]), e.Position[r])
			}
		}
	default:
		f.fill = func(dst *tensor.Tensor, d *draw) {
			gatherMapped(dst, e.Users[c.Name], d.rows, e.User, f.width)
		}
	}
	return f
}

// gatherRows copies the rows of src that ids name into dst, width elements each.
func gatherRows(dst, src *tensor.Tensor, ids []int32, width int) {
	gatherMapped(dst, src, ids, nil, width)
}

// gatherMapped copies row through[id] of src, or row id when through is nil, for each of ids.
func gatherMapped(dst, src *tensor.Tensor, ids, through []int32, width int) {
	switch s := src.Any().(type) {
	case []int64:
		gather(tensor.MustData[int64](dst), s, ids, through, width)
	case []float32:
		gather(tensor.MustData[float32](dst), s, ids, through, width)
	}
}

func gather[T any](dst, src []T, ids, through []int32, width int) {
	switch {
	case width == 1 && through == nil:
		for i, id := range ids {
			dst[i] = src[id]
		}
		return
	case width == 1:
		for i, id := range ids {
			dst[i] = src[through[id]]
		}
		return
	}
	for i, id := range ids {
		if through != nil {
			id = through[id]
		}
		copy(dst[i*width:(i+1)*width], src[int(id)*width:])
	}
}

// Inputs returns the inputs of g for interactions rows: query columns [B], [B,L] of their users and places in time, columns of
// their own items and of both together, [B], [B,1] or with a list axis, and labels. The tensors are new. Rows that stand close to one
// another read few blocks.
func (e *Examples) Inputs(g *graph.Graph, rows []int32) (tensor.Map, error) {
	t := &Task{Name: g.Name, Graph: g, examples: e, candidates: 1}
	if err := t.bind(nil); err != nil {
		return nil, fmt.Errorf("graph %q: %w", g.Name, err)
	}
	p, err := e.pick(t.wideNames(), rows)
	if err != nil {
		return nil, fmt.Errorf("graph %q: %w", g.Name, err)
	}
	b := t.newBuffer(len(rows))
	t.fill(b, p, 1, nil)
	return b.in, nil
}
