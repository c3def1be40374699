package generation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"recsys/ensemble"
)

// A generation may have a second ensemble, its ranking, which callers ask by the version that the first one has answered with. Both switch one after
// the other: until the pre-flight goes, the generation of either is served by the ranking or by the pre-flight's.

// generationConfigs reads what an export wrote for a generation: the ensemble's configuration, and that of its ranking if it has one.
func generationConfigs(dir, name string, generation int64) ([]*ensemble.Config, error) {
	c, err := generationConfig(dir, name, generation)
	if err != nil {
		return nil, err
	}
	second, err := ensemble.ReadConfig(filepath.Join(versionDir(dir, name, generation), ensemble.RankingConfigFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []*ensemble.Config{c}, nil
	case err != nil:
		return nil, err
	case ensemble.RankingOf(second) != name || served(second) != generation:
		return nil, fmt.Errorf("%s: the ranking of generation %d of %s is that of %s generation %d: export it again",
			dir, generation, name, ensemble.RankingOf(second), served(second))
	}
	return []*ensemble.Config{c, second}, nil
}

// aliasRanking returns the configuration under which the ranking of an ensemble of the given name serves a generation of source.
func aliasRanking(ranking *ensemble.Config, source, name string) *ensemble.Config {
	c := ensemble.AsRanking(ranking, name)
	if name != source {
		c.Parameters[sourceKey] = source
	}
	return c
}

// both returns a name and, if there is one, that of its ranking.
func (p *plan) both(name string) []string {
	if p.two {
		return []string{name, ensemble.RankingName(name)}
	}
	return []string{name}
}

// probesOf returns the probes for a pre-flight, an alias or the ranking of one of them.
func (p *plan) probesOf(name string) []Probe {
	ranking := name == ensemble.RankingName(p.name) || name == ensemble.RankingName(p.next)
	var list []Probe
	for _, probe := range p.probes {
		if probe.Ranking == ranking {
			list = append(list, probe)
		}
	}
	return list
}

// flipRanking changes what the ranking serves. The version before stays in its folder until the change is proven.
func (s *session) flipRanking(ctx context.Context, p *plan) error {
	name := ensemble.RankingName(p.name)
	for _, dir := range s.Folders {
		s.step("switch %s to generation %d in %s", name, p.generation, dir)
		if err := writeRanking(dir, name, p.generation, p.texts[dir].ranking); err != nil {
			return err
		}
	}
	return s.loadEverywhere(ctx, p, name)
}

// writeRanking has a ranking serve a version, whose folder has a copy of the configuration: many ways to copy a repository pass over empty folders.
func writeRanking(dir, name string, generation int64, config []byte) error {
	version := versionDir(dir, name, generation)
	if err := os.MkdirAll(version, 0o755); err != nil {
		return err
	}
	if err := writeConfig(filepath.Join(version, ensemble.ConfigFile), config); err != nil {
		return err
	}
	return writeConfig(configPath(dir, name), config)
}

// hasRanking reports whether an ensemble has a ranking in one of the folders.
func (s *session) hasRanking(name string) bool {
	for _, dir := range s.Folders {
		if _, err := os.Stat(filepath.Join(dir, ensemble.RankingName(name))); err == nil {
			return true
		}
	}
	return false
}

// reviveBoth revives an ensemble's ranking, if it has one, and then the ensemble, so that no candidates lack a ranking.
func (s *session) reviveBoth(ctx context.Context, name string) error {
	if s.hasRanking(name) {
		if err := s.revive(ctx, ensemble.RankingName(name)); err != nil {
			return err
		}
	}
	return s.revive(ctx, name)
}

// unloadBoth unloads an ensemble and then its ranking, if it has one.
func (s *session) unloadBoth(ctx context.Context, name string) error {
	if s.hasRanking(name) {
		return s.unload(ctx, name, ensemble.RankingName(name))
	}
	return s.unload(ctx, name)
}

// putRankingBack writes the previous configuration of the ranking; it has to be loaded before the ensemble's is.
func (j *journal) putRankingBack(dir string) error {
	if j.PreviousRanking == "" {
		return nil
	}
	return writeConfig(configPath(dir, ensemble.RankingName(j.Alias)), []byte(j.PreviousRanking))
}

// settleRanking removes what a change, proven or undone, has left of rankings: other versions than the served one, or the whole of it if that has
// none.
func (s *session) settleRanking(ctx context.Context, name string) error {
	if !s.hasRanking(name) {
		return nil
	}
	c, _, err := readOld(s.Folders[0], name)
	if err != nil || c == nil {
		return err
	}
	configs, err := generationConfigs(s.Folders[0], Source(c), served(c))
	if err != nil {
		return err
	}
	ranking := ensemble.RankingName(name)
	if len(configs) == 1 {
		s.step("unload %s", ranking)
		return s.unload(ctx, ranking)
	}
	for _, dir := range s.Folders {
		if err := removeOthers(dir, ranking, served(c)); err != nil {
			return err
		}
	}
	return nil
}
