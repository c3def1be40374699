package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"recsys/ensemble"
	"recsys/tensor"
)

// admitted is a request that fits a version.
type admitted struct {
	outputs []string // wanted ones, in the configuration's order, each once
	batch   int      // 1 for models without batches
}

// Spec is the type and shape of a tensor.
type Spec struct {
	DType tensor.DType // Invalid for a type that there is not
	Shape []int64
}

// Fits reports what Do would refuse in a request whose Inputs are not at hand, only their types and shapes: nil if it would not.
func (e *Engine) Fits(r Request, inputs map[string]Spec) error {
	e.mu.RLock()
	_, v, err := e.version(r.Model, r.Version)
	e.mu.RUnlock()
	if err == nil {
		_, err = v.admit(&r, inputs)
	}
	return err
}

func idPrefix(id string) string {
	if id == "" {
		id = "<id_unknown>"
	}
	return "[request id: " + id + "] "
}

// admit checks a request as Triton does, in its order and with its words, and stops at the first fault.
func (v *version) admit(r *Request, inputs map[string]Spec) (admitted, error) {
	outputs, err := v.wanted(r.Model, r.Outputs)
	if err != nil {
		return admitted{}, err
	}
	if err := v.admitNames(r, inputs); err != nil {
		return admitted{}, err
	}
	batch, err := v.admitBatch(r, inputs)
	if err != nil {
		return admitted{}, err
	}
	for _, c := range v.config.Inputs {
		if err := v.admitInput(r, c, inputs[c.Name]); err != nil {
			return admitted{}, err
		}
	}
	if most := v.config.MaxBatchSize; most > 0 && batch > int64(most) {
		return admitted{}, invalid("%sinference request batch-size must be <= %d for '%s'", idPrefix(r.ID), most, r.Model)
	}
	return admitted{outputs, max(int(batch), 1)}, nil
}

// wanted checks the names of outputs; none are all.
func (v *version) wanted(model string, names []string) ([]string, error) {
	for _, name := range names {
		if !slices.ContainsFunc(v.config.Outputs, func(c ensemble.TensorConfig) bool { return c.Name == name }) {
			return nil, invalid("unexpected inference output '%s' for model '%s'", name, model)
		}
	}
	list := make([]string, 0, len(v.config.Outputs))
	for _, c := range v.config.Outputs {
		if len(names) == 0 || slices.Contains(names, c.Name) {
			list = append(list, c.Name)
		}
	}
	return list, nil
}

func (v *version) admitNames(r *Request, inputs map[string]Spec) error {
	names := slices.Sorted(maps.Keys(inputs))
	if len(inputs) == len(v.config.Inputs) {
		for _, name := range names {
			if !slices.ContainsFunc(v.config.Inputs, func(c ensemble.TensorConfig) bool { return c.Name == name }) {
				return invalid("unexpected inference input '%s' for model '%s'", name, r.Model)
			}
		}
		return nil
	}
	var missing []string
	for _, c := range v.config.Inputs {
		if _, ok := inputs[c.Name]; !ok {
			missing = append(missing, c.Name)
		}
	}
	slices.Sort(missing)
	return invalid("%sexpected %d inputs but got %d inputs for model '%s'. Got input(s) %s, but missing required input(s) %s. "+
		"Please provide all required input(s).", idPrefix(r.ID), len(v.config.Inputs), len(inputs), r.Model, quoted(names), quoted(missing))
}

func quoted(names []string) string {
	if len(names) == 0 {
		return "[]"
	}
	return "['" + strings.Join(names, "','") + "']"
}

// admitBatch returns the batch size, 0 for models without batches.
func (v *version) admitBatch(r *Request, inputs map[string]Spec) (int64, error) {
	if v.config.MaxBatchSize == 0 {
		return 0, nil
	}
	batch := int64(0)
	for _, c := range v.config.Inputs {
		shape := inputs[c.Name].Shape
		switch {
		case len(shape) == 0:
			return 0, invalid("%sinput '%s' has no shape but model requires batch dimension for '%s'", idPrefix(r.ID), c.Name, r.Model)
		case batch == 0:
			batch = shape[0]
		case batch != shape[0]:
			return 0, invalid("%sinput '%s' batch size does not match other inputs for '%s'", idPrefix(r.ID), c.Name, r.Model)
		}
	}
	return batch, nil
}

// batchNote is what Triton adds where a shape is wrong and the model has batches.
const batchNote = "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape. " +
	"If you want to specify the full shape including the batch dim in your input dims config, try setting max_batch_size to zero. " +
	"See the model configuration docs for more info on max_batch_size."

func (v *version) admitInput(r *Request, c ensemble.TensorConfig, t Spec) error {
	if t.DType != c.DType {
		got := "<invalid>"
		if t.DType != tensor.Invalid {
			got = t.DType.Triton()
		}
		return invalid("%sinference input '%s' data-type is '%s', but model '%s' expects '%s'", idPrefix(r.ID), c.Name, got, r.Model, c.DType.Triton())
	}
	shape, note := t.Shape, ""
	if v.config.MaxBatchSize > 0 {
		shape, note = shape[1:], batchNote
	}
	fits := slices.EqualFunc(c.Dims, shape, func(want, got int64) bool { return got >= 0 && (want == -1 || want == got) })
	if !fits || len(shape) < len(t.Shape) && t.Shape[0] < 0 {
		dims := c.Dims
		if v.config.MaxBatchSize > 0 {
			dims = append([]int64{-1}, dims...)
		}
		return invalid("%sunexpected shape for input '%s' for model '%s'. Expected %s, got %s. %s",
			idPrefix(r.ID), c.Name, r.Model, formatDims(dims), formatDims(t.Shape), note)
	}
	if len(shape) < len(t.Shape) && t.Shape[0] == 0 {
		// An empty batch counts as a single user who gives nothing.
		want := int64(t.DType.Size())
		for _, d := range shape {
			want *= d
		}
		return invalid("%sinput byte size mismatch for input '%s' for model '%s'. Expected %d, got 0", idPrefix(r.ID), c.Name, r.Model, want)
	}
	return nil
}

func formatDims(dims []int64) string {
	return strings.ReplaceAll(fmt.Sprint(dims), " ", ",")
}

// specs describes tensors; a nil one fails.
func specs(model string, inputs tensor.Map) (map[string]Spec, error) {
	out := make(map[string]Spec, len(inputs))
	dims := make([]int64, 0, 4*len(inputs))
	for name, t := range inputs {
		if t == nil {
			return nil, invalid("unable to find data for input tensor '%s' for model '%s' in request.", name, model)
		}
		from := len(dims)
		for _, d := range t.Shape() {
			dims = append(dims, int64(d))
		}
		out[name] = Spec{t.DType(), dims[from:len(dims):len(dims)]}
	}
	return out, nil
}
