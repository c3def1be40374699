package diff

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"recsys/ensemble"
)

// Side is one of the two generations.
type Side struct {
	Dir        string
	Ensemble   string
	Generation int64
	// Config is the generation's configuration of the ensemble; Manifest may be nil for an ensemble that is not ours.
	Config   *ensemble.Config
	Manifest *ensemble.Manifest
	// Ranking is the configuration of the generation's second ensemble, nil if it has none.
	Ranking *ensemble.Config

	models map[string]*ensemble.Model
	text   []byte // of the configuration
	second []byte // of the ranking's
}

// Open reads a generation of the ensemble called name; 0 is the one that is served.
func Open(dir, name string, generation int64) (*Side, error) {
	r, err := ensemble.Open(dir)
	if err != nil {
		return nil, err
	}
	m := r.Models[name]
	if m == nil || !m.Config.IsEnsemble() {
		return nil, fmt.Errorf("%s holds no readable ensemble %q; run recsys check %s", dir, name, dir)
	}
	served := m.Served()
	if generation == 0 {
		if len(served) == 0 {
			return nil, fmt.Errorf("ensemble %q of %s serves no version; run recsys check %s", name, dir, dir)
		}
		generation = served[len(served)-1]
	}
	if !slices.Contains(m.Versions, generation) {
		return nil, fmt.Errorf("%s has no generation %d of %s; there are %v", dir, generation, name, m.Versions)
	}
	s := &Side{Dir: dir, Ensemble: name, Generation: generation, models: r.Models}
	// A generation that is not served has its configuration beside its files.
	path := filepath.Join(s.Folder(), ensemble.ConfigFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && slices.Contains(served, generation) {
		path = filepath.Join(m.Dir, ensemble.ConfigFile)
	}
	if s.text, err = os.ReadFile(path); err != nil {
		return nil, err
	}
	if s.Config, err = ensemble.ParseConfig(path, s.text); err != nil {
		return nil, err
	}
	path = filepath.Join(s.Folder(), ensemble.RankingConfigFile)
	if s.second, err = os.ReadFile(path); err == nil {
		s.Ranking, err = ensemble.ParseConfig(path, s.second)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	s.Manifest, err = ensemble.ReadManifest(filepath.Join(s.Folder(), ensemble.ManifestFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return s, nil
}

// String is REPO@GENERATION.
func (s *Side) String() string { return fmt.Sprintf("%s@%d", s.Dir, s.Generation) }

// Folder is the ensemble's version folder.
func (s *Side) Folder() string {
	return s.models[s.Ensemble].VersionDir(s.Generation)
}

// Stage is one step of the ensemble.
type Stage struct {
	Name string // without the ensemble's name before it and the interface's number behind
	Path string // of the model's file

	ensemble string
	step     ensemble.Step
	home     *ensemble.Model
}

// interfaceNumber stands behind the name of a stage whose interface has changed in a repository.
var interfaceNumber = regexp.MustCompile(`_i[0-9]+$`)

// stageName is what a stage is called in every generation and repository.
func stageName(ensemble, model string) string {
	return interfaceNumber.ReplaceAllString(strings.TrimPrefix(model, ensemble+"_"), "")
}

// Stages lists the steps in order, those of the ranking last.
func (s *Side) Stages() ([]Stage, error) {
	steps := s.Config.Steps
	if s.Ranking != nil {
		steps = slices.Concat(steps, s.Ranking.Steps)
	}
	list := make([]Stage, len(steps))
	for i, step := range steps {
		m := s.models[step.Model]
		if m == nil {
			return nil, fmt.Errorf("%s: stage %q has no readable folder; run recsys check %s", s, step.Model, s.Dir)
		}
		version := step.Version
		if version < 1 { // not pinned
			served := m.Served()
			if len(served) == 0 {
				return nil, fmt.Errorf("%s: stage %q serves no version; run recsys check %s", s, step.Model, s.Dir)
			}
			version = served[len(served)-1]
		}
		list[i] = Stage{
			Name: stageName(s.Ensemble, step.Model), Path: m.ModelPath(version), ensemble: s.Ensemble, step: step, home: m,
		}
	}
	return list, nil
}

// Renames reports whether the ensemble calls a tensor of the stage by another name than the stage does.
func (s Stage) Renames() bool {
	return slices.ContainsFunc(slices.Concat(s.step.Inputs, s.step.Outputs), func(m ensemble.Mapping) bool { return m.Model != m.Ensemble })
}

// Change is a field that is different; what one side lacks is empty.
type Change struct {
	Field string `json:"field"`
	Was   string `json:"was"`
	Is    string `json:"is"`
}

// Report is what is different. Lists are empty where nothing is.
type Report struct {
	A string `json:"a"`
	B string `json:"b"`
	// Same is true when nothing is different.
	Same bool `json:"same"`
	// Interface has inputs and outputs of the ensemble, Config its other fields.
	Interface []Change `json:"interface,omitempty"`
	Config    []Change `json:"config,omitempty"`
	Manifest  []Change `json:"manifest,omitempty"`
	// Files are further files of the generation: rows of users and items, by size and checksum.
	Files []Change `json:"files,omitempty"`
	// Stages are those that differ, Equal is the number of the others.
	Stages []StageReport `json:"stages,omitempty"`
	Equal  int           `json:"equal_stages"`
	// Outputs compares answers; nil if nobody asked.
	Outputs *Outputs `json:"outputs,omitempty"`
	// Notes say what could not be compared.
	Notes []string `json:"notes,omitempty"`
}

// Compare reports what is different between what was exported as a and as b.
func Compare(a, b *Side) (*Report, error) {
	r := &Report{A: a.String(), B: b.String()}
	if a.Ensemble != b.Ensemble {
		r.Config = append(r.Config, Change{"name", a.Ensemble, b.Ensemble})
	}
	r.Interface = changes(a.tensors(), b.tensors())
	was, err := a.fields()
	if err != nil {
		return nil, err
	}
	is, err := b.fields()
	if err != nil {
		return nil, err
	}
	before, err := a.Stages()
	if err != nil {
		return nil, err
	}
	after, err := b.Stages()
	if err != nil {
		return nil, err
	}
	r.Config = append(r.Config, withoutSteps(changes(was, is), before, after)...)
	if r.Manifest, err = manifestChanges(a.Manifest, b.Manifest); err != nil {
		return nil, err
	}
	if was, err = files(a.Folder()); err != nil {
		return nil, err
	}
	if is, err = files(b.Folder()); err != nil {
		return nil, err
	}
	r.Files = changes(was, is)
	if err := r.compareStages(before, after); err != nil {
		return nil, err
	}
	r.Same = len(r.Interface)+len(r.Config)+len(r.Manifest)+len(r.Files)+len(r.Stages) == 0
	return r, nil
}

func (r *Report) compareStages(before, after []Stage) error {
	find := func(list []Stage, name string) *Stage {
		i := slices.IndexFunc(list, func(s Stage) bool { return s.Name == name })
		if i < 0 {
			return nil
		}
		return &list[i]
	}
	for _, s := range before {
		other := find(after, s.Name)
		if other == nil {
			r.Stages = append(r.Stages, StageReport{Name: s.Name, State: StateRemoved})
			continue
		}
		report, err := compareStage(s, *other)
		if err != nil {
			return fmt.Errorf("stage %q: %w", s.Name, err)
		}
		if report == nil {
			r.Equal++
			continue
		}
		r.Stages = append(r.Stages, *report)
	}
	for _, s := range after {
		if find(before, s.Name) == nil {
			r.Stages = append(r.Stages, StageReport{Name: s.Name, State: StateAdded})
		}
	}
	return nil
}
