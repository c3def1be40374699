package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"recsys/internal/atomicfile"
	"recsys/pipeline"
	"recsys/pipeline/report"
)

type dataCmd struct {
	Report dataReportCmd `cmd:"" help:"Say what is in a pipeline's data and what may go wrong with it."`
	Schema dataSchemaCmd `cmd:"" help:"Describe the columns of a pipeline's tables."`
}

// dataFlags are those of the verbs that look at a pipeline's tables.
type dataFlags struct {
	Config string `short:"c" required:"" type:"existingfile" placeholder:"FILE" help:"The pipeline, a recsys.yaml."`
	Data   string `env:"RECSYS_DATA" placeholder:"DIR" help:"Folder of the tables; the default is that of the pipeline file."`
	JSON   bool   `help:"Print JSON."`
}

// report looks at the tables.
func (f dataFlags) report(ctx context.Context) (*pipeline.Pipeline, *report.Report, error) {
	text, err := os.ReadFile(f.Config)
	if err != nil {
		return nil, nil, err
	}
	if f.Data == "" {
		f.Data = filepath.Dir(f.Config)
	}
	p, err := pipeline.New(text, f.Data, "", 0, pipeline.Options{Version: version})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.Config, err)
	}
	r, err := report.New(ctx, p.Config(), f.Data)
	return p, r, err
}

type dataReportCmd struct {
	dataFlags `embed:""`

	HTML string `placeholder:"FILE" help:"Write a page with plots too, which needs nothing else."`
}

// Help has an example.
func (dataReportCmd) Help() string {
	return "Reports what columns hold, duplicates, how active users and how popular items are, what training knows of held-out rows, and drift " +
		"from training to test; warnings come first.\n\nExample:\n  recsys data report -c recsys.yaml --html data.html"
}

// Run prints the report.
func (c dataReportCmd) Run(ctx context.Context, o output) error {
	p, r, err := c.report(ctx)
	if err != nil {
		return err
	}
	if c.HTML != "" {
		err := atomicfile.Write(c.HTML, func(w io.Writer) error { return r.WriteHTML(w, p.Config().Data.Interactions.Time) })
		if err != nil {
			return err
		}
	}
	if c.JSON {
		return indented(o.out, r)
	}
	return r.WriteText(o.out)
}

type dataSchemaCmd struct {
	dataFlags `embed:""`

	Out string `placeholder:"FILE" help:"Write it as JSON to a file instead."`
}

// Run prints the schema.
func (c dataSchemaCmd) Run(ctx context.Context, o output) error {
	p, r, err := c.report(ctx)
	if err != nil {
		return err
	}
	s := r.Schema(p.Config(), p.LabelColumns())
	switch {
	case c.Out != "":
		return atomicfile.Write(c.Out, func(w io.Writer) error { return indented(w, s) })
	case c.JSON:
		return indented(o.out, s)
	}
	return s.WriteText(o.out)
}

// indented writes JSON for people too.
func indented(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}
