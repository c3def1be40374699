package ensemble

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"recsys/schema"
)

// planEnsemble makes the ensemble's configuration out of the stages', and the manifest that goes with it.
func (x *exporter) planEnsemble(e Ensemble, m Manifest, o Options) error {
	x.config = &Config{
		Name: e.Name, Platform: PlatformEnsemble, MaxBatchSize: o.MaxBatch,
		VersionPolicy: VersionPolicy{Specific: []int64{int64(x.generation)}},
	}
	own := Settings{MetricTags: map[string]string{"ensemble": e.Name, "stage": EnsembleName}}
	if o.Configure != nil {
		if err := o.Configure([]string{EnsembleName}, &own); err != nil {
			return err
		}
	}
	if err := own.ensembleOnly(); err != nil {
		return err
	}
	x.config.ResponseCache, x.config.MetricTags = own.ResponseCache, own.MetricTags
	made := map[string]TensorConfig{}
	raw := map[string]TensorConfig{}
	var order []string // of raw inputs that the manifest may not know
	var extra []string
	wanted := x.wanted(e)
	for _, s := range x.stages {
		step := Step{Model: s.config.Name, Version: s.version}
		for _, t := range s.config.Inputs {
			seen := s.plain(t, true)
			step.Inputs = append(step.Inputs, Mapping{t.Name, seen.Name})
			if _, ok := made[seen.Name]; ok {
				continue
			}
			if _, ok := raw[seen.Name]; !ok {
				order = append(order, seen.Name)
			}
			raw[seen.Name] = seen
		}
		for _, t := range s.config.Outputs {
			seen := s.plain(t, false)
			if s.folder != nil && !wanted[seen.Name] {
				continue // Triton refuses tensors that nobody reads
			}
			step.Outputs = append(step.Outputs, Mapping{t.Name, seen.Name})
			made[seen.Name] = seen
			if name, ok := strings.CutPrefix(seen.Name, ExplainPrefix); ok && slices.Contains(e.Explain, name) {
				extra = append(extra, seen.Name)
			}
		}
		if len(step.Outputs) == 0 {
			return fmt.Errorf("stage %q: no other stage reads what it makes, and it is no output of the ensemble: rename its outputs or leave it out", s.config.Name)
		}
		x.config.Steps = append(x.config.Steps, step)
	}
	for _, name := range slices.Concat(e.Outputs, extra) {
		x.config.Outputs = append(x.config.Outputs, made[name])
	}
	return x.planManifest(m, raw, order, extra, o)
}

// plain is a tensor as an ensemble has it: with its name there, the dims of the wire and nothing about reshaping.
func (s stageExport) plain(t TensorConfig, input bool) TensorConfig {
	if s.folder != nil {
		names := s.folder.Outputs
		if input {
			names = s.folder.Inputs
		}
		t = s.folder.wire(t)
		t.Name = named(names, t.Name)
	}
	return TensorConfig{Name: t.Name, DType: t.DType, Dims: t.Dims}
}

// wanted are the tensors that a stage reads or the ensemble puts out.
func (x *exporter) wanted(e Ensemble) map[string]bool {
	names := map[string]bool{}
	for _, name := range e.Outputs {
		names[name] = true
	}
	for _, s := range x.stages {
		for _, t := range s.config.Inputs {
			names[s.plain(t, true).Name] = true
		}
	}
	return names
}

// planManifest completes the manifest and orders the ensemble's inputs as it does.
func (x *exporter) planManifest(m Manifest, raw map[string]TensorConfig, order, explain []string, o Options) error {
	m.Format, m.Name, m.Generation = ManifestFormat, x.config.Name, x.generation
	m.Fuse, m.Limits.MaxBatch, m.Outputs.Explain = string(o.Fuse), o.MaxBatch, explain
	m.Defaults = maps.Clone(m.Defaults)
	m.Inputs = slices.DeleteFunc(slices.Clone(m.Inputs), func(c schema.Column) bool {
		_, used := raw[c.Name]
		if !used {
			delete(m.Defaults, c.Name)
			if m.History != nil && m.History.Input == c.Name {
				m.History = nil
			}
			if m.Time == c.Name {
				m.Time = ""
			}
		}
		return !used
	})
	if _, used := raw[m.Blocked.Input]; !used {
		m.Blocked = ManifestBlocked{}
	}
	known := m.rawInputs()
	for _, t := range known {
		if have := raw[t.Name]; !sameTensors([]TensorConfig{t}, []TensorConfig{have}) {
			return fmt.Errorf("manifest: input %q is %s%v, the stages read %s%v: fit the column's type and length to the workflow",
				t.Name, t.DType.Config(), t.Dims, have.DType.Config(), have.Dims)
		}
		x.config.Inputs = append(x.config.Inputs, t)
	}
	for _, name := range order {
		if !slices.ContainsFunc(known, func(t TensorConfig) bool { return t.Name == name }) {
			return fmt.Errorf("manifest: the stages read input %q, which is neither a raw column of the manifest nor made by a stage", name)
		}
	}
	x.manifest = m
	return m.Validate()
}
