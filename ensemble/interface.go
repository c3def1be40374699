package ensemble

import (
	"errors"
	"fmt"
	"slices"

	"recsys/graph"
)

// BatchDim is the name of the leading dimension of every input and output of a stage.
const BatchDim = "B"

// tensorConfigs describes a graph's inputs or outputs without their batch axis. It reports every tensor that a
// configuration cannot describe.
func tensorConfigs(kind string, n int, at func(int) (string, *graph.Value)) ([]TensorConfig, error) {
	list := make([]TensorConfig, n)
	var errs []error
	for i := range n {
		name, v := at(i)
		t, err := tensorConfig(name, v)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %q: %w", kind, name, err))
		}
		list[i] = t
	}
	return list, errors.Join(errs...)
}

func tensorConfig(name string, v *graph.Value) (TensorConfig, error) {
	t := TensorConfig{Name: name, DType: v.DType()}
	shape := v.Shape()
	if len(shape) == 0 || shape[0] != graph.Sym(BatchDim) {
		return t, fmt.Errorf("shape %s: want a leading axis %s for the users of a batch", shape, BatchDim)
	}
	for i, d := range shape[1:] {
		if !d.IsFixed() {
			return t, fmt.Errorf("shape %s: axis %d has to be of fixed size, or requests do not share a batch: give %s a number",
				shape, i+1, d)
		}
		t.Dims = append(t.Dims, int64(d.Size))
	}
	if len(t.Dims) == 0 {
		t.Dims, t.Reshape = []int64{1}, &Reshape{}
	}
	return t, nil
}

// interfaceOf describes what a graph takes and gives.
func interfaceOf(g *graph.Graph) (inputs, outputs []TensorConfig, err error) {
	inputs, errIn := tensorConfigs("input", len(g.Inputs), func(i int) (string, *graph.Value) {
		return g.Inputs[i].Name(), g.Inputs[i]
	})
	outputs, errOut := tensorConfigs("output", len(g.Outputs), func(i int) (string, *graph.Value) {
		return g.Outputs[i].Name, g.Outputs[i].Value
	})
	return inputs, outputs, errors.Join(errIn, errOut)
}

// sameInterface reports whether both configurations describe models that can stand beside each other as versions of one.
func sameInterface(a, b *Config) bool {
	return a.MaxBatchSize == b.MaxBatchSize && sameTensors(a.Inputs, b.Inputs) && sameTensors(a.Outputs, b.Outputs)
}

func sameTensors(a, b []TensorConfig) bool {
	return slices.EqualFunc(a, b, func(x, y TensorConfig) bool {
		return x.Name == y.Name && x.DType == y.DType && slices.Equal(x.Dims, y.Dims) &&
			(x.Reshape == nil) == (y.Reshape == nil) && slices.Equal(x.ModelDims(), y.ModelDims())
	})
}
