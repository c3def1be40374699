package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	pqformat "github.com/parquet-go/parquet-go/format"

	"recsys/tensor"
)

// Bounds of what is read of a parquet file at once.
const (
	parquetBuffer = 1 << 16 // bytes of each column
	parquetRun    = 1 << 14 // rows between two looks at the context
)

// parquetFormat is Apache Parquet.
type parquetFormat struct{}

// parquetFile is an open file and how its columns are read.
type parquetFile struct {
	*parquet.File
	in      *os.File
	columns map[string]parquetColumn
	header  []string
	unread  map[string]string
}

// parquetColumn says how a column is read.
type parquetColumn struct {
	index    int // among the leaves
	dtype    tensor.DType
	list     bool
	defined  byte  // definition level of an element that is not null
	unsigned bool  // of integers
	unit     int64 // of times: how many are a second
	seconds  int64 // of dates: how many seconds one is
}

// openParquet reads the footer. What parquet-go panics about is an error.
func openParquet(path string) (p *parquetFile, err error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, in.Close())
		}
	}()
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder: name a file in it", path)
	}
	p = &parquetFile{in: in, columns: map[string]parquetColumn{}, unread: map[string]string{}}
	err = guarded(path, func() (err error) {
		if err := plausibleFooter(in, info.Size()); err != nil {
			return err
		}
		p.File, err = parquet.OpenFile(in, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true),
			parquet.ReadBufferSize(parquetBuffer))
		if err != nil {
			return err
		}
		return p.readColumns()
	})
	return p, err
}

// plausibleFooter checks that the footer lies in the file before memory is made for it.
func plausibleFooter(in io.ReaderAt, size int64) error {
	const ends = 12 // the two magic words and the footer's length
	var tail [8]byte
	if size < ends {
		return fmt.Errorf("%d bytes", size)
	}
	if _, err := in.ReadAt(tail[:], size-8); err != nil {
		return err
	}
	if string(tail[4:]) != "PAR1" {
		return errors.New("no PAR1 at the end: it was cut, is no parquet file or is encrypted")
	}
	if n := int64(tail[0]) | int64(tail[1])<<8 | int64(tail[2])<<16 | int64(tail[3])<<24; n > size-ends {
		return fmt.Errorf("a footer of %d bytes in a file of %d", n, size)
	}
	return nil
}

// guarded calls f, which uses parquet-go; its errors and panics become errors with the file and what to do.
func guarded(path string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: damaged parquet file: %v; write it again", path, r)
		}
	}()
	switch err := f(); {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	default:
		if _, ok := errors.AsType[cellError](err); ok {
			return fmt.Errorf("%s: %w", path, err)
		}
		return fmt.Errorf("%s: damaged parquet file: %w; write it again", path, err)
	}
}

// readColumns finds out which columns can be read, and checks the numbers of rows.
func (p *parquetFile) readColumns() error {
	seen := map[string]bool{}
	for i, c := range p.Root().Columns() {
		name := c.Name()
		if name == "" || seen[name] {
			return cellError{fmt.Errorf("column %d has no name, or that of another, %q: give each its own", i+1, name)}
		}
		seen[name] = true
		if column, ok := readable(c); ok {
			p.columns[name] = column
			p.header = append(p.header, name)
		} else {
			p.unread[name] = kindOf(c)
		}
	}
	for _, g := range p.Metadata().RowGroups {
		for _, c := range g.Columns {
			// parquet-go takes ever more memory for LZ4 that is damaged, until there is none.
			if codec := c.MetaData.Codec; codec == pqformat.Lz4Raw {
				return cellError{fmt.Errorf("packed with %s: write it with snappy or zstd", codec)}
			}
		}
	}
	var rows int64
	for _, g := range p.RowGroups() {
		n := g.NumRows()
		if n < 0 || n > math.MaxInt32 {
			return fmt.Errorf("a row group of %d rows", n)
		}
		rows += n
	}
	if rows != p.NumRows() {
		return fmt.Errorf("%d rows, but %d in its row groups", p.NumRows(), rows)
	}
	return nil
}

// kindOf names the type of a column that is not read.
func kindOf(c *parquet.Column) string {
	if c.Leaf() {
		return c.Type().String()
	}
	return "nested"
}

// readable says how a column is read, if it holds values, or lists of them: a leaf, or a leaf under one repeated group of
// the three that the format writes lists with.
func readable(c *parquet.Column) (parquetColumn, bool) {
	leaf, depth := c, 1
	for !leaf.Leaf() {
		if len(leaf.Columns()) != 1 {
			return parquetColumn{}, false
		}
		leaf = leaf.Columns()[0]
		depth++
	}
	out := parquetColumn{index: leaf.Index(), list: leaf.MaxRepetitionLevel() == 1, defined: byte(leaf.MaxDefinitionLevel())}
	const listDepth = 3
	if leaf.MaxRepetitionLevel() > 1 || depth > listDepth || depth > 1 && !out.list {
		return parquetColumn{}, false
	}
	var ok bool
	out.dtype, ok = out.read(leaf.Type())
	return out, ok
}

