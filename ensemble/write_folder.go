package ensemble

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"recsys/graph"
	"recsys/onnx"
)

// planFolder copies a model beside its place and settles its name, version and configuration. Its versions share one configuration, and the files beside
// them: where the repository's differ, the model gets a name of its own.
func (x *exporter) planFolder(r *Repository, name string, se stageExport, s Stage, o Options) error {
	f := s.Folder
	config := *f.Config
	config.Name = name
	se.config, se.folder = &config, f
	if !f.takes(o.MaxBatch) {
		return fmt.Errorf("max_batch_size %d in %s is below the ensemble's %d: raise it, or export for smaller batches",
			config.MaxBatchSize, filepath.Join(f.Dir, ConfigFile), o.MaxBatch)
	}
	if err := se.copyFolder(s.Graph, o.Meta); err != nil {
		return err
	}
	live, err := se.settle(r)
	if err != nil {
		return err
	}
	versions := []int64{se.version}
	if live != nil {
		if se.version, se.exists, err = live.same(se.dir, se.version); err != nil {
			return err
		}
		versions = r.pins(live.Name, se.version)
	}
	se.config.VersionPolicy = VersionPolicy{Specific: versions}
	x.stages, x.memory = append(x.stages, se), append(x.memory, Memory{Model: config.Name, MaxBatch: config.MaxBatchSize})
	return nil
}

// copyFolder writes the version's files, and the stand-in unless it is nil.
func (s stageExport) copyFolder(standIn *graph.Graph, meta onnx.Meta) error {
	from, err := s.folder.version()
	if err != nil {
		return err
	}
	files, err := readTree(from)
	if err != nil {
		return err
	}
	if standIn != nil {
		if files[StandInFile], err = s.folder.marshalStandIn(standIn, meta); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	for path, data := range files {
		to := filepath.Join(s.dir, path)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// StandIn makes a graph with the model's own names of tensors what [Stage.Graph] holds in the folder's place: under the ensemble's names, with
// the sizes of axes that the configuration knows. Tensors that are not the model's are errors.
func (f *Folder) StandIn(own *graph.Graph) (*graph.Graph, error) {
	exact, err := f.renamed(own, func(_ map[string]string, name string) (from, to string) { return name, name })
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, x := range CheckGraph(f.Config, StandInFile, exact) {
		errs = append(errs, fmt.Errorf("stand-in: %s: %s: make it that of the model in %s", x.Field, x.Message, f.Dir))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return f.renamed(exact, func(names map[string]string, name string) (from, to string) { return name, named(names, name) })
}

// marshalStandIn writes a stand-in under the model's own names.
func (f *Folder) marshalStandIn(g *graph.Graph, meta onnx.Meta) ([]byte, error) {
	own, err := f.renamed(g, func(names map[string]string, name string) (from, to string) { return named(names, name), name })
	if err != nil {
		return nil, err
	}
	return onnx.Marshal(own, meta)
}

// renamed gives the graph's tensors other names: names tells of a tensor of the configuration its name in g and the one that it gets.
func (f *Folder) renamed(g *graph.Graph, names func(ensemble map[string]string, name string) (from, to string)) (*graph.Graph, error) {
	b := graph.NewBuilder(g.Name)
	given := map[string]*graph.Value{}
	for _, t := range f.Config.Inputs {
		from, to := names(f.Inputs, t.Name)
		if v := g.Input(from); v != nil {
			given[from] = b.Input(to, v.DType(), exactly(v.Shape(), t.ModelDims()))
		}
	}
	values := b.Inline(g, given)
	for _, o := range g.Outputs {
		to := o.Name
		for _, t := range f.Config.Outputs {
			if from, name := names(f.Outputs, t.Name); from == o.Name {
				to = name
			}
		}
		b.Output(to, values[o.Name])
	}
	g, err := b.Build()
	if err != nil {
		return nil, fmt.Errorf("stand-in: %w", err)
	}
	return g, nil
}

// exactly gives the axes behind the first the sizes of dims where dims has any.
func exactly(shape graph.Shape, dims []int64) graph.Shape {
	if len(shape) != len(dims)+1 {
		return shape
	}
	shape = slices.Clone(shape)
	shape[0] = graph.Sym(BatchDim)
	for i, d := range dims {
		if d != -1 && !shape[i+1].IsFixed() {
			shape[i+1] = graph.Fixed(int(d))
		}
	}
	return shape
}

// settle finds the model of the repository that has the same configuration and files beside it, or a free name.
func (s stageExport) settle(r *Repository) (*Model, error) {
	name := s.config.Name
	for i := 2; ; i++ {
		m := r.Models[s.config.Name]
		if m == nil {
			return nil, nil //nolint:nilnil // The name is free.
		}
		same, err := s.sameModel(m)
		if err != nil || same {
			return m, err
		}
		s.config.Name = name + "_i" + strconv.Itoa(i)
	}
}

func (s stageExport) sameModel(m *Model) (bool, error) {
	old, err := os.ReadFile(filepath.Join(m.Dir, ConfigFile))
	if err != nil {
		return false, err
	}
	text, err := s.folder.text(m.Name, m.Config.VersionPolicy.Specific)
	if err != nil || !bytes.Equal(old, text) {
		return false, err
	}
	files, err := s.folder.beside()
	if err != nil {
		return false, err
	}
	for path, data := range files {
		if old, err := os.ReadFile(filepath.Join(m.Dir, path)); err != nil || !bytes.Equal(old, data) {
			return false, ignoreMissing(err)
		}
	}
	return true, nil
}

// ignoreMissing returns nil for a file that is not there.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// beside are the files of the model's folder that are in no version: labels, data of warm-ups.
func (f *Folder) beside() (map[string][]byte, error) {
	files, err := readTree(f.Dir)
	if err != nil {
		return nil, err
	}
	numbers, err := Versions(f.Dir)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(files, func(path string, _ []byte) bool {
		top, _, inFolder := strings.Cut(filepath.ToSlash(path), "/")
		n, err := strconv.ParseInt(top, 10, 64)
		return path == ConfigFile || inFolder && err == nil && slices.Contains(numbers, n)
	})
	return files, nil
}

// writeBeside writes the files that stand beside the versions of a copied model.
func (x *exporter) writeBeside(s stageExport) error {
	if s.folder == nil {
		return nil
	}
	files, err := s.folder.beside()
	if err != nil {
		return err
	}
	home := filepath.Join(x.dir, s.config.Name)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		at := home
		for part := range strings.SplitSeq(filepath.ToSlash(filepath.Dir(path)), "/") {
			at = filepath.Join(at, part)
			if err := x.tx.mkdir(at); err != nil {
				return err
			}
		}
		if err := x.tx.file(filepath.Join(home, path), files[path]); err != nil {
			return err
		}
	}
	return nil
}

// readTree reads the files below a folder by their paths in it.
func readTree(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	return files, eachFile(dir, func(root *os.Root, path string) (err error) {
		files[path], err = root.ReadFile(path)
		return err
	})
}
