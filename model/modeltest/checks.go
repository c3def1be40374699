package modeltest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/grad"
	"recsys/graph/kernel"
	"recsys/model"
	"recsys/onnx"
	"recsys/optim"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// Check is one property of a model.
type Check struct {
	// Name says what is true of a model that passes.
	Name string
	// Run returns nil or what is wrong.
	Run func(ctx context.Context) error
}

// tolerance bounds the difference of two ways to the same float32 result, relative to the larger one and at least
// absolute: sums of a few hundred products in another order stay well below it.
const tolerance = 1e-5

// run evaluates all outputs of g.
func run(ctx context.Context, g *graph.Graph, in tensor.Map) (tensor.Map, error) {
	plan, err := exec.Compile(g, exec.Options{Kernels: kernel.Portable()})
	if err != nil {
		return nil, err
	}
	return plan.Run(ctx, in)
}

// same compares two sets of outputs.
func same(what string, got, want tensor.Map) error {
	for _, name := range want.Names() {
		if got[name] == nil {
			return fmt.Errorf("%s: output %q is missing", what, name)
		}
		if !slices.Equal(got[name].Shape(), want[name].Shape()) {
			return fmt.Errorf("%s: output %q is %s, not %s", what, name, got[name], want[name])
		}
		x, y := tensor.MustData[float32](got[name]), tensor.MustData[float32](want[name])
		for i := range x {
			if d := math.Abs(float64(x[i]) - float64(y[i])); !(d <= tolerance*max(1, math.Abs(float64(y[i])))) {
				return fmt.Errorf("%s: output %q differs at element %d: %g, not %g", what, name, i, x[i], y[i])
			}
		}
	}
	return nil
}

// take returns the given rows of every tensor.
func take(in tensor.Map, rows []int) (tensor.Map, error) {
	out := make(tensor.Map, len(in))
	for name, t := range in {
		parts := make([]*tensor.Tensor, len(rows))
		for i, r := range rows {
			parts[i] = t.Rows(r, r+1)
		}
		var err error
		if out[name], err = tensor.Concat(parts...); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
	}
	return out, nil
}

// ignoresPadding checks that row 0 of no embedding table reaches the outputs: no scalar is 0 in the world, so that row
// is read for the padding of lists alone.
func ignoresPadding(ctx context.Context, g *graph.Graph, in tensor.Map) error {
	want, err := run(ctx, g, in)
	if err != nil {
		return err
	}
	state := g.State()
	changed := make(tensor.Map, len(state))
	for path, t := range state {
		changed[path] = t
		if t.Rank() == 2 && t.Dim(0) >= first && strings.Contains(path, "embedding/") {
			changed[path] = t.Clone()
			for i := range t.Dim(1) {
				tensor.MustData[float32](changed[path])[i] += 100
			}
		}
	}
	if err := g.Load(changed); err != nil {
		return err
	}
	defer func() { _ = g.Load(state) }()
	got, err := run(ctx, g, in)
	if err != nil {
		return err
	}
	return same("with other vectors for padding", got, want)
}

// named checks inputs and the prefix of parameters.
func named(g *graph.Graph, name string, s schema.Schema) error {
	for _, in := range g.Inputs {
		ok := false
		for _, c := range s {
			ok = ok || slices.Contains([]string{model.QueryInput(c.Name), model.ItemInput(c.Name), model.InteractionInput(c.Name)}, in.Name())
		}
		if !ok {
			return fmt.Errorf("input %q is not named after a column", in.Name())
		}
	}
	for _, p := range g.Params {
		if !strings.HasPrefix(p.Path, name+"/") {
			return fmt.Errorf("parameter %q does not begin with the model's name %q, so that two models may collide", p.Path, name)
		}
	}
	return nil
}

