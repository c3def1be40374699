package generation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"recsys/ensemble"
)

// ErrRefused is wrapped by the error of a generation that did not pass; what was served before is served still.
var ErrRefused = errors.New("the generation was refused, and what was served before is served still")

// Publish has the servers serve a generation of the ensemble called name. It is safe to repeat, whatever became of it.
func (p *Publisher) Publish(ctx context.Context, name string, generation int64) (Result, error) {
	return p.run(ctx, "publish", name, func(s *session) (Result, error) {
		return s.change(ctx, name, name, generation, false)
	})
}

// Rollback has the servers serve the generation that the ensemble called name served before the present one. If a
// publish was killed before its generation was proven, undoing it is the rollback; if a rollback was killed, it is finished.
func (p *Publisher) Rollback(ctx context.Context, name string) (Result, error) {
	return p.run(ctx, "rollback", name, func(s *session) (Result, error) {
		c, err := ensemble.ReadConfig(configPath(s.Folders[0], name))
		if err != nil {
			return Result{}, err
		}
		if j := s.recovered; j != nil && j.Alias == name && j.rolledBack() {
			return Result{Ensemble: name, Generation: served(c)}, nil
		}
		for _, g := range slices.Backward(history(c)) {
			if _, err := os.Stat(versionDir(s.Folders[0], name, g)); err == nil {
				return s.change(ctx, name, name, g, true)
			}
		}
		return Result{}, fmt.Errorf("%s serves generation %d and has served none before that is still there", name, served(c))
	})
}

// run does a verb under the locks.
func (p *Publisher) run(ctx context.Context, verb, name string, do func(*session) (Result, error)) (_ Result, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s %s: %w", verb, name, err)
		}
	}()
	s, err := p.begin(ctx, verb)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	r, err := do(s)
	if s.recovered != nil {
		r.Recovered = s.recovered.Alias
	}
	return r, err
}

// plan is a change of what an ensemble serves.
type plan struct {
	name       string // of the ensemble that changes
	source     string // of the one whose generation it is to serve
	generation int64
	previous   int64
	next       string
	back       bool // to an earlier generation
	journals   map[string]*journal
	texts      map[string][]byte // the new configuration by folder
	nextTexts  map[string][]byte // the pre-flight's
	probes     []Probe
}

// change has the ensemble called name serve a generation of source.
func (s *session) change(ctx context.Context, name, source string, generation int64, back bool) (Result, error) {
	p := &plan{
		name: name, source: source, generation: generation, back: back, next: name + nextSuffix,
		journals: map[string]*journal{}, texts: map[string][]byte{}, nextTexts: map[string][]byte{},
	}
	for _, dir := range s.Folders {
		if err := p.add(dir); err != nil {
			return Result{}, err
		}
	}
	result := Result{Ensemble: name, Generation: generation, Previous: p.previous}
	for _, dir := range s.Folders {
		if err := p.journals[dir].write(dir); err != nil {
			return Result{}, err
		}
	}
	err := s.preflight(ctx, p)
	if err == nil {
		err = s.flip(ctx, p)
	}
	if err != nil {
		result.Generation = p.previous
		if undoErr := s.undo(ctx, p.journals); undoErr != nil {
			return result, errors.Join(err, fmt.Errorf("put the previous generation back: %w; repeat the command", undoErr))
		}
		return result, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	for _, dir := range s.Folders {
		j := p.journals[dir]
		j.Phase = phaseClean
		if err := j.write(dir); err != nil {
			return result, err
		}
	}
	ctx, cancel := repair(ctx)
	defer cancel()
	return result, s.sweep(ctx, p.journals[s.Folders[0]])
}

// add plans what is to be written in a folder.
func (p *plan) add(dir string) error {
	next, err := generationConfig(dir, p.source, p.generation)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(versionDir(dir, p.source, p.generation), ensemble.RankingConfigFile)); err == nil {
		return fmt.Errorf("generation %d of %s has two ensembles, which cannot be published together yet", p.generation, p.source)
	}
	for _, step := range next.Steps {
		if step.Version < 1 {
			return fmt.Errorf("%s: step %q of generation %d pins no version: generations could mix in one answer", dir, step.Model, p.generation)
		}
	}
	old, text, err := readOld(dir, p.name)
	if err != nil {
		return err
	}
	configs := []*ensemble.Config{next}
	var before []int64
	if old != nil {
		configs = append(configs, old)
		p.previous, before = served(old), p.past(old)
	}
	p.journals[dir] = &journal{
		Alias: p.name, Next: p.next, Stages: stagesOf(configs...), Phase: phasePreflight, Previous: text, Back: p.back,
	}
	p.texts[dir] = alias(next, p.name, before).Marshal()
	p.nextTexts[dir] = alias(next, p.next, nil).Marshal()
	return nil
}

// past returns the history after the change.
func (p *plan) past(old *ensemble.Config) []int64 {
	list := history(old)
	switch now := served(old); {
	case p.back:
		if i := slices.Index(list, p.generation); i >= 0 {
			list = list[:i]
		}
	case now != 0 && now != p.generation:
		list = append(list, now)
	}
	return list
}

// preflight loads the generation under another name and proves it.
func (s *session) preflight(ctx context.Context, p *plan) error {
	for _, dir := range s.Folders {
		s.step("write %s in %s", p.next, dir)
		if err := writeEnsemble(dir, p.next, p.generation, p.nextTexts[dir]); err != nil {
			return err
		}
		s.step("let the stages in %s serve generation %d too", dir, p.generation)
		// The versions of an earlier generation that are loaded for a rollback may go: nothing pins them.
		if err := setPolicies(dir, p.journals[dir].Stages, nil); err != nil {
			return err
		}
		if err := check(dir, p.next); err != nil {
			return err
		}
	}
	c, err := ensemble.ReadConfig(configPath(s.Folders[0], p.next))
	if err != nil {
		return err
	}
	p.probes = []Probe{zeroProbe(c)}
	if s.Probes != nil {
		s.step("work out what %s has to answer", p.next)
		more, err := s.Probes(ctx, s.Folders[0], p.next)
		if err != nil {
			return err
		}
		p.probes = append(p.probes, more...)
	}
	for _, server := range s.Servers {
		s.step("load %s on %s", p.next, server)
		if err := prove(ctx, server, p.next, p.generation, p.probes); err != nil {
			return err
		}
	}
	return s.others(ctx)
}

// flip changes what is served.
func (s *session) flip(ctx context.Context, p *plan) error {
	for _, dir := range s.Folders {
		j := p.journals[dir]
		j.Phase = phaseSwitch
		if err := j.write(dir); err != nil {
			return err
		}
	}
	for _, dir := range s.Folders {
		s.step("switch %s to generation %d in %s", p.name, p.generation, dir)
		if p.name != p.source {
			if err := copyGeneration(dir, p.source, p.name, p.generation); err != nil {
				return err
			}
		}
		if err := writeConfig(configPath(dir, p.name), p.texts[dir]); err != nil {
			return err
		}
	}
	for _, server := range s.Servers {
		s.step("load %s on %s", p.name, server)
		if err := prove(ctx, server, p.name, p.generation, p.probes); err != nil {
			return err
		}
	}
	return s.others(ctx, p.name)
}

// writeEnsemble makes an ensemble's folder with an empty version.
func writeEnsemble(dir, name string, generation int64, config []byte) error {
	if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
		return err
	}
	if err := os.MkdirAll(versionDir(dir, name, generation), 0o755); err != nil {
		return err
	}
	return writeConfig(configPath(dir, name), config)
}
