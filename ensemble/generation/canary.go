package generation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"recsys/ensemble"
)

// Canary has the servers serve a generation of the ensemble called name under a second name beside it. A canary that there is already
// changes to the generation. Its folder has the generation's manifest and rows, so that a gateway can serve it; add its name to
// the models that servers load at their start.
func (p *Publisher) Canary(ctx context.Context, name, canary string, generation int64) (Result, error) {
	return p.run(ctx, "canary", name, func(s *session) (Result, error) {
		for _, dir := range s.Folders {
			old, _, err := readOld(dir, canary)
			if err != nil {
				return Result{}, err
			}
			if canary == name || canary == ensemble.PreflightName(name) || old != nil && Source(old) != name || old != nil && canary == Source(old) {
				return Result{}, fmt.Errorf("%q cannot be a canary of %s: the name is taken", canary, name)
			}
		}
		result, err := s.change(ctx, canary, name, generation, false)
		if err != nil {
			return result, err
		}
		for _, dir := range s.Folders {
			if err := removeOthers(dir, canary, generation); err != nil {
				return result, err
			}
		}
		return result, nil
	})
}

// EndCanary stops serving a canary and removes it.
func (p *Publisher) EndCanary(ctx context.Context, canary string) (Result, error) {
	return p.run(ctx, "end canary", canary, func(s *session) (Result, error) {
		c, err := ensemble.ReadConfig(configPath(s.Folders[0], canary))
		if err != nil {
			return Result{}, err
		}
		source := Source(c)
		if source == canary || ensemble.RankingOf(c) != "" {
			return Result{}, fmt.Errorf("%s is no canary", canary)
		}
		second, _, err := readOld(s.Folders[0], ensemble.RankingName(canary))
		if err != nil {
			return Result{}, err
		}
		stages := stagesOf(c)
		if second != nil {
			stages = stagesOf(c, second)
		}
		s.step("unload %s", canary)
		if err := s.unloadBoth(ctx, canary); err != nil {
			return Result{}, err
		}
		result := Result{Ensemble: canary, Previous: served(c)}
		for _, dir := range s.Folders {
			r, err := ensemble.Open(dir)
			if err != nil {
				return result, err
			}
			if err := setPolicies(dir, stages, proven(r, source, nil)); err != nil {
				return result, err
			}
		}
		return result, errors.Join(s.reviveBoth(ctx, source), s.others(ctx, canary, ensemble.RankingName(canary)))
	})
}

// copyGeneration makes another ensemble's version folder of a generation's, with its name in the manifest.
func copyGeneration(dir, source, name string, generation int64) error {
	to := versionDir(dir, name, generation)
	if _, err := os.Stat(to); err == nil {
		return nil // made by rename: it is whole
	}
	fresh := filepath.Join(dir, name, ensemble.UnfinishedPrefix+strconv.FormatInt(generation, 10))
	if err := os.MkdirAll(filepath.Dir(fresh), 0o755); err != nil {
		return err
	}
	from := versionDir(dir, source, generation)
	if err := os.CopyFS(fresh, os.DirFS(from)); err != nil {
		return err
	}
	m, err := ensemble.ReadManifest(filepath.Join(from, ensemble.ManifestFile))
	switch {
	case err == nil:
		m.Name = name
		if err := m.Write(filepath.Join(fresh, ensemble.ManifestFile)); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist): // an ensemble that is not ours has none
		return err
	}
	if err := os.Remove(filepath.Join(fresh, ensemble.ConfigFile)); err != nil {
		return err
	}
	return os.Rename(fresh, to)
}

// removeOthers removes the versions of a canary that it does not serve.
func removeOthers(dir, canary string, generation int64) error {
	r, err := ensemble.Open(dir)
	if err != nil {
		return err
	}
	for _, v := range r.Models[canary].Versions {
		if v != generation {
			if err := removeVersion(dir, canary, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeVersion removes a version folder, which is whole or not there at any time.
func removeVersion(dir, model string, version int64) error {
	gone := filepath.Join(dir, model, ensemble.UnfinishedPrefix+strconv.FormatInt(version, 10))
	err := os.Rename(versionDir(dir, model, version), gone)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, os.RemoveAll(gone))
}
