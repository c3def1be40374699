package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"recsys/internal/atomicfile"
	"recsys/pipeline/merlin"
)

type importCmd struct {
	Nvtabular importNVTabularCmd `cmd:"" help:"Draft a pipeline from what NVTabular wrote; every key keeps its id."`
}

type importNVTabularCmd struct {
	Dir          string `arg:"" name:"dir" type:"existingdir" help:"Folder with schema.pbtxt of a dataset and categories/ of the workflow that made it."`
	Interactions string `required:"" type:"existingfile" placeholder:"FILE" help:"Table of events that the workflow was fitted on."`
	Output       string `short:"o" default:"recsys.yaml" placeholder:"FILE" help:"File to write; it must not be there. Tables of users and items are written beside it."`
}

// Help has an example.
func (importNVTabularCmd) Help() string {
	return "Reads the schema's tags and NVTabular's mapping files (unique.COLUMN.parquet, of NVTabular 23) and writes a recsys.yaml in which " +
		"categorify takes them as its vocabularies.\n\n" +
		"Example:\n  recsys import nvtabular workflow --interactions events.parquet && recsys run -c recsys.yaml"
}

// Run writes the draft.
func (c importNVTabularCmd) Run(ctx context.Context, o output) error {
	if _, err := os.Lstat(c.Output); err == nil {
		return fmt.Errorf("%s is there already: name another file with -o, or remove it", c.Output)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := merlin.Draft(ctx, merlin.Options{Dir: c.Dir, Interactions: c.Interactions, To: filepath.Dir(c.Output)})
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(c.Output, text); err != nil {
		return err
	}
	_, err = fmt.Fprintf(o.err, "%s: next, recsys run -c %s\n", c.Output, c.Output)
	return err
}
