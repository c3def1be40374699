package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"recsys/pipeline"
)

// pipelineFlags are those of run, fit, train and eval.
type pipelineFlags struct {
	Config string `short:"c" required:"" type:"existingfile" placeholder:"FILE" help:"The pipeline, a recsys.yaml."`
	Data   string `env:"RECSYS_DATA" placeholder:"DIR" help:"Folder of the tables; the default is that of the pipeline file."`
	Out    string `placeholder:"RUN" help:"Run folder; the default is runs/NAME."`
	Seed   uint64 `help:"Replaces the pipeline's seed."`
	JSON   bool   `help:"Print metrics as JSON."`
}

// trainFlags are those of the verbs that train.
type trainFlags struct {
	pipelineFlags `embed:""`

	Checkpoint time.Duration `default:"5m" help:"Most time between two checkpoints of training; there is one with every epoch too."`
	Restart    bool          `help:"Train from the beginning, without the checkpoints that an interrupted training has left."`
}

func (f trainFlags) open(o output) (*pipeline.Pipeline, error) {
	if f.Checkpoint <= 0 {
		return nil, fmt.Errorf("--checkpoint %s: it has to be positive", f.Checkpoint)
	}
	return f.pipelineFlags.open(o, pipeline.Options{CheckpointEvery: f.Checkpoint, Restart: f.Restart})
}

// open makes the pipeline; it fills in what options lack.
func (f pipelineFlags) open(o output, options pipeline.Options) (*pipeline.Pipeline, error) {
	text, err := os.ReadFile(f.Config)
	if err != nil {
		return nil, err
	}
	c, err := pipeline.ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Config, err)
	}
	if f.Data == "" {
		f.Data = filepath.Dir(f.Config)
	}
	if f.Out == "" {
		f.Out = filepath.Join("runs", c.Name)
	}
	options.Reporter, options.Version = newReporter(o.err), version
	p, err := pipeline.New(text, f.Data, f.Out, f.Seed, options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Config, err)
	}
	fmt.Fprintf(o.err, "run folder: %s\n", f.Out)
	return p, nil
}

func (f pipelineFlags) print(o output, m *pipeline.Metrics) error {
	if f.JSON {
		return indented(o.out, m)
	}
	return printMetrics(o.out, m)
}

type runCmd struct {
	trainFlags `embed:""`
}

// Help has examples.
func (runCmd) Help() string {
	return "Examples:\n  recsys run -c recsys.yaml --data data\n  recsys run -c examples/movielens-1m/recsys.yaml --data ml-1m --out runs/a --seed 2"
}

// Run fits, trains and evaluates.
func (c runCmd) Run(ctx context.Context, o output) error {
	p, err := c.open(o)
	if err != nil {
		return err
	}
	defer p.Close() //nolint:errcheck // Only read from.
	m, err := p.Run(ctx)
	if err != nil {
		return err
	}
	return c.print(o, m)
}

type fitCmd struct {
	pipelineFlags `embed:""`

	AppendTo string `type:"existingdir" placeholder:"RUN" help:"Keep the ids of this run's vocabularies: old values stay, seen again or not, and new ones follow."`
}

// Help has examples.
func (fitCmd) Help() string {
	return "Examples:\n  recsys fit -c recsys.yaml --data data\n  recsys fit -c recsys.yaml --data november --out runs/november --append-to runs/october"
}

// Run fits the features.
func (c fitCmd) Run(ctx context.Context, o output) error {
	p, err := c.open(o, pipeline.Options{AppendTo: c.AppendTo})
	if err != nil {
		return err
	}
	defer p.Close() //nolint:errcheck // Only read from.
	return p.Fit(ctx)
}

type trainCmd struct {
	trainFlags `embed:""`
}

// Run trains the models.
func (c trainCmd) Run(ctx context.Context, o output) error {
	p, err := c.open(o)
	if err != nil {
		return err
	}
	defer p.Close() //nolint:errcheck // Only read from.
	return p.Train(ctx)
}

type evalCmd struct {
	pipelineFlags `embed:""`
}

// Run evaluates.
func (c evalCmd) Run(ctx context.Context, o output) error {
	p, err := c.open(o, pipeline.Options{})
	if err != nil {
		return err
	}
	defer p.Close() //nolint:errcheck // Only read from.
	m, err := p.Eval(ctx)
	if err != nil {
		return err
	}
	return c.print(o, m)
}
