package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"recsys/data"
	"recsys/pipeline"
)

type transformCmd struct {
	Run_    string   `name:"run" required:"" type:"existingdir" placeholder:"RUN" help:"Run folder."`
	Input   string   `required:"" placeholder:"ROWS" help:"Rows to encode: a file, or names and patterns between commas, such as 'events-*.parquet'."`
	Out     string   `required:"" placeholder:"FILE.parquet" help:"File to write; it appears when it is whole."`
	Columns []string `placeholder:"NAME" help:"Encoded columns to write; the default is all whose raw columns the rows have."`
}

// Help has examples.
func (transformCmd) Help() string {
	return "Encodes rows by the run's fitted features, as training and serving do, and writes them as Parquet. The data of the run is not " +
		"needed.\n\nExamples:\n  recsys transform --run runs/shop --input users.csv.gz --out users.parquet\n" +
		"  recsys transform --run runs/shop --input 'events-*.parquet' --columns user_id,item_id --out ids.parquet"
}

// Run writes the encoded rows.
func (c transformCmd) Run(ctx context.Context, o output) error {
	files, err := data.ResolveAll(".", c.Input)
	if err != nil {
		return err
	}
	r := newReporter(o.err)
	p, err := pipeline.Open(c.Run_, ".", pipeline.Options{Reporter: r, Version: version})
	if err != nil {
		return err
	}
	rows, columns, err := p.Transform(ctx, files, c.Columns, c.Out, func(done, total int) { r.Counted(done, total, "rows") })
	if err != nil {
		return err
	}
	r.endBar()
	_, err = fmt.Fprintf(o.err, "%s: %d rows of %s\n", filepath.ToSlash(c.Out), rows, strings.Join(columns, ", "))
	return err
}
