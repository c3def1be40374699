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

// OpenChain opens a run's stages to be run offline, in a precision; nil is float32. Errors may wrap [ErrNoStandIn].
func OpenChain(run string, p *ensemble.ManifestPrecision, kernels *kernel.Set) (*Serving, *Chain, error) {
	s, e, err := OpenServing(run)
	if err != nil {
		return nil, nil, err
	}
	c, err := newChain(e, p, kernels)
	return s, c, err
}

// ExportOptions are the settings and collaborators of an export. Those of ensemble.Options that are not zero stand in for the run's.
type ExportOptions struct {
	ensemble.Options
	// Settings replace the export block of the run's recsys.yaml; nil does not.
	Settings *ExportSettings
	// ItemMatrix, Ranker and AcceptLoss stand in for those of the export block where they are not zero.
	ItemMatrix string
	Ranker     string
	AcceptLoss bool
	// Refresh, if RefreshItems, refuses a run that differs from the served generation in more than its items. What
	// narrow models lose is not measured then but taken from the served generation. "" allows any run.
	Refresh string
	// AcceptWorse exports a run that export.gate would refuse.
	AcceptWorse bool
	// Layout stands in for that of the export block where it is not empty.
	Layout Layout
	// Data is the folder of the tables, on whose held-out users the loss of narrow models is measured; empty for float32.
	Data string
	// Registry says what names in recsys.yaml mean; nil is Standard().
	Registry *Registry
	// Reporter may be nil.
	Reporter Reporter
}

// Exported is what an export wrote.
type Exported struct {
	*ensemble.Export
	// Precision says how models were narrowed and what that loses; nil for float32.
	Precision *ensemble.ManifestPrecision
}

// Export writes a run as the next generation of its ensemble into the repository at dir, which is made if need be, by the export block
// of its recsys.yaml.
func Export(ctx context.Context, run, dir string, eo ExportOptions) (*Exported, error) {
	s, e, err := OpenServing(run)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if err := checkWritable("repository", dir); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	settings, err := eo.settings(run)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if s.Manifest.Metrics == nil { // A refreshed run has those of the run that it was made from.
		if s.Manifest.Metrics, err = manifestMetrics(run); err != nil {
			return nil, fmt.Errorf("export: %w", err)
		}
	}
	if !eo.AcceptWorse && eo.Refresh == "" { // The weights of a refresh are those that are served.
		if err := settings.Gate.check(dir, e.Name, s.Manifest.Metrics); err != nil {
			return nil, fmt.Errorf("export: %w", err)
		}
	}
	o := eo.Options
	def(&o.Profile, ensemble.Profile(settings.Profile))
	def(&o.Fuse, ensemble.Fuse(settings.Fuse))
	def(&o.Memory, int64(settings.Memory))
	def(&o.MaxBatch, settings.MaxBatch)
	def(&o.Profile, ensemble.ProfileAuto)
	precision := settings.precision(o.Profile)
	if eo.Refresh != "" {
		def(&o.Fuse, ensemble.FuseGroups)
		precision, err = eo.refreshes(run, dir, s.Manifest, o.Fuse, settings.layout(), precision)
		if err == nil {
			e, err = narrow(e, precision)
		}
	} else if precision != nil {
		e, err = eo.narrowed(ctx, run, s, e, precision)
	}
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	s.Manifest.Precision = precision
	if settings.layout() == LayoutSplit {
		if e, err = split(run, eo.Registry, e, &s.Manifest); err != nil {
			return nil, fmt.Errorf("export: %w", err)
		}
	}
	configurer := settings.configurer(o.Profile)
	o.Configure = eo.configure(configurer, e)
	o.Files = func(version string) error { return copyRows(version, run) }
	x, err := ensemble.Write(ctx, dir, e, s.Manifest, o)
	if err != nil {
		return nil, err
	}
	if len(configurer.idle) > 0 && eo.Reporter != nil {
		names := strings.Join(configurer.idle, ", ")
		eo.Reporter.Note(fmt.Sprintf("export: no model is called %s with fuse %s: settings of %s have no effect", names, x.Fuse, names))
	}
	return &Exported{x, precision}, nil
}

// configure sets what the export block says, and then what the options do.
func (eo *ExportOptions) configure(c *configurer, e ensemble.Ensemble) func([]string, *ensemble.Settings) error {
	return func(names []string, s *ensemble.Settings) error {
		if err := c.configure(names, s); err != nil {
			return err
		}
		if names[0] == ensemble.EnsembleName { // the last one
			if err := c.finish(e); err != nil {
				return err
			}
		}
		if eo.Configure == nil {
			return nil
		}
		return eo.Configure(names, s)
	}
}

// settings returns the export block that counts, with the precision that the options name.
func (eo *ExportOptions) settings(run string) (*ExportSettings, error) {
	settings := eo.Settings
	if settings == nil {
		c, err := ReadConfig(filepath.Join(run, configFile))
		if err != nil {
			return nil, err
		}
		settings = &c.Export
	}
	own := *settings
	if eo.ItemMatrix != "" {
		own.ItemMatrix = eo.ItemMatrix
	}
	if eo.Ranker != "" {
		own.Ranker = eo.Ranker
	}
	if eo.Layout != "" {
		own.Layout = string(eo.Layout)
	}
	own.AcceptLoss = own.AcceptLoss || eo.AcceptLoss
	eo.AcceptLoss = own.AcceptLoss
	return &own, own.Validate()
}

// narrowed stores models in a precision, if that does not lose too much.
func (eo *ExportOptions) narrowed(
	ctx context.Context, run string, s *Serving, e ensemble.Ensemble, p *ensemble.ManifestPrecision,
) (ensemble.Ensemble, error) {
	if err := measureLoss(ctx, run, s, e, p, *eo); err != nil {
		return e, err
	}
	if err := tooMuch(p); err != nil && !eo.AcceptLoss {
		return e, err
	}
	return narrow(e, p)
}

// copyRows gives a version of the ensemble the rows of users and items.
func copyRows(version, run string) error {
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
