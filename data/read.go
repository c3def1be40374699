package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"recsys/schema"
	"recsys/tensor"
)

// File is a file whose columns and types are known. It holds no rows: each pass reads it again.
type File struct {
	spec   Spec
	header []string
	types  []tensor.DType
	longs  []int // longest lists
	keep   []int // the columns that are read, by place in the file
	rows   int
	derive func(*Table) (*Table, error)
}

// Open reads a file once to learn its types and number of rows, and to find records that are not well formed.
func Open(ctx context.Context, spec Spec) (f *File, err error) {
	if err := spec.Validate(); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	r, err := openRecords(spec.Path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := spec.check(r.header); err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Path, err)
	}
	f = &File{spec: spec, header: r.header, longs: make([]int, len(r.header)), derive: r.form.derive}
	for i := range f.header {
		f.keep = append(f.keep, i)
	}
	return f, f.survey(ctx, r)
}

// survey infers the types of undeclared columns from all cells.
func (f *File) survey(ctx context.Context, r *records) error {
	guesses := make([]guess, len(f.header))
	for i, name := range f.header {
		guesses[i] = guess{sep: []byte(f.spec.Lists[name])}
		if f.spec.Lists[name] == "" {
			guesses[i].sep = nil
		}
	}
	declared := make([]bool, len(f.header))
	for i, name := range f.header {
		_, declared[i] = f.spec.Columns[name]
	}
	for {
		fields, err := r.record()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if f.rows++; f.rows%(1<<14) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		for i, cell := range fields {
			if !declared[i] {
				guesses[i].add(cell, r.line)
			}
			if sep := guesses[i].sep; sep != nil {
				f.longs[i] = max(f.longs[i], 1+strings.Count(string(cell), string(sep)))
			}
		}
	}
	if f.rows == 0 {
		return fmt.Errorf("%s: no rows after the header", f.spec.Path)
	}
	f.types = make([]tensor.DType, len(f.header))
	for i, name := range f.header {
		if err := guesses[i].slip(); err != nil {
			return fmt.Errorf("%s:%d: column %q: %w", f.spec.Path, guesses[i].line, name, err)
		}
		f.types[i] = guesses[i].dtype()
		if declared[i] {
			f.types[i] = f.spec.Columns[name]
		}
	}
	return nil
}

// Rows returns the number of rows.
func (f *File) Rows() int { return f.rows }

// Schema describes the columns in the file's order, without tags; Length bounds the lists of list columns.
func (f *File) Schema() schema.Schema {
	s := make(schema.Schema, len(f.keep))
	for k, i := range f.keep {
		s[k] = schema.Column{Name: f.header[i], DType: schema.DType{DType: f.types[i]}, Length: f.longs[i]}
	}
	return s
}

// Batches reads the file and yields tables of size rows, the last one maybe fewer, which the receiver may keep. It
// stops after the first error.
func (f *File) Batches(ctx context.Context, size int) iter.Seq2[*Table, error] {
	return func(yield func(*Table, error) bool) {
		if size <= 0 {
			yield(nil, fmt.Errorf("batch size %d: it has to be positive", size))
			return
		}
		r, err := openRecords(f.spec.Path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.close() //nolint:errcheck // only read from
		builders := f.builders()
		for {
			t, err := f.batch(ctx, r, builders, size)
			if err != nil {
				yield(nil, err)
				return
			}
			if t.Len() > 0 && !yield(t, nil) || t.Len() < size {
				return
			}
		}
	}
}

func (f *File) builders() []*builder {
	builders := make([]*builder, len(f.keep))
	for k, i := range f.keep {
		builders[k] = newBuilder(f.header[i], f.types[i], f.spec.Lists[f.header[i]])
	}
	return builders
}

// batch reads at most size rows; none at the end of the file.
func (f *File) batch(ctx context.Context, r *records, builders []*builder, size int) (*Table, error) {
	for _, b := range builders {
		b.reset(min(size, f.rows))
	}
	for rows := range size {
		if rows%(1<<14) == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		fields, err := r.record()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := f.add(r, fields, builders); err != nil {
			return nil, err
		}
	}
	return tableOf(builders), nil
}

// add appends a record.
func (f *File) add(r *records, fields [][]byte, builders []*builder) error {
	if len(fields) != len(f.header) {
		return r.fault(errors.New("the header changed while the file was read"))
	}
	for k, i := range f.keep {
		if err := builders[k].add(fields[i]); err != nil {
			return r.fault(fmt.Errorf("column %q: %w", builders[k].name, err))
		}
	}
	return nil
}

// Read reads a whole file into memory and checks its key. Where it is MovieLens's ratings.dat, it adds the columns
// position, loo_split and ctr_split, which GroupLens's file does not have; see [Positions], [ByLast] and [ByRandom].
func Read(ctx context.Context, spec Spec) (*Table, error) {
	f, err := Open(ctx, spec)
	if err != nil {
		return nil, err
	}
	return f.Read(ctx)
}

// Read is the function Read for a file that is open.
func (f *File) Read(ctx context.Context) (*Table, error) {
	spec, t := f.spec, &Table{}
	for batch, err := range f.Batches(ctx, f.rows) {
		if err != nil {
			return nil, err
		}
		t = batch
	}
	if t.Len() != f.rows {
		return nil, fmt.Errorf("%s changed while it was read: %d rows, then %d", spec.Path, f.rows, t.Len())
	}
	if spec.Key != "" {
		if err := checkKey(t, spec.Key); err != nil {
			return nil, fmt.Errorf("%s: %w", spec.Path, err)
		}
	}
	if f.derive == nil {
		return t, nil
	}
	t, err := f.derive(t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Path, err)
	}
	return t, nil
}

// checkKey requires the values of a column to be unique and not null.
func checkKey(t *Table, name string) error {
	c, err := t.Column(name)
	if err != nil {
		return err
	}
	switch values := c.values.Any().(type) {
	case []int64:
		return unique(name, values, tensor.NullInt64)
	case []string:
		return unique(name, values, "")
	}
	return fmt.Errorf("key column %q is %s: keys are int64 or string", name, c.DType())
}

func unique[T comparable](name string, values []T, null T) error {
	first := make(map[T]int, len(values))
	for i, v := range values {
		if v == null {
			return fmt.Errorf("key column %q is null in row %d: give the row a key, or remove it", name, i+1)
		}
		if j, ok := first[v]; ok {
			return fmt.Errorf("key column %q has %v in rows %d and %d: remove one of them", name, v, j+1, i+1)
		}
		first[v] = i
	}
	return nil
}
