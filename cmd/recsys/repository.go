package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"recsys/engine"
	"recsys/ensemble"
	"recsys/ensemble/generation"
	"recsys/featurestore"
)

// served is the generation of an ensemble that a repository serves.
type served struct {
	manifest *ensemble.Manifest
	// dir is the ensemble's version folder.
	dir string
}

// openServed finds the ensemble called name, or the only one with a recsys.json when name is empty, and reads the
// manifest of the newest generation that it serves.
func openServed(dir, name string) (*served, error) {
	name, err := ensembleName(dir, name)
	if err != nil {
		return nil, err
	}
	r, err := ensemble.Open(dir)
	if err != nil {
		return nil, err
	}
	m := r.Models[name]
	versions := m.Served()
	if len(versions) == 0 {
		return nil, fmt.Errorf("ensemble %q serves no version; run recsys check %s", name, dir)
	}
	s := &served{dir: m.VersionDir(versions[len(versions)-1])}
	if s.manifest, err = ensemble.ReadManifest(filepath.Join(s.dir, ensemble.ManifestFile)); err != nil {
		return nil, exportAgain(err)
	}
	return s, nil
}

// ensembleName returns the name of the ensemble called name, or of the only one that is neither a canary nor a pre-flight.
func ensembleName(dir, name string) (string, error) {
	r, err := ensemble.Open(dir)
	if err != nil {
		return "", err
	}
	var names, own []string
	for _, n := range r.Names() {
		c := r.Models[n].Config
		if len(c.Steps) == 0 || ensemble.RankingOf(c) != "" {
			continue
		}
		names = append(names, n)
		if generation.Source(c) == n {
			own = append(own, n)
		}
	}
	switch {
	case name == "" && len(own) == 1:
		return own[0], nil
	case name == "" && len(names) == 0:
		return "", fmt.Errorf("%s holds no ensemble; recsys export makes one", dir)
	case name == "":
		return "", fmt.Errorf("%s holds the ensembles %v; name one with --model", dir, names)
	case !slices.Contains(names, name):
		return "", fmt.Errorf("%s holds no ensemble %q; there are %v", dir, name, names)
	}
	return name, nil
}

// exportAgain adds the remedy to the error of a file that recsys export writes.
func exportAgain(err error) error { return fmt.Errorf("%w; run recsys export again", err) }

// local is a repository in this process: the embedded engine, and a store in memory with its users.
type local struct {
	served *served
	engine *engine.Engine
	store  featurestore.Store
}

// openLocal opens the ensemble called model, or the only one when model is empty.
func openLocal(ctx context.Context, dir, model string) (*local, error) {
	l := &local{}
	var err error
	if l.served, err = openServed(dir, model); err != nil {
		return nil, err
	}
	if l.engine, err = engine.Open(ctx, dir, engine.Options{}); err != nil {
		return nil, err
	}
	if l.store, err = openStore(ctx, "", l.served); err != nil {
		return nil, errors.Join(err, l.engine.Close())
	}
	return l, nil
}

// Close lets go of both.
func (l *local) Close() error { return errors.Join(l.store.Close(), l.engine.Close()) }
