// Command recsys-beam fits the features of a pipeline and encodes tables on Apache Beam.
//
//	go -C beam run ./cmd/recsys-beam -config recsys.yaml -interactions 'events-*.parquet' -temp /shared/tmp -out workflow.json
//	go -C beam run ./cmd/recsys-beam -config recsys.yaml -interactions 'events-*.parquet' -workflow workflow.json -out encoded
//
// Without -workflow it fits and writes the workflow to -out; with it, it encodes the files of one table into the folder
// -out. Runners are those of Beam's Go SDK: -runner prism (the default, on this machine), flink, spark, dataflow or
// universal, with Beam's own flags, such as -endpoint.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"

	"recsys/beam/job"
)

// settings are the flags.
type settings struct {
	config, workflow, temp, out string
	in                          job.Inputs
}

func main() {
	var s settings
	flag.StringVar(&s.config, "config", "recsys.yaml", "the pipeline")
	flag.StringVar(&s.in.Interactions, "interactions", "", "files of the interactions to fit on, those of the training part, or to encode")
	flag.StringVar(&s.in.Users, "users", "", "files of the users")
	flag.StringVar(&s.in.Items, "items", "", "files of the items")
	flag.StringVar(&s.workflow, "workflow", "", "fitted workflow to encode with, instead of fitting one")
	flag.StringVar(&s.temp, "temp", os.TempDir(), "folder that every worker sees, for what is learned of parts")
	flag.StringVar(&s.out, "out", "", "file of the workflow, or folder of the encoded files")
	flag.Parse()
	job.Register()
	beam.Init() // A worker does not come back from here.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, s)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "recsys-beam:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	if s.out == "" {
		return errors.New("-out is empty")
	}
	text, err := os.ReadFile(s.config)
	if err != nil {
		return err
	}
	if s.workflow != "" {
		return encode(ctx, s, text)
	}
	w, err := job.Fit(ctx, text, s.in, s.temp, beamx.Run)
	if err != nil {
		return err
	}
	return w.Save(s.out)
}

// encode encodes the files of the one table that is named.
func encode(ctx context.Context, s settings, text []byte) error {
	table, pattern := "", ""
	for name, files := range map[string]string{"interactions": s.in.Interactions, "users": s.in.Users, "items": s.in.Items} {
		if files == "" {
			continue
		}
		if table != "" {
			return errors.New("name the files of one table to encode: -interactions, -users or -items")
		}
		table, pattern = name, files
	}
	if table == "" {
		return errors.New("name the files to encode: -interactions, -users or -items")
	}
	return job.Transform(ctx, text, table, pattern, s.workflow, s.out, beamx.Run)
}
