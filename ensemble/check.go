package ensemble

import (
	"fmt"
	"path/filepath"
	"slices"

	"recsys/internal/pbtxt"
)

// Validate checks a whole repository: configurations, the models that they serve, and manifests. It returns what is wrong,
// sorted by file; the error is for a folder that cannot be read at all. It reads every served ONNX model; of those of other backends it
// only looks whether their files are there.
func Validate(dir string) ([]Finding, error) {
	r, err := Open(dir)
	if err != nil {
		return nil, err
	}
	findings := r.Check()
	for _, name := range r.Names() {
		m := r.Models[name]
		c := r.checker(m)
		c.files(r)
		findings = append(findings, c.findings...)
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

// Check checks the configurations by themselves and against each other, without reading other files. It returns what is wrong,
// sorted by file.
func (r *Repository) Check() []Finding {
	findings := slices.Clone(r.broken)
	if len(r.Models)+len(r.broken) == 0 {
		findings = append(findings, Finding{
			Rule: RuleConfig, File: ".", Message: "the repository has no models", Remedy: "is it the right folder?",
		})
	}
	steps := r.steps()
	for _, name := range r.Names() {
		c := r.checker(r.Models[name])
		c.steps = steps[name]
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

// CheckNoGPU returns what needs a GPU, for servers that have none, sorted by file.
func (r *Repository) CheckNoGPU() []Finding {
	var findings []Finding
	for _, name := range r.Names() {
		c := r.checker(r.Models[name])
		c.gpu()
		findings = append(findings, c.findings...)
	}
	return findings
}

// steps returns how many steps the longest ensemble has that a model is a step of, by the model's name.
func (r *Repository) steps() map[string]int {
	counts := map[string]int{}
	for _, m := range r.Models {
		for _, s := range m.Config.Steps {
			counts[s.Model] = max(counts[s.Model], len(m.Config.Steps))
		}
	}
	return counts
}

// checker collects the findings of one configuration.
type checker struct {
	model    *Model
	file     string
	steps    int // of the longest ensemble of which the model is a step
	findings []Finding
}

func (r *Repository) checker(m *Model) *checker {
	return &checker{model: m, file: filepath.Join(m.Name, ConfigFile)}
}

func (c *checker) add(rule, field, remedy, format string, args ...any) {
	c.addIn(c.file, rule, field, remedy, format, args...)
}

func (c *checker) addIn(file, rule, field, remedy, format string, args ...any) {
	c.findings = append(c.findings, Finding{
		Rule: rule, File: file, Field: field, Message: fmt.Sprintf(format, args...), Remedy: remedy,
	})
}

// at returns the fields at a path of the configuration's text.
func (c *checker) at(path string) []pbtxt.Field { return c.model.text().At(path) }

// has reports whether the configuration's text gives a field at a path.
func (c *checker) has(path string) bool { return len(c.at(path)) > 0 }

func (c *checker) common() {
	cfg, m := c.model.Config, c.model
	if cfg.Name != "" && cfg.Name != m.Name {
		c.add(RuleName, "name", "call both the same", "is %q, the folder is %q", cfg.Name, m.Name)
	}
	if cfg.MaxBatchSize < 0 {
		c.add(RuleTensor, "max_batch_size", "give 0 or more", "is %d", cfg.MaxBatchSize)
	}
	c.complete()
	c.tensors("input", cfg.Inputs)
	c.tensors("output", cfg.Outputs)
	c.versions()
	c.repeated("", m.text())
	for _, f := range c.at("ensemble_scheduling.max_inflight_requests") {
		if f.Text != "0" {
			c.add(RuleRelease, "ensemble_scheduling.max_inflight_requests", "leave it out or serve with 25.11 or later",
				"is a field that releases before 25.11 do not know: they load no such file")
		}
	}
	if cfg.ResponseCache {
		switch {
		case cfg.Decoupled || c.has("sequence_batching"):
			c.add(RuleCache, "response_cache", "switch it off", "is for models with one answer to each request, without sequences")
		default:
			c.add(RuleCacheServer, "response_cache", "start the servers with --cache-config, or remove it",
				"works on servers that are started with a cache; others pass it over")
		}
	}
	for _, agent := range c.at("model_repository_agents.agents") {
		for _, name := range agent.Block.At("name") {
			if name.Text != agentChecksum {
				c.add(RuleAgent, "model_repository_agents", "remove it, or see that the servers have it",
					"names the agent %q; Triton brings %q alone", name.Text, agentChecksum)
			}
		}
	}
	for name, sum := range c.sums() {
		c.checksum(name, sum)
	}
}

// complete reports what a server would have to complete.
func (c *checker) complete() {
	cfg, m := c.model.Config, c.model
	remedy := "write it down: servers with --disable-auto-complete-config refuse what is incomplete, others guess the batching"
	switch {
	case m.guessed:
		c.add(RuleAutoComplete, "", remedy, "there is no file: Triton takes the backend for %s and asks it for the rest", cfg.Backend)
	case cfg.IsEnsemble():
	case cfg.Backend == "" && cfg.Platform == "":
		c.add(RuleBackend, "backend", fmt.Sprintf("name it: ONNX models have backend: %q", BackendONNX),
			"names neither backend nor platform, and no model file tells which it is")
	case !c.has("backend") && !c.has("platform"):
		c.add(RuleAutoComplete, "backend", remedy, "is not named: Triton takes it for %s by the model's file", cfg.Backend)
	}
	if m.guessed || cfg.IsEnsemble() {
		return
	}
	for kind, list := range map[string][]TensorConfig{"input": cfg.Inputs, "output": cfg.Outputs} {
		if len(list) == 0 {
			c.add(RuleAutoComplete, kind, remedy, "there is none: Triton asks the backend which the model has")
		}
	}
}

// incomplete reports whether Triton would complete the lists of inputs and outputs.
func (m *Model) incomplete() bool {
	return !m.Config.IsEnsemble() && (len(m.Config.Inputs) == 0 || len(m.Config.Outputs) == 0)
}

func (c *checker) versions() {
	m := c.model
	served := m.Served()
	for _, path := range []string{"version_policy.latest", "version_policy.specific"} {
		for _, f := range c.at(path) {
			if f.Kind == pbtxt.Block && len(leaves(f.Block)) == 0 {
				served = nil // Triton takes an empty one by its word
			}
		}
	}
	if len(served) == 0 {
		c.add(RuleVersion, "version_policy", "add the version folder (it may be empty for an ensemble) or change the policy",
			"serves no version: the folder has %s", formatVersions(m.Versions))
		return
	}
	for _, v := range m.Config.VersionPolicy.Specific {
		if !slices.Contains(m.Versions, v) {
			c.add(RuleMissingVersion, "version_policy", "add the folder or take the number out",
				"names version %d: the folder has %s", v, formatVersions(m.Versions))
		}
	}
}

// repeated reports maps that have a key twice.
func (c *checker) repeated(path string, m *pbtxt.Message) {
	seen := map[string]bool{}
	for f := range m.All() {
		if f.Kind != pbtxt.Block {
			continue
		}
		if key := f.Block.At("key"); len(key) == 1 {
			name := f.Name + " " + key[0].Text
			if seen[name] {
				c.add(RuleRepeatedKey, path+f.Name, "remove one", "key %q is given twice: the last one counts", key[0].Text)
			}
			seen[name] = true
		}
		c.repeated(path+f.Name+".", f.Block)
	}
}

// compatible reports whether dims agree where neither is free.
func compatible(a, b []int64) bool {
	return slices.EqualFunc(a, b, func(x, y int64) bool { return x == y || x == -1 || y == -1 })
}
