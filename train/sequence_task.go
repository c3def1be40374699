package train

import (
	"errors"
	"fmt"

	"recsys/graph"
	"recsys/loss"
	"recsys/model"
	"recsys/sampler"
	"recsys/tensor"
)

// Names of the inputs of sequence tasks.
const (
	// TargetsInput holds the item index that follows each place of the history, [B,L] int64; 0 where none is to be
	// predicted.
	TargetsInput = "targets"
	// SequenceNegativesInput holds item indices that do not follow, [B,L,N] int64.
	SequenceNegativesInput = "sequence_negatives"
)

// NextItem are the settings of a sequence task.
type NextItem struct {
	// Negatives is the number of items that each target is told from by binary cross-entropy (Kang and McAuley 2018,
	// section III.E); 0 means all, by softmax (Klenitskiy and Vasilev 2023).
	Negatives int
	// Sampler draws the negatives; nil means uniformly from all items. A draw that is the target is made again.
	Sampler sampler.Sampler
	// Newest trains on the newest window of every user alone; otherwise on windows that cover all of a user's items.
	Newest bool
}

// NewSequenceTask trains a sequence model to predict, at every place of a history, the item that follows. Histories are
// cut into windows of the history column's length, which follow one another from the user's last row back. Items that
// are not among rows stand in histories, as context, and are never predicted.
func NewSequenceTask(m model.SequenceRetriever, e *Examples, rows []int32, s NextItem) (*Task, error) {
	c, _ := e.Schema.Column(m.History())
	if c.Length == 0 || s.Negatives < 0 {
		return nil, fmt.Errorf("train %q: history %q of length %d and %d negatives; lengths are positive, negatives not negative",
			m.Name(), m.History(), c.Length, s.Negatives)
	}
	w, err := newWindows(e, rows, c.Length, s.Newest)
	if err != nil {
		return nil, fmt.Errorf("train %q: %w", m.Name(), err)
	}
	b := graph.NewBuilder(m.Name() + "_next_item")
	b.Train()
	states := m.States(b, model.QueryInputs(b, m.Schema())) // [B,L,D]
	targets := b.Input(TargetsInput, tensor.Int64, graph.Shape{graph.Sym("B"), graph.Fixed(c.Length)})
	present := b.Cast(b.GreaterOrEqual(targets, b.Int64(int64(e.First))), tensor.Float32)
	special := specials{TargetsInput: {fill: w.targets}}
	var losses *graph.Value // [B,L]
	if s.Negatives == 0 {
		losses = allItems(b, m, e, states, targets)
	} else {
		if s.Sampler == nil {
			if s.Sampler, err = sampler.NewUniform(e.First, tableRows(e.Items)); err != nil {
				return nil, fmt.Errorf("train %q: negatives: %w", m.Name(), err)
			}
		}
		losses = drawnItems(b, m, e, states, targets, s.Negatives)
		special[SequenceNegativesInput] = w.negatives(s)
	}
	// A window's loss is the sum over its targets; divided by the mean number of targets, windows weigh as their targets.
	total := b.ReduceSum(b.Mul(losses, present), []int64{-1}, false)
	g, err := finish(b, b.Mul(total, b.Float32(float32(float64(len(w.rows))/float64(w.count)))))
	if err != nil {
		return nil, fmt.Errorf("train %q: %w", m.Name(), err)
	}
	return newTask(m.Name(), g, e, w.rows, 1, special)
}

// allItems is the softmax over the catalogue at every place.
func allItems(b *graph.Builder, m model.SequenceRetriever, e *Examples, states, targets *graph.Value) *graph.Value {
	columns := model.Columns{}
	for _, c := range model.ItemColumns(m.Schema()) {
		columns[c.Name] = b.Const("catalogue_"+c.Name, e.Items[c.Name].Rows(e.First, tableRows(e.Items)))
	}
	items := m.Items(b, columns) // [V-First,D]
	if b.Err() != nil {
		return b.Fail(nil)
	}
	l, d := states.Shape()[1].Size, states.Shape()[2].Size
	flat := b.Reshape(states, b.Int64s(-1, int64(d)))
	// Places without a target have any: their losses do not count.
	class := b.Reshape(b.Max(b.Sub(targets, b.Int64(int64(e.First))), b.Int64(0)), b.Int64s(-1))
	logits := b.MatMul(flat, b.Transpose(items, []int64{1, 0}))
	return b.Reshape(loss.SoftmaxCrossEntropy{}.Apply(b, logits, class), b.Int64s(-1, int64(l)))
}

