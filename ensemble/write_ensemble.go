package ensemble

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"recsys/schema"
)

// planEnsemble makes the configurations of the ensembles out of the stages', and the manifest that goes with them.
func (x *exporter) planEnsemble(e Ensemble, m Manifest, o Options) error {
	own := Settings{MetricTags: map[string]string{"ensemble": e.Name, "stage": EnsembleName}}
	if o.Configure != nil {
		if err := o.Configure([]string{EnsembleName}, &own); err != nil {
			return err
		}
	}
	if err := own.ensembleOnly(); err != nil {
		return err
	}
	var parts [2][]stageExport
	for _, s := range x.stages {
		if s.ranking {
			parts[1] = append(parts[1], s)
		} else {
			parts[0] = append(parts[0], s)
		}
	}
	blank := Config{
		Name: e.Name, Platform: PlatformEnsemble, MaxBatchSize: o.MaxBatch,
		VersionPolicy: VersionPolicy{Specific: []int64{int64(x.generation)}},
		ResponseCache: own.ResponseCache, MetricTags: own.MetricTags,
	}
	outputs := slices.Clone(e.Outputs)
	var second *joined
	var err error
	if parts[1] != nil {
		if second, err = join(*AsRanking(&blank, e.Name), parts[1], outputs, e.Explain); err != nil {
			return err
		}
		x.ranking = &second.config
		outputs = nil
		for _, name := range e.handed() {
			outputs = append(outputs, RankingPrefix+name)
		}
	}
	first, err := join(blank, parts[0], outputs, e.Explain)
	if err != nil {
		return err
	}
	x.config = &first.config
	return x.planManifest(e, m, first, second, o)
}

// joined is an ensemble of stages whose inputs are not ordered yet.
type joined struct {
	config  Config
	raw     map[string]TensorConfig // what no stage makes
	order   []string                // of its names
	explain []string                // outputs beside the wanted ones
}

// join makes steps of stages and adds the wanted outputs, and copies of the tensors that explain.
func join(config Config, stages []stageExport, outputs, explain []string) (*joined, error) {
	j := &joined{config: config, raw: map[string]TensorConfig{}}
	made := map[string]TensorConfig{}
	wanted := wanted(stages, outputs)
	for _, s := range stages {
		step := Step{Model: s.config.Name, Version: s.version}
		for _, t := range s.config.Inputs {
			seen := s.plain(t, true)
			step.Inputs = append(step.Inputs, Mapping{t.Name, seen.Name})
			if _, ok := made[seen.Name]; ok {
				continue
			}
			if _, ok := j.raw[seen.Name]; !ok {
				j.order = append(j.order, seen.Name)
			}
			j.raw[seen.Name] = seen
		}
		for _, t := range s.config.Outputs {
			seen := s.plain(t, false)
			if s.folder != nil && !wanted[seen.Name] {
				continue // Triton refuses tensors that nobody reads
			}
			step.Outputs = append(step.Outputs, Mapping{t.Name, seen.Name})
			made[seen.Name] = seen
			if name, ok := strings.CutPrefix(seen.Name, ExplainPrefix); ok && slices.Contains(explain, name) {
				j.explain = append(j.explain, seen.Name)
			}
		}
		if len(step.Outputs) == 0 {
			return nil, fmt.Errorf("stage %q: no other stage reads what it makes, and it is no output of the ensemble: rename its outputs or leave it out", s.config.Name)
		}
		j.config.Steps = append(j.config.Steps, step)
	}
	for _, name := range slices.Concat(outputs, j.explain) {
		j.config.Outputs = append(j.config.Outputs, made[name])
	}
	return j, nil
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
func wanted(stages []stageExport, outputs []string) map[string]bool {
	names := map[string]bool{}
	for _, name := range outputs {
		names[name] = true
	}
	for _, s := range stages {
		for _, t := range s.config.Inputs {
			names[s.plain(t, true).Name] = true
		}
	}
	return names
}

// planManifest completes the manifest and orders the ensembles' inputs as it does. Second is nil for one ensemble.
func (x *exporter) planManifest(e Ensemble, m Manifest, first, second *joined, o Options) error {
	m.Format, m.Name, m.Generation = ManifestFormat, x.config.Name, x.generation
	m.Fuse, m.Limits.MaxBatch, m.Outputs.Explain = string(o.Fuse), o.MaxBatch, first.explain
	m.Defaults = maps.Clone(m.Defaults)
	used := func(name string) bool {
		_, ok := first.raw[name]
		if !ok && second != nil {
			_, ok = second.raw[name]
		}
		return ok
	}
	m.Inputs = slices.DeleteFunc(slices.Clone(m.Inputs), func(c schema.Column) bool {
		if used(c.Name) {
			return false
		}
		delete(m.Defaults, c.Name)
		if m.History != nil && m.History.Input == c.Name {
			m.History = nil
		}
		if m.Time == c.Name {
			m.Time = ""
		}
		return true
	})
	if !used(m.Blocked.Input) {
		m.Blocked = ManifestBlocked{}
	}
	known := m.rawInputs()
	if second == nil {
		m.Ranking = nil
	} else {
		known = slices.DeleteFunc(known, func(t TensorConfig) bool { _, ok := first.raw[t.Name]; return !ok })
	}
	if err := first.take(known); err != nil {
		return err
	}
	if second != nil {
		if err := m.planRanking(e, first, second); err != nil {
			return err
		}
	}
	x.manifest = m
	return m.Validate()
}

// take makes known tensors, all of which stages read, the ensemble's inputs; there have to be no others.
func (j *joined) take(known []TensorConfig) error {
	for _, t := range known {
		if have := j.raw[t.Name]; !sameTensors([]TensorConfig{t}, []TensorConfig{have}) {
			return fmt.Errorf("manifest: input %q is %s%v, the stages read %s%v: fit the column's type and length to the workflow",
				t.Name, t.DType.Config(), t.Dims, have.DType.Config(), have.Dims)
		}
		j.config.Inputs = append(j.config.Inputs, t)
	}
	for _, name := range j.order {
		if !slices.ContainsFunc(known, func(t TensorConfig) bool { return t.Name == name }) {
			return fmt.Errorf("manifest: the stages read input %q, which is neither a raw column of the manifest nor made by a stage", name)
		}
	}
	return nil
}
