package ensembletest

import (
	"context"

	"recsys/ensemble"
	"recsys/graph/exec"
	"recsys/internal/portable"
	"recsys/onnx"
	"recsys/tensor"
)

// Subject is what a stage is checked by.
type Subject struct {
	// Config declares the inputs and outputs; shapes are those that the model itself has (ModelDims).
	Config *ensemble.Config
	// Infer answers one request: tensors of shape [B]+dims.
	Infer func(ctx context.Context, in tensor.Map) (tensor.Map, error)
	// Draw makes an input for a user: a tensor of the input's shape without the batch axis. Nil draws integers in [0,4), bytes in
	// [0,256), floats in [-1,1), true and false alike, and strings of one of the letters a to d.
	Draw func(rng *portable.Rand, input ensemble.TensorConfig) *tensor.Tensor
	// Tolerance is the largest difference of two floats that count as equal, relative to the larger one but at least to 1; 0 is 1e-5. Batches of
	// other sizes may be computed in another order.
	Tolerance float64
	// Model is the ONNX file, nil if there is none.
	Model []byte
}

// Graph makes a subject of a stage's graph on our engine. Symbolic axes other than the batch axis are not possible: fuse the stage first.
func Graph(s ensemble.Stage) (Subject, error) {
	c, err := ensemble.StageConfig(s)
	if err != nil {
		return Subject{}, err
	}
	p, err := exec.Compile(s.Graph, exec.Options{})
	if err != nil {
		return Subject{}, err
	}
	data, err := onnx.Marshal(s.Graph, onnx.Meta{})
	if err != nil {
		return Subject{}, err
	}
	return Subject{Config: c, Infer: p.Run, Model: data}, nil
}
