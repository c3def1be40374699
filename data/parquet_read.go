package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"

	"github.com/parquet-go/parquet-go"

	"recsys/internal/parallel"
	"recsys/tensor"
)

// parquetRows reads columns side by side. It holds a page and a dictionary of each.
type parquetRows struct {
	file    *parquetFile
	path    string
	groups  []parquet.RowGroup // those that are not begun
	cursors []*parquetCursor
	left    int // rows of the group that are not read
	row     int // the next one, from 0
}

func (r *parquetRows) close() error {
	errs := make([]error, 0, len(r.cursors)+1)
	for _, c := range r.cursors {
		errs = append(errs, c.closePages())
	}
	return errors.Join(append(errs, r.file.close())...)
}

func (r *parquetRows) read(ctx context.Context, into []*builder, n int) (done int, err error) {
	for done < n {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		if r.left == 0 {
			if len(r.groups) == 0 {
				return done, nil
			}
			rows := int(r.groups[0].NumRows())
			if into == nil && rows <= n-done { // Nothing of it is wanted.
				r.groups = r.groups[1:]
				r.row, done = r.row+rows, done+rows
				continue
			}
			if err := guarded(r.path, r.begin); err != nil {
				return done, err
			}
			continue
		}
		run := min(n-done, r.left)
		if err := r.readRun(ctx, into, run); err != nil {
			return done, err
		}
		done += run
	}
	return done, nil
}

// readRun reads n rows of the group, the columns side by side on all processors. Of several errors it is the first column's.
func (r *parquetRows) readRun(ctx context.Context, into []*builder, n int) error {
	row := r.row
	r.left, r.row = r.left-n, r.row+n
	return parallel.Do(workers(n*len(r.cursors)), len(r.cursors), func(k int) error {
		var b *builder
		if into != nil {
			b = into[k]
		}
		return r.readColumn(ctx, r.cursors[k], b, n, row)
	})
}

// readColumn reads n rows of a column, the first of which is row.
func (r *parquetRows) readColumn(ctx context.Context, c *parquetCursor, b *builder, n, row int) error {
	return guarded(r.path, func() error {
		for from := 0; from < n; from += parquetRun {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := c.read(b, min(parquetRun, n-from), row+from); err != nil {
				return fmt.Errorf("column %q: %w", c.name, err)
			}
		}
		return nil
	})
}

// workers is the number of goroutines for that many values: one for few, which take less time than another needs to start.
func workers(values int) int {
	if values < 1<<13 {
		return 1
	}
	return runtime.GOMAXPROCS(0)
}

// begin opens the columns of the next row group.
func (r *parquetRows) begin() error {
	group := r.file.Metadata().RowGroups[len(r.file.RowGroups())-len(r.groups)]
	chunks := r.groups[0].ColumnChunks()
	r.left, r.groups = int(r.groups[0].NumRows()), r.groups[1:]
	for _, c := range r.cursors {
		if err := c.closePages(); err != nil {
			return err
		}
		if err := plausiblePages(r.file.in, r.file.Size(), &group.Columns[c.index].MetaData); err != nil {
			return fmt.Errorf("column %q: %w", c.name, err)
		}
		c.pages, c.dictionary = chunks[c.index].Pages(), nil
	}
	return nil
}

// cellError is one for which the file is not damaged.
type cellError struct{ error }

func (e cellError) Unwrap() error { return e.error }

// parquetCursor reads one column.
type parquetCursor struct {
	parquetColumn
	name       string
	split      bool // text holds lists
	pages      parquet.Pages
	current    parquet.Page
	entries    int     // of the page: values, nulls and empty lists
	entry      int     // the next one
	value      int     // the next value that is not null
	full       bool    // no value of the page is null
	begun      bool    // a list that is not ended
	indices    []int32 // of the page's values in the dictionary; nil where they stand in the page
	decoded    bool
	count      int           // values of the page that are decoded
	page       parquetValues // those of the page
	words      parquetValues // those of the dictionary
	dictionary parquet.Dictionary
}

