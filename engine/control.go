package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"recsys/ensemble"
	"recsys/graph/exec"
)

// LoadOptions changes what is loaded. The zero value loads what the repository holds.
type LoadOptions struct {
	// Config replaces the model's config.pbtxt.
	Config *ensemble.Config
	// Files replace the model's folder: contents by path, such as "1/model.onnx". They need a Config.
	Files map[string][]byte
}

// unloaded is why a version that Unload took away is not served.
const unloaded = "unloaded"

// Load loads a model, or loads it again where its files or its configuration changed, and for an ensemble its stages. What is unchanged
// stays as it is, with its statistics. Requests at work end on what they began with.
//
// Nothing changes when it fails: what was served stays. Ensembles that have the model as a stage take its new version where that has the
// same inputs and outputs, and keep the one they have otherwise. An ensemble may have stages that were loaded from Files and that the
// repository has not. The error wraps [ErrInvalidArgument] for a model that does not fit its
// configuration, [ErrClosed] or ctx's error; others are faults of the repository.
func (e *Engine) Load(ctx context.Context, name string, o LoadOptions) error {
	e.control.Lock()
	defer e.control.Unlock()
	old, err := e.snapshot()
	if err != nil {
		return err
	}
	repo, remove, err := e.open(name, o)
	if err != nil {
		return fmt.Errorf("failed to load '%s', failed to poll from model repository: %w", name, err)
	}
	defer remove()
	l := e.loader(repo, old)
	l.keepSent(name)
	if err := l.check([]string{name}); err != nil {
		return fmt.Errorf("failed to load '%s', failed to poll from model repository: %w", name, err)
	}
	if err := l.load(ctx, []string{name}); err != nil {
		if at, ok := errors.AsType[*versionError](err); ok {
			e.mark(at)
			err = &kindError{ErrInvalidArgument, err.Error()}
		}
		return err
	}
	l.models[name].sent = o.Files != nil
	e.serve(l.models, name)
	return nil
}

// open reads the repository with the model that o puts into it, whose files lie in a folder until remove is called.
func (e *Engine) open(name string, o LoadOptions) (_ *ensemble.Repository, remove func(), err error) {
	remove = func() {}
	repo, err := ensemble.Open(e.dir)
	if err != nil {
		return nil, remove, err
	}
	if o.Files != nil {
		if o.Config == nil {
			return nil, remove, errors.New("files are given without a configuration")
		}
		dir, err := os.MkdirTemp("", "recsys-engine-")
		if err != nil {
			return nil, remove, err
		}
		remove = func() { _ = os.RemoveAll(dir) } // a temporary folder
		m, err := writeFiles(filepath.Join(dir, "model"), o.Files)
		if err != nil {
			remove()
			return nil, func() {}, err
		}
		m.Name, m.Config, repo.Models[name] = name, o.Config, m
	} else if o.Config != nil {
		dir, err := e.folder(name)
		if err != nil {
			return nil, remove, err
		}
		m := &ensemble.Model{Name: name, Dir: dir, Config: o.Config}
		if m.Versions, err = ensemble.Versions(dir); err != nil {
			return nil, remove, err
		}
		repo.Models[name] = m
	}
	return repo, remove, nil
}

// folder returns the folder of a model, whose name may come from anywhere.
func (e *Engine) folder(name string) (string, error) {
	if name == "" || name == "." || !filepath.IsLocal(name) || filepath.Base(name) != name {
		return "", fmt.Errorf("%q is no name of a model", name)
	}
	return filepath.Join(e.dir, name), nil
}

// writeFiles writes a model's folder. Paths are a version and a path below it.
func writeFiles(dir string, files map[string][]byte) (*ensemble.Model, error) {
	for path, data := range files {
		version, rest, _ := strings.Cut(path, "/")
		if n, err := strconv.ParseInt(version, 10, 64); err != nil || n < 1 || !filepath.IsLocal(filepath.FromSlash(rest)) {
			return nil, fmt.Errorf("file %q is not of the form VERSION/PATH", path)
		}
		file := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return nil, err
		}
	}
	list, err := ensemble.Versions(dir)
	return &ensemble.Model{Dir: dir, Versions: list}, err
}

func (e *Engine) snapshot() (map[string]*model, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.closed {
		return nil, ErrClosed
	}
	return maps.Clone(e.models), nil
}

func (e *Engine) loader(repo *ensemble.Repository, old map[string]*model) *loader {
	l := &loader{
		repo: repo, plans: e.plans, slots: e.slots, cache: e.cache, old: old, models: map[string]*model{}, files: map[fileKey]*loaded{},
		sent: map[string]bool{},
	}
	for _, m := range old {
		for _, v := range m.versions {
			for _, f := range v.files() {
				l.files[f.fileKey] = f
			}
		}
	}
	return l
}

