package ensemble

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"recsys/graph"
	"recsys/internal/pbtxt"
)

// StandInFile is the name of an ONNX file in the version folder of a model that is none: the embedded engine runs it in the model's
// place. Its inputs and outputs are the model's. Triton's backends pass it over.
const StandInFile = "stand_in.onnx"

// Folder is a model of any Triton backend, such as Python, TensorRT or FIL: an export copies it as it is, but for its name and
// the versions that it serves, and never fuses it. It is plain data.
type Folder struct {
	// Dir has config.pbtxt and version folders, of which the highest is exported.
	Dir string
	// Config is Dir's.
	Config *Config
	// Inputs and Outputs give the ensemble's name of a tensor by the model's. What has no entry has one name for both.
	Inputs  map[string]string
	Outputs map[string]string
}

// OpenFolder reads a model's folder and checks that an ensemble can hold the model: every fault is reported.
func OpenFolder(dir string, inputs, outputs map[string]string) (*Folder, error) {
	c, err := ReadConfig(filepath.Join(dir, ConfigFile))
	if err != nil {
		return nil, err
	}
	f := &Folder{Dir: dir, Config: c, Inputs: inputs, Outputs: outputs}
	if err := f.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, ConfigFile), err)
	}
	if _, err := f.version(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *Folder) validate() error {
	var errs []error
	c := f.Config
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch {
	case c.IsEnsemble():
		fail("platform: is an ensemble, which cannot be a step of another: name its stages instead")
	case c.Backend == "" && c.Platform == "":
		fail("backend: is missing: name the one that runs the model, such as backend: \"python\"")
	}
	if c.Decoupled {
		fail("model_transaction_policy: the model is decoupled: a stage answers each request once")
	}
	for kind, list := range map[string]struct {
		tensors []TensorConfig
		names   map[string]string
	}{"input": {c.Inputs, f.Inputs}, "output": {c.Outputs, f.Outputs}} {
		if len(list.tensors) == 0 {
			fail("%s: there is none: list them all, since nothing is completed by itself", kind)
		}
		for _, t := range list.tensors {
			if t.Name == "" || t.DType == 0 || len(t.Dims) == 0 {
				fail("%s %q: needs name, data_type and dims", kind, t.Name)
			} else if c.MaxBatchSize == 0 && t.Dims[0] != -1 {
				fail("%s %q: dims %v without a batch axis: set max_batch_size, or make the first of dims -1", kind, t.Name, t.Dims)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(list.names)) {
			if !slices.ContainsFunc(list.tensors, func(t TensorConfig) bool { return t.Name == name }) {
				fail("%s %q: is renamed, but the model has none of that name", kind, name)
			}
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// version returns the version folder that is exported.
func (f *Folder) version() (string, error) {
	list, err := Versions(f.Dir)
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		return "", fmt.Errorf("%s: no version folder: put the model's files into %s", f.Dir, filepath.Join(f.Dir, "1"))
	}
	return (&Model{Dir: f.Dir}).VersionDir(list[len(list)-1]), nil
}

// ports returns tensors as other stages see them.
func (f *Folder) ports(tensors []TensorConfig, names map[string]string) []Port {
	list := make([]Port, len(tensors))
	for i, t := range tensors {
		p := Port{Name: named(names, t.Name), DType: t.DType, Shape: graph.Shape{graph.Sym(BatchDim)}, wire: true}
		for _, d := range f.wire(t).Dims {
			if d == -1 {
				p.Shape = append(p.Shape, graph.Sym(graph.Unknown))
			} else {
				p.Shape = append(p.Shape, graph.Fixed(int(d)))
			}
		}
		list[i] = p
	}
	return list
}

// wire is a tensor without the batch axis, also of a model that does not batch.
func (f *Folder) wire(t TensorConfig) TensorConfig {
	if f.Config.MaxBatchSize == 0 {
		t.Dims = t.Dims[1:]
	}
	return t
}

// takes reports whether the model can be a step of an ensemble for batches of that size. Nil is a graph, which can.
func (f *Folder) takes(batch int) bool {
	return f == nil || f.Config.MaxBatchSize == 0 || f.Config.MaxBatchSize >= batch
}

func named(names map[string]string, name string) string {
	if to, ok := names[name]; ok {
		return to
	}
	return name
}

// text is the model's configuration as it was written, but for the name and the served versions.
func (f *Folder) text(name string, versions []int64) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(f.Dir, ConfigFile))
	if err != nil {
		return nil, err
	}
	return rewrite(text, name, versions)
}

// WithVersions returns the text of a model's configuration with a policy that serves versions, and nothing else changed: also fields
// that this package does not know stay.
func WithVersions(config []byte, versions []int64) ([]byte, error) {
	return rewrite(config, "", versions)
}

// rewrite replaces the policy, and the name unless it is empty.
func rewrite(config []byte, name string, versions []int64) ([]byte, error) {
	old, err := pbtxt.Parse(config)
	if err != nil {
		return nil, err
	}
	m := &pbtxt.Message{}
	if name != "" {
		m.AppendString("name", name)
	}
	policy := func() { VersionPolicy{Specific: versions}.put(m) }
	put := false
	for _, f := range old.Fields {
		switch {
		case f.Name == "name" && name != "":
		case f.Name == "version_policy":
			policy()
			put = true
		default:
			m.Fields = append(m.Fields, f)
		}
	}
	if !put {
		policy()
	}
	return m.Marshal(), nil
}
