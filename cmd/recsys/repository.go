package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"recsys/ensemble"
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
