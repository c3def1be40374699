package job

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"recsys/data"
	"recsys/feature"
	"recsys/pipeline"
	"recsys/schema"
	"recsys/tensor"
)

// Transform encodes the files that pattern names with the workflow that stands in a file, as [feature.FittedWorkflow.Save]
// writes it, and writes a Parquet file of the same name for each into the folder out. A file is encoded to those columns
// of which it has all raw ones; lists are written without their padding. Config is the text of the recsys.yaml, and table
// says which of its tables the files are: interactions, users or items.
func Transform(ctx context.Context, config []byte, table, pattern, workflow, out string, run Runner) error {
	if _, err := pipeline.ParseConfig(config); err != nil {
		return err
	}
	if _, err := load(ctx, workflow); err != nil {
		return err
	}
	files, err := glob(ctx, pattern)
	if err != nil {
		return err
	}
	shards := make([]shard, len(files))
	made := map[string]string{}
	for i, f := range files {
		shards[i] = shard{table, f}
		name := outputName(f)
		if other, taken := made[name]; taken {
			return fmt.Errorf("%s and %s would both become %s: rename one", other, f, name)
		}
		made[name] = f
	}
	elements, err := elementsOf(shards)
	if err != nil {
		return err
	}
	p, scope := beam.NewPipelineWithRoot()
	list := beam.Reshuffle(scope, beam.CreateList(scope, elements))
	beam.ParDo0(scope, &transformFn{Config: string(config), Workflow: workflow, Out: out}, list)
	return run(ctx, p)
}

// outputName is the name of the file that a file becomes.
func outputName(name string) string {
	base := path.Base(strings.ReplaceAll(name, `\`, "/"))
	base, _, _ = strings.Cut(base, ".")
	return base + ".parquet"
}

func load(ctx context.Context, name string) (*feature.FittedWorkflow, error) {
	text, err := readFile(ctx, name)
	if err != nil {
		return nil, err
	}
	w, err := feature.Read(pipeline.Standard().Operators, bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return w, nil
}

// transformFn encodes a file.
type transformFn struct {
	Config, Workflow, Out string
}

// ProcessElement takes a shard.
func (t *transformFn) ProcessElement(ctx context.Context, element []byte) error {
	var s shard
	if err := json.Unmarshal(element, &s); err != nil {
		return err
	}
	c, err := pipeline.ParseConfig([]byte(t.Config))
	if err != nil {
		return err
	}
	w, err := load(ctx, t.Workflow)
	if err != nil {
		return err
	}
	err = open(ctx, c, s, func(file *data.File) error {
		part, err := partOf(w, file)
		if err != nil {
			return err
		}
		return publish(ctx, join(t.Out, outputName(s.Path)), func(path string) error {
			_, err := data.WriteParquet(ctx, path, encoded(ctx, part, file))
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("%s: %w", s.Path, err)
	}
	return nil
}

// partOf is the part of a workflow whose raw columns a file has.
func partOf(w *feature.FittedWorkflow, file *data.File) (*feature.FittedWorkflow, error) {
	var names []string
	for _, c := range w.Schema() {
		one, err := w.Only(c.Name)
		if err != nil {
			return nil, err
		}
		has := true
		for _, raw := range one.Raw() {
			_, there := file.Schema().Column(raw.Name)
			has = has && there
		}
		if has {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return nil, errors.New("it has the raw columns of no encoded column")
	}
	return w.Only(names...)
}

// encoded encodes a file batch by batch.
func encoded(ctx context.Context, w *feature.FittedWorkflow, file *data.File) iter.Seq2[*data.Table, error] {
	return func(yield func(*data.Table, error) bool) {
		only, err := file.Only(w.Raw().Names()...)
		if err != nil {
			yield(nil, err)
			return
		}
		for t, err := range only.Batches(ctx, batchRows) {
			var out tensor.Map
			if err == nil {
				out, err = w.Transform(ctx, tensors(t, w.Raw()))
			}
			var table *data.Table
			if err == nil {
				table, err = tableOf(w.Schema(), out)
			}
			if !yield(table, err) || err != nil {
				return
			}
		}
	}
}

// tableOf makes a table of encoded columns.
func tableOf(s schema.Schema, m tensor.Map) (*data.Table, error) {
	columns := make([]*data.Column, 0, len(s))
	for _, c := range s {
		switch values := m[c.Name].Any().(type) {
		case []int64:
			column, err := columnOf(c, values, func(id int64) bool { return id == feature.PaddingID })
			if err != nil {
				return nil, err
			}
			columns = append(columns, column)
		case []float32:
			column, err := columnOf(c, values, func(float32) bool { return false })
			if err != nil {
				return nil, err
			}
			columns = append(columns, column)
		}
	}
	return data.NewTable(columns...)
}

// columnOf leaves out the padding at the end of lists.
func columnOf[T data.Value](c schema.Column, values []T, padding func(T) bool) (*data.Column, error) {
	if c.Length == 0 {
		return data.Scalar(c.Name, values), nil
	}
	kept, offsets := make([]T, 0, len(values)), make([]int, 1, len(values)/c.Length+1)
	for at := 0; at < len(values); at += c.Length {
		list := values[at : at+c.Length]
		for len(list) > 0 && padding(list[len(list)-1]) {
			list = list[:len(list)-1]
		}
		kept = append(kept, list...)
		offsets = append(offsets, len(kept))
	}
	return data.Ragged(c.Name, kept, offsets)
}
