package train

import (
	"fmt"

	"recsys/graph"
	"recsys/loss"
	"recsys/model"
	"recsys/tensor"
)

// NewPointwiseTask trains a ranker's binary tasks on the interactions' labels by cross-entropy, every row with its own
// item (K = 1). The loss is the mean over tasks by weights, in their order, positive and finite; none are equal ones.
func NewPointwiseTask(m model.Ranker, e *Examples, rows []int32, weights ...float32) (*Task, error) {
	shares, err := taskShares(len(m.Tasks()), weights)
	if err != nil {
		return nil, fmt.Errorf("train %q: %w", m.Name(), err)
	}
	b := graph.NewBuilder(m.Name() + "_pointwise")
	b.Train()
	batch, candidates := graph.Sym("B"), graph.Fixed(1)
	logits := m.Logits(b, model.QueryInputs(b, m.Schema()), model.CandidateInputs(b, m.Schema(), batch, candidates))
	var losses *graph.Value
	for i, task := range m.Tasks() {
		if b.Err() != nil {
			break
		}
		labels := b.Input(model.LabelInput(task), tensor.Float32, graph.Shape{batch, candidates})
		l := loss.BinaryCrossEntropy{}.Apply(b, logits[i], labels)
		if shares != nil {
			l = b.Mul(l, b.Float32(shares[i]))
		}
		if losses == nil {
			losses = l
			continue
		}
		losses = b.Add(losses, l)
	}
	if b.Err() == nil && shares == nil && len(m.Tasks()) > 1 {
		losses = b.Mul(losses, b.Float32(1/float32(len(m.Tasks()))))
	}
	g, err := finish(b, losses)
	if err != nil {
		return nil, fmt.Errorf("train %q: %w", m.Name(), err)
	}
	return newTask(m.Name(), g, e, rows, 1, nil)
}

// taskShares divides the weights of n tasks by their sum; nil for no weights.
func taskShares(n int, weights []float32) ([]float32, error) {
	if len(weights) == 0 {
		return nil, nil
	}
	if len(weights) != n {
		return nil, fmt.Errorf("%d weights of %d tasks", len(weights), n)
	}
	sum := 0.0
	for _, w := range weights {
		if !(w > 0) || !finite(float64(w)) {
			return nil, fmt.Errorf("a task has the weight %g; it has to be positive and finite", w)
		}
		sum += float64(w)
	}
	shares := make([]float32, n)
	for i, w := range weights {
		shares[i] = float32(float64(w) / sum)
	}
	return shares, nil
}
