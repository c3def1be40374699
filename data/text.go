package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"recsys/tensor"
)

// textFormat is CSV and the files of GroupLens.
type textFormat struct{}

// survey infers the types of undeclared columns from all cells.
func (textFormat) survey(ctx context.Context, f *File) (err error) {
	r, err := openRecords(f.spec.Path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := f.spec.check(r.header, nil); err != nil {
		return fmt.Errorf("%s: %w", f.spec.Path, err)
	}
	columns := len(r.header)
	f.header, f.lists, f.longs, f.derive = r.header, make([]bool, columns), make([]int, columns), r.form.derive
	guesses, declared := make([]guess, columns), make([]bool, columns)
	for i, name := range f.header {
		if sep := f.spec.Lists[name]; sep != "" {
			f.lists[i], guesses[i].sep = true, []byte(sep)
		}
		_, declared[i] = f.spec.Columns[name]
	}
	bad := faults{path: f.spec.Path}
	for {
		fields, err := r.record()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !bad.takes(err) {
			return errors.Join(bad.err(), err)
		}
		if f.rows++; f.rows%(1<<14) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			continue
		}
		for i, cell := range fields {
			guesses[i].add(cell, r.line)
			if sep := guesses[i].sep; sep != nil {
				f.longs[i] = max(f.longs[i], 1+strings.Count(string(cell), string(sep)))
			}
		}
	}
	if f.rows == 0 {
		return fmt.Errorf("%s: no rows after the header", f.spec.Path)
	}
	f.types = make([]tensor.DType, columns)
	for i, name := range f.header {
		line, err := guesses[i].line, error(nil)
		if f.types[i] = f.spec.Columns[name]; !declared[i] {
			f.types[i], err = guesses[i].dtype(), guesses[i].slip()
		}
		if err == nil {
			line, err = guesses[i].check(f.types[i])
		}
		if err != nil {
			bad.add(fmt.Errorf("%s:%d: column %q: %w", f.spec.Path, line, name, err))
		}
		f.blank = append(f.blank, !guesses[i].seen && !declared[i])
	}
	return bad.err()
}

// maxFaults is the number of faults of one file that are told one by one.
const maxFaults = 10

// faults are those of a file.
type faults struct {
	path string
	errs []error
	more int
}

// rowError is one that leaves other rows readable.
type rowError struct{ error }

func (e rowError) Unwrap() error { return e.error }

// takes notes an error if it leaves other rows readable.
func (f *faults) takes(err error) bool {
	_, ok := errors.AsType[rowError](err)
	if ok {
		f.add(err)
	}
	return ok
}

func (f *faults) add(err error) {
	if len(f.errs) < maxFaults {
		f.errs = append(f.errs, err)
	} else {
		f.more++
	}
}

// err joins the faults; nil without any.
func (f *faults) err() error {
	if f.more > 0 {
		return errors.Join(errors.Join(f.errs...), fmt.Errorf("%s: %d more faults", f.path, f.more))
	}
	return errors.Join(f.errs...)
}

func (textFormat) open(f *File) (rows, error) {
	r, err := openRecords(f.spec.Path)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(r.header, f.header) {
		return nil, errors.Join(r.fault(errors.New("the header changed while the file was read")), r.close())
	}
	return textRows{r, f.keep}, nil
}

type textRows struct {
	*records
	keep []int
}

func (r textRows) close() error { return r.records.close() }

func (r textRows) read(ctx context.Context, into []*builder, n int) (int, error) {
	for i := range n {
		if i%(1<<14) == 0 && ctx.Err() != nil {
			return i, ctx.Err()
		}
		fields, err := r.record()
		if errors.Is(err, io.EOF) {
			return i, nil
		}
		if err != nil {
			return i, err
		}
		for k, b := range into {
			if err := b.add(fields[r.keep[k]]); err != nil {
				return i, r.fault(fmt.Errorf("column %q: %w", b.name, err))
			}
		}
	}
	return n, nil
}
