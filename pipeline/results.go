package pipeline

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"recsys/eval"
	"recsys/internal/atomicfile"
)

// resultKey names the results of one model on one part: by Board a retrieval model, a ranker's task or the pipeline.
type resultKey struct{ board, model, part, task string }

// results are those of an evaluation, by user.
type results map[resultKey]*eval.ByUser

// file is where the results lie below resultsDir.
func (k resultKey) file() string {
	name := k.part
	if k.task != "" {
		name += "." + k.task
	}
	return filepath.Join(k.board, k.model, name+".csv.gz")
}

// resultsComment is the comment of the gzip header of every results file; it carries the version of the format.
const resultsComment = "recsys results 1"

// writeResults puts all results in the place of those that were there.
func (p *Pipeline) writeResults(all results) error {
	keys, err := p.tables.Users.Column(p.config.Data.Interactions.User)
	if err != nil {
		return err
	}
	return replaceDir(p.path(resultsDir), func(dir string) error {
		for key, byUser := range all {
			path := filepath.Join(dir, key.file())
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			users := make([]string, len(byUser.Users))
			for i, row := range byUser.Users {
				users[i] = keyText(keys, int(row))
			}
			err := atomicfile.Write(path, func(w io.Writer) error {
				return (&userResults{byUser.Names, users, byUser.Weights, byUser.Values}).write(w)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// userResults are an eval.ByUser with the users' keys.
type userResults struct {
	names   []string
	users   []string
	weights []float64
	values  [][]float64 // by metric; NaN: undefined
}

func (r *userResults) write(w io.Writer) error {
	z := gzip.NewWriter(w)
	z.Comment = resultsComment
	c := csv.NewWriter(z)
	err := c.Write(append([]string{"user", "weight"}, r.names...))
	line := make([]string, 2+len(r.names))
	for i, user := range r.users {
		line[0], line[1] = user, strconv.FormatFloat(r.weights[i], 'g', -1, 64)
		for m := range r.names {
			line[2+m] = ""
			if v := r.values[m][i]; !math.IsNaN(v) {
				line[2+m] = strconv.FormatFloat(v, 'g', -1, 64)
			}
		}
		err = errors.Join(err, c.Write(line))
	}
	c.Flush()
	return errors.Join(err, c.Error(), z.Close())
}

// readResults reads a file that recsys eval wrote.
func readResults(path string) (_ *userResults, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, notRun(err, "eval")
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r, err := parseResults(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func parseResults(f io.Reader) (*userResults, error) {
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	if z.Comment != resultsComment {
		return nil, fmt.Errorf("the file is %q, this version reads %q; run recsys eval again", z.Comment, resultsComment)
	}
	c := csv.NewReader(z)
	c.ReuseRecord = true
	header, err := c.Read()
	if err != nil {
		return nil, err
	}
	if len(header) < 2 || header[0] != "user" || header[1] != "weight" {
		return nil, fmt.Errorf("the header is %q; it has to begin with user and weight", header)
	}
	r := &userResults{names: slices.Clone(header[2:])}
	r.values = make([][]float64, len(r.names))
	for {
		line, err := c.Read()
		if errors.Is(err, io.EOF) {
			return r, nil
		}
		if err != nil {
			return nil, err
		}
		weight, err := strconv.ParseFloat(line[1], 64)
		if err != nil {
			return nil, fmt.Errorf("user %q: weight: %w", line[0], err)
		}
		r.users, r.weights = append(r.users, line[0]), append(r.weights, weight)
		for m, text := range line[2:] {
			v := math.NaN()
			if text != "" {
				if v, err = strconv.ParseFloat(text, 64); err != nil {
					return nil, fmt.Errorf("user %q: %s: %w", line[0], r.names[m], err)
				}
			}
			r.values[m] = append(r.values[m], v)
		}
	}
}

// defined returns the users, values and weights of a metric where it is defined, and whether there is such a metric.
func (r *userResults) defined(metric string) (users []string, values, weights []float64, ok bool) {
	m := slices.Index(r.names, metric)
	if m < 0 {
		return nil, nil, nil, false
	}
	for i, v := range r.values[m] {
		if !math.IsNaN(v) {
			users, values, weights = append(users, r.users[i]), append(values, v), append(weights, r.weights[i])
		}
	}
	return users, values, weights, true
}
