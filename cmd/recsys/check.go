package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/pipeline"
)

type checkCmd struct {
	Repository string `arg:"" type:"existingdir" placeholder:"REPO" help:"Model repository."`
	NoGPU      bool   `name:"no-gpu" help:"The servers have no GPU: what needs one is an error."`
	JSON       bool   `help:"Print findings as JSON lines."`
}

// Run prints what Triton or the gateway would refuse, which is a failure, and what would load and do harm, which is not.
func (c checkCmd) Run(o output) error {
	findings, err := ensemble.Validate(c.Repository)
	if err != nil {
		return err
	}
	r, err := ensemble.Open(c.Repository)
	if err != nil {
		return err
	}
	findings = append(findings, c.rows(r)...)
	if c.NoGPU {
		findings = append(findings, r.CheckNoGPU()...)
	}
	errs := 0
	for _, f := range findings {
		if f.Severity() == ensemble.SeverityError {
			errs++
		}
		if c.JSON {
			line := struct {
				Severity ensemble.Severity `json:"severity"`
				ensemble.Finding
			}{f.Severity(), f}
			if err := printJSON(o.out, line); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintln(o.out, f)
	}
	if errs > 0 {
		return fmt.Errorf("%d errors and %d warnings in %s", errs, len(findings)-errs, c.Repository)
	}
	if !c.JSON && len(findings) == 0 {
		fmt.Fprintln(o.out, "no findings")
	}
	return nil
}

// rows reads the row files beside every readable manifest of a served generation. An ensemble without a manifest is
// not ours.
func (c checkCmd) rows(r *ensemble.Repository) []ensemble.Finding {
	var findings []ensemble.Finding
	for _, name := range r.Names() {
		m := r.Models[name]
		for _, version := range m.Served() {
			dir := m.VersionDir(version)
			manifest, err := ensemble.ReadManifest(filepath.Join(dir, ensemble.ManifestFile))
			if err != nil {
				continue
			}
			for path, want := range map[string]int{pipeline.UserRows(dir): -1, pipeline.ItemRows(dir): manifest.Items.Count} {
				if err := countRows(path, want); err != nil {
					file, _ := filepath.Rel(c.Repository, path) // Both begin with the repository.
					findings = append(findings, ensemble.Finding{
						Rule: ensemble.RuleManifest, File: filepath.ToSlash(file), Message: err.Error(), Remedy: "export the ensemble again",
					})
				}
			}
		}
	}
	slices.SortFunc(findings, func(a, b ensemble.Finding) int { return strings.Compare(a.File, b.File) })
	return findings
}

// countRows reads a whole row file, which has to have want records unless want is negative.
func countRows(path string, want int) error {
	_, records, err := featurestore.ReadRows(path)
	if err != nil {
		return err
	}
	n := 0
	for _, err := range records {
		if err != nil {
			return err
		}
		n++
	}
	if want >= 0 && n != want {
		return fmt.Errorf("%d rows, the manifest says %d", n, want)
	}
	return nil
}
