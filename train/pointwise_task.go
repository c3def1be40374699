package train

import (
	"fmt"

	"recsys/graph"
	"recsys/loss"
	"recsys/model"
	"recsys/tensor"
)

// NewPointwiseTask trains a ranker's binary tasks on the interactions' labels by cross-entropy, every row with its own
// item (K = 1). The loss is the mean over tasks.
func NewPointwiseTask(m model.Ranker, e *Examples, rows []int32) (*Task, error) {
	b := graph.NewBuilder(m.Name() + "_pointwise")
	b.Train()
	batch, candidates := graph.Sym("B"), graph.Fixed(1)
	logits := m.Logits(b, model.QueryInputs(b, m.Schema()), model.ItemInputs(b, m.Schema(), batch, candidates))
	var losses *graph.Value
	for i, task := range m.Tasks() {
		if b.Err() != nil {
			break
		}
		labels := b.Input(model.LabelInput(task), tensor.Float32, graph.Shape{batch, candidates})
		l := loss.BinaryCrossEntropy{}.Apply(b, logits[i], labels)
		if losses == nil {
			losses = l
			continue
		}
		losses = b.Add(losses, l)
	}
	if b.Err() == nil && len(m.Tasks()) > 1 {
		losses = b.Mul(losses, b.Float32(1/float32(len(m.Tasks()))))
	}
	g, err := finish(b, losses)
	if err != nil {
		return nil, fmt.Errorf("train %q: %w", m.Name(), err)
	}
	return newTask(m.Name(), g, e, rows, 1, nil)
}
