package train_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recsys/model"
	"recsys/model/modeltest"
	"recsys/tensor"
	"recsys/train"
)

// TestInterruptedFitLeavesACheckpoint ends the context in the middle of an epoch, behind step 4, where none is due, and goes
// on from what is handed out then.
func TestInterruptedFitLeavesACheckpoint(t *testing.T) {
	o := train.Options{Epochs: 3, BatchRows: 100}
	want, err := train.Fit(t.Context(), softmax(t), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped, steps := o, 0
	stopped.Progress = func(p train.Progress) {
		if steps++; p.Rows == 400 {
			cancel()
		}
	}
	var last *train.Checkpoint
	stopped.Checkpoint = func(c *train.Checkpoint) error {
		last = reread(t, c)
		return nil
	}
	if _, err := train.Fit(ctx, softmax(t), stopped); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want that of the context", err)
	}
	if last == nil || last.Steps != 4 {
		t.Fatalf("the last checkpoint is %+v, want one of 4 steps", last)
	}
	o.Resume = last
	got, err := train.Fit(t.Context(), softmax(t), o)
	if err != nil {
		t.Fatal(err)
	}
	if !unchanged(got.State, want.State) {
		t.Error("other parameters than without the interruption")
	}
	// Where a checkpoint of the same step was handed out, there is no second one.
	var of []int
	ctx, cancel = context.WithCancel(t.Context())
	o.Resume, o.CheckpointSteps = nil, 2
	o.Checkpoint = func(c *train.Checkpoint) error {
		if of = append(of, c.Steps); c.Steps == 4 {
			cancel()
		}
		return nil
	}
	if _, err := train.Fit(ctx, softmax(t), o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	if diff := cmp.Diff([]int{2, 4}, of); diff != "" {
		t.Errorf("checkpoints after steps (-want +got):\n%s", diff)
	}
}

// TestCheckpointsByTime: the least time has passed with every step.
func TestCheckpointsByTime(t *testing.T) {
	var steps []int
	_, err := train.Fit(t.Context(), softmax(t), train.Options{
		Epochs: 1, BatchRows: 200, CheckpointEvery: time.Nanosecond,
		Checkpoint: func(c *train.Checkpoint) error {
			steps = append(steps, c.Steps)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, 2, 3}, steps); diff != "" {
		t.Errorf("checkpoints after steps (-want +got):\n%s", diff)
	}
}

// TestNoCheckpointOfBadParameters: a row that no interaction reads is not finite. The loss is, and still the parameters
// must not replace a good checkpoint.
func TestNoCheckpointOfBadParameters(t *testing.T) {
	task := softmax(t)
	if err := task.Graph.InitParams(1); err != nil {
		t.Fatal(err)
	}
	state := task.Graph.State()
	name := ""
	for _, path := range state.Names() { // Row 1 of a table is null, which no item is.
		if p := state[path]; p.Rank() == 2 && strings.Contains(path, "item") && p.Dim(0) > 20 {
			name = path
			tensor.MustData[float32](p)[p.Dim(1)] = float32(math.NaN())
			break
		}
	}
	if name == "" {
		t.Fatalf("no table of items among %v", state.Names())
	}
	_, err := train.Fit(t.Context(), task, train.Options{
		CheckpointSteps: 1,
		Checkpoint: func(c *train.Checkpoint) error {
			t.Errorf("a checkpoint of step %d", c.Steps)
			return nil
		},
	})
	if e, ok := errors.AsType[*train.LossError](err); !ok || e.Step != 1 || e.Parameter != name || !math.IsNaN(e.Value) {
		t.Errorf("error %v, want one of step 1 that names %s", err, name)
	}
}

// TestLossErrorNamesTheInput trains on a column of NaN, while all parameters are finite.
func TestLossErrorNamesTheInput(t *testing.T) {
	e := modeltest.Examples()
	for _, c := range model.ItemColumns(e.Schema) {
		if x := e.Items[c.Name]; x.DType() == tensor.Float32 {
			for i := range tensor.MustData[float32](x) {
				tensor.MustData[float32](x)[i] = float32(math.NaN())
			}
			_, err := train.Fit(t.Context(), dlrmTask(t, e), train.Options{})
			if err == nil || !strings.Contains(err.Error(), "step 1:") || !strings.Contains(err.Error(), `"`+model.ItemInput(c.Name)+`"`) {
				t.Errorf("error %v, want one that names step 1 and %s", err, c.Name)
			}
			return
		}
	}
	t.Fatal("the examples have no item column of float32")
}

// checkpointFile is a small checkpoint with everything in it, written.
func checkpointFile(tb testing.TB) []byte {
	tb.Helper()
	return written(tb, &train.Checkpoint{
		Of: "m", Steps: 3, Loss: 0.1, Best: 1, Worse: 1,
		Epochs:         []train.Epoch{{Loss: 0.3, Score: math.Inf(-1)}, {Loss: 0.2, Score: 0.7}},
		Parameters:     tensor.Map{"w": tensor.Of([]float32{1, 2}, 2)},
		Optimizer:      tensor.Map{"step": tensor.Scalar(int64(3))},
		BestParameters: tensor.Map{"w": tensor.Of([]float32{3, 4}, 2)},
	})
}

// TestDamagedCheckpoints changes every byte, and cuts at every place.
func TestDamagedCheckpoints(t *testing.T) {
	whole := checkpointFile(t)
	c, err := train.ReadCheckpoint(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written(t, c), whole) {
		t.Error("written again it has other bytes")
	}
	for i := range whole {
		changed := bytes.Clone(whole)
		changed[i] ^= 1
		for _, text := range [][]byte{changed, whole[:i], append(bytes.Clone(whole), 0)} {
			if _, err := train.ReadCheckpoint(bytes.NewReader(text), int64(len(text))); !errors.Is(err, train.ErrCheckpoint) {
				t.Errorf("byte %d: error %v, want ErrCheckpoint", i, err)
			}
		}
	}
}

func FuzzReadCheckpoint(f *testing.F) {
	f.Add(checkpointFile(f))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := train.ReadCheckpoint(bytes.NewReader(text), int64(len(text)))
		if err == nil && len(written(t, c)) == 0 {
			t.Error("nothing written")
		}
		if err != nil && !errors.Is(err, train.ErrCheckpoint) {
			t.Errorf("error %v, want ErrCheckpoint", err)
		}
	})
}
