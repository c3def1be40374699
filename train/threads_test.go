package train_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/graph/kernel"
	"recsys/model"
	"recsys/model/modeltest"
	"recsys/optim"
	"recsys/tensor"
	"recsys/train"
)

// kinds are every model with every loss that trains it.
func kinds(t *testing.T) map[string]func() (*train.Task, error) {
	t.Helper()
	twoTower := model.TwoTower{Dim: 4, Query: []int{8, 4}, Candidate: []int{4}, Recency: []float32{0, 1}}
	own := model.TwoTower{Dim: 4, Query: []int{4}, Candidate: []int{4}, OwnHistory: true, Normalize: true}
	retriever := func(s model.TwoTower) func(e *train.Examples) (model.Retriever, error) {
		return func(e *train.Examples) (model.Retriever, error) { return model.NewTwoTower(e.Schema, s) }
	}
	retrievers := map[string]func(e *train.Examples) (model.Retriever, error){
		"mf": func(e *train.Examples) (model.Retriever, error) {
			return model.NewMatrixFactorization(e.Schema, model.MatrixFactorization{Dim: 4})
		},
		"two tower": retriever(twoTower), "two tower, own history": retriever(own),
	}
	all := map[string]func() (*train.Task, error){
		"dlrm": func() (*train.Task, error) {
			e := modeltest.Examples()
			m, err := model.NewDLRM(e.Schema, model.DLRM{Dim: 4, Bottom: []int{4}, Top: []int{8}})
			if err != nil {
				return nil, err
			}
			return train.NewPointwiseTask(m, e, rows(e))
		},
	}
	for name, build := range retrievers {
		all[name+" by softmax"] = func() (*train.Task, error) {
			e := modeltest.Examples()
			m, err := build(e)
			if err != nil {
				return nil, err
			}
			return train.NewSoftmaxTask(m, e, rows(e), train.Softmax{})
		}
		all[name+" by pairs"] = func() (*train.Task, error) {
			e := modeltest.Examples()
			m, err := build(e)
			if err != nil {
				return nil, err
			}
			return train.NewPairwiseTask(m, e, rows(e), train.Pairwise{Negatives: 3, L2: 0.01})
		}
	}
	return all
}

// optimizers are every rule, with all that goes with a rule.
func optimizers() map[string]optim.Config {
	of := func(r optim.Rule) optim.Config {
		return optim.Config{Rule: r, Rate: optim.Linear{Peak: 0.05, Warmup: 2, Total: 12}, ClipNorm: 0.5, L2: 0.01, Decay: 0.01}
	}
	return map[string]optim.Config{
		"plain sgd": {Rule: optim.SGD{}, Rate: optim.Constant(0.1)}, "plain adam": {Rule: optim.Adam{}, Rate: optim.Constant(0.01)},
		"momentum": of(optim.SGD{Momentum: 0.9, Nesterov: true}), "adagrad": of(optim.Adagrad{}), "row adagrad": of(optim.RowAdagrad{}),
		"adam": of(optim.Adam{}), "ftrl": of(optim.FTRL{L1: 0.001}),
	}
}

// outcome is what two Fits in a row leave, the second from the parameters of the first.
type outcome struct {
	states [2]tensor.Map
	losses []float64
}

func fitTwice(t *testing.T, build func() (*train.Task, error), o train.Options) outcome {
	t.Helper()
	task, err := build()
	if err != nil {
		t.Fatal(err)
	}
	var out outcome
	for i := range out.states {
		r, err := train.Fit(t.Context(), task, o)
		if err != nil {
			t.Fatal(err)
		}
		out.states[i] = tensor.Map{}
		for path, p := range r.State {
			out.states[i][path] = p.Clone()
		}
		for _, e := range r.Epochs {
			out.losses = append(out.losses, e.Loss)
		}
	}
	return out
}

// TestWorkersAndResumeDoNotChangeBytes trains every model by every loss with every rule, with 1, 2 and 3 workers and
// every kernel set, twice in a row. A batch has several shards, the last of which is short.
func TestWorkersAndResumeDoNotChangeBytes(t *testing.T) {
	for name, build := range kinds(t) {
		for rule, config := range optimizers() {
			t.Run(name+"/"+rule, func(t *testing.T) {
				for _, set := range kernel.Sets() {
					o := train.Options{Epochs: 1, BatchRows: 200, ShardRows: 33, Seed: 5, Kernels: set, Optimizer: config}
					o.Workers = 1
					want := fitTwice(t, build, o)
					if unchanged(want.states[0], want.states[1]) {
						t.Errorf("%s: the second Fit changed nothing", set.Name)
					}
					for _, workers := range []int{2, 3} {
						o.Workers = workers
						sameOutcome(t, fmt.Sprintf("%s, %d workers", set.Name, workers), fitTwice(t, build, o), want)
					}
				}
			})
		}
	}
}

func sameOutcome(t *testing.T, what string, got, want outcome) {
	t.Helper()
	if diff := cmp.Diff(got.losses, want.losses); diff != "" {
		t.Errorf("%s: losses (-got +want of one worker):\n%s", what, diff)
	}
	for i, state := range want.states {
		for path, p := range state {
			if !got.states[i][path].Equal(p) {
				t.Errorf("%s: Fit %d: %s differs from that of one worker", what, i+1, path)
			}
		}
	}
}

func unchanged(a, b tensor.Map) bool {
	for path, p := range a {
		if !p.Equal(b[path]) {
			return false
		}
	}
	return true
}
