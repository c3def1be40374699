package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"recsys/data"
	"recsys/internal/atomicfile"
	"recsys/pipeline"
	"recsys/tensor"
)

// batchFlags are those of the verbs that answer from a run to a file.
type batchFlags struct {
	Run_ string `name:"run" required:"" type:"existingdir" placeholder:"RUN" help:"Run folder."`
	Data string `env:"RECSYS_DATA" placeholder:"DIR" help:"Folder of the tables; the default is the one that the run was fitted with."`
	Out  string `required:"" placeholder:"FILE" help:"File to write; it appears when it is whole."`
}

func (f batchFlags) open(o output) (*pipeline.Pipeline, *reporter, error) {
	r := newReporter(o.err)
	p, err := pipeline.Open(f.Run_, f.Data, pipeline.Options{Reporter: r, Version: version})
	return p, r, err
}

type recommendCmd struct {
	batchFlags  `embed:""`
	Users       string `required:"" placeholder:"FILE" help:"Users: a key a line, or a table (.csv, .jsonl, .parquet) with a column of the user key's name; names and patterns between commas are several files."`
	K           int    `default:"10" help:"Items of a list."`
	Stage       string `enum:"pipeline,retrieval" default:"pipeline" help:"pipeline answers with all stages, retrieval with a retrieval model's ranking of all items."`
	Source      string `placeholder:"NAME" help:"Retrieval model for --stage retrieval; the default is the first of the pipeline."`
	ExcludeSeen bool   `help:"Leave out items that the user has. The pipeline does so anyway where its filter has seen."`
	History     string `enum:"before-test,all" default:"before-test" help:"What is known of users: before-test ends before a user's first interaction of the test part, as the evaluation does; all is everything, for lists to be used."`
}

// Help has examples.
func (recommendCmd) Help() string {
	return "Writes a line for each user, in their order: {\"user\": ..., \"items\": [best first], \"scores\": [...]}.\n\nExamples:\n" +
		"  recsys recommend --run runs/shop --users users.txt --k 20 --history all --out lists.jsonl\n" +
		"  recsys recommend --run runs/movielens --users users.csv.gz --stage retrieval --source ease --exclude-seen --out ease.jsonl"
}

// Run writes the lists.
func (c recommendCmd) Run(ctx context.Context, o output) error {
	p, report, err := c.open(o)
	if err != nil {
		return err
	}
	if c.Stage == "pipeline" && c.Source != "" {
		return errors.New("--source is for --stage retrieval: the pipeline has its sources in it")
	}
	if c.Stage == "retrieval" && c.Source == "" {
		if len(p.Config().Retrieval) == 0 {
			return errors.New("--stage retrieval: the run has no retrieval model")
		}
		c.Source = p.Config().Retrieval[0].Name
	}
	users, err := readKeys(ctx, c.Users, p.Config().Data.Interactions.User)
	if err != nil {
		return err
	}
	options := pipeline.RecommendOptions{
		Users: users, K: c.K, Source: c.Source, ExcludeSeen: c.ExcludeSeen, Everything: c.History == "all",
	}
	err = atomicfile.Write(c.Out, func(w io.Writer) error {
		lines, done := json.NewEncoder(w), 0
		return p.Recommend(ctx, options, func(r pipeline.Recommendation) error {
			done++
			report.Counted(done, len(users), "users")
			return lines.Encode(r)
		})
	})
	if err != nil {
		return err
	}
	report.endBar()
	fmt.Fprintf(o.err, "%s: %d lists\n", c.Out, len(users))
	return nil
}

// readKeys reads keys: of a table the column of that name, of other files a key a line; files packed as .gz or .zst too.
func readKeys(ctx context.Context, path, column string) ([]string, error) {
	files, err := data.ResolveAll(".", path)
	if err != nil {
		return nil, err
	}
	var keys []string
	if data.IsTable(files[0]) {
		keys, err = tableColumn(ctx, path, files, column)
	} else {
		for _, file := range files {
			var lines []string
			if lines, err = data.ReadLines(file); err != nil {
				return nil, err
			}
			if len(lines) > 0 && lines[0] == column {
				lines = lines[1:] // a header
			}
			keys = append(keys, lines...)
		}
	}
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: no user in it; write a key a line", path)
	}
	return keys, nil
}

// tableColumn returns the values of a column of a table, as text.
func tableColumn(ctx context.Context, path string, files []string, column string) ([]string, error) {
	f, err := data.Open(ctx, data.Spec{Path: path, Files: files, Columns: map[string]tensor.DType{column: tensor.String}})
	if err != nil {
		return nil, err
	}
	if f, err = f.Only(column); err != nil {
		return nil, err
	}
	t, err := f.Read(ctx)
	if err != nil {
		return nil, err
	}
	return data.Values[string](t, column)
}

type scoreCmd struct {
	batchFlags `embed:""`
	Input      string `required:"" placeholder:"ROWS" help:"Rows to score: a table like the interactions', with the keys of user and item and the context that the ranker reads; a file, or names and patterns between commas, such as 'rows-*.parquet'."`
}

// Help has an example.
func (scoreCmd) Help() string {
	return "Writes a table with the header row,TASK,... and a line for each row, in their order: its number from 0 and the probability " +
		"of each task of the run's ranker.\n\nExample:\n  recsys score --run runs/shop --input rows.csv --out scores.csv"
}

// Run writes the probabilities.
func (c scoreCmd) Run(ctx context.Context, o output) error {
	p, report, err := c.open(o)
	if err != nil {
		return err
	}
	files, err := data.ResolveAll(".", c.Input)
	if err != nil {
		return err
	}
	rows := 0
	err = atomicfile.Write(c.Out, func(w io.Writer) error {
		if _, err := fmt.Fprintln(w, strings.Join(append([]string{"row"}, p.Tasks()...), ",")); err != nil {
			return err
		}
		return p.Score(ctx, files, func(done, total int, values [][]float32) error {
			var text bytes.Buffer
			for i := range values[0] {
				text.WriteString(strconv.Itoa(rows))
				rows++
				for _, v := range values {
					text.WriteByte(',')
					text.WriteString(strconv.FormatFloat(float64(v[i]), 'g', -1, 32))
				}
				text.WriteByte('\n')
			}
			report.Counted(done, total, "rows")
			_, err := w.Write(text.Bytes())
			return err
		})
	})
	if err != nil {
		return err
	}
	report.endBar()
	fmt.Fprintf(o.err, "%s: %d rows\n", filepath.ToSlash(c.Out), rows)
	return nil
}
