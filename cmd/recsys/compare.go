package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"recsys/internal/atomicfile"
	"recsys/pipeline"
)

type compareCmd struct {
	Runs     []string `arg:"" optional:"" name:"run" help:"Run folders that recsys eval has measured."`
	Config   string   `short:"c" type:"existingfile" placeholder:"FILE" help:"A recsys.yaml to train with each of --models instead."`
	Models   []string `placeholder:"a,b" help:"Retrieval models and rankers, each to stand in the pipeline's place for its kind, with the file's settings of it or its defaults."`
	Data     string   `env:"RECSYS_DATA" placeholder:"DIR" help:"Folder of the tables for -c; the default is that of the pipeline file."`
	Out      string   `placeholder:"DIR" help:"Folder for the runs of -c, one a model; the default is runs/NAME.compare."`
	By       string   `placeholder:"METRIC" help:"Metric to sort by where there is it. Default: ndcg@10, for rankers log_loss."`
	Part     string   `enum:"valid,test" default:"test" help:"Part of the data that is measured: valid or test."`
	Seed     uint64   `default:"1" help:"Drives the draws of intervals and tests."`
	HTML     string   `name:"html" placeholder:"FILE" help:"Also write the comparison with plots as one HTML page that needs nothing else."`
	JSON     bool     `xor:"form" help:"Print the comparison as JSON."`
	Markdown bool     `xor:"form" help:"Print the comparison with all metrics as Markdown."`
}

// Help has examples.
func (compareCmd) Help() string {
	return "Each board has the best row first, marked *. The interval is the 95 % bootstrap interval over users; to the best is the\n" +
		"difference to the best row over the users of both, p that of a paired randomisation test of it.\n\nExamples:\n" +
		"  recsys compare runs/a runs/b --by recall@100\n" +
		"  recsys compare -c recsys.yaml --models ease,sasrec,dcn_v2 --data ml-1m"
}

// Run compares and prints the boards.
func (c compareCmd) Run(ctx context.Context, o output) error {
	runs := c.Runs
	switch {
	case c.Config == "" && len(runs) == 0:
		return errors.New("compare: name runs, or -c with a recsys.yaml and --models")
	case c.Config == "" && len(c.Models) > 0:
		return errors.New("compare: --models needs -c with the recsys.yaml to train them in")
	case c.Config != "" && len(runs) > 0:
		return errors.New("compare: name runs or -c, not both")
	case c.Config != "":
		var err error
		if runs, err = c.train(ctx, o); err != nil {
			return err
		}
	}
	comparison, err := pipeline.Compare(ctx, runs, pipeline.CompareOptions{By: c.By, Part: c.Part, Seed: c.Seed})
	if err != nil {
		return err
	}
	if c.HTML != "" {
		if err := atomicfile.Write(c.HTML, func(w io.Writer) error { return writePage(w, comparison) }); err != nil {
			return err
		}
	}
	switch {
	case c.JSON:
		return printJSON(o.out, comparison)
	case c.Markdown:
		return writeMarkdown(o.out, comparison)
	}
	return printComparison(o.out, comparison)
}

// train runs the pipeline with each model in its place and returns the run folders. What is wrong with any of them shows
// before the first is trained.
func (c compareCmd) train(ctx context.Context, o output) ([]string, error) {
	if len(c.Models) == 0 {
		return nil, errors.New("compare: name the models to train with --models, such as --models ease,dcn_v2")
	}
	text, err := os.ReadFile(c.Config)
	if err != nil {
		return nil, err
	}
	if c.Data == "" {
		c.Data = filepath.Dir(c.Config)
	}
	options := pipeline.Options{Reporter: newReporter(o.err), Version: version}
	runs, pipelines := make([]string, len(c.Models)), make([]*pipeline.Pipeline, len(c.Models))
	for i, name := range c.Models {
		if slices.Contains(c.Models[:i], name) {
			return nil, fmt.Errorf("compare: model %q stands twice", name)
		}
		changed, err := pipeline.Variant(text, name, nil)
		if err != nil {
			return nil, fmt.Errorf("compare: %s: %w", c.Config, err)
		}
		config, err := pipeline.ParseConfig(changed)
		if err != nil {
			return nil, fmt.Errorf("compare: %s with %s: %w", c.Config, name, err)
		}
		if c.Out == "" {
			c.Out = filepath.Join("runs", config.Name+".compare")
		}
		runs[i] = filepath.Join(c.Out, name)
		if pipelines[i], err = pipeline.New(changed, c.Data, runs[i], 0, options); err != nil {
			return nil, fmt.Errorf("compare: %s with %s: %w", c.Config, name, err)
		}
	}
	for i, p := range pipelines {
		fmt.Fprintf(o.err, "run folder: %s\n", runs[i])
		if _, err := p.Run(ctx); err != nil {
			return nil, fmt.Errorf("compare: %s: %w", c.Models[i], err)
		}
		pipelines[i] = nil // with its data
	}
	return runs, nil
}

// boardTitle says what a board compares.
func boardTitle(c *pipeline.Comparison, b pipeline.Board) string {
	title := b.Kind
	if b.Task != "" {
		title += " of " + b.Task
	}
	return fmt.Sprintf("%s, %s part, by %s", title, c.Part, b.By)
}

// printComparison writes a narrow table for each board.
func printComparison(w io.Writer, c *pipeline.Comparison) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, b := range c.Boards {
		if i > 0 {
			fmt.Fprintln(t)
		}
		fmt.Fprintln(t, boardTitle(c, b))
		names := []string{"recall@10", "recall@100", "ndcg@10"}
		if b.Task != "" {
			names = []string{"auc", "gauc", "log_loss"}
		}
		names = slices.DeleteFunc(names, func(name string) bool { return name == b.By })
		names = append([]string{b.By}, names...)
		fmt.Fprintf(t, "  run\tmodel\t%s\n", strings.Join(boardHeader(b.By, names), "\t"))
		for _, row := range b.Rows {
			mark := "  "
			if row.Best {
				mark = "* "
			}
			fmt.Fprintf(t, "%s%s\t%s\t%s\n", mark, row.Run, row.Model, strings.Join(boardCells(b.By, names, row), "\t"))
		}
	}
	return t.Flush()
}

// boardCells are a row's cells below boardHeader, "-" for what it lacks.
func boardCells(by string, names []string, s pipeline.Standing) []string {
	value := func(name string) string {
		if v, ok := s.Metrics[name]; ok {
			return fmt.Sprintf("%.4f", v)
		}
		return "-"
	}
	cells := make([]string, 0, 3+len(names))
	cells = append(cells, value(by), "-", "-", "-")
	if s.Interval != nil {
		cells[1] = fmt.Sprintf("%.4f to %.4f", s.Interval.Low, s.Interval.High)
	}
	if s.Difference != nil {
		cells[2], cells[3] = fmt.Sprintf("%+.4f", s.Difference.Value), fmt.Sprintf("%.3f", s.Difference.P)
	}
	for _, name := range names[1:] {
		cells = append(cells, value(name))
	}
	return cells
}