// read says how values of a type are read.
func (c *parquetColumn) read(t parquet.Type) (tensor.DType, bool) {
	kind := t.Kind()
	var logical pqformat.LogicalTypeValue
	if l := t.LogicalType(); l != nil {
		logical = l.Value
	}
	switch l := logical.(type) {
	case nil:
	case *pqformat.StringType, *pqformat.EnumType, *pqformat.JsonType:
		return tensor.String, kind == parquet.ByteArray
	case *pqformat.IntType:
		c.unsigned = !l.IsSigned
		return tensor.Int64, kind == parquet.Int32 || kind == parquet.Int64
	case *pqformat.DateType:
		c.seconds = int64(24 * time.Hour / time.Second)
		return tensor.Int64, kind == parquet.Int32
	case *pqformat.TimestampType:
		if l.Unit.Value == nil {
			return tensor.Int64, false
		}
		c.unit = int64(time.Second / l.Unit.Value.Duration())
		return tensor.Int64, kind == parquet.Int64
	default:
		return tensor.Int64, false
	}
	switch kind {
	case parquet.Boolean, parquet.Int32, parquet.Int64, parquet.Int96:
		return tensor.Int64, true
	case parquet.Float, parquet.Double:
		return tensor.Float32, true
	case parquet.ByteArray:
		return tensor.String, true
	default:
		return tensor.Int64, false
	}
}

func (p *parquetFile) close() error { return p.in.Close() }

func (parquetFormat) survey(ctx context.Context, f *File) (err error) {
	path := f.spec.Path
	p, err := openParquet(path)
	if err != nil {
		return err
	}
	if err := errors.Join(f.spec.check(p.header, p.unread), p.close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(p.header) == 0 {
		return fmt.Errorf("%s: no column of integers, numbers, text, times, or lists of them", path)
	}
	if p.NumRows() == 0 {
		return fmt.Errorf("%s: no rows", path)
	}
	f.header, f.unread, f.rows = p.header, p.unread, int(p.NumRows())
	var lists []string
	for _, name := range f.header {
		c := p.columns[name]
		dtype, declared := f.spec.Columns[name]
		if !declared {
			dtype = c.dtype
		}
		split := f.spec.Lists[name] != ""
		if split && !c.list && c.dtype != tensor.String {
			return fmt.Errorf("%s: list column %q is %s, not text with separators", path, name, c.dtype)
		}
		f.types, f.lists, f.longs = append(f.types, dtype), append(f.lists, c.list || split), append(f.longs, 0)
		f.blank = append(f.blank, false)
		if c.list || split {
			lists = append(lists, name)
		}
	}
	return f.measure(ctx, lists)
}

// measure reads list columns for the length of the longest list.
func (f *File) measure(ctx context.Context, lists []string) (err error) {
	if len(lists) == 0 {
		return nil
	}
	only, err := f.Only(lists...)
	if err != nil {
		return err
	}
	r, err := f.format.open(only)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	builders := only.builders()
	for _, b := range builders {
		// Text that is empty is no element, so it has to be looked at.
		b.lengths = b.dtype != tensor.String && b.sep == nil
	}
	for n := parquetGroupRows; n == parquetGroupRows; {
		for _, b := range builders {
			b.reset(0)
		}
		if n, err = r.read(ctx, builders, parquetGroupRows); err != nil {
			return err
		}
		for k, b := range builders {
			for i := 1; i < len(b.offsets); i++ {
				f.longs[only.keep[k]] = max(f.longs[only.keep[k]], b.offsets[i]-b.offsets[i-1], 1)
			}
		}
	}
	return nil
}

func (parquetFormat) open(f *File) (rows, error) {
	p, err := openParquet(f.spec.Path)
	if err != nil {
		return nil, err
	}
	r := &parquetRows{file: p, path: f.spec.Path, groups: p.RowGroups()}
	for _, i := range f.keep {
		name := f.header[i]
		c, ok := p.columns[name]
		if !ok || !slices.Equal(p.header, f.header) {
			return nil, errors.Join(fmt.Errorf("%s changed while it was read: its columns are %s", r.path, strings.Join(p.header, ", ")), p.close())
		}
		dtype := f.types[i]
		cursor := &parquetCursor{parquetColumn: c, name: name, split: f.lists[i] && !c.list}
		if cursor.split {
			dtype = tensor.String
		}
		cursor.page.dtype, cursor.words.dtype = dtype, dtype
		r.cursors = append(r.cursors, cursor)
	}
	return r, nil
}
