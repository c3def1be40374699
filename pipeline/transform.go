package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"recsys/data"
	"recsys/feature"
	"recsys/schema"
	"recsys/tensor"
)

// transformRows is the number of rows that Transform holds at once, which become a row group.
const transformRows = 1 << 17

// Transform encodes the rows of files, one table, by the fitted workflow and writes them as Parquet to path: all encoded columns whose
// raw columns the files have, or the given ones. Ids are int64, lists are without their padding, numbers float32. Progress, which
// may be nil, is told how many rows are done. It returns the number of rows and the columns.
//
// It holds 131,072 rows at a time, raw, encoded and packed, whatever the size of the files.
func (p *Pipeline) Transform(
	ctx context.Context, files, columns []string, path string, progress func(done, total int),
) (rows int, written []string, err error) {
	w, err := p.loadWorkflow()
	if err != nil {
		return 0, nil, err
	}
	f, part, err := p.openRaw(ctx, w, files, columns)
	if err != nil {
		return 0, nil, err
	}
	p.phase("transform")
	rows, err = data.WriteParquet(ctx, path, p.encoded(ctx, f, part, progress))
	return rows, part.Schema().Names(), err
}

// openRaw opens files with the types that a workflow's raw columns have, and takes the part of it that they suffice for.
func (p *Pipeline) openRaw(ctx context.Context, w *feature.FittedWorkflow, files, columns []string) (*data.File, *feature.FittedWorkflow, error) {
	joined := strings.Join(files, ", ")
	plain, err := data.Open(ctx, data.Spec{Path: joined, Files: files}) // for the names
	if err != nil {
		return nil, nil, err
	}
	have := plain.Schema().Names()
	var missing []error
	var chosen []string
	for _, c := range w.Schema() {
		if len(columns) > 0 && !slices.Contains(columns, c.Name) {
			continue
		}
		part, err := w.Only(c.Name)
		if err != nil {
			return nil, nil, err
		}
		lacks := slices.DeleteFunc(part.Raw().Names(), func(name string) bool { return slices.Contains(have, name) })
		if len(lacks) > 0 {
			missing = append(missing, fmt.Errorf("column %q is made of %s", c.Name, strings.Join(lacks, ", ")))
			continue
		}
		chosen = append(chosen, c.Name)
	}
	for _, name := range columns {
		if _, ok := w.Schema().Column(name); !ok {
			missing = append(missing, fmt.Errorf("there is no encoded column %q; there are %s", name, strings.Join(w.Schema().Names(), ", ")))
		}
	}
	if len(chosen) == 0 || len(columns) > 0 && len(missing) > 0 {
		return nil, nil, fmt.Errorf("%s: the columns are %s: %w", joined, strings.Join(have, ", "), errors.Join(missing...))
	}
	part, err := w.Only(chosen...)
	if err != nil {
		return nil, nil, err
	}
	spec := data.Spec{Path: joined, Files: files, Columns: map[string]tensor.DType{}, Lists: map[string]string{}}
	for _, c := range part.Raw() {
		spec.Columns[c.Name] = c.DType.DType
		for _, e := range []*Entities{p.config.Data.Users, p.config.Data.Items} {
			if e != nil && e.Lists[c.Name] != "" {
				spec.Lists[c.Name] = e.Lists[c.Name]
			}
		}
	}
	f, err := data.Open(ctx, spec)
	if err != nil {
		return nil, nil, err
	}
	if f, err = f.Only(part.Raw().Names()...); err != nil {
		return nil, nil, err
	}
	for _, c := range part.Raw() {
		if got, _ := f.Schema().Column(c.Name); got.Length > 0 != (c.Length > 0) {
			return nil, nil, fmt.Errorf("%s: column %q holds lists here or in the fitted data, not in both", joined, c.Name)
		}
	}
	return f, part, nil
}

// encoded reads and encodes a file.
func (p *Pipeline) encoded(ctx context.Context, f *data.File, w *feature.FittedWorkflow, progress func(done, total int)) iter.Seq2[*data.Table, error] {
	return func(yield func(*data.Table, error) bool) {
		done := 0
		for batch, err := range f.Batches(ctx, transformRows) {
			if err != nil {
				yield(nil, err)
				return
			}
			encoded, err := w.Transform(ctx, columnsOf(batch, w.Raw()))
			if err != nil {
				yield(nil, err)
				return
			}
			columns := make([]*data.Column, 0, len(encoded))
			for _, c := range w.Schema() {
				column, err := unpadded(c, encoded[c.Name])
				if err != nil {
					yield(nil, err)
					return
				}
				columns = append(columns, column)
			}
			table, err := data.NewTable(columns...)
			if !yield(table, err) || err != nil {
				return
			}
			if done += batch.Len(); progress != nil {
				progress(done, f.Rows())
			}
		}
	}
}

// unpadded makes a column of an encoded one, [rows] or [rows,L]: ids of lists end before the padding.
func unpadded(c schema.Column, t *tensor.Tensor) (*data.Column, error) {
	if c.Length == 0 {
		return data.FromTensor(c.Name, t), nil
	}
	switch values := t.Any().(type) {
	case []int64:
		return ragged(c, values, func(row []int64) int {
			n := len(row)
			for n > 0 && row[n-1] == 0 && c.Has(schema.Categorical) {
				n--
			}
			return n
		})
	case []float32:
		return ragged(c, values, func(row []float32) int { return len(row) })
	}
	return nil, fmt.Errorf("column %q is %s", c.Name, t.DType())
}

func ragged[T data.Value](c schema.Column, values []T, length func([]T) int) (*data.Column, error) {
	var kept []T
	offsets := []int{0}
	for row := range slices.Chunk(values, c.Length) {
		kept = append(kept, row[:length(row)]...)
		offsets = append(offsets, len(kept))
	}
	return data.Ragged(c.Name, kept, offsets)
}