// files lists the model files that a version holds.
func (v *version) files() []*loaded {
	if v.file != nil {
		return []*loaded{v.file}
	}
	var list []*loaded
	for _, s := range v.steps {
		list = append(list, s.part.file)
	}
	return list
}

// mark notes why a version does not load, beside those that are served.
func (e *Engine) mark(at *versionError) {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := model{}
	if old := e.models[at.model]; old != nil {
		m = *old
	}
	m.states = maps.Clone(m.states)
	if m.states == nil {
		m.states = map[int64]string{}
	}
	m.states[at.version] = at.reason
	e.models[at.model] = &m
}

// serve puts loaded models into service; those of names were asked for. Versions that were served before and are not now become unloaded.
func (e *Engine) serve(models map[string]*model, names ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, m := range models {
		old := e.models[name]
		if m == old {
			continue
		}
		m.named = slices.Contains(names, name) || old != nil && old.named
		m.states = gone(old, m)
		e.models[name] = m
	}
	for name, m := range e.models {
		if models[name] == nil && m.config != nil && m.config.IsEnsemble() {
			e.models[name] = m.relink(name, models)
		}
	}
}

// gone returns the states of versions that were there before and are not served now.
func gone(old, now *model) map[int64]string {
	if old == nil {
		return nil
	}
	states := map[int64]string{}
	maps.Copy(states, old.states)
	for _, v := range old.versions {
		states[v.number] = unloaded
	}
	if now != nil {
		for _, v := range now.versions {
			delete(states, v.number)
		}
	}
	return states
}

// relink joins an ensemble with stages that were loaded again, as far as these fit.
func (m *model) relink(name string, models map[string]*model) *model {
	changed := false
	out := *m
	out.versions = slices.Clone(m.versions)
	for i, v := range m.versions {
		next := *v
		next.steps = slices.Clone(v.steps)
		for j, s := range v.steps {
			part := models[s.model].pick(s.pinned)
			if part == nil || part == s.part || !sameInterface(part.config, s.part.config) {
				continue
			}
			linked := *s
			linked.part, next.steps[j], changed = part, &linked, true
		}
		next.identify(name)
		out.versions[i] = &next
	}
	if !changed {
		return m
	}
	return &out
}

func sameInterface(a, b *ensemble.Config) bool {
	return a.MaxBatchSize == b.MaxBatchSize && reflect.DeepEqual(a.Inputs, b.Inputs) && reflect.DeepEqual(a.Outputs, b.Outputs)
}

// Unload stops serving a model; requests at work end on it. Dependents are an ensemble's stages that nobody loaded by name and no other
// ensemble has. Ensembles that have the model as a stage go on with it. A model that is not loaded is no error.
func (e *Engine) Unload(_ context.Context, name string, dependents bool) error {
	e.control.Lock()
	defer e.control.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	m := e.models[name]
	if m == nil {
		return nil
	}
	e.models[name] = &model{states: gone(m, nil)}
	if !dependents {
		return nil
	}
	used := map[string]bool{}
	for _, other := range e.models {
		for _, v := range other.versions {
			for _, s := range v.steps {
				used[s.model] = true
			}
		}
	}
	for _, v := range m.versions {
		for _, s := range v.steps {
			if part := e.models[s.model]; part != nil && !part.named && !used[s.model] {
				e.models[s.model] = &model{states: gone(part, nil)}
			}
		}
	}
	return nil
}

// Entry is a model's version in the index.
type Entry struct {
	Model string
	// Version is empty for a model of the repository that was never loaded.
	Version string
	Ready   bool
	// Reason is why a version is not ready; empty for a model that was never loaded.
	Reason string
}

// Index lists the models of the repository with their versions, by model and version.
func (e *Engine) Index() ([]Entry, error) {
	repo, err := ensemble.Open(e.dir)
	if err != nil {
		return nil, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.closed {
		return nil, ErrClosed
	}
	var list []Entry
	for _, name := range repo.Names() {
		m := e.models[name]
		if m == nil || len(m.versions)+len(m.states) == 0 {
			list = append(list, Entry{Model: name})
			continue
		}
		states := maps.Clone(m.states)
		if states == nil {
			states = map[int64]string{}
		}
		for _, v := range m.versions {
			states[v.number] = ""
		}
		for _, number := range slices.Sorted(maps.Keys(states)) {
			reason := states[number]
			list = append(list, Entry{Model: name, Version: strconv.FormatInt(number, 10), Ready: m.find(number) != nil, Reason: reason})
		}
	}
	return list, nil
}

func plans(o Options) exec.Options {
	return exec.Options{Kernels: o.Kernels, Threads: o.Threads, Budget: exec.NewBudget(o.Threads), Frozen: true}
}
