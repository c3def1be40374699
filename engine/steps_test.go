package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"recsys/engine"
	"recsys/graph"
	"recsys/onnx"
	"recsys/tensor"
)

// diamond is an ensemble whose steps double x and halve it, side by side, and join the two: z = double(x) - half(x).
const diamond = `name: "diamond"
platform: "ensemble"
max_batch_size: 4
input { name: "x" data_type: TYPE_FP32 dims: -1 }
output [ { name: "z" data_type: TYPE_FP32 dims: -1 }, { name: "twice" data_type: TYPE_FP32 dims: -1 } ]
ensemble_scheduling { step [ {
  model_name: "less" model_version: 1
  input_map { key: "a" value: "more" } input_map { key: "b" value: "fewer" } output_map { key: "y" value: "z" }
}, {
  model_name: "LEFT" model_version: 1
  input_map { key: "x" value: "x" } output_map { key: "y" value: "more" }
}, {
  model_name: "RIGHT" model_version: 1
  input_map { key: "x" value: "x" } output_map { key: "y" value: "fewer" }
}, {
  model_name: "LEFT" model_version: 1
  input_map { key: "x" value: "more" } output_map { key: "y" value: "twice" }
} ] }
version_policy { specific { versions: 1 } }
`

// writeDiamond writes the ensemble of two models, which have configurations beside what they need.
func writeDiamond(t *testing.T, left, right string, configs map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range configs {
		double(t, dir, name, "1", text)
	}
	double(t, dir, "less", "1", "")
	b := graph.NewBuilder("less")
	shape := graph.Shape{graph.Sym("B"), graph.Sym("L")}
	b.Output("y", b.Sub(b.Input("a", tensor.Float32, shape), b.Input("b", tensor.Float32, shape)))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := onnx.Write(filepath.Join(dir, "less", "1", "model.onnx"), g, onnx.Meta{}); err != nil {
		t.Fatal(err)
	}
	text := `name: "less" backend: "onnxruntime" max_batch_size: 4
input [ { name: "a" data_type: TYPE_FP32 dims: -1 }, { name: "b" data_type: TYPE_FP32 dims: -1 } ]
output { name: "y" data_type: TYPE_FP32 dims: -1 }`
	if err := os.WriteFile(filepath.Join(dir, "less", "config.pbtxt"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "diamond", "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	text = strings.NewReplacer("LEFT", left, "RIGHT", right).Replace(diamond)
	if err := os.WriteFile(filepath.Join(dir, "diamond", "config.pbtxt"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestStepsSideBySide: two steps that do not need each other ask their model, which waits for as many users as both have, at once.
func TestStepsSideBySide(t *testing.T) {
	e := open(t, writeDiamond(t, "double", "double", map[string]string{"double": fmt.Sprintf(patient, "")}), engine.Options{Concurrency: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // half of what the model waits for more users
	defer cancel()
	out, _, err := e.Infer(ctx, "diamond", tensor.Map{"x": tensor.Of([]float32{1, 2}, 2, 1)}, []string{"z"})
	if err != nil {
		t.Fatal(err)
	}
	if !out["z"].Equal(tensor.Of([]float32{0, 0}, 2, 1)) {
		t.Errorf("z = 2x - 2x is %v", out["z"].Any())
	}
	s := statistics(t, e, "double")
	if s.Executions != 1 || s.Inferences != 4 || s.Success.Count != 2 {
		t.Errorf("the model has run %d times for %d users in %d requests, want once for 4 in 2", s.Executions, s.Inferences, s.Success.Count)
	}
	// What the ensemble counts are the sums of its steps.
	all, less := statistics(t, e, "diamond"), statistics(t, e, "less")
	if all.Executions != 1 || all.Inferences != 2 || all.Compute.Total != s.Compute.Total+less.Compute.Total || all.Queue.Total != s.Queue.Total+less.Queue.Total {
		t.Errorf("the ensemble counted %+v, its steps %+v and %+v", all, s, less)
	}
}

// TestStepFailsBesideAnother: the failure of a step ends the request, though another one would wait for a minute.
func TestStepFailsBesideAnother(t *testing.T) {
	dir := writeDiamond(t, "double", "broken", map[string]string{"double": fmt.Sprintf(patient, ""), "broken": ""})
	b := graph.NewBuilder("broken") // fails of all but zeros
	x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Sym("L")})
	b.Output("y", b.Gather(b.Const("table", tensor.Of([]float32{7}, 1)), b.Cast(x, tensor.Int64), 0))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := onnx.Write(filepath.Join(dir, "broken", "1", "model.onnx"), g, onnx.Meta{}); err != nil {
		t.Fatal(err)
	}
	e := open(t, dir, engine.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	// The step that waits may not have begun when the other one fails: ask until it had.
	asked := uint64(0)
	for statistics(t, e, "double").Cancelled == 0 && asked < 1000 {
		asked++
		_, _, err = e.Infer(ctx, "diamond", tensor.Map{"x": tensor.Of([]float32{1, 2}, 1, 2)}, nil)
		if err == nil || isEnd(err) || !strings.HasPrefix(err.Error(), "in ensemble 'diamond', ") {
			t.Fatalf("the failing step gives %v", err)
		}
	}
	if ctx.Err() != nil {
		t.Error("the request ended no sooner than the step that waits")
	}
	if s := statistics(t, e, "double"); s.Cancelled != 1 || s.Pending != 0 {
		t.Errorf("the step beside it was given up %d times in %d requests, and %d wait", s.Cancelled, asked, s.Pending)
	}
	if s := statistics(t, e, "diamond"); s.Failure.Count != asked || s.Faulty != asked {
		t.Errorf("the ensemble counted %+v of %d requests", s, asked)
	}
}

func isEnd(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// TestStepsAreGivenUp: a caller who leaves takes all steps that wait along.
func TestStepsAreGivenUp(t *testing.T) {
	config := fmt.Sprintf(patient, "")
	e := open(t, writeDiamond(t, "double", "other", map[string]string{"double": config, "other": config}), engine.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, _, err := e.Infer(ctx, "diamond", tensor.Map{"x": tensor.Of([]float32{1}, 1, 1)}, nil)
		ended <- err
	}()
	pending(t, e, 1)
	for statistics(t, e, "other").Pending == 0 {
		if t.Context().Err() != nil {
			t.Fatal("the second step does not wait")
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the request that was given up ends with %v", err)
	}
	for _, model := range []string{"double", "other"} {
		if s := statistics(t, e, model); s.Pending != 0 || s.Cancelled != 1 {
			t.Errorf("%s: %d wait, %d were given up", model, s.Pending, s.Cancelled)
		}
	}
}

// TestStepsTogether: many requests at once, in few threads and many, get what arithmetic says.
func TestStepsTogether(t *testing.T) {
	dir := writeDiamond(t, "double", "half", map[string]string{"double": "dynamic_batching { }", "half": "dynamic_batching { }"})
	scaled(t, filepath.Join(dir, "half", "1", "model.onnx"), 0.5)
	for _, threads := range []int{1, 3} {
		e := open(t, dir, engine.Options{Concurrency: threads, Threads: threads})
		var wait sync.WaitGroup
		for worker := range 8 {
			draw := rand.New(rand.NewPCG(1, uint64(worker)))
			wait.Go(func() {
				for range 30 {
					x := draw.Float32()
					out, _, err := e.Infer(t.Context(), "diamond", tensor.Map{"x": tensor.Of([]float32{x}, 1, 1)}, nil)
					if err != nil {
						t.Error(err)
						return
					}
					// Doubling and halving are exact, so the difference is rounded once.
					if z, twice := tensor.MustData[float32](out["z"])[0], tensor.MustData[float32](out["twice"])[0]; z != 2*x-x/2 || twice != 4*x {
						t.Errorf("x = %g gives %g and %g", x, z, twice)
					}
				}
			})
		}
		wait.Wait()
	}
}
