package train_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recsys/graph/exec"
	"recsys/graph/grad"
	"recsys/graph/kernel"
	"recsys/model"
	"recsys/model/modeltest"
	"recsys/optim"
	"recsys/tensor"
	"recsys/train"
)

func rows(e *train.Examples) []int32 {
	out := make([]int32, e.Len())
	for i := range out {
		out[i] = int32(i)
	}
	return out
}

func factorization(t *testing.T, e *train.Examples) model.Retriever {
	t.Helper()
	m, err := model.NewMatrixFactorization(e.Schema, model.MatrixFactorization{Dim: 4})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func pairwise(t *testing.T, s train.Pairwise) *train.Task {
	t.Helper()
	e := modeltest.Examples()
	task, err := train.NewPairwiseTask(factorization(t, e), e, rows(e), s)
	if err != nil {
		t.Fatal(err)
	}
	return task
}

func softmax(t *testing.T) *train.Task {
	t.Helper()
	e := modeltest.Examples()
	m, err := model.NewTwoTower(e.Schema, model.TwoTower{Dim: 4, Query: []int{8, 4}, Candidate: []int{4}, Recency: []float32{0, 1}})
	if err != nil {
		t.Fatal(err)
	}
	task, err := train.NewSoftmaxTask(m, e, rows(e), train.Softmax{})
	if err != nil {
		t.Fatal(err)
	}
	return task
}

// TestWorkersDoNotChangeBytes trains with dense, sparse and shared sparse gradients and a last shard that is short.
func TestWorkersDoNotChangeBytes(t *testing.T) {
	for name, task := range map[string]func() *train.Task{
		"softmax": func() *train.Task { return softmax(t) },
		"pairs":   func() *train.Task { return pairwise(t, train.Pairwise{Negatives: 3, L2: 0.01}) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, kernels := range kernel.Sets() {
				var first tensor.Map
				for _, workers := range []int{1, 2, 5} {
					r, err := train.Fit(t.Context(), task(), train.Options{
						Epochs: 3, BatchRows: 200, ShardRows: 33, Workers: workers, Seed: 5, Kernels: kernels,
					})
					if err != nil {
						t.Fatal(err)
					}
					if first == nil {
						first = r.State
					}
					for path, p := range r.State {
						if !p.Equal(first[path]) {
							t.Errorf("%s: %s differs between 1 and %d workers", kernels.Name, path, workers)
						}
					}
				}
			}
		})
	}
}

