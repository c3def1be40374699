package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"recsys/ensemble"
	"recsys/graph/exec"
	"recsys/tensor"
)

// model is a name with its served versions, ascending.
type model struct {
	config   *ensemble.Config
	versions []*version
}

// version is one loaded version: a stage has a plan, an ensemble has steps.
type version struct {
	config *ensemble.Config
	number int64
	plan   *exec.Plan
	steps  []*step
	stats  counters
}

// step is one step of an ensemble, in an order in which all inputs are there.
type step struct {
	part    *version
	inputs  []ensemble.Mapping
	outputs []ensemble.Mapping
}

func (v *version) outputNames() []string {
	names := make([]string, len(v.config.Outputs))
	for i, t := range v.config.Outputs {
		names[i] = t.Name
	}
	return names
}

// admit checks a request against the configuration and returns its batch size (1 for models without batches). It reports everything that is wrong.
func (v *version) admit(inputs tensor.Map, outputs []string) (batch int, err error) {
	var errs []error
	batch = -1
	for _, c := range v.config.Inputs {
		t := inputs[c.Name]
		if t == nil {
			errs = append(errs, fmt.Errorf("input %q is missing", c.Name))
			continue
		}
		if err := v.admitInput(c, t, &batch); err != nil {
			errs = append(errs, fmt.Errorf("input %q: %w", c.Name, err))
		}
	}
	for _, name := range inputs.Names() {
		if !slices.ContainsFunc(v.config.Inputs, func(c ensemble.TensorConfig) bool { return c.Name == name }) {
			errs = append(errs, fmt.Errorf("input %q is unknown", name))
		}
	}
	for _, name := range outputs {
		if !slices.ContainsFunc(v.config.Outputs, func(c ensemble.TensorConfig) bool { return c.Name == name }) {
			errs = append(errs, fmt.Errorf("output %q is unknown", name))
		}
	}
	if len(outputs) == 0 {
		errs = append(errs, errors.New("no outputs are asked for"))
	}
	return max(batch, 1), errors.Join(errs...)
}

func (v *version) admitInput(c ensemble.TensorConfig, t *tensor.Tensor, batch *int) error {
	if t.DType() != c.DType {
		return fmt.Errorf("data type %s, want %s", t.DType().Triton(), c.DType.Triton())
	}
	shape, dims := t.Shape(), c.Dims
	if most := v.config.MaxBatchSize; most > 0 {
		if len(shape) == 0 {
			return fmt.Errorf("shape [], want [-1]+%v", dims)
		}
		n := shape[0]
		if n < 1 || n > most {
			return fmt.Errorf("batch size %d, want 1 to %d", n, most)
		}
		if *batch >= 0 && *batch != n {
			return fmt.Errorf("batch size %d, other inputs have %d", n, *batch)
		}
		*batch = n
		shape = shape[1:]
	}
	fits := len(shape) == len(dims)
	for i := 0; fits && i < len(dims); i++ {
		fits = dims[i] == -1 || dims[i] == int64(shape[i])
	}
	if !fits {
		return fmt.Errorf("shape %s, want %v behind the batch size", tensor.FormatShape(t.Shape()), dims)
	}
	return nil
}

// infer runs the version on admitted inputs.
func (v *version) infer(ctx context.Context, inputs tensor.Map, outputs []string, batch int) (tensor.Map, error) {
	if v.plan != nil {
		return v.inferStage(ctx, inputs, outputs)
	}
	tensors := maps.Clone(inputs)
	for _, s := range v.needed(outputs) {
		in := make(tensor.Map, len(s.inputs))
		for _, x := range s.inputs {
			in[x.Model] = tensors[x.Ensemble]
		}
		names := make([]string, len(s.outputs))
		for i, x := range s.outputs {
			names[i] = x.Model
		}
		begin := time.Now()
		out, err := s.part.inferStage(ctx, in, names)
		if err != nil {
			s.part.stats.fail(begin)
			return nil, fmt.Errorf("step %q: %w", s.part.config.Name, err)
		}
		s.part.stats.succeed(begin, begin, batch)
		for _, x := range s.outputs {
			tensors[x.Ensemble] = out[x.Model]
		}
	}
	out := make(tensor.Map, len(outputs))
	for _, name := range outputs {
		out[name] = tensors[name]
		if inputs[name] != nil {
			out[name] = inputs[name].Clone() // an output that is an input belongs to the caller like the others
		}
	}
	return out, nil
}

// needed returns the steps without those whose outputs nobody wants.
func (v *version) needed(outputs []string) []*step {
	wanted := map[string]bool{}
	for _, name := range outputs {
		wanted[name] = true
	}
	var list []*step
	for _, s := range slices.Backward(v.steps) {
		if !slices.ContainsFunc(s.outputs, func(x ensemble.Mapping) bool { return wanted[x.Ensemble] }) {
			continue
		}
		for _, x := range s.inputs {
			wanted[x.Ensemble] = true
		}
		list = append(list, s)
	}
	slices.Reverse(list)
	return list
}

// inferStage runs a model file: tensors get the shapes of the model and back.
func (v *version) inferStage(ctx context.Context, inputs tensor.Map, outputs []string) (tensor.Map, error) {
	in := make(tensor.Map, len(v.config.Inputs))
	for _, c := range v.config.Inputs {
		t, err := v.reshape(inputs[c.Name], c.Dims, c.ModelDims(), c.Reshape != nil)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", c.Name, err)
		}
		in[c.Name] = t
	}
	got, err := v.plan.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	out := make(tensor.Map, len(outputs))
	for _, c := range v.config.Outputs {
		if !slices.Contains(outputs, c.Name) {
			continue
		}
		t, err := v.reshape(got[c.Name], c.ModelDims(), c.Dims, c.Reshape != nil)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", c.Name, err)
		}
		out[c.Name] = t
	}
	return out, nil
}

// reshape turns the shape behind the batch axis from one form into the other. Free axes keep their sizes in order, as in Triton.
func (v *version) reshape(t *tensor.Tensor, from, to []int64, differs bool) (*tensor.Tensor, error) {
	if !differs {
		return t, nil
	}
	shape, rest := []int(nil), t.Shape()
	if v.config.MaxBatchSize > 0 {
		shape, rest = append(shape, rest[0]), rest[1:]
	}
	var free []int
	for i, d := range from {
		if d == -1 {
			free = append(free, rest[i])
		}
	}
	for _, d := range to {
		if d == -1 && len(free) > 0 {
			d, free = int64(free[0]), free[1:]
		}
		shape = append(shape, int(d))
	}
	return t.Reshape(shape...)
}