// read appends n rows to b, or passes over them where it is nil. Row is the place of the first in the file.
func (c *parquetCursor) read(b *builder, n, row int) error {
	if c.list {
		return c.readLists(b, n, row)
	}
	for n > 0 {
		if more, err := c.more(); err != nil || !more {
			return errors.Join(err, endsEarly(more))
		}
		m := min(n, c.entries-c.entry)
		if err := c.readValues(b, m, row); err != nil {
			return err
		}
		n, row = n-m, row+m
	}
	return nil
}

func endsEarly(more bool) error {
	if more {
		return nil
	}
	return errors.New("it ends before its row group")
}

// readValues reads m entries of the page.
func (c *parquetCursor) readValues(b *builder, m, row int) error {
	if c.defined == 0 || c.full {
		err := c.put(b, m, row)
		c.entry += m
		return err
	}
	levels := c.current.DefinitionLevels()[c.entry : c.entry+m]
	for from := 0; from < m; {
		defined := levels[from] == c.defined
		to := from + 1
		for to < m && (levels[to] == c.defined) == defined {
			to++
		}
		switch {
		case defined:
			if err := c.put(b, to-from, row+from); err != nil {
				return err
			}
		case b != nil:
			c.putNulls(b, to-from)
		}
		from = to
	}
	c.entry += m
	return nil
}

// readLists reads n rows. A list may go on in the next page.
func (c *parquetCursor) readLists(b *builder, n, row int) error {
	for {
		more, err := c.more()
		if err != nil {
			return err
		}
		if !more {
			if c.begun {
				c.begun, n = false, n-1
				if b != nil {
					b.endList()
				}
			}
			return endsEarly(n == 0)
		}
		ended, err := c.readLevels(b, n, row)
		if err != nil {
			return err
		}
		if n, row = n-ended, row+ended; n == 0 {
			return nil
		}
	}
}

// readLevels reads what the page has of n lists, up to the beginning of the next one, and returns how many have ended.
// Values are appended by the page where each of them is one element, so that where lists end is known before.
func (c *parquetCursor) readLevels(b *builder, n, row int) (ended int, err error) {
	one := b != nil && !b.lengths && c.oneByOne()
	repeated, defined := c.current.RepetitionLevels()[c.entry:], c.current.DefinitionLevels()[c.entry:]
	i, pending := 0, 0
	for ; i < len(repeated); i++ {
		switch starts := repeated[i] == 0; {
		case starts && c.begun:
			if ended++; b != nil {
				b.endListBehind(pending)
			}
			if c.begun = ended < n; !c.begun {
				return ended, c.leave(b, i, pending, row)
			}
		case starts:
			c.begun = true
		case !c.begun:
			return ended, errors.New("a list without a beginning")
		}
		if defined[i] != c.defined {
			continue
		}
		if !one {
			pending++
			continue
		}
		if err := c.put(b, 1, row+ended); err != nil {
			return ended, err
		}
	}
	return ended, c.leave(b, i, pending, row)
}

// leave goes past n entries of the page, in which some values wait.
func (c *parquetCursor) leave(b *builder, n, waiting, row int) error {
	c.entry += n
	if b != nil && b.lengths {
		b.passed += waiting
		c.value += waiting
		return nil
	}
	return c.put(b, waiting, row)
}

// oneByOne tells whether values of the page may be no element of their list, or an error that names its row.
func (c *parquetCursor) oneByOne() bool {
	if !c.decoded {
		c.decode()
	}
	if c.indices != nil {
		return c.words.dtype == tensor.String || len(c.words.bad) > 0
	}
	return c.page.dtype == tensor.String || len(c.page.bad) > 0
}

// more has an entry ready, of the next page where this one is read; false at the end of the row group.
func (c *parquetCursor) more() (bool, error) {
	for c.entry >= c.entries {
		parquet.Release(c.current)
		c.current = nil
		page, err := c.pages.ReadPage()
		if errors.Is(err, io.EOF) {
			c.entry, c.entries = 0, 0
			return false, nil
		}
		if err != nil {
			return false, err
		}
		c.current, c.entries, c.entry, c.value = page, int(page.NumValues()), 0, 0
		c.decoded, c.indices, c.full = false, nil, page.NumNulls() == 0
	}
	return true, nil
}

