package engine

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"recsys/ensemble"
	"recsys/graph/exec"
	"recsys/onnx"
	"recsys/tensor"
)

// loader turns a repository's models into plans. Models that are loaded already and did not change are kept as they are.
type loader struct {
	repo   *ensemble.Repository
	plans  exec.Options
	slots  chan struct{}
	cache  *cache
	old    map[string]*model
	models map[string]*model
	files  map[fileKey]*loaded
	sent   map[string]bool // models that are served, and that the repository has not
}

// fileKey is a model file's content, and how many threads a run of it may take.
type fileKey struct {
	sum     [sha256.Size]byte
	threads int
}

// loaded is a model file that was read and compiled.
type loaded struct {
	fileKey

	plan            *exec.Plan
	inputs, outputs []onnx.Port     // that the file declares
	used            map[string]bool // inputs that the plan takes: none that nothing uses
	scalars         map[string]bool // inputs and outputs of rank 0
}

// versionError says which version of a model does not load, and why, with paths below the repository.
type versionError struct {
	model   string
	version int64
	reason  string
	err     error
}

func newVersionError(m *ensemble.Model, version int64, err error) *versionError {
	const sep = string(filepath.Separator)
	return &versionError{m.Name, version, strings.ReplaceAll(err.Error(), filepath.Clean(m.Dir)+sep, m.Name+sep), err}
}

func (e *versionError) Error() string {
	return fmt.Sprintf("load failed for model '%s': version %d is at UNAVAILABLE state: %s;", e.model, e.version, e.reason)
}

func (e *versionError) Unwrap() error { return e.err }

