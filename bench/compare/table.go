package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"time"

	"recsys/data"
	"recsys/feature"
	"recsys/feature/op"
	"recsys/graph/exec"
	"recsys/schema"
	"recsys/tensor"
)

// tableRows are the comparisons of tables: fitting, transforming, reading and writing.
func tableRows() []row {
	nvtabular := func(what string) other {
		return other{name: "NVTabular", python: "nvt", work: "nvtabular_" + what, target: 5}
	}
	polars := func(what string, target float64) other {
		return other{name: "Polars", python: "nvt", work: "polars_" + what, target: target}
	}
	const ml1m, wide = "MovieLens 1M joined, 7 columns", "10 M rows: 10 categorical, 5 continuous, a list"
	return []row{
		{
			name: "fit_ml1m", title: "fit from Parquet, " + ml1m, work: ml1mRows, unit: "rows/s", data: writeML1M,
			rounds: 7, lean: true, tolerance: fitTolerance, others: []other{nvtabular("fit"), polars("fit", 1)},
		},
		{
			name: "transform_ml1m", title: "transform, Parquet to Parquet, " + ml1m, work: ml1mRows, unit: "rows/s", data: writeML1M,
			rounds: 7, lean: true, others: []other{nvtabular("transform"), polars("transform", 1)},
		},
		{
			name: "fit_wide", title: "fit from Parquet, " + wide, work: wideRows, unit: "rows/s", data: writeWide,
			rounds: 2, lean: true, tolerance: fitTolerance, others: []other{nvtabular("fit"), polars("fit", 1)},
		},
		{
			name: "transform_wide", title: "transform, Parquet to Parquet, " + wide, work: wideRows, unit: "rows/s", data: writeWide,
			rounds: 2, lean: true, others: []other{nvtabular("transform"), polars("transform", 1)},
		},
		{
			name: "transform_row", title: "transform one row of the 10 M in memory", work: 1, unit: "rows/s", data: writeWide,
			floor: 20_000, others: []other{{name: "NVTabular", python: "nvt", work: "nvtabular_row", target: 5}},
		},
		{
			name: "parquet_read", title: "read Parquet, " + wide, work: wideRows, unit: "rows/s", data: writeWide,
			rounds: 3, floor: 2e6, others: []other{polars("read", 0)},
		},
		{
			name: "parquet_write", title: "write Parquet, " + wide, work: wideRows, unit: "rows/s", data: writeWide,
			rounds: 3, floor: 2e6, others: []other{polars("write", 0)},
		},
	}
}

// fitTolerance: the numbers of ids are equal; NVTabular sums in float32, which is 2e-5 off for years.
const fitTolerance = 1e-5

func tableWorks() map[string]func(ctx context.Context, dir string) (work, error) {
	return map[string]func(ctx context.Context, dir string) (work, error){
		"fit_ml1m": newFit, "fit_wide": newFit, "transform_ml1m": newTransform, "transform_wide": newTransform,
		"transform_row": newTransformRow, "parquet_read": newParquetRead, "parquet_write": newParquetWrite,
	}
}

// worker is work of n equal steps, of which check tells a figure outside the time.
type worker struct {
	step  func() error
	check func() (float64, error)
	last  float64
}

// Run makes n steps; the check is made once.
func (w *worker) Run(n int) (answer, error) {
	started := time.Now()
	for range n {
		if err := w.step(); err != nil {
			return answer{}, err
		}
	}
	a := answer{Seconds: time.Since(started).Seconds()}
	var err error
	if a.Memory, err = peak(); err != nil {
		return a, err
	}
	if w.check != nil {
		if w.last, err = w.check(); err != nil {
			return a, err
		}
		w.check = nil
	}
	a.Check = w.last
	return a, nil
}

// tableSource is a table's file, the workflow and the columns that it reads.
type tableSource struct {
	file *data.File
	dir  string
	info featureTable
	raw  schema.Schema
}