// TestPrefetchDoesNotChangeBytes trains with short last shards and drawn negatives, with inputs filled ahead and not.
func TestPrefetchDoesNotChangeBytes(t *testing.T) {
	var first tensor.Map
	for _, prefetch := range []int{-1, 0, 1, 100} {
		r, err := train.Fit(t.Context(), pairwise(t, train.Pairwise{Negatives: 3}), train.Options{
			Epochs: 3, BatchRows: 200, ShardRows: 33, Workers: 2, Prefetch: prefetch, Seed: 5,
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Waited <= 0 {
			t.Errorf("prefetch %d: %s waited for inputs; there is always some time", prefetch, r.Waited)
		}
		if first == nil {
			first = r.State
		}
		for path, p := range r.State {
			if !p.Equal(first[path]) {
				t.Errorf("%s differs without prefetch and with %d", path, prefetch)
			}
		}
	}
}

// TestFitStopsWhatFillsAhead ends training in the middle of an epoch: by its context, and by a loss that is no number.
func TestFitStopsWhatFillsAhead(t *testing.T) {
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := train.Fit(ctx, softmax(t), train.Options{
		BatchRows: 10, Progress: func(train.Progress) { cancel() },
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	_, err = train.Fit(t.Context(), softmax(t), train.Options{
		BatchRows: 10, Optimizer: optim.Config{Rule: optim.SGD{}, Rate: optim.Constant(1e20)},
	})
	if _, ran := errors.AsType[*train.LossError](err); !ran {
		t.Errorf("error %v, want a loss that is not finite", err)
	}
	goroutinesEnd(t, before)
}

// goroutinesEnd fails when there are more goroutines than before.
func goroutinesEnd(t *testing.T, before int) {
	t.Helper()
	// Goroutines that help within steps stay for a while when there is no more to do. Ten seconds bound a failure alone.
	after := runtime.NumGoroutine()
	for start := time.Now(); time.Since(start) < 10*time.Second; after = runtime.NumGoroutine() {
		if after <= before {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%d goroutines before, %d after", before, after)
}

// TestFitIsGradientDescent compares three steps by shards with the steps done by hand: the gradient of the whole batch at
// once, times the rate. Pointwise losses have nothing in common between shards, so only rounding differs.
func TestFitIsGradientDescent(t *testing.T) {
	e := modeltest.Examples()
	m, err := model.NewDLRM(e.Schema, model.DLRM{Dim: 4, Bottom: []int{4}, Top: []int{8}, Deviation: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	task := func() *train.Task {
		task, err := train.NewPointwiseTask(m, e, rows(e))
		if err != nil {
			t.Fatal(err)
		}
		return task
	}
	const steps, rate = 3, 0.5
	want, losses := descend(t, task(), rows(e), steps, rate)
	r, err := train.Fit(t.Context(), task(), train.Options{
		Epochs: steps, BatchRows: e.Len(), ShardRows: 37, Workers: 2, Seed: 5, Kernels: kernel.Portable(),
		Optimizer: optim.Config{Rule: optim.SGD{}, Rate: optim.Constant(rate)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Steps != steps {
		t.Errorf("got %d steps, want %d", r.Steps, steps)
	}
	for i, epoch := range r.Epochs {
		if math.Abs(epoch.Loss-losses[i]) > 1e-5 {
			t.Errorf("loss of epoch %d is %g, by hand %g", i, epoch.Loss, losses[i])
		}
	}
	for path, p := range want {
		got := tensor.MustData[float32](r.State[path])
		for i, v := range tensor.MustData[float32](p) {
			// Sums of 480 float32 terms in another order.
			if math.Abs(float64(got[i]-v)) > 1e-5 {
				t.Errorf("%s[%d] is %g, by hand %g", path, i, got[i], v)
				break
			}
		}
	}
}

// TestNewTaskTrainsAnyLoss gives the graph of a pointwise task as a loss of one's own.
func TestNewTaskTrainsAnyLoss(t *testing.T) {
	e := modeltest.Examples()
	m, err := model.NewDLRM(e.Schema, model.DLRM{Dim: 4})
	if err != nil {
		t.Fatal(err)
	}
	states := make([]tensor.Map, 2)
	for i := range states {
		task, err := train.NewPointwiseTask(m, e, rows(e))
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			if task, err = train.NewTask(task.Name, task.Graph, e, rows(e)); err != nil {
				t.Fatal(err)
			}
		}
		r, err := train.Fit(t.Context(), task, train.Options{Epochs: 1, Seed: 5})
		if err != nil {
			t.Fatal(err)
		}
		states[i] = r.State
	}
	for path, p := range states[0] {
		if !p.Equal(states[1][path]) {
			t.Errorf("%s differs", path)
		}
	}
	g, err := model.RankGraph(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := train.NewTask("own", g, e, rows(e)); err == nil || !strings.Contains(err.Error(), `no output "loss"`) {
		t.Errorf("error %v, want one about the output", err)
	}
}

func inputs(t *testing.T, task *train.Task, rows []int32) tensor.Map {
	t.Helper()
	in, err := task.Inputs(rows, 1)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// descend is gradient descent on all rows at once. It returns the parameters and the loss before every step.
func descend(t *testing.T, task *train.Task, rows []int32, steps int, rate float32) (tensor.Map, []float64) {
	t.Helper()
	if err := task.Graph.InitParams(5); err != nil {
		t.Fatal(err)
	}
	step, err := grad.Of(task.Graph, train.LossOutput)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := exec.Compile(step.Graph, exec.Options{Kernels: kernel.Portable()})
	if err != nil {
		t.Fatal(err)
	}
	var losses []float64
	state := task.Graph.State()
	for range steps {
		out, err := plan.Run(t.Context(), inputs(t, task, rows))
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, float64(tensor.MustData[float32](out[train.LossOutput])[0]))
		for path, name := range step.Dense {
			for i, g := range tensor.MustData[float32](out[name]) {
				tensor.MustData[float32](state[path])[i] -= rate * g
			}
		}
		for path, pairs := range step.Sparse {
			for _, pair := range pairs {
				d := state[path].Dim(1)
				grads := tensor.MustData[float32](out[pair.Rows])
				for i, id := range tensor.MustData[int64](out[pair.IDs]) {
					for j := range d {
						tensor.MustData[float32](state[path])[int(id)*d+j] -= rate * grads[i*d+j]
					}
				}
			}
		}
	}
	return state, losses
}

func TestEarlyStoppingRestoresTheBestEpoch(t *testing.T) {
	scores := []float64{0.1, 0.5, 0.4, 0.3, 0.9}
	var states []tensor.Map
	task := pairwise(t, train.Pairwise{})
	r, err := train.Fit(t.Context(), task, train.Options{
		Epochs: len(scores), Patience: 2, BatchRows: 100, Seed: 1,
		Validate: func(_ context.Context, state tensor.Map) (float64, error) {
			copied := tensor.Map{}
			for path, p := range state {
				copied[path] = p.Clone()
			}
			states = append(states, copied)
			return scores[len(states)-1], nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Epochs) != 4 || r.Best != 1 {
		t.Errorf("got %d epochs and the best at %d, want 4 and 1", len(r.Epochs), r.Best)
	}
	for path, p := range r.State {
		if !p.Equal(states[1][path]) {
			t.Errorf("%s is not that of the best epoch", path)
		}
		if !p.Equal(task.Graph.Param(path).Data) {
			t.Errorf("%s: the graph has other parameters than the result", path)
		}
	}
	if states[0]["mf/embedding/user_id"].Equal(states[1]["mf/embedding/user_id"]) {
		t.Error("an epoch changed nothing")
	}
}

func TestFrozenParametersStay(t *testing.T) {
	task := pairwise(t, train.Pairwise{})
	if err := task.Graph.InitParams(1); err != nil {
		t.Fatal(err)
	}
	before := task.Graph.Param("mf/embedding/item_id").Data.Clone()
	r, err := train.Fit(t.Context(), task, train.Options{Epochs: 1, Seed: 1, Frozen: []string{"mf/embedding/item_id"}})
	if err != nil {
		t.Fatal(err)
	}
	if !r.State["mf/embedding/item_id"].Equal(before) {
		t.Error("the frozen table has changed")
	}
}

func TestProgress(t *testing.T) {
	var got []train.Progress
	_, err := train.Fit(t.Context(), pairwise(t, train.Pairwise{}), train.Options{
		Epochs: 2, BatchRows: 300, Progress: func(p train.Progress) { got = append(got, p) },
		Validate: func(context.Context, tensor.Map) (float64, error) { return 1, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	var seen []int
	for _, p := range got {
		seen = append(seen, p.Rows)
		if p.Total != 960 || p.Loss <= 0 || p.Left() < 0 || p.Rate() <= 0 {
			t.Errorf("progress %+v", p)
		}
	}
	// 480 interactions: two steps and the end of the epoch, twice.
	if diff := cmp.Diff([]int{300, 480, 480, 780, 960, 960}, seen); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if last := got[len(got)-1]; last.Score != 1 || last.Left() != 0 {
		t.Errorf("last report is %+v", last)
	}
}

func TestCancelStopsPromptly(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	_, err := train.Fit(ctx, pairwise(t, train.Pairwise{}), train.Options{
		Epochs: 1000, BatchRows: 50, Progress: func(train.Progress) {
			if steps++; steps == 3 {
				cancel()
			}
		},
	})
	if !errors.Is(err, context.Canceled) || steps > 3 {
		t.Errorf("got error %v after %d steps, want canceled after 3", err, steps)
	}
}

func TestLossThatRunsAwayIsAnError(t *testing.T) {
	_, err := train.Fit(t.Context(), softmax(t), train.Options{
		Epochs: 50, BatchRows: 100, Optimizer: optim.Config{Rule: optim.SGD{}, Rate: optim.Constant(1e12)},
	})
	var lossError *train.LossError
	if !errors.As(err, &lossError) || lossError.Step < 2 || lossError.Parameter == "" || !strings.Contains(err.Error(), "lower the learning rate") {
		t.Errorf("got %v, want a LossError with a parameter and a remedy", err)
	}
}
