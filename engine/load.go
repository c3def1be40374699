package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"recsys/ensemble"
	"recsys/graph"
	"recsys/graph/exec"
	"recsys/onnx"
	"recsys/tensor"
)

// loader turns a repository's models into plans.
type loader struct {
	repo   *ensemble.Repository
	plans  exec.Options
	models map[string]*model
	files  map[[sha256.Size]byte]*loaded // by content
}

// loaded is a model file that was read and compiled.
type loaded struct {
	graph *graph.Graph
	plan  *exec.Plan
}

func load(ctx context.Context, dir string, o Options) (map[string]*model, error) {
	repo, err := ensemble.Open(dir)
	if err != nil {
		return nil, err
	}
	names := closure(repo, o.Models)
	var errs []error
	for _, f := range repo.Check() {
		if f.Severity() == ensemble.SeverityError && (o.Models == nil || slices.Contains(names, topFolder(f.File))) {
			errs = append(errs, errors.New(f.String()))
		}
	}
	for _, name := range o.Models {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			errs = append(errs, fmt.Errorf("model %q: %w", name, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	plans := exec.Options{Kernels: o.Kernels, Threads: o.Threads, Budget: exec.NewBudget(o.Threads), Frozen: true}
	l := &loader{repo: repo, plans: plans, models: map[string]*model{}, files: map[[sha256.Size]byte]*loaded{}}
	var ensembles []string
	for _, name := range names {
		if repo.Models[name].Config.IsEnsemble() {
			ensembles = append(ensembles, name)
			continue
		}
		errs = append(errs, l.stage(ctx, repo.Models[name]))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, name := range ensembles {
		l.ensemble(repo.Models[name])
	}
	return l.models, nil
}

// closure returns the wanted models and the stages of those that are ensembles, ascending.
func closure(r *ensemble.Repository, names []string) []string {
	if names == nil {
		return r.Names()
	}
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

// stage loads the served versions of a model file.
func (l *loader) stage(ctx context.Context, m *ensemble.Model) error {
	out := &model{config: m.Config}
	for _, n := range m.Served() {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := m.ModelPath(n)
		f, err := l.file(path)
		if err != nil {
			return err
		}
		var errs []error
		for _, finding := range ensemble.CheckGraph(m.Config, path, f.graph) {
			errs = append(errs, errors.New(finding.String()))
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
		v := &version{config: m.Config, number: n, plan: f.plan}
		if err := v.warmUp(ctx); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		out.versions = append(out.versions, v)
	}
	l.models[m.Name] = out
	return nil
}

func (l *loader) file(path string) (*loaded, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	if f := l.files[sum]; f != nil {
		return f, nil
	}
	g, err := onnx.Unmarshal(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p, err := exec.Compile(g, l.plans)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	l.files[sum] = &loaded{g, p}
	return l.files[sum], nil
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
		out.versions = append(out.versions, &version{config: m.Config, number: n, steps: l.order(m.Config)})
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
			list = append(list, &step{part: l.pinned(s), inputs: s.Inputs, outputs: s.Outputs})
			return true
		})
	}
	return list
}

func (l *loader) pinned(s ensemble.Step) *version {
	versions := l.models[s.Model].versions
	i := slices.IndexFunc(versions, func(v *version) bool { return v.number == s.Version })
	if i < 0 {
		i = len(versions) - 1 // not pinned
	}
	return versions[i]
}