func openTable(ctx context.Context, dir string) (*tableSource, error) {
	text, err := os.ReadFile(filepath.Join(dir, tableInfo))
	if err != nil {
		return nil, err
	}
	s := &tableSource{dir: dir}
	if err := json.Unmarshal(text, &s.info); err != nil {
		return nil, err
	}
	if s.file, err = data.Open(ctx, data.Spec{Path: filepath.Join(dir, tableFile)}); err != nil {
		return nil, err
	}
	s.raw = s.file.Schema()
	for i := range s.raw {
		s.raw[i].Tags = []schema.Tag{schema.Context}
	}
	return s, nil
}

func (s *tableSource) workflow() feature.Workflow {
	return feature.Workflow{Operators: []feature.Operator{
		&op.Categorify{Columns: append(append([]string{}, s.info.Categorical...), s.info.Lists...)},
		&op.FillMissing{Columns: s.info.Continuous},
		&op.Normalize{Columns: s.info.Continuous},
	}}
}

// Batches is that of feature.Source.
func (s *tableSource) Batches(ctx context.Context, columns []string) iter.Seq2[tensor.Map, error] {
	return func(yield func(tensor.Map, error) bool) {
		only, err := s.file.Only(columns...)
		if err != nil {
			yield(nil, err)
			return
		}
		for t, err := range only.Batches(ctx, wideBatch) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(s.tensors(t), nil) {
				return
			}
		}
	}
}

func (s *tableSource) tensors(t *data.Table) tensor.Map {
	m := tensor.Map{}
	for _, c := range t.Columns() {
		if raw, _ := s.raw.Column(c.Name()); raw.Length > 0 {
			m[c.Name()] = c.Padded(raw.Length)
		} else {
			m[c.Name()] = c.Values()
		}
	}
	return m
}

func newFit(ctx context.Context, dir string) (work, error) {
	var w *feature.FittedWorkflow
	return &worker{
		step: func() error {
			s, err := openTable(ctx, dir)
			if err != nil {
				return err
			}
			w, err = s.workflow().Fit(ctx, s.raw, s)
			return err
		},
		check: func() (float64, error) { return learned(w) },
	}, nil
}

// learned sums cardinalities, means and deviations.
func learned(w *feature.FittedWorkflow) (float64, error) {
	total := 0.0
	for _, c := range w.Schema() {
		total += float64(c.Cardinality)
	}
	var state struct {
		Operators []struct {
			Operator string `json:"operator"`
			State    struct {
				Columns []struct {
					Learned json.RawMessage `json:"learned"`
				} `json:"columns"`
			} `json:"state"`
		} `json:"operators"`
	}
	text, err := written(w)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return 0, err
	}
	for _, o := range state.Operators {
		if o.Operator != "normalize" {
			continue
		}
		for _, c := range o.State.Columns {
			var moments struct{ Mean, Std float64 }
			if err := json.Unmarshal(c.Learned, &moments); err != nil {
				return 0, err
			}
			total += moments.Mean + moments.Std
		}
	}
	return total, nil
}

func newTransform(ctx context.Context, dir string) (work, error) {
	s, err := openTable(ctx, dir)
	if err != nil {
		return nil, err
	}
	w, err := s.workflow().Fit(ctx, s.raw, s)
	if err != nil {
		return nil, err
	}
	out := filepath.Join(dir, "recsys.parquet")
	return &worker{
		step: func() error {
			_, err := data.WriteParquet(ctx, out, s.transformed(ctx, w))
			return err
		},
		check: func() (float64, error) { return sumOfIDs(ctx, out, w.Schema()) },
	}, nil
}

// transformed encodes batch by batch.
func (s *tableSource) transformed(ctx context.Context, w *feature.FittedWorkflow) iter.Seq2[*data.Table, error] {
	return func(yield func(*data.Table, error) bool) {
		for t, err := range s.file.Batches(ctx, wideBatch) {
			if err != nil {
				yield(nil, err)
				return
			}
			encoded, err := w.Transform(ctx, s.tensors(t))
			if err != nil {
				yield(nil, err)
				return
			}
			if table, err := encodedTable(w.Schema(), encoded, t); !yield(table, err) || err != nil {
				return
			}
		}
	}
}

