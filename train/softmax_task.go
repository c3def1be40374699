package train

import (
	"fmt"

	"recsys/graph"
	"recsys/internal/portable"
	"recsys/loss"
	"recsys/model"
	"recsys/tensor"
)

// Softmax are the settings of a softmax task.
type Softmax struct {
	Loss loss.SampledSoftmax
	// L2 is the weight of the mean squared length of the vectors of query and positive; 0 means none.
	L2 float32
}

// NewSoftmaxTask trains a retriever to tell each row's item from the items of the other rows of its shard (in-batch
// negatives; Yi et al. 2019). Q of the correction is an item's share of rows.
func NewSoftmaxTask(m model.Retriever, e *Examples, rows []int32, s Softmax) (*Task, error) {
	b := graph.NewBuilder(m.Name() + "_softmax")
	b.Train()
	batch := graph.Sym("B")
	query := m.Query(b, model.QueryInputs(b, m.Schema()))
	items := m.Items(b, model.ItemInputs(b, m.Schema(), batch))
	ids := b.Input(ItemIDsInput, tensor.Int64, graph.Shape{batch})
	logQ := b.Input(LogQInput, tensor.Float32, graph.Shape{batch})
	losses := s.Loss.Apply(b, loss.Sample{
		Query: query, PositiveID: ids, Items: items, ItemIDs: ids, LogQ: logQ,
	})
	if s.L2 > 0 {
		losses = b.Add(losses, b.Mul(b.Add(squaredLength(b, query), squaredLength(b, items)), b.Float32(s.L2)))
	}
	g, err := finish(b, losses)
	if err != nil {
		return nil, fmt.Errorf("train %q: %w", m.Name(), err)
	}
	shares := logShares(e, rows)
	return newTask(m.Name(), g, e, rows, 1, specials{LogQInput: {items: true, fill: func(dst *tensor.Tensor, d *draw) {
		for i, id := range d.items {
			tensor.MustData[float32](dst)[i] = shares[id]
		}
	}}})
}

// finish makes the loss of the rows' losses [B] and builds.
func finish(b *graph.Builder, losses *graph.Value) (*graph.Graph, error) {
	weights := b.Input(WeightInput, tensor.Float32, graph.Shape{graph.Sym("B")})
	b.Output(LossOutput, loss.WeightedSum(b, losses, weights))
	return b.Build()
}

// squaredLength returns the sum of squares of x along the last axis.
func squaredLength(b *graph.Builder, x *graph.Value) *graph.Value {
	return b.ReduceSum(b.Mul(x, x), []int64{-1}, false)
}

// logShares returns the logarithm of every item's share of rows, by item index; 0 for items without rows, which no
// positive is.
func logShares(e *Examples, rows []int32) []float32 {
	counts := Counts(e, rows)
	shares := make([]float32, len(counts))
	for item, n := range counts {
		if n > 0 {
			shares[item] = float32(portable.Log(float64(n) / float64(len(rows))))
		}
	}
	return shares
}

// Counts returns how many of rows have each item, by item index.
func Counts(e *Examples, rows []int32) []int64 {
	counts := make([]int64, max(0, tableRows(e.Items)))
	for _, r := range rows {
		if r >= 0 && int(r) < len(e.Item) {
			if item := int(e.Item[r]); item < len(counts) {
				counts[item]++
			}
		}
	}
	return counts
}
