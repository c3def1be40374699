package ensemble

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"recsys/graph"
	"recsys/onnx"
	"recsys/schema"
	"recsys/tensor"
)

// CheckGraph compares a stage's configuration with the graph that its model file holds, as Triton's ONNX Runtime backend does
// when it loads it: the same inputs, known outputs, types, and dims. Names of files are put into the findings as given.
func CheckGraph(cfg *Config, file string, g *graph.Graph) []Finding {
	port := func(name string, v *graph.Value) onnx.Port {
		return onnx.Port{Name: name, DType: v.DType(), Shape: v.Shape()}
	}
	inputs, outputs := make([]onnx.Port, 0, len(g.Inputs)), make([]onnx.Port, 0, len(g.Outputs))
	for _, v := range g.Inputs {
		inputs = append(inputs, port(v.Name(), v))
	}
	for _, o := range g.Outputs {
		outputs = append(outputs, port(o.Name, o.Value))
	}
	return CheckPorts(cfg, file, inputs, outputs)
}

// CheckPorts is [CheckGraph] of what a model declares, with inputs that nothing in it uses: a graph that was read has none of them.
func CheckPorts(cfg *Config, file string, inputs, outputs []onnx.Port) []Finding {
	return checkPorts(cfg, file, inputs, outputs, nil)
}

// checkPorts is CheckPorts where given are further inputs, which the server makes itself, by name.
func checkPorts(cfg *Config, file string, inputs, outputs []onnx.Port, given map[string]givenInput) []Finding {
	c := &checker{model: &Model{Name: cfg.Name, Config: cfg}, file: file}
	find := func(list []onnx.Port, name string) *onnx.Port {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
		return nil
	}
	for _, in := range cfg.Inputs {
		p := find(inputs, in.Name)
		if p == nil {
			c.add(RuleModel, fmt.Sprintf("input %q", in.Name), "export the stage again", "the model has no such input")
			continue
		}
		c.value("input", in, p, false)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		in, field := given[name], fmt.Sprintf("%s %q", given[name].field, name)
		switch p := find(inputs, name); {
		case p == nil:
			c.add(RuleModel, field, "export the stage again", "the model has no such input")
		case in.dtype != tensor.Invalid && in.dtype != p.DType:
			c.add(RuleModel, field, "give values of the model's type", "the configuration says %s, the model has %s", in.dtype.Config(), p.DType.Config())
		}
	}
	for _, p := range inputs {
		if _, ok := given[p.Name]; ok {
			continue
		}
		if !slices.ContainsFunc(cfg.Inputs, func(t TensorConfig) bool { return t.Name == p.Name }) {
			c.add(RuleModel, fmt.Sprintf("input %q", p.Name), "add it to config.pbtxt", "the configuration lacks this input of the model")
		}
	}
	for _, out := range cfg.Outputs {
		p := find(outputs, out.Name)
		if p == nil {
			c.add(RuleModel, fmt.Sprintf("output %q", out.Name), "export the stage again", "the model has no such output")
			continue
		}
		c.value("output", out, p, true)
	}
	return c.findings
}

// value compares one tensor. A free dimension of the model meets anything in an input, but only another free one in an output.
func (c *checker) value(kind string, t TensorConfig, p *onnx.Port, exact bool) {
	field := fmt.Sprintf("%s %q", kind, t.Name)
	if t.DType != p.DType {
		c.add(RuleModel, field, "export the stage again", "the configuration says %s, the model has %s", t.DType.Config(), p.DType.Config())
	}
	shape := p.Shape
	want := t.ModelDims()
	if c.model.Config.MaxBatchSize > 0 {
		if len(shape) == 0 || shape[0].IsFixed() {
			c.add(RuleModel, field, "make the first axis symbolic or set max_batch_size: 0",
				"shape %s has no batch axis, but max_batch_size is %d", shape, c.model.Config.MaxBatchSize)
			return
		}
		shape = shape[1:]
	}
	if len(shape) == 0 && c.model.Config.MaxBatchSize == 0 && elements(want) == 1 && free(want) == 0 {
		return // the backend makes a scalar of it
	}
	same := len(want) == len(shape)
	for i := 0; same && i < len(want); i++ {
		switch {
		case shape[i].IsFixed() && want[i] != -1:
			same = int64(shape[i].Size) == want[i]
		case shape[i].IsFixed() || want[i] != -1:
			same = !exact && !shape[i].IsFixed()
		}
	}
	if !same {
		c.add(RuleModel, field, "export the stage again", "the configuration says %v for each user, the model has %s", want, shape)
	}
}

