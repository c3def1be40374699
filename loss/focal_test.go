package loss_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/loss"
	"recsys/model"
	"recsys/model/modeltest"
	"recsys/tensor"
	"recsys/train"
)

// Focal is the loss of the how-to page: cross-entropy in which rows that the model has right already count less (Lin et
// al. 2017, equation 4), with p the probability of the row's label:
//
//	loss(p) = -(1-p)^γ · log p
type Focal struct {
	// Gamma is γ; 0 means 2. Without it the loss is loss.BinaryCrossEntropy.
	Gamma float32
}

// Apply takes logits [B,K] and labels [B,K], each 0 or 1, and returns the mean over K of every row, [B].
func (f Focal) Apply(b *graph.Builder, logits, labels *graph.Value) *graph.Value {
	if f.Gamma == 0 {
		f.Gamma = 2
	}
	// The logit of the row's label, s = ±z: then log p = -softplus(-s), and log(1-p) = -softplus(s).
	s := b.Mul(logits, b.Sub(b.Mul(labels, b.Float32(2)), b.Float32(1)))
	wrong := b.Exp(b.Mul(b.Softplus(s), b.Float32(-f.Gamma)))
	return b.ReduceMean(b.Mul(wrong, b.Softplus(b.Neg(s))), []int64{-1}, false)
}

// NewFocalTask trains the first task of a ranker by the focal loss, every row with its own item.
func NewFocalTask(m model.Ranker, e *train.Examples, rows []int32) (*train.Task, error) {
	b := graph.NewBuilder(m.Name() + "_focal")
	b.Train()
	batch, k := graph.Sym("B"), graph.Fixed(1)
	logits := m.Logits(b, model.QueryInputs(b, m.Schema()), model.CandidateInputs(b, m.Schema(), batch, k))
	if err := b.Err(); err != nil {
		return nil, err
	}
	labels := b.Input(model.LabelInput(m.Tasks()[0]), tensor.Float32, graph.Shape{batch, k})
	weights := b.Input(train.WeightInput, tensor.Float32, graph.Shape{batch})
	b.Output(train.LossOutput, loss.WeightedSum(b, Focal{}.Apply(b, logits[0], labels), weights))
	g, err := b.Build()
	if err != nil {
		return nil, err
	}
	return train.NewTask(m.Name(), g, e, rows)
}

func TestFocalGradient(t *testing.T) {
	b := graph.NewBuilder("focal")
	logits := b.Param("logits", graph.Dims(4, 2), graph.Uniform(3))
	labels := b.Const("labels", tensor.Of([]float32{1, 0, 0, 1, 1, 0, 0, 1}, 4, 2))
	weights := b.Const("weights", tensor.Of([]float32{1, 2, 3, 0.5}, 4))
	b.Output("loss", loss.WeightedSum(b, Focal{}.Apply(b, logits, labels), weights))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.InitParams(1); err != nil {
		t.Fatal(err)
	}
	if err := graphtest.Differentiate(g, "loss", nil); err != nil {
		t.Error(err)
	}
}

// TestFocal compares with PyTorch 2 in float64, as torchvision's sigmoid_focal_loss has it without α: cross-entropy by
// binary_cross_entropy_with_logits, times (1-p)**gamma. The last row overflows where a logarithm is taken of a sigmoid.
func TestFocal(t *testing.T) {
	in := tensor.Map{
		"logits": tensor.Of([]float32{0, 2, -3, 1, 200, -200}, 3, 2),
		"labels": tensor.Of([]float32{1, 0, 0, 1, 0, 0}, 3, 2),
	}
	for gamma, want := range map[float32][]float32{0: {0.9116825, 0.01138367, 100}, 0.5: {1.2431339, 0.08651862, 100}} {
		got := rows(t, in, func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
			return Focal{Gamma: gamma}.Apply(b, in["logits"], in["labels"])
		})
		if diff := cmp.Diff(want, got, near()); diff != "" {
			t.Errorf("gamma %v (-want +got):\n%s", gamma, diff)
		}
	}
}

func TestFocalTrains(t *testing.T) {
	e := modeltest.Examples()
	m, err := model.NewDLRM(e.Schema, model.DLRM{Dim: 4})
	if err != nil {
		t.Fatal(err)
	}
	all := make([]int32, e.Len())
	for i := range all {
		all[i] = int32(i)
	}
	task, err := NewFocalTask(m, e, all)
	if err != nil {
		t.Fatal(err)
	}
	result, err := train.Fit(t.Context(), task, train.Options{Epochs: 20, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	// A coin's loss is (1/2)²·log 2 = 0.17; the labels of these examples are planted in the columns, so that training has
	// to come well below it.
	if first, last := result.Epochs[0].Loss, result.Epochs[19].Loss; !(last > 0 && last < 0.75*first) {
		t.Errorf("the loss goes from %v to %v", first, last)
	}
}