// symbolic checks an output's shape: the axes' names, "" for a fixed one.
func symbolic(g *graph.Graph, output string, axes ...string) error {
	v := g.Output(output)
	if v == nil {
		return fmt.Errorf("there is no output %q", output)
	}
	ok := v.DType() == tensor.Float32 && v.Rank() == len(axes)
	for i := range axes {
		ok = ok && v.Shape()[i].Name == axes[i]
	}
	if !ok {
		return fmt.Errorf("output %q is %s, not float32 of %v (\"\" is a fixed size)", output, v, axes)
	}
	return nil
}

// gradients checks that every parameter of the inference graphs has a gradient in the task that is not all zero.
func gradients(ctx context.Context, t *train.Task, rows []int32, inference ...*graph.Graph) error {
	in, err := t.Inputs(rows, 1)
	if err != nil {
		return err
	}
	if err := t.Graph.InitParams(1); err != nil {
		return err
	}
	step, err := grad.Of(t.Graph, train.LossOutput)
	if err != nil {
		return err
	}
	out, err := run(ctx, step.Graph, in)
	if err != nil {
		return err
	}
	for _, g := range inference {
		for _, p := range g.Params {
			names := []string{step.Dense[p.Path]}
			for _, pair := range step.Sparse[p.Path] {
				names = append(names, pair.Rows)
			}
			if !slices.ContainsFunc(names, func(name string) bool { return out[name] != nil && !zero(out[name]) }) {
				return fmt.Errorf("parameter %q has no gradient, or one of zeros", p.Path)
			}
		}
	}
	return nil
}

func zero(t *tensor.Tensor) bool {
	return !slices.ContainsFunc(tensor.MustData[float32](t), func(v float32) bool { return v != 0 })
}

// learns checks that training with about a hundred steps lowers the loss to less than share of the first epoch's.
func learns(ctx context.Context, t *train.Task, share float64) error {
	batch := min(128, len(t.Rows)/4)
	r, err := train.Fit(ctx, t, train.Options{
		Epochs: 25, BatchRows: batch, ShardRows: min(64, batch), Workers: 1, Seed: 1, Kernels: kernel.Portable(),
		Optimizer: optim.Config{Rate: optim.Constant(0.01)},
	})
	if err != nil {
		return err
	}
	begin, end := r.Epochs[0].Loss, r.Epochs[len(r.Epochs)-1].Loss
	if !(end < share*begin) {
		return fmt.Errorf("%d epochs took the loss from %.4f to %.4f; on this small world it has to fall below %.0f %%",
			len(r.Epochs), begin, end, 100*share)
	}
	return nil
}

// deterministic checks that the seed alone decides the parameters: with one worker and two, twice.
func deterministic(ctx context.Context, task func() (*train.Task, error)) error {
	var states []tensor.Map
	for _, workers := range []int{1, 2, 1} {
		t, err := task()
		if err != nil {
			return err
		}
		r, err := train.Fit(ctx, t, train.Options{
			Epochs: 2, BatchRows: 128, ShardRows: 48, Workers: workers, Seed: 3, Kernels: kernel.Portable(),
		})
		if err != nil {
			return err
		}
		states = append(states, r.State)
	}
	for _, path := range states[0].Names() {
		if !states[0][path].Equal(states[1][path]) {
			return fmt.Errorf("parameter %q differs between one worker and two", path)
		}
		if !states[0][path].Equal(states[2][path]) {
			return fmt.Errorf("parameter %q differs between two runs of one seed", path)
		}
	}
	return nil
}

// throughONNX checks that g means the same when it is written and read again.
func throughONNX(ctx context.Context, g *graph.Graph, in tensor.Map) error {
	want, err := run(ctx, g, in)
	if err != nil {
		return err
	}
	file, err := onnx.Marshal(g, onnx.Meta{})
	if err != nil {
		return err
	}
	back, err := onnx.Unmarshal(file)
	if err != nil {
		return err
	}
	got, err := run(ctx, back, in)
	if err != nil {
		return err
	}
	return same("after ONNX", got, want)
}
