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
	texts      map[string]texts // the new configurations by folder
	nextTexts  map[string]texts // the pre-flight's
	two        bool             // there is a ranking
	probes     []Probe
}

// texts are configurations of an ensemble and, if there is one, of its ranking.
type texts struct{ first, ranking []byte }

// change has the ensemble called name serve a generation of source.
func (s *session) change(ctx context.Context, name, source string, generation int64, back bool) (Result, error) {
	p := &plan{
		name: name, source: source, generation: generation, back: back, next: ensemble.PreflightName(name),
		journals: map[string]*journal{}, texts: map[string]texts{}, nextTexts: map[string]texts{},
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
	configs, err := generationConfigs(dir, p.source, p.generation)
	if err != nil {
		return err
	}
	for _, c := range configs {
		for _, step := range c.Steps {
			if step.Version < 1 {
				return fmt.Errorf("%s: step %q of generation %d pins no version: generations could mix in one answer", dir, step.Model, p.generation)
			}
		}
	}
	next := slices.Clone(configs)
	old, text, err := readOld(dir, p.name)
	if err != nil {
		return err
	}
	oldRanking, rankingText, err := readOld(dir, ensemble.RankingName(p.name))
	if err != nil {
		return err
	}
	if oldRanking != nil {
		if ensemble.RankingOf(oldRanking) != p.name {
			return fmt.Errorf("%s: %s is no ranking of %s, which needs the name", dir, oldRanking.Name, p.name)
		}
		configs = append(configs, oldRanking)
	}
	var before []int64
	if old != nil {
		configs = append(configs, old)
		p.previous, before = served(old), p.past(old)
	}
	p.journals[dir] = &journal{
		Alias: p.name, Next: p.next, Stages: stagesOf(configs...), Phase: phasePreflight, Previous: text, PreviousRanking: rankingText, Back: p.back,
	}
	p.texts[dir] = p.textsOf(next, p.name, before)
	p.nextTexts[dir] = p.textsOf(next, p.next, nil)
	if two := len(next) > 1; len(p.texts) > 1 && two != p.two {
		return fmt.Errorf("%s: generation %d has another layout than in the other folders: export the same run into each", dir, p.generation)
	}
	p.two = len(next) > 1
	return nil
}

// textsOf writes the configurations under which an ensemble of the given name serves a generation.
func (p *plan) textsOf(generation []*ensemble.Config, name string, before []int64) texts {
	t := texts{first: alias(generation[0], name, before).Marshal()}
	if len(generation) > 1 {
		t.ranking = aliasRanking(generation[1], p.source, name).Marshal()
	}
	return t
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
		if err := writeEnsemble(dir, p.next, p.generation, p.nextTexts[dir].first); err != nil {
			return err
		}
		if p.two {
			if err := writeEnsemble(dir, ensemble.RankingName(p.next), p.generation, p.nextTexts[dir].ranking); err != nil {
				return err
			}
		}
		s.step("let the stages in %s serve generation %d too", dir, p.generation)
		// The versions of an earlier generation that are loaded for a rollback may go: nothing pins them.
		if err := setPolicies(dir, p.journals[dir].Stages, nil); err != nil {
			return err
		}
		for _, name := range p.both(p.next) {
			if err := check(dir, name); err != nil {
				return err
			}
		}
	}
	for _, name := range p.both(p.next) {
		c, err := ensemble.ReadConfig(configPath(s.Folders[0], name))
		if err != nil {
			return err
		}
		p.probes = append(p.probes, zeroProbe(c))
	}
	if s.Probes != nil {
		s.step("work out what %s has to answer", p.next)
		more, err := s.Probes(ctx, s.Folders[0], p.next)
		if err != nil {
			return err
		}
		p.probes = append(p.probes, more...)
	}
	for _, name := range p.both(p.next) {
		if err := s.loadEverywhere(ctx, p, name); err != nil {
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
		if err := writeConfig(configPath(dir, p.name), p.texts[dir].first); err != nil {
			return err
		}
	}
	if err := s.loadEverywhere(ctx, p, p.name); err != nil {
		return err
	}
	if p.two {
		if err := s.flipRanking(ctx, p); err != nil {
			return err
		}
	}
	return s.others(ctx, p.both(p.name)...)
}

// loadEverywhere has every server serve the generation under a name.
func (s *session) loadEverywhere(ctx context.Context, p *plan, name string) error {
	for _, server := range s.Servers {
		s.step("load %s on %s", name, server)
		if err := prove(ctx, server, name, p.generation, p.probesOf(name)); err != nil {
			return err
		}
	}
	return nil
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