func (c *parquetCursor) closePages() error {
	if c.pages == nil {
		return nil
	}
	parquet.Release(c.current)
	err := c.pages.Close()
	c.pages, c.current, c.dictionary = nil, nil, nil
	c.entry, c.entries, c.begun = 0, 0, false
	return err
}

// put appends the next n values of the page.
func (c *parquetCursor) put(b *builder, n, row int) error {
	from := c.value
	c.value += n
	if b == nil {
		return nil
	}
	if !c.decoded {
		c.decode()
	}
	if c.value > c.count {
		return fmt.Errorf("%d values where there should be %d", c.count, c.value)
	}
	if c.indices != nil {
		return c.putWords(b, c.indices[from:c.value], row)
	}
	v := &c.page
	if i, ok := v.firstBad(from, c.value); ok {
		return cellError{fmt.Errorf("row %d: %w", row+1+i-from, v.bad[i])}
	}
	switch v.dtype {
	case tensor.Int64:
		b.ints = append(b.ints, v.ints[from:c.value]...)
	case tensor.Float32:
		b.floats = append(b.floats, v.floats[from:c.value]...)
	default:
		few := n*8 < c.count // A few strings would keep the text of the whole page.
		for i, s := range v.strings[from:c.value] {
			if few {
				s = strings.Clone(s)
			}
			if err := c.putString(b, s); err != nil {
				return cellError{fmt.Errorf("row %d: %w", row+1+i, err)}
			}
		}
	}
	return nil
}

// putWords appends values of the dictionary.
func (c *parquetCursor) putWords(b *builder, indices []int32, row int) error {
	words := &c.words
	if len(words.bad) > 0 {
		for i, k := range indices {
			if err := words.bad[int(k)]; err != nil {
				return cellError{fmt.Errorf("row %d: %w", row+1+i, err)}
			}
		}
	}
	switch words.dtype {
	case tensor.Int64:
		for _, k := range indices {
			b.ints = append(b.ints, words.ints[k])
		}
	case tensor.Float32:
		for _, k := range indices {
			b.floats = append(b.floats, words.floats[k])
		}
	default:
		for i, k := range indices {
			if err := c.putString(b, words.strings[k]); err != nil {
				return cellError{fmt.Errorf("row %d: %w", row+1+i, err)}
			}
		}
	}
	return nil
}

// putString appends text: a value, the elements that it holds, or one element, which is left out where it is null.
func (c *parquetCursor) putString(b *builder, s string) error {
	switch {
	case c.split:
		return b.add([]byte(s))
	case s != "" || !c.list:
		b.strings = append(b.strings, s)
	}
	return nil
}

// putNulls appends nulls, or, where text holds lists, empty ones.
func (c *parquetCursor) putNulls(b *builder, n int) {
	for range n {
		switch {
		case c.split:
			b.endList()
		case b.dtype == tensor.Int64:
			b.ints = append(b.ints, tensor.NullInt64)
		case b.dtype == tensor.Float32:
			b.floats = append(b.floats, float32(math.NaN()))
		default:
			b.strings = append(b.strings, "")
		}
	}
}

// decode reads the values of the page, and the dictionary that they are in if it is another than before.
func (c *parquetCursor) decode() {
	c.decoded = true
	values, dictionary := c.current.Data(), c.current.Dictionary()
	if dictionary == nil {
		c.page.decode(c.parquetColumn, values, int(c.current.NumValues()-c.current.NumNulls()))
		c.count = c.page.len()
		return
	}
	c.indices = values.Int32()
	c.count = len(c.indices)
	if dictionary != c.dictionary {
		c.dictionary = dictionary
		all := dictionary.Page()
		c.words.decode(c.parquetColumn, all.Data(), int(all.NumValues()))
	}
}
