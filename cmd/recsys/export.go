package main

import (
	"context"
	"fmt"

	"recsys/ensemble"
	"recsys/onnx"
	"recsys/pipeline"
)

type exportCmd struct {
	Run_    string `name:"run" required:"" type:"existingdir" placeholder:"RUN" help:"Run folder."`
	To      string `required:"" placeholder:"REPO" help:"Model repository; it is made if need be."`
	Profile string `default:"auto" enum:"auto,cpu" help:"Machines to write for: auto takes GPUs where there are any, cpu never."`
	Fuse    string `default:"groups" enum:"none,groups,all" help:"Stages to join into one model: none, groups or all."`
	Batch   int    `default:"64" help:"Most users in one call."`
}

// Help has examples.
func (exportCmd) Help() string {
	return "Examples:\n  recsys export --run runs/movielens --to model_repository\n  recsys export --run runs/movielens --to repo --profile cpu --fuse all"
}

// Run exports a generation.
func (c exportCmd) Run(ctx context.Context, o output) error {
	x, err := pipeline.Export(ctx, c.Run_, c.To, ensemble.Options{
		MaxBatch: c.Batch, Fuse: ensemble.Fuse(c.Fuse), Profile: ensemble.Profile(c.Profile),
		Meta: onnx.Meta{ProducerVersion: version},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "generation %d in %s\n", x.Generation, c.To)
	for _, s := range x.Steps {
		fmt.Fprintf(o.out, "  %s version %d\n", s.Model, s.Version)
	}
	if !x.Served {
		fmt.Fprintln(o.out, "The generation lies beside the one that is served, whose configuration was left alone.")
	}
	return nil
}