// checkManifest compares the manifest of an ensemble's version, if there is one, with the configuration.
func (m *Model) checkManifest(r *Repository, version int64) []Finding {
	path := filepath.Join(m.VersionDir(version), ManifestFile)
	c := &checker{model: m, file: filepath.Join(m.Name, filepath.Base(m.VersionDir(version)), ManifestFile)}
	man, err := ReadManifest(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // an ensemble that is not ours
	case err != nil:
		c.add(RuleManifest, "", "export the ensemble again", "%s", relative(filepath.Dir(m.Dir), err))
		return c.findings
	}
	if man.Name != m.Name {
		c.add(RuleManifest, "name", "export the ensemble again", "is %q, the folder is %q", man.Name, m.Name)
	}
	if int64(man.Generation) != version {
		c.add(RuleManifest, "generation", "export the ensemble again", "is %d, the folder is %d", man.Generation, version)
	}
	if man.Limits.MaxBatch > m.Config.MaxBatchSize {
		c.add(RuleManifest, "limits.max_batch", "export the ensemble again", "is %d, max_batch_size is %d", man.Limits.MaxBatch, m.Config.MaxBatchSize)
	}
	want, outputs := man.rawInputs(), append([]string{man.Outputs.ItemIDs, man.Outputs.Scores}, man.Outputs.Explain...)
	if man.Ranking != nil {
		want = slices.DeleteFunc(want, func(t TensorConfig) bool { return slices.Contains(man.Ranking.Own, t.Name) })
		outputs = c.ranking(r, man, outputs, version)
	}
	for _, in := range m.Config.Inputs {
		if !slices.ContainsFunc(want, func(t TensorConfig) bool { return sameTensors([]TensorConfig{t}, []TensorConfig{in}) }) {
			c.add(RuleManifest, fmt.Sprintf("inputs %q", in.Name), "export the ensemble again",
				"the ensemble's input %s%v is no raw column of this type and length", in.DType.Config(), in.Dims)
		}
	}
	for _, t := range want {
		if !slices.ContainsFunc(m.Config.Inputs, func(in TensorConfig) bool { return in.Name == t.Name }) {
			c.add(RuleManifest, fmt.Sprintf("inputs %q", t.Name), "export the ensemble again", "is no input of the ensemble")
		}
	}
	for _, name := range outputs {
		if !slices.ContainsFunc(m.Config.Outputs, func(t TensorConfig) bool { return t.Name == name }) {
			c.add(RuleManifest, fmt.Sprintf("outputs %q", name), "export the ensemble again", "is no output of the ensemble")
		}
	}
	return c.findings
}

// rawInputs are the ensemble inputs that a manifest's columns make, with the bitmap at the end. An ensemble needs no reshape: a
// scalar column's wire shape is [B,1].
func (m *Manifest) rawInputs() []TensorConfig {
	list := make([]TensorConfig, 0, len(m.Inputs)+1)
	for _, c := range m.Inputs {
		list = append(list, columnConfig(c))
	}
	if m.Blocked.Input != "" {
		list = append(list, TensorConfig{Name: m.Blocked.Input, DType: tensor.Uint8, Dims: []int64{int64(m.Blocked.Bytes)}})
	}
	return list
}

func columnConfig(c schema.Column) TensorConfig {
	return TensorConfig{Name: c.Name, DType: c.DType.DType, Dims: []int64{int64(max(1, c.Length))}}
}