// encodedTable leaves out the padding of lists, which are as long as those of raw.
func encodedTable(s schema.Schema, encoded tensor.Map, raw *data.Table) (*data.Table, error) {
	var columns []*data.Column
	for _, c := range s {
		switch values := encoded[c.Name].Any().(type) {
		case []float32:
			columns = append(columns, data.Scalar(c.Name, values))
		case []int64:
			if c.Length == 0 {
				columns = append(columns, data.Scalar(c.Name, values))
				continue
			}
			from, err := raw.Column(c.Name)
			if err != nil {
				return nil, err
			}
			offsets := from.Offsets()
			kept := make([]int64, 0, offsets[len(offsets)-1])
			for row := range from.Len() {
				kept = append(kept, values[row*c.Length:][:offsets[row+1]-offsets[row]]...)
			}
			list, err := data.Ragged(c.Name, kept, offsets)
			if err != nil {
				return nil, err
			}
			columns = append(columns, list)
		}
	}
	return data.NewTable(columns...)
}

// sumOfIDs does not depend on the order of equally frequent keys.
func sumOfIDs(ctx context.Context, path string, s schema.Schema) (float64, error) {
	f, err := data.Open(ctx, data.Spec{Path: path})
	if err != nil {
		return 0, err
	}
	only, err := f.Only(s.Select(schema.Categorical).Names()...)
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for t, err := range only.Batches(ctx, wideBatch) {
		if err != nil {
			return 0, err
		}
		for _, c := range t.Columns() {
			for _, id := range tensor.MustData[int64](c.Values()) {
				total += id
			}
		}
	}
	return float64(total), nil
}

func newTransformRow(ctx context.Context, dir string) (work, error) {
	s, err := openTable(ctx, dir)
	if err != nil {
		return nil, err
	}
	w, err := s.workflow().Fit(ctx, s.raw, s)
	if err != nil {
		return nil, err
	}
	g, err := w.Graph("features")
	if err != nil {
		return nil, err
	}
	plan, err := exec.Compile(g, exec.Options{Threads: 1, Frozen: true})
	if err != nil {
		return nil, err
	}
	row, err := s.file.Take(ctx, []int{0})
	if err != nil {
		return nil, err
	}
	session, in := plan.NewSession(), s.tensors(row)
	var out tensor.Map
	return &worker{
		step: func() (err error) {
			out, err = session.Run(ctx, in)
			return err
		},
		check: func() (float64, error) {
			total := int64(0)
			for _, name := range s.info.Categorical {
				total += tensor.MustData[int64](out[name])[0]
			}
			return float64(total), nil
		},
	}, nil
}

func newParquetRead(ctx context.Context, dir string) (work, error) {
	path := filepath.Join(dir, tableFile)
	rows := 0
	return &worker{
		step: func() error {
			f, err := data.Open(ctx, data.Spec{Path: path})
			if err != nil {
				return err
			}
			rows = 0
			for t, err := range f.Batches(ctx, wideBatch) {
				if err != nil {
					return err
				}
				rows += t.Len()
			}
			return nil
		},
		check: func() (float64, error) { return float64(rows), nil },
	}, nil
}

func newParquetWrite(ctx context.Context, dir string) (work, error) {
	t, err := data.Read(ctx, data.Spec{Path: filepath.Join(dir, tableFile)})
	if err != nil {
		return nil, err
	}
	return &worker{
		step: func() error {
			rows, err := data.WriteParquet(ctx, filepath.Join(dir, "recsys.parquet"), t.Batches(ctx, wideBatch))
			if err == nil && rows != t.Len() {
				return errors.New("rows are missing")
			}
			return err
		},
		check: func() (float64, error) { return float64(t.Len()), nil },
	}, nil
}

func written(w *feature.FittedWorkflow) ([]byte, error) {
	var out bytes.Buffer
	err := w.Write(&out)
	return out.Bytes(), err
}
