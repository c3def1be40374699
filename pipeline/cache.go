package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"recsys/data"
	"recsys/model"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// openCache opens the columnar cache of interactions that are on disk: encoded columns of context and interactions, and labels. One that is not
// there, damaged, or of other data, features or tasks, is written first.
func (p *Pipeline) openCache(ctx context.Context, e encoder, columns schema.Schema) error {
	path := p.path(cacheFile)
	key, err := p.cacheKey()
	if err != nil {
		return err
	}
	p.cache, err = data.OpenBlocks(path)
	switch {
	case err == nil && p.cache.Key() == key:
		p.note("columnar cache: as written before")
		return nil
	case err == nil:
		p.note("columnar cache: of other data, features or tasks; writing it again")
		err = p.cache.Close()
		p.cache = nil
	case errors.Is(err, data.ErrBlocks), errors.Is(err, data.ErrBlocksVersion):
		p.note("columnar cache: %v; writing it again", err)
		err = nil
	case errors.Is(err, fs.ErrNotExist):
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err != nil {
		return err
	}
	rows, err := data.WriteBlocks(path, data.BlocksHeader{Key: key, Columns: columns}, e.cacheBatches(ctx, p.tasks))
	if err != nil {
		return err
	}
	if p.cache, err = data.OpenBlocks(path); err != nil {
		return err
	}
	p.note("columnar cache: %d rows of %d columns written", rows, len(columns))
	return nil
}

// cacheKey identifies what the cache depends on: the data, the fitted workflow and the tasks.
func (p *Pipeline) cacheKey() (string, error) {
	workflow, err := os.ReadFile(p.path(workflowFile))
	if err != nil {
		return "", notRun(err, "fit")
	}
	tasks, err := json.Marshal(p.tasks)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, part := range [][]byte{[]byte(p.tables.Hash), workflow, tasks} {
		fmt.Fprintf(h, "%d\n", len(part))
		h.Write(part)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// cacheColumns describes the cache's columns, by the names of the graph inputs that they feed.
func (e encoder) cacheColumns(tasks []TaskSettings) schema.Schema {
	s := e.workflow.Schema()
	encoded := append(model.QueryColumns(s).Select(schema.Context), model.InteractionColumns(s)...)
	columns := make(schema.Schema, 0, len(encoded)+len(tasks))
	for _, c := range encoded {
		columns = append(columns, schema.Column{
			Name: train.WideName(c), DType: schema.DType{DType: model.InputType(c)}, Length: c.Length, Cardinality: c.Cardinality,
		})
	}
	for _, task := range tasks {
		columns = append(columns, schema.Column{Name: model.LabelInput(task.Name), DType: schema.DType{DType: tensor.Float32}})
	}
	return columns
}

// cacheBatches encodes the interactions in batches.
func (e encoder) cacheBatches(ctx context.Context, tasks []TaskSettings) iter.Seq2[tensor.Map, error] {
	return func(yield func(tensor.Map, error) bool) {
		w, err := e.wide()
		if err != nil {
			yield(nil, err)
			return
		}
		from := 0
		for batch, err := range e.tables.Events.Batches(ctx, eventRows) {
			if err != nil {
				yield(nil, err)
				return
			}
			columns, err := w.batch(ctx, batch, from)
			if err != nil {
				yield(nil, err)
				return
			}
			from += batch.Len()
			for _, task := range tasks {
				labels, err := task.labels(batch)
				if err != nil {
					yield(nil, err)
					return
				}
				columns[model.LabelInput(task.Name)] = tensor.Of(labels, len(labels))
			}
			if !yield(columns, nil) {
				return
			}
		}
	}
}

// batch encodes a batch of the file of interactions, whose first row is from, by the names of the graph inputs.
func (w wide) batch(ctx context.Context, batch *data.Table, from int) (tensor.Map, error) {
	columns := tensor.Map{}
	if w.part == nil {
		return columns, nil
	}
	rows, own := make([]int, batch.Len()), make([]int, batch.Len())
	for i := range rows {
		rows[i], own[i] = from+i, i
	}
	encoded, err := w.encode(ctx, w.interactions(rows, batch, own))
	for _, c := range w.part.Schema() {
		columns[train.WideName(c)] = encoded[c.Name]
	}
	return columns, err
}
