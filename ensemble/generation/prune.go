package generation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"recsys/ensemble"
)

// Prune removes generations of the ensemble called name, with the stage versions that nothing else needs: the named ones or, without any,
// those below the served one but for as many as keep says of those that were served last. A generation that an ensemble serves is never
// removed; to name one is an error. Repeated after it was killed, it removes the rest.
func (p *Publisher) Prune(ctx context.Context, name string, generations []int64, keep int) (Result, error) {
	return p.run(ctx, "prune", name, func(s *session) (Result, error) {
		removals := make([]*removal, len(s.Folders))
		for i, dir := range s.Folders {
			r, err := planRemoval(dir, name, generations, keep)
			if err == nil {
				err = r.remember(name)
			}
			if err != nil {
				return Result{}, err
			}
			removals[i] = r
		}
		now := served(removals[0].repo.Models[name].Config)
		result := Result{Ensemble: name, Generation: now, Previous: now}
		if err := s.prune(ctx, name, removals); err != nil {
			return result, err
		}
		for _, r := range removals {
			result.Removed = append(result.Removed, r.generations...)
		}
		slices.Sort(result.Removed)
		result.Removed = slices.Compact(result.Removed)
		return result, nil
	})
}

// removal is what goes from a folder.
type removal struct {
	dir         string
	repo        *ensemble.Repository
	generations []int64
	versions    map[string][]int64 // by stage
	orphans     []string           // stages of which nothing stays
}

func planRemoval(dir, name string, generations []int64, keep int) (*removal, error) {
	repo, err := ensemble.Open(dir)
	if err != nil {
		return nil, err
	}
	m := repo.Models[name]
	if m == nil || !serves(m.Config, name) {
		return nil, fmt.Errorf("%s has no ensemble %q with generations", dir, name)
	}
	r := &removal{dir: dir, repo: repo, versions: map[string][]int64{}}
	serving := map[int64]string{}
	for _, other := range repo.Models {
		if serves(other.Config, name) {
			serving[served(other.Config)] = other.Name
		}
	}
	for _, g := range generations {
		if by, ok := serving[g]; ok {
			return nil, fmt.Errorf("generation %d is served by %s", g, by)
		}
		if slices.Contains(m.Versions, g) {
			r.generations = append(r.generations, g)
		}
	}
	if len(generations) == 0 {
		before := slices.DeleteFunc(history(m.Config), func(g int64) bool { return !slices.Contains(m.Versions, g) })
		kept := before[max(0, len(before)-keep):]
		for _, g := range m.Versions {
			if serving[g] == "" && g < served(m.Config) && !slices.Contains(kept, g) {
				r.generations = append(r.generations, g)
			}
		}
	}
	r.stages(name)
	return r, nil
}

// remember keeps the numbers of what goes from being given again.
func (r *removal) remember(name string) error {
	for _, g := range r.generations {
		if err := ensemble.KeepHighest(r.dir, name, g); err != nil {
			return err
		}
	}
	return nil
}

// stages finds the stage versions that only the generations need which go.
func (r *removal) stages(name string) {
	goes, needed := map[string][]int64{}, pins(r.repo)
	for _, m := range r.repo.Models {
		if ensemble.RankingOf(m.Config) != "" {
			continue // its generations are the other ensemble's
		}
		for _, v := range m.Versions {
			configs, err := generationConfigs(r.dir, m.Name, v)
			switch {
			case err != nil || !configs[0].IsEnsemble(): // a stage's version, or a canary's
			case m.Name == name && slices.Contains(r.generations, v):
				addPins(goes, configs...)
			default:
				addPins(needed, configs...)
			}
		}
	}
	for stage, versions := range goes {
		m := r.repo.Models[stage]
		if m == nil {
			continue
		}
		slices.Sort(versions)
		for _, v := range slices.Compact(versions) {
			if !slices.Contains(needed[stage], v) {
				r.versions[stage] = append(r.versions[stage], v)
			}
		}
		if len(needed[stage]) == 0 {
			r.orphans = append(r.orphans, stage)
		}
	}
	slices.Sort(r.orphans)
}

// proven returns the versions that policies have and that generations pin which an ensemble has served: they may be loaded.
func proven(r *ensemble.Repository, name string, without []int64) map[string][]int64 {
	m := r.Models[name]
	list, pinned := map[string][]int64{}, map[string][]int64{}
	if m == nil {
		return list
	}
	for _, g := range history(m.Config) {
		if configs, err := generationConfigs(r.Dir, name, g); err == nil && !slices.Contains(without, g) {
			addPins(pinned, configs...)
		}
	}
	for stage, versions := range pinned {
		if s := r.Models[stage]; s != nil {
			list[stage] = slices.DeleteFunc(versions, func(v int64) bool { return !slices.Contains(s.Config.VersionPolicy.Specific, v) })
		}
	}
	return list
}

func (s *session) prune(ctx context.Context, name string, removals []*removal) error {
	before := map[string][]byte{} // stages' configurations by path
	for _, r := range removals {
		stages := slices.Sorted(maps.Keys(r.versions))
		for _, stage := range stages {
			text, err := os.ReadFile(configPath(r.dir, stage))
			if err != nil {
				return err
			}
			before[configPath(r.dir, stage)] = text
		}
		s.step("let the stages in %s serve what is pinned", r.dir)
		if err := setPolicies(r.dir, stages, proven(r.repo, name, r.generations)); err != nil {
			return err
		}
	}
	s.step("load %s", name)
	if err := errors.Join(s.reviveBoth(ctx, name), s.others(ctx)); err != nil {
		return errors.Join(err, s.restore(ctx, name, before))
	}
	for _, r := range removals {
		for _, stage := range r.orphans {
			s.step("unload %s", stage)
			if err := s.unload(ctx, stage); err != nil {
				return err
			}
		}
		for _, stage := range slices.Sorted(maps.Keys(r.versions)) {
			for _, v := range r.versions[stage] {
				s.step("remove %s version %d", stage, v)
				if err := removeVersion(r.dir, stage, v); err != nil {
					return err
				}
			}
		}
		// Last, so that a prune that is repeated finds the stages.
		for _, g := range r.generations {
			s.step("remove generation %d of %s", g, name)
			if err := removeVersion(r.dir, name, g); err != nil {
				return err
			}
		}
	}
	return s.others(ctx)
}

// restore puts configurations of stages back that a prune has changed.
func (s *session) restore(ctx context.Context, name string, texts map[string][]byte) error {
	ctx, cancel := repair(ctx)
	defer cancel()
	for path, text := range texts {
		if err := writeConfig(path, text); err != nil {
			return err
		}
	}
	return s.reviveBoth(ctx, name)
}
