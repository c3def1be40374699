// Command recsys builds, exports and serves multi-stage recommenders. `recsys --help` lists the verbs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"recsys/featurestore/redis"
)

// version is set when a release is built: -ldflags "-X main.version=v1.2.3".
var version = "dev"

// cli is every verb. The flags of a verb are the fields of its struct; env names the variable that stands in for a flag.
type cli struct {
	Demo        demoCmd        `cmd:"" help:"Make a synthetic shop, train on it, export it and serve it."`
	Init        initCmd        `cmd:"" help:"Draft a pipeline from data files."`
	Data        dataCmd        `cmd:"" help:"Look at a pipeline's data."`
	Import      importCmd      `cmd:"" help:"Draft a pipeline from what other tools wrote."`
	Run         runCmd         `cmd:"" help:"Fit, train and evaluate a pipeline."`
	Fit         fitCmd         `cmd:"" help:"Fit a pipeline's features."`
	Train       trainCmd       `cmd:"" help:"Train a fitted pipeline's models."`
	Eval        evalCmd        `cmd:"" help:"Evaluate a trained pipeline."`
	Compare     compareCmd     `cmd:"" help:"Rank models of runs, with intervals and tests."`
	Recommend   recommendCmd   `cmd:"" help:"Write the lists of many users from a run to a file."`
	Score       scoreCmd       `cmd:"" help:"Write the ranker's probabilities for the rows of a table to a file."`
	Refresh     refreshCmd     `cmd:"" help:"Make a run with other items of a trained one."`
	Transform   transformCmd   `cmd:"" help:"Encode rows by a run's fitted features and write them as Parquet."`
	Export      exportCmd      `cmd:"" help:"Write a run as a Triton model repository."`
	Check       checkCmd       `cmd:"" help:"Check a model repository as Triton would."`
	Verify      verifyCmd      `cmd:"" help:"Prove that offline, embedded, Triton and REST answers agree."`
	Diff        diffCmd        `cmd:"" help:"Tell what is different between two generations or repositories."`
	Bench       benchCmd       `cmd:"" help:"Measure how a gateway, a Triton or the embedded engine answers under load."`
	Tune        tuneCmd        `cmd:"" help:"Search the export settings that answer most within a latency budget."`
	Index       indexCmd       `cmd:"" help:"Choose how retrieval finds candidates."`
	Models      modelsCmd      `cmd:"" help:"List, publish, roll back, canary and prune generations on running Tritons."`
	Features    featuresCmd    `cmd:"" help:"Load user rows, histories and seen items."`
	Serve       serveCmd       `cmd:"" help:"Serve recommendations over HTTP."`
	Engine      engineCmd      `cmd:"" help:"Serve a model repository as KServe v2, as Triton does, on the embedded engine."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask a gateway whether it is ready; exit 1 if not."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

// output is where a verb writes: results to out, everything else to err.
type output struct {
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	o := output{os.Stdout, os.Stderr}
	redis.LogTo(logger(o))
	code := run(ctx, os.Args[1:], o)
	stop()
	os.Exit(code)
}

// run executes one command line and returns the exit status: 0, 1 for a failure, 2 for a command line that is off.
func run(ctx context.Context, args []string, o output) int {
	exit := -1
	parser, err := kong.New(&cli{},
		kong.Name("recsys"),
		kong.Description("Multi-stage recommenders for Triton, from raw events to REST.\n\nStart with: recsys demo"),
		kong.Writers(o.out, o.err), kong.Exit(func(code int) { exit = code }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(o),
	)
	if err != nil {
		fmt.Fprintln(o.err, "recsys:", err)
		return 2
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // --help
		return exit
	}
	if err != nil {
		fmt.Fprintf(o.err, "recsys: %v; see recsys --help\n", err)
		return 2
	}
	err = parsed.Run()
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(o.err, "recsys: stopped")
	default:
		fmt.Fprintln(o.err, "recsys:", err)
	}
	return 1
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(o output) error {
	_, err := fmt.Fprintln(o.out, "recsys", version)
	return err
}
