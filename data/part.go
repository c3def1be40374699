package data

import (
	"context"
	"fmt"
	"slices"
)

// Only returns the file with some of its columns, in the file's order. Read adds none to them. Names that the file does not
// have are an error.
func (f *File) Only(names ...string) (*File, error) {
	only := *f
	only.keep, only.derive = nil, nil
	if !slices.Contains(names, f.spec.Key) {
		only.spec.Key = ""
	}
	for i, name := range f.header {
		if slices.Contains(names, name) {
			only.keep = append(only.keep, i)
		}
	}
	for _, name := range names {
		if !slices.Contains(f.header, name) {
			return nil, fmt.Errorf("%s: %w", f.spec.Path, unknown(name, f.header, f.unread))
		}
	}
	if len(only.keep) == 0 {
		return nil, fmt.Errorf("%s: no columns are wanted", f.spec.Path)
	}
	return &only, nil
}

// Derives reports whether Read adds columns that only the whole file gives.
func (f *File) Derives() bool { return f.derive != nil }

// Empty returns a table of no rows with the file's columns.
func (f *File) Empty() *Table {
	builders := f.builders()
	for _, b := range builders {
		b.reset(0)
	}
	return tableOf(builders)
}

// Take reads the given rows, in their order; a row may appear more than once. It holds no others, and reads the file up to
// the last of them.
func (f *File) Take(ctx context.Context, rows []int) (*Table, error) {
	sorted := slices.Compact(slices.Sorted(slices.Values(rows)))
	if n := len(sorted); n > 0 && (sorted[0] < 0 || sorted[n-1] >= f.rows) {
		return nil, fmt.Errorf("%s: rows %d to %d of %d", f.spec.Path, sorted[0], sorted[n-1], f.rows)
	}
	r, err := f.format.open(f)
	if err != nil {
		return nil, err
	}
	defer r.close() //nolint:errcheck // only read from
	builders := f.builders()
	for _, b := range builders {
		b.reset(len(sorted))
	}
	at := 0
	for from := 0; from < len(sorted); {
		to := from + 1
		for to < len(sorted) && sorted[to] == sorted[to-1]+1 {
			to++
		}
		skipped, err := r.read(ctx, nil, sorted[from]-at)
		if err != nil {
			return nil, err
		}
		taken, err := r.read(ctx, builders, to-from)
		if err != nil {
			return nil, err
		}
		if at += skipped + taken; at != sorted[to-1]+1 {
			return nil, fmt.Errorf("%s changed while it was read: it has %d rows", f.spec.Path, at)
		}
		from = to
	}
	order := make([]int, len(rows))
	for i, row := range rows {
		order[i], _ = slices.BinarySearch(sorted, row)
	}
	return tableOf(builders).Take(order), nil
}

// tableOf makes a table of what builders hold.
func tableOf(builders []*builder) *Table {
	t := &Table{}
	for _, b := range builders {
		t.columns = append(t.columns, b.column())
	}
	t.rows = t.columns[0].Len()
	return t
}
