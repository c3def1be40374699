package generation

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"recsys/ensemble"
	"recsys/onnx"
)

// refused reports whether a finding is a reason not to load a model: what does not load takes the ensemble down, a failing warm-up the
// server, and what pins no versions mixes generations. Other warnings cost time or memory only.
func refused(f ensemble.Finding) bool {
	switch f.Rule {
	case ensemble.RulePolicy, ensemble.RuleUnpinned, ensemble.RuleOutput, ensemble.RuleNested, ensemble.RuleAutoComplete, ensemble.RuleRandomWarmup:
		return true
	}
	return f.Severity() == ensemble.SeverityError
}

// check refuses an ensemble with findings about itself or its pinned stages.
func check(dir, name string) error {
	r, err := ensemble.Open(dir)
	if err != nil {
		return err
	}
	findings := r.Check()
	own := []string{name}
	if m := r.Models[name]; m != nil {
		own = append(own, stagesOf(m.Config)...)
		for _, s := range m.Config.Steps {
			stage := r.Models[s.Model]
			if stage == nil || !stage.Config.IsONNX() {
				continue // a finding, or what only its backend can read
			}
			file := filepath.Join(s.Model, filepath.Base(stage.VersionDir(s.Version)), stage.Config.ModelFile())
			g, err := onnx.Read(stage.ModelPath(s.Version))
			if err != nil {
				findings = append(findings, ensemble.Finding{
					Rule: ensemble.RuleModelFile, File: file, Message: err.Error(), Remedy: "export the stage again",
				})
				continue
			}
			findings = append(findings, ensemble.CheckGraph(stage.Config, file, g)...)
		}
	}
	var errs []error
	for _, f := range findings {
		model, _, _ := strings.Cut(filepath.ToSlash(f.File), "/")
		if slices.Contains(own, model) && refused(f) {
			errs = append(errs, errors.New(f.String()))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("%s: not loaded: %w", dir, errors.Join(errs...))
	}
	return nil
}
