package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"recsys/internal/atomicfile"
	"recsys/pipeline"
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
	Users       string `required:"" type:"existingfile" placeholder:"FILE" help:"Users: a key a line, or a .csv with a column of the user key's name."`
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
	users, err := readKeys(c.Users, p.Config().Data.Interactions.User)
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

// readKeys reads keys, one a line or the column of a .csv; both may be compressed as .gz.
func readKeys(path, column string) ([]string, error) {
	r, err := openText(path)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // It was read to its end or has an error already.
	var keys []string
	if strings.HasSuffix(strings.TrimSuffix(path, ".gz"), ".csv") {
		keys, err = csvColumn(r, column)
	} else {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			if key := strings.TrimSpace(lines.Text()); key != "" {
				keys = append(keys, key)
			}
		}
		err = lines.Err()
		if len(keys) > 0 && keys[0] == column {
			keys = keys[1:] // a header
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: no user in it; write a key a line", path)
	}
	return keys, nil
}

// csvColumn returns the values of a column of a table with a header.
func csvColumn(r io.Reader, column string) ([]string, error) {
	records := csv.NewReader(r)
	header, err := records.Read()
	if err != nil {
		return nil, err
	}
	at := slices.Index(header, column)
	if at < 0 {
		return nil, fmt.Errorf("no column %q; the columns are %s", column, strings.Join(header, ", "))
	}
	var keys []string
	for {
		record, err := records.Read()
		if errors.Is(err, io.EOF) {
			return keys, nil
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, record[at])
	}
}

type scoreCmd struct {
	batchFlags `embed:""`
	Input      string `required:"" type:"existingfile" placeholder:"ROWS.csv" help:"Rows to score: a table like the interactions', with the keys of user and item and the context that the ranker reads."`
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
	rows := 0
	err = atomicfile.Write(c.Out, func(w io.Writer) error {
		if _, err := fmt.Fprintln(w, strings.Join(append([]string{"row"}, p.Tasks()...), ",")); err != nil {
			return err
		}
		return p.Score(ctx, c.Input, func(done, total int, values [][]float32) error {
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

// openText opens a file, decompressing one whose name ends in .gz.
func openText(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil || !strings.HasSuffix(path, ".gz") {
		return f, err
	}
	return openGzip(f)
}

// gzipFile closes both a decompressor and what it reads.
type gzipFile struct {
	*gzip.Reader

	file *os.File
}

func openGzip(f *os.File) (io.ReadCloser, error) {
	r, err := gzip.NewReader(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", f.Name(), err), f.Close())
	}
	return gzipFile{r, f}, nil
}

// Close closes the decompressor and the file.
func (g gzipFile) Close() error { return errors.Join(g.Reader.Close(), g.file.Close()) }
