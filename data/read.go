package data

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"strings"

	"recsys/schema"
	"recsys/tensor"
)

// File is a file whose columns and types are known. It holds no rows: each pass reads it again.
type File struct {
	spec   Spec
	format format
	header []string
	types  []tensor.DType
	lists  []bool
	longs  []int             // longest lists
	blank  []bool            // whether a column, of which the type is not known, has no value
	keep   []int             // the columns that are read, by place in the file
	unread map[string]string // what the columns hold that cannot be read
	rows   int
	derive func(*Table) (*Table, error)
}

// format is a way to write tables in files.
type format interface {
	// survey reads a file once and says what it holds: all of f but the spec and what is kept.
	survey(ctx context.Context, f *File) error
	// open begins to read the columns that f keeps.
	open(f *File) (rows, error)
}

// rows are those of an open file.
type rows interface {
	// read appends up to n rows to the builders of the kept columns, or passes over them where there are none. It returns how
	// many: fewer than n at the end alone.
	read(ctx context.Context, into []*builder, n int) (int, error)
	close() error
}

// formatOf knows the format by the name of a file.
func formatOf(path string) format {
	switch strings.ToLower(filepath.Ext(unpackedName(path))) {
	case ".parquet":
		return parquetFormat{}
	case ".jsonl", ".ndjson":
		return jsonFormat{}
	}
	return textFormat{}
}

// Open reads a file once to learn its types and number of rows, and to find records that are not well formed. Of a parquet
// file, which states its types, it reads the lists alone, for their lengths.
func Open(ctx context.Context, spec Spec) (*File, error) {
	if err := spec.Validate(); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	if len(spec.Files) == 1 {
		spec.Path, spec.Files = spec.Files[0], nil
	}
	f := &File{spec: spec, format: formatOf(spec.Path)}
	if len(spec.Files) > 0 {
		f.format = &joinedFormat{}
	}
	if err := f.format.survey(ctx, f); err != nil {
		return nil, err
	}
	for i := range f.header {
		f.keep = append(f.keep, i)
	}
	return f, nil
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

// maxReserve bounds the rows for which memory is made before they are read: a damaged file may promise any number.
const maxReserve = 1 << 25

// Batches reads the file and yields tables of size rows, the last one maybe fewer, which the receiver may keep. It
// stops after the first error.
func (f *File) Batches(ctx context.Context, size int) iter.Seq2[*Table, error] {
	return func(yield func(*Table, error) bool) {
		if size <= 0 {
			yield(nil, fmt.Errorf("batch size %d: it has to be positive", size))
			return
		}
		r, err := f.format.open(f)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.close() //nolint:errcheck // only read from
		builders := f.builders()
		for {
			for _, b := range builders {
				b.reset(min(size, f.rows, maxReserve))
			}
			n, err := r.read(ctx, builders, size)
			if err != nil {
				yield(nil, err)
				return
			}
			if n > 0 && !yield(tableOf(builders), nil) || n < size {
				return
			}
		}
	}
}

func (f *File) builders() []*builder {
	builders := make([]*builder, len(f.keep))
	for k, i := range f.keep {
		builders[k] = newBuilder(f.header[i], f.types[i], f.lists[i], f.spec.Lists[f.header[i]])
	}
	return builders
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
