package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"recsys/ensemble"
	"recsys/graph/kernel"
)

// OpenServing reads the serving description of a run and the graphs of its stages.
func OpenServing(run string) (*Serving, ensemble.Ensemble, error) {
	s := &Serving{}
	e := ensemble.Ensemble{}
	if err := readJSON(filepath.Join(run, servingFile), "train", s); err != nil {
		if c, configErr := ReadConfig(filepath.Join(run, configFile)); configErr == nil && len(c.Retrieval) == 0 {
			return nil, e, fmt.Errorf("%s: the pipeline has no retrieval: there is nothing to serve; name a model under retrieval", run)
		}
		return nil, e, err
	}
	if s.Format != runFormat {
		return nil, e, fmt.Errorf("%s: format %d, this version reads %d: run recsys train again", run, s.Format, runFormat)
	}
	e.Name, e.Outputs, e.Explain = s.Manifest.Name, s.Outputs, s.Explain
	for _, g := range s.Groups {
		group := ensemble.Group{Name: g.Name}
		for _, name := range g.Stages {
			st, err := s.readStage(filepath.Join(run, stagesDir), name)
			if err != nil {
				return nil, e, err
			}
			group.Stages = append(group.Stages, st)
		}
		e.Groups = append(e.Groups, group)
	}
	return s, e, nil
}

// ErrNoStandIn is wrapped by the error for stages that cannot be run offline, since one is a model of another backend and has no
// stand-in.
var ErrNoStandIn = errors.New("give it a stand_in in recsys.yaml to run it offline")

// OpenChain opens a run's stages to be run offline. Errors may wrap [ErrNoStandIn].
func OpenChain(run string, kernels *kernel.Set) (*Serving, *Chain, error) {
	s, e, err := OpenServing(run)
	if err != nil {
		return nil, nil, err
	}
	// Fusing none makes the shapes between stages exact.
	stages, err := e.Fuse(ensemble.FuseNone)
	if err != nil {
		return nil, nil, err
	}
	graphs := make([]NamedGraph, len(stages))
	for i, st := range stages {
		if st.Graph == nil {
			return nil, nil, fmt.Errorf("stage %q runs on Triton's backend %q: %w", st.Name, st.Folder.Config.Backend, ErrNoStandIn)
		}
		graphs[i] = NamedGraph{st.Name, st.Graph}
	}
	c, err := NewChain(graphs, kernels)
	return s, c, err
}

// ExportOptions are the settings and collaborators of an export. Those of ensemble.Options that are not zero stand in for the run's.
type ExportOptions struct {
	ensemble.Options
	// Settings replace the export block of the run's recsys.yaml; nil does not.
	Settings *ExportSettings
	// Reporter may be nil.
	Reporter Reporter
}

// Export writes a run as the next generation of its ensemble into the repository at dir, which is made if need be, by the export block
// of its recsys.yaml.
func Export(ctx context.Context, run, dir string, eo ExportOptions) (*ensemble.Export, error) {
	s, e, err := OpenServing(run)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if err := checkWritable("repository", dir); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	o := eo.Options
	if eo.Settings == nil {
		c, err := ReadConfig(filepath.Join(run, configFile))
		if err != nil {
			return nil, fmt.Errorf("export: %w", err)
		}
		eo.Settings = &c.Export
	}
	def(&o.Profile, ensemble.Profile(eo.Settings.Profile))
	def(&o.Fuse, ensemble.Fuse(eo.Settings.Fuse))
	def(&o.Memory, int64(eo.Settings.Memory))
	def(&o.MaxBatch, eo.Settings.MaxBatch)
	def(&o.Profile, ensemble.ProfileAuto)
	configurer := eo.Settings.configurer(o.Profile)
	o.Configure = func(names []string, s *ensemble.Settings) error {
		if err := configurer.configure(names, s); err != nil {
			return err
		}
		if names[0] == ensemble.EnsembleName { // the last one
			if err := configurer.finish(e); err != nil {
				return err
			}
		}
		if eo.Configure == nil {
			return nil
		}
		return eo.Configure(names, s)
	}
	o.Files = func(version string) error {
		to := filepath.Join(version, featuresDir)
		if err := os.Mkdir(to, 0o755); err != nil {
			return err
		}
		for _, name := range []string{userRowsFile, itemRowsFile} {
			if err := copyFile(filepath.Join(to, name), filepath.Join(run, featuresDir, name)); err != nil {
				return notRun(err, "train")
			}
		}
		return nil
	}
	x, err := ensemble.Write(ctx, dir, e, s.Manifest, o)
	if err == nil && len(configurer.idle) > 0 && eo.Reporter != nil {
		eo.Reporter.Note(fmt.Sprintf("export: no model is called %s with fuse %s: settings of %s have no effect",
			strings.Join(configurer.idle, ", "), x.Fuse, strings.Join(configurer.idle, ", ")))
	}
	return x, err
}

// UserRows returns the path of the packed rows of users below a run or an ensemble's version folder.
func UserRows(dir string) string { return filepath.Join(dir, featuresDir, userRowsFile) }

// ItemRows returns the path of the packed rows of items below a run or an ensemble's version folder.
func ItemRows(dir string) string { return filepath.Join(dir, featuresDir, itemRowsFile) }

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