// load reads the models called names, and the stages of those that are ensembles. Nothing of it is served yet.
func (l *loader) load(ctx context.Context, names []string) error {
	if err := l.check(names); err != nil {
		return err
	}
	var errs []error
	var ensembles []string
	for _, name := range closure(l.repo, names) {
		if l.sent[name] {
			l.models[name] = l.old[name]
			continue
		}
		if l.repo.Models[name].Config.IsEnsemble() {
			ensembles = append(ensembles, name)
			continue
		}
		errs = append(errs, l.stage(ctx, l.repo.Models[name]))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, name := range ensembles {
		l.ensemble(l.repo.Models[name])
	}
	return nil
}

// keepSent adds to the repository the models that were loaded from files that came with a load, as parts for ensembles. The one that is
// loaded now is none of them.
func (l *loader) keepSent(loading string) {
	for name, m := range l.old {
		if name == loading || !m.sent || len(m.versions) == 0 || l.repo.Models[name] != nil {
			continue
		}
		part := &ensemble.Model{Name: name, Config: m.config}
		for _, v := range m.versions {
			part.Versions = append(part.Versions, v.number)
		}
		l.repo.Models[name] = part
		l.sent[name] = true
	}
}

// refused reports whether a finding keeps the engine from loading a model: what Triton refuses, and what it does not do itself.
func refused(f ensemble.Finding) bool {
	return f.Severity() == ensemble.SeverityError || f.Rule == ensemble.RuleNested || f.Rule == ensemble.RuleAutoComplete || f.Rule == ensemble.RuleBatchAxis
}

// check applies the rules of configurations to the models and their stages.
func (l *loader) check(names []string) error {
	all := closure(l.repo, names)
	var errs []error
	for _, f := range l.repo.Check() {
		if name := topFolder(f.File); refused(f) && slices.Contains(all, name) && !l.sent[name] {
			errs = append(errs, errors.New(f.String()))
		}
	}
	for _, name := range names {
		if l.repo.Models[name] == nil && len(errs) == 0 {
			errs = append(errs, fmt.Errorf("model %q: the repository has no folder of this name with a configuration", name))
		}
	}
	return errors.Join(errs...)
}

// closure returns the wanted models and the stages of those that are ensembles, ascending.
func closure(r *ensemble.Repository, names []string) []string {
	var list []string
	for _, name := range names {
		list = append(list, name)
		if m := r.Models[name]; m != nil {
			for _, s := range m.Config.Steps {
				list = append(list, s.Model)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func topFolder(path string) string {
	for {
		dir := filepath.Dir(path)
		if dir == "." {
			return path
		}
		path = dir
	}
}

// runs returns what a configuration asks for that Triton does and the engine does not; it wraps [ErrUnimplemented].
func runs(c *ensemble.Config) error {
	absent := []struct{ path, instead string }{
		{"sequence_batching", "it keeps no state between requests: let the model take the history as an input"},
		{"batch_input", "pad lists to a fixed length"},
		{"batch_output", "pad lists to a fixed length"},
		{"input.allow_ragged_batch", "pad lists to a fixed length"},
		{"input.optional", "let requests give every input"},
	}
	for _, x := range absent {
		if slices.Contains(c.Unread, x.path) {
			return fmt.Errorf("has %s, which is %w: %s, or serve it with Triton", x.path, ErrUnimplemented, x.instead)
		}
	}
	if c.Decoupled {
		return fmt.Errorf("has model_transaction_policy.decoupled, which is %w: let it answer once, or serve it with Triton", ErrUnimplemented)
	}
	return nil
}

// stage loads the served versions of a model file.
func (l *loader) stage(ctx context.Context, m *ensemble.Model) error {
	if err := runs(m.Config); err != nil {
		return fmt.Errorf("model %q: %w", m.Name, err)
	}
	out := &model{config: m.Config}
	for _, n := range m.Served() {
		if err := ctx.Err(); err != nil {
			return err
		}
		v, err := l.version(ctx, m, n)
		if err != nil {
			return newVersionError(m, n, err)
		}
		out.versions = append(out.versions, v)
	}
	l.models[m.Name] = out
	return nil
}

func (l *loader) version(ctx context.Context, m *ensemble.Model, n int64) (*version, error) {
	path := m.ModelPath(n)
	if !m.Config.IsONNX() {
		path = filepath.Join(m.VersionDir(n), ensemble.StandInFile)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return &version{config: m.Config, number: n, stats: &counters{}, missing: missing(m.Config)}, nil
		}
	}
	f, err := l.file(path, threads(m.Config, l.plans.Threads))
	if err != nil {
		return nil, err
	}
	if old := l.old[m.Name].find(n); old != nil && old.file == f && sameConfig(old.config, m.Config) {
		return old, nil
	}
	var errs []error
	for _, finding := range ensemble.CheckPorts(m.Config, path, f.inputs, f.outputs) {
		errs = append(errs, errors.New(finding.String()))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	v := &version{config: m.Config, number: n, file: f, stats: &counters{}}
	v.queue = newQueue(v, l.slots)
	v.keep(m.Name, l.cache)
	if err := v.warmUp(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// missing is the error of a model of a backend that the engine has not.
func missing(c *ensemble.Config) error {
	return fmt.Errorf("%s runs on backend %q and has no %s: serve it with Triton: %w",
		c.Name, cmp.Or(c.Backend, c.Platform), ensemble.StandInFile, ErrUnimplemented)
}

func sameConfig(a, b *ensemble.Config) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// threads is the most that a run of a model takes: what the engine has, or fewer if intra_op_thread_count says so. 1 does not: that is
// what keeps the pools apart that ONNX Runtime starts for each instance of each model, and every export has it; here all models share
// the engine's threads.
func threads(c *ensemble.Config, most int) int {
	n, err := strconv.Atoi(c.Parameters["intra_op_thread_count"])
	if err != nil || n < 2 {
		return most
	}
	return min(n, most)
}

// file reads a model file, or the one in a folder of that name, and the external data beside it.
func (l *loader) file(path string, threads int) (*loaded, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, ensemble.DefaultModelFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key := fileKey{sha256.Sum256(data), threads}
	if f := l.files[key]; f != nil {
		return f, nil
	}
	g, err := onnx.Unmarshal(data)
	if err != nil {
		// It may have external data: these count by the times of the files, for they may be large.
		if key.sum, err = folderSum(key.sum, filepath.Dir(path)); err != nil {
			return nil, err
		}
		if f := l.files[key]; f != nil {
			return f, nil
		}
		if g, err = onnx.Unmarshal(data, onnx.Folder(filepath.Dir(path))); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	options := l.plans
	options.Threads = threads
	p, err := exec.Compile(g, options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f := &loaded{fileKey: key, plan: p, used: map[string]bool{}, scalars: map[string]bool{}}
	if f.inputs, f.outputs, err = onnx.UnmarshalPorts(data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, v := range p.Inputs() {
		f.used[v.Name()] = true
	}
	for _, x := range slices.Concat(f.inputs, f.outputs) {
		f.scalars[x.Name] = len(x.Shape) == 0
	}
	l.files[key] = f
	return f, nil
}

// folderSum adds to sum what the folder says of its files.
func folderSum(sum [sha256.Size]byte, folder string) ([sha256.Size]byte, error) {
	h := sha256.New()
	h.Write(sum[:])
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			fmt.Fprintf(h, "%q %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	return [sha256.Size]byte(h.Sum(nil)), err
}

// warmUp runs the warm-ups of zeros for one user. Those for a full batch would keep memory that an engine with few users never needs.
func (v *version) warmUp(ctx context.Context) error {
	for _, w := range v.config.Warmup {
		if w.BatchSize > 1 || slices.ContainsFunc(w.Inputs, func(in ensemble.WarmupInput) bool { return !in.Zero }) {
			continue
		}
		in := tensor.Map{}
		for _, x := range w.Inputs {
			var shape []int
			if v.config.MaxBatchSize > 0 {
				shape = append(shape, 1)
			}
			for _, d := range x.Dims {
				shape = append(shape, int(d))
			}
			in[x.Name] = tensor.Zeros(x.DType, shape...)
		}
		if _, err := v.inferStage(ctx, in, v.outputNames()); err != nil {
			return fmt.Errorf("warm-up %q: %w", w.Name, err)
		}
	}
	return nil
}

// ensemble joins loaded stages. The checks have shown that all parts are there and fit.
func (l *loader) ensemble(m *ensemble.Model) {
	out := &model{config: m.Config}
	for _, n := range m.Served() {
		v := &version{config: m.Config, number: n, steps: l.order(m.Config), stats: &counters{}}
		if old := l.old[m.Name].find(n); old != nil && sameConfig(old.config, m.Config) {
			v.stats = old.stats
		}
		v.keep(m.Name, l.cache)
		out.versions = append(out.versions, v)
	}
	l.models[m.Name] = out
}

// order sorts the steps so that each stands behind the makers of its inputs.
func (l *loader) order(c *ensemble.Config) []*step {
	ready := map[string]bool{}
	for _, in := range c.Inputs {
		ready[in.Name] = true
	}
	var list []*step
	waiting := slices.Clone(c.Steps)
	for range c.Steps { // each round takes a step at least
		waiting = slices.DeleteFunc(waiting, func(s ensemble.Step) bool {
			if slices.ContainsFunc(s.Inputs, func(x ensemble.Mapping) bool { return !ready[x.Ensemble] }) {
				return false
			}
			for _, x := range s.Outputs {
				ready[x.Ensemble] = true
			}
			list = append(list, &step{
				model: s.Model, pinned: s.Version, part: l.models[s.Model].pick(s.Version), inputs: s.Inputs, outputs: s.Outputs,
			})
			return true
		})
	}
	return list
}

// find returns a version by its number; nil if there is none.
func (m *model) find(number int64) *version {
	if m == nil {
		return nil
	}
	for _, v := range m.versions {
		if v.number == number {
			return v
		}
	}
	return nil
}

// pick returns the version that a step pins, or the latest for -1; nil if there is none.
func (m *model) pick(pinned int64) *version {
	if pinned == -1 && m != nil && len(m.versions) > 0 {
		return m.versions[len(m.versions)-1]
	}
	return m.find(pinned)
}
