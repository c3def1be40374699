package ensemble

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"recsys/onnx"
)

// Validate checks a whole repository: configurations, the models that they serve, and manifests. It returns what is wrong,
// sorted by file; the error is for a folder that cannot be read at all. It reads every served model.
func Validate(dir string) ([]Finding, error) {
	r, err := Open(dir)
	if err != nil {
		return nil, err
	}
	findings := r.Check()
	for _, name := range r.Names() {
		m := r.Models[name]
		for _, v := range m.Served() {
			if m.Config.IsEnsemble() {
				findings = append(findings, m.checkManifest(v)...)
				continue
			}
			path := m.ModelPath(v)
			if !m.Config.IsONNX() {
				path = filepath.Join(m.VersionDir(v), StandInFile)
				if _, err := os.Stat(path); err != nil {
					continue // what the backend's files say only the backend knows
				}
			}
			file := r.rel(path)
			g, err := onnx.Read(path)
			if err != nil {
				findings = append(findings, Finding{
					Rule: RuleModelFile, File: file, Message: relative(dir, err), Remedy: "export the stage again",
				})
				continue
			}
			findings = append(findings, CheckGraph(m.Config, file, g)...)
		}
	}
	sortFindings(findings)
	return findings, nil
}

func (r *Repository) rel(path string) string {
	rel, err := filepath.Rel(r.Dir, path)
	if err != nil {
		return path
	}
	return rel
}

// Check checks the configurations by themselves and against each other, without reading models. It returns what is wrong,
// sorted by file.
func (r *Repository) Check() []Finding {
	findings := slices.Clone(r.broken)
	if len(r.Models)+len(r.broken) == 0 {
		findings = append(findings, Finding{
			Rule: RuleConfig, File: ".", Message: "the repository has no models", Remedy: "is it the right folder?",
		})
	}
	for _, name := range r.Names() {
		c := &checker{model: r.Models[name], file: filepath.Join(name, ConfigFile)}
		c.common()
		if c.model.Config.IsEnsemble() {
			c.ensemble(r)
		} else {
			c.stage()
		}
		findings = append(findings, c.findings...)
	}
	sortFindings(findings)
	return findings
}

// checker collects the findings of one configuration.
type checker struct {
	model    *Model
	file     string
	findings []Finding
}

func (c *checker) add(rule, field, remedy, format string, args ...any) {
	c.findings = append(c.findings, Finding{
		Rule: rule, File: c.file, Field: field, Message: fmt.Sprintf(format, args...), Remedy: remedy,
	})
}

func (c *checker) common() {
	cfg, m := c.model.Config, c.model
	if cfg.Name != "" && cfg.Name != m.Name {
		c.add(RuleName, "name", "call both the same", "is %q, the folder is %q", cfg.Name, m.Name)
	}
	if cfg.MaxBatchSize < 0 {
		c.add(RuleTensor, "max_batch_size", "give 0 or more", "is %d", cfg.MaxBatchSize)
	}
	c.tensors("input", cfg.Inputs)
	c.tensors("output", cfg.Outputs)
	if len(m.Served()) == 0 {
		c.add(RuleVersion, "version_policy", "add the version folder (it may be empty for an ensemble) or change the policy",
			"serves no version: the folder has %s", formatVersions(m.Versions))
	}
}

func formatVersions(list []int64) string {
	if len(list) == 0 {
		return "no version folder"
	}
	return "version " + strings.Trim(fmt.Sprint(list), "[]")
}

func (c *checker) tensors(kind string, list []TensorConfig) {
	if len(list) == 0 {
		c.add(RuleTensor, kind, "list them all: nothing is completed by itself", "there is none")
	}
	seen := map[string]bool{}
	for i, t := range list {
		field := fmt.Sprintf("%s[%d] %q", kind, i, t.Name)
		if t.Name == "" || seen[t.Name] {
			c.add(RuleTensor, field, "give each a name of its own", "has no name or one that is taken")
		}
		seen[t.Name] = true
		if t.DType == 0 {
			c.add(RuleTensor, field, "give a data_type", "has no data type")
		}
		if len(t.Dims) == 0 {
			c.add(RuleTensor, field, "write a scalar for each user as dims: [ 1 ] reshape { shape: [ ] }", "has no dims")
		}
		if slices.ContainsFunc(t.Dims, func(d int64) bool { return d < 1 && d != -1 }) {
			c.add(RuleTensor, field, "give a size from 1, or -1 for any", "has dims %v", t.Dims)
		}
		if t.Reshape != nil && elements(t.Dims) != elements(t.Reshape.Shape) {
			c.add(RuleTensor, field, "reshape keeps the number of elements", "dims %v cannot be reshaped to %v", t.Dims, t.Reshape.Shape)
		}
	}
}

// elements multiplies dims; free ones count as 1.
func elements(dims []int64) int64 {
	n := int64(1)
	for _, d := range dims {
		n *= max(d, 1)
	}
	return n
}

func (c *checker) stage() {
	cfg := c.model.Config
	if cfg.Backend == "" && cfg.Platform == "" {
		c.add(RuleBackend, "backend", fmt.Sprintf("name it: graphs have backend: %q", BackendONNX), "names neither backend nor platform")
	}
	if len(cfg.Steps) > 0 {
		c.add(RuleEnsemble, "ensemble_scheduling", "add platform: \"ensemble\" or remove the steps", "the model is no ensemble")
	}
	if len(cfg.VersionPolicy.Specific) == 0 {
		c.add(RulePolicy, "version_policy", "name the pinned versions: version_policy { specific { versions: [ … ] } }",
			"does not name versions, so a new folder takes the place of one that an ensemble pins")
	}
	for i, w := range cfg.Warmup {
		c.warmup(fmt.Sprintf("model_warmup[%d] %q", i, w.Name), w)
	}
}

func (c *checker) warmup(field string, w Warmup) {
	cfg := c.model.Config
	if w.BatchSize < 1 && cfg.MaxBatchSize > 0 || w.BatchSize > cfg.MaxBatchSize {
		c.add(RuleWarmup, field, "choose one from 1 to max_batch_size", "has batch size %d", w.BatchSize)
	}
	given := map[string]int{}
	for _, in := range w.Inputs {
		given[in.Name]++
		i := slices.IndexFunc(cfg.Inputs, func(t TensorConfig) bool { return t.Name == in.Name })
		switch {
		case i < 0:
			c.add(RuleWarmup, field, "remove it", "gives %q, which is no input", in.Name)
		case cfg.Inputs[i].DType != in.DType || !compatible(cfg.Inputs[i].Dims, in.Dims):
			c.add(RuleWarmup, field, "give it the input's type and dims", "input %q is %s%v, the warm-up gives %s%v",
				in.Name, cfg.Inputs[i].DType.Config(), cfg.Inputs[i].Dims, in.DType.Config(), in.Dims)
		case in.Random && in.DType.IsInteger():
			c.add(RuleWarmup, field, "use zero_data: true", "gives random integers to %q; an id beyond a table ends the server", in.Name)
		}
	}
	for _, in := range cfg.Inputs {
		if given[in.Name] != 1 {
			c.add(RuleWarmup, field, "give each input once", "gives input %q %d times", in.Name, given[in.Name])
		}
	}
}

// compatible reports whether dims agree where neither is free.
func compatible(a, b []int64) bool {
	return slices.EqualFunc(a, b, func(x, y int64) bool { return x == y || x == -1 || y == -1 })
}