// drawnItems is binary cross-entropy at every place: of the target's product, and of the mean over the negatives'.
func drawnItems(b *graph.Builder, m model.SequenceRetriever, e *Examples, states, targets *graph.Value, n int) *graph.Value {
	shape := graph.Shape{graph.Sym("B"), targets.Shape()[1], graph.Fixed(n)}
	negatives := b.Input(SequenceNegativesInput, tensor.Int64, shape)
	product := func(ids, x *graph.Value) *graph.Value {
		columns := model.Columns{}
		for _, c := range model.ItemColumns(m.Schema()) {
			columns[c.Name] = b.Gather(b.Const("catalogue_"+c.Name, e.Items[c.Name]), ids, 0)
		}
		return b.ReduceSum(b.Mul(m.Items(b, columns), x), []int64{-1}, false)
	}
	positive := b.Softplus(b.Neg(product(targets, states)))
	negative := b.Softplus(product(negatives, b.Unsqueeze(states, []int64{2})))
	return b.Add(positive, b.ReduceMean(negative, []int64{-1}, false))
}

// windows are histories to train on, each named by the row whose item ends it: the history is what stands before.
type windows struct {
	e      *Examples
	length int
	rows   []int32
	// trained tells which entries of the sequences are to be predicted, count how often the windows do.
	trained []bool
	count   int
}

func newWindows(e *Examples, rows []int32, length int, newest bool) (*windows, error) {
	w := &windows{e: e, length: length, trained: make([]bool, len(e.Sequences.Items))}
	row := make([]int32, len(e.Sequences.Items)) // of each entry, behind 1; 0 for none
	last := map[int32]int{}                      // by user, the place of the last row
	for _, r := range rows {
		u, place := e.User[r], int(e.Position[r])
		if place < len(e.Sequences.Of(u)) { // else it has no place in time
			entry := e.Sequences.Offsets[u] + int64(place)
			row[entry], w.trained[entry] = r+1, int(e.Item[r]) >= e.First
			last[u] = max(last[u], place)
		}
	}
	for u := range int32(len(e.Sequences.Offsets) - 1) {
		for end := last[u]; end > 0; end -= length {
			first := e.Sequences.Offsets[u]
			for end > 0 && row[first+int64(end)] == 0 {
				end-- // Entries of no row are not to be predicted.
			}
			n := w.targetsOf(u, end, func(int, int32) {})
			if n > 0 {
				w.rows, w.count = append(w.rows, row[first+int64(end)]-1), w.count+n
			}
			if newest {
				break
			}
		}
	}
	if w.count == 0 {
		return nil, errors.New("no user has two interactions to train on; look at the split and at min_frequency")
	}
	return w, nil
}

// targetsOf calls f with the place in the window, and the item, of everything to be predicted in the window that ends
// before place end of a user, and returns the number of calls.
func (w *windows) targetsOf(user int32, end int, f func(place int, item int32)) int {
	sequence, first := w.e.Sequences.Of(user), w.e.Sequences.Offsets[user]
	start, n := max(0, end-w.length), 0
	for at := start + 1; at <= end; at++ {
		if w.trained[first+int64(at)] {
			f(at-start-1, sequence[at])
			n++
		}
	}
	return n
}

// targets fills [B,L].
func (w *windows) targets(dst *tensor.Tensor, d *draw) {
	ids := tensor.MustData[int64](dst)
	clear(ids)
	for i, r := range d.rows {
		line := ids[i*w.length : (i+1)*w.length]
		w.targetsOf(w.e.User[r], int(w.e.Position[r]), func(place int, item int32) { line[place] = int64(item) })
	}
}

// negatives fills [B,L,N].
func (w *windows) negatives(s NextItem) special {
	return special{fill: func(dst *tensor.Tensor, d *draw) {
		ids := tensor.MustData[int64](dst)
		s.Sampler.Sample(d.rng, ids)
		for i, r := range d.rows {
			line := ids[i*w.length*s.Negatives : (i+1)*w.length*s.Negatives]
			w.targetsOf(w.e.User[r], int(w.e.Position[r]), func(place int, item int32) {
				drawn := line[place*s.Negatives : (place+1)*s.Negatives]
				for j := range drawn {
					for n := 0; n < tries && drawn[j] == int64(item); n++ {
						s.Sampler.Sample(d.rng, drawn[j:j+1])
					}
				}
			})
		}
	}}
}
