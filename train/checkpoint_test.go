package train_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/graph/kernel"
	"recsys/model/modeltest"
	"recsys/optim"
	"recsys/tensor"
	"recsys/train"
)

// reread writes a checkpoint and reads it back.
func reread(t *testing.T, c *train.Checkpoint) *train.Checkpoint {
	t.Helper()
	text := written(t, c)
	back, err := train.ReadCheckpoint(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return back
}

func written(tb testing.TB, c *train.Checkpoint) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := train.WriteCheckpoint(&b, c); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// resumed is a Fit with a checkpoint after every step, or after every epoch, each as it comes back from a file.
func resumed(t *testing.T, task func() *train.Task, o train.Options) (want *train.Result, points []*train.Checkpoint) {
	t.Helper()
	o.Checkpoint = func(c *train.Checkpoint) error {
		points = append(points, reread(t, c))
		return nil
	}
	want, err := train.Fit(t.Context(), task(), o)
	if err != nil {
		t.Fatal(err)
	}
	return want, points
}

// TestResumeGivesTheSameBytes goes on from the checkpoint behind every step, in the middle of epochs and at their ends, from
// memory and from blocks, by Adam, and behind some steps by the other rules, with a schedule, validation, and a best epoch
// that is not the last.
func TestResumeGivesTheSameBytes(t *testing.T) {
	e := modeltest.Examples()
	moved := inBlocks(t, e, 20)
	scores := []float64{0.1, 0.5, 0.4, 0.3, 0.9}
	for name, examples := range map[string]*train.Examples{"memory": e, "blocks": moved} {
		for rule, config := range optimizers() {
			t.Run(name+"/"+rule, func(t *testing.T) {
				task := func() *train.Task { return dlrmTask(t, examples) }
				validated := 0
				o := train.Options{
					Epochs: 5, BatchRows: 100, ShardRows: 33, Seed: 3, Buffer: 150, Optimizer: config, CheckpointSteps: 1, Kernels: kernel.Best(),
					Validate: func(context.Context, tensor.Map) (float64, error) {
						validated++
						return scores[validated-1], nil
					},
				}
				want, points := resumed(t, task, o)
				if len(points) != want.Steps || want.Best != 1 || len(want.Epochs) != 4 {
					t.Fatalf("%d checkpoints of %d steps, best epoch %d of %d", len(points), want.Steps, want.Best, len(want.Epochs))
				}
				for i, c := range points {
					if rule != "adam" && i%4 != 2 {
						continue // Of other rules steps 3, 7, 11, 15, of which the last ends an epoch, and 19.
					}
					validated = len(c.Epochs)
					o.Resume = c
					got, err := train.Fit(t.Context(), task(), o)
					if err != nil {
						t.Fatal(err)
					}
					if !unchanged(got.State, want.State) {
						t.Errorf("after step %d: other parameters", c.Steps)
					}
					if diff := cmp.Diff(got.Epochs, want.Epochs); diff != "" || got.Best != want.Best || got.Steps != want.Steps {
						t.Errorf("after step %d: best %d, %d steps, epochs (-got +want):\n%s", c.Steps, got.Best, got.Steps, diff)
					}
				}
			})
		}
	}
}

func TestCheckpointsOfEpochs(t *testing.T) {
	_, points := resumed(t, func() *train.Task { return softmax(t) }, train.Options{Epochs: 3, BatchRows: 200})
	var steps []int
	for _, c := range points {
		steps = append(steps, c.Steps)
	}
	if diff := cmp.Diff([]int{3, 6, 9}, steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	failed := errors.New("disk full")
	_, err := train.Fit(t.Context(), softmax(t), train.Options{Checkpoint: func(*train.Checkpoint) error { return failed }})
	if !errors.Is(err, failed) {
		t.Errorf("got error %v, want that of the checkpoint", err)
	}
}

func TestProgressAfterResume(t *testing.T) {
	o := train.Options{Epochs: 2, BatchRows: 200, CheckpointSteps: 2}
	_, points := resumed(t, func() *train.Task { return softmax(t) }, o)
	o.Resume = points[0]
	var first train.Progress
	o.Progress = func(p train.Progress) {
		if first.Epoch == 0 {
			first = p
		}
	}
	if _, err := train.Fit(t.Context(), softmax(t), o); err != nil {
		t.Fatal(err)
	}
	// Two steps of 200 rows were made before; the third has the last 80.
	if first.Epoch != 1 || first.Rows != 480 {
		t.Errorf("first report is %+v", first)
	}
	if rows := first.Rate() * first.Elapsed.Seconds(); rows < 79 || rows > 81 {
		t.Errorf("the rate counts %g rows, 80 were trained on", rows)
	}
}

func TestResumeErrors(t *testing.T) {
	o := train.Options{Epochs: 2, BatchRows: 200}
	_, points := resumed(t, func() *train.Task { return softmax(t) }, o)
	tests := []struct {
		name   string
		change func(c *train.Checkpoint, o *train.Options)
		want   string
	}{
		{"other batches", func(_ *train.Checkpoint, o *train.Options) { o.BatchRows = 100 }, "100 rows a step"},
		{"other seed", func(_ *train.Checkpoint, o *train.Options) { o.Seed = 2 }, "seed 2"},
		{"fewer epochs", func(c *train.Checkpoint, o *train.Options) { o.Epochs = 1; *c = *points[1] }, "there are 1 epochs"},
		{"negative steps", func(c *train.Checkpoint, _ *train.Options) { c.Steps = -1 }, "-1 steps"},
		{"best epoch", func(c *train.Checkpoint, _ *train.Options) { c.Best = 4 }, "the best at 4"},
		{"other rule", func(_ *train.Checkpoint, o *train.Options) { o.Optimizer.Rule = optim.SGD{} }, "of another rule or model"},
		{"fewer parameters", func(c *train.Checkpoint, _ *train.Options) { delete(c.Parameters, c.Parameters.Names()[0]) }, "parameters, the task"},
		{"other shape", func(c *train.Checkpoint, _ *train.Options) {
			c.Parameters[c.Parameters.Names()[0]] = tensor.Zeros(tensor.Float32, 1)
		}, "is float32[1] in the checkpoint"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			changed := o
			changed.Resume = points[0].Clone()
			test.change(changed.Resume, &changed)
			if _, err := train.Fit(t.Context(), softmax(t), changed); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
		})
	}
}
