package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"recsys/internal/atomicfile"
	"recsys/pipeline/draft"
)

type initCmd struct {
	Files  []string `arg:"" name:"datafile" type:"existingfile" help:"Data files: interactions, and users and items if there are; files with the same columns, whose names differ in digits alone, are one table."`
	Output string   `short:"o" default:"recsys.yaml" placeholder:"FILE" help:"File to write; it must not be there."`
	User   string   `placeholder:"COLUMN" help:"Column of users in the interactions, where the names of columns do not tell."`
	Item   string   `placeholder:"COLUMN" help:"Column of items in the interactions."`
}

// Help has an example.
func (initCmd) Help() string {
	return "Looks at all rows, guesses which file is which table, what the columns mean and which features and models suit them, and writes " +
		"why as comments.\n\nExample:\n  recsys init data/*.csv.gz -o data/recsys.yaml && recsys run -c data/recsys.yaml"
}

// Run writes the draft.
func (c initCmd) Run(ctx context.Context, o output) error {
	if _, err := os.Lstat(c.Output); err == nil {
		return fmt.Errorf("%s is there already: name another file with -o, or remove it", c.Output)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := draft.Text(ctx, draft.Options{Files: c.Files, Dir: filepath.Dir(c.Output), User: c.User, Item: c.Item})
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(c.Output, text); err != nil {
		return err
	}
	_, err = fmt.Fprintf(o.err, "%s: next, recsys run -c %s\n", c.Output, c.Output)
	return err
}
