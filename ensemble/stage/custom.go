package stage

import (
	"errors"
	"fmt"
	"io/fs"

	"recsys/ensemble"
	"recsys/graph"
	"recsys/onnx"
)

// File makes a stage of an ONNX file, of whatever origin: it becomes a graph like any other, is fused with its neighbours and runs in every
// engine. Each input and output needs a leading axis of free size, which is taken for that of the users; the other axes have to be of
// fixed size, or get it from the tensors that the stage reads.
func File(name, path string, names Names) (ensemble.Stage, error) {
	g, err := onnx.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ensemble.Stage{}, fmt.Errorf("stage %q: %w", name, err)
	case err != nil:
		return ensemble.Stage{}, fmt.Errorf("stage %q: %w; what this engine cannot read Triton may: give it as a folder with backend \"onnxruntime\"", name, err)
	}
	s, err := Rename(name, g, names)
	if err != nil {
		return s, err
	}
	for _, in := range s.Graph.Inputs {
		if err := perUser("input", in.Name(), in); err != nil {
			return s, fmt.Errorf("stage %q: %s: %w", name, path, err)
		}
	}
	for _, o := range s.Graph.Outputs {
		if err := perUser("output", o.Name, o.Value); err != nil {
			return s, fmt.Errorf("stage %q: %s: %w", name, path, err)
		}
	}
	return s, nil
}

func perUser(kind, name string, v *graph.Value) error {
	if shape := v.Shape(); len(shape) == 0 || shape[0].IsFixed() {
		return fmt.Errorf("%s %q has shape %s: export the model with a free leading axis for the users of a batch (in PyTorch: dynamic_axes)",
			kind, name, shape)
	}
	return nil
}

// Dir makes a stage of a model of any Triton backend: the folder dir, with config.pbtxt and a version folder, is copied into the
// repository as it is. standIn, unless it is empty, is an ONNX file that computes the same under the model's own names: the embedded engine and
// offline evaluation run it in the model's place, and without one cannot run the ensemble. The servers run the folder.
func Dir(name, dir string, names Names, standIn string) (ensemble.Stage, error) {
	f, err := ensemble.OpenFolder(dir, names.Inputs, names.Outputs)
	if err != nil {
		return ensemble.Stage{}, fmt.Errorf("stage %q: %w", name, err)
	}
	s := ensemble.Stage{Name: name, Folder: f}
	if standIn == "" {
		return s, nil
	}
	g, err := onnx.Read(standIn)
	if err != nil {
		return s, fmt.Errorf("stage %q: stand-in: %w", name, err)
	}
	if s.Graph, err = f.StandIn(g); err != nil {
		return s, fmt.Errorf("stage %q: %s: %w", name, standIn, err)
	}
	return s, nil
}
