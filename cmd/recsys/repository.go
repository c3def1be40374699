package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"recsys/engine"
	"recsys/ensemble"
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
	r, err := ensemble.Open(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range r.Names() {
		if len(r.Models[n].Config.Steps) > 0 {
			names = append(names, n)
		}
	}
	switch {
	case name == "" && len(names) == 1:
		name = names[0]
	case name == "" && len(names) == 0:
		return nil, fmt.Errorf("%s holds no ensemble; recsys export makes one", dir)
	case name == "":
		return nil, fmt.Errorf("%s holds the ensembles %v; name one with --model", dir, names)
	case !slices.Contains(names, name):
		return nil, fmt.Errorf("%s holds no ensemble %q; there are %v", dir, name, names)
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
