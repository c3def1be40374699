package data

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"recsys/tensor"
)

// ResolveAll finds the files that a pipeline names: one as Resolve does, or all of names and patterns that commas
// separate, such as "old.csv, 2026-*.parquet". A pattern, see [filepath.Match], gives its files in the order of their
// names, and has to have one. A file that is named twice is an error.
func ResolveAll(dir, path string) ([]string, error) {
	if file, err := Resolve(dir, path); err == nil || !strings.ContainsAny(path, ",*?[") {
		return []string{file}, err
	}
	var files []string
	for part := range strings.SplitSeq(path, ",") {
		part = strings.TrimSpace(part)
		found, err := match(dir, part)
		if err != nil {
			return nil, err
		}
		for _, file := range found {
			if slices.Contains(files, file) {
				return nil, fmt.Errorf("%s: file %s is named twice", path, file)
			}
			files = append(files, file)
		}
	}
	return files, nil
}

// match finds the files of one name or pattern.
func match(dir, part string) ([]string, error) {
	if !strings.ContainsAny(part, "*?[") {
		file, err := Resolve(dir, part)
		return []string{file}, err
	}
	root := dir
	if filepath.IsAbs(part) {
		root, part = "/", part[1:]
	}
	// Within the folder, for characters of its own name are no pattern.
	names, err := fs.Glob(os.DirFS(root), filepath.ToSlash(filepath.Clean(part)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", part, err)
	}
	var files []string
	for _, name := range names {
		file := filepath.Join(root, name)
		if info, err := os.Stat(file); err == nil && !info.IsDir() {
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no file %s in folder %s", part, filepath.Clean(root))
	}
	slices.Sort(files)
	return files, nil
}

// joinedFormat is several files one after another.
type joinedFormat struct {
	parts []*File
	at    []map[string]int // places of columns in the parts
}

// survey opens every file. Their columns have to have the same names and types; the order is that of the first.
func (j *joinedFormat) survey(ctx context.Context, f *File) error {
	for _, path := range f.spec.Files {
		spec := f.spec
		spec.Path, spec.Files = path, nil
		part, err := Open(ctx, spec)
		if err != nil {
			return err
		}
		if part.derive != nil {
			return fmt.Errorf("%s: a file of MovieLens has to be the only one of its table", path)
		}
		places := map[string]int{}
		for i, name := range part.header {
			places[name] = i
		}
		j.parts, j.at, f.rows = append(j.parts, part), append(j.at, places), f.rows+part.rows
	}
	first := j.parts[0]
	f.header, f.unread = first.header, first.unread
	var errs []error
	for p, part := range j.parts {
		errs = append(errs, agree(first, part, j.at[0]), agree(part, first, j.at[p]))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, name := range f.header {
		errs = append(errs, j.join(f, name))
	}
	return errors.Join(errs...)
}

// agree checks that the columns of b are in a, where they have places.
func agree(a, b *File, places map[string]int) error {
	for _, name := range b.header {
		if _, ok := places[name]; !ok {
			return fmt.Errorf("%s has no column %q, which %s has: files of one table have the same columns", a.spec.Path, name, b.spec.Path)
		}
	}
	return nil
}

// join takes the type of a column that suits all files: integers and numbers are numbers, and a column without a value is
// of any type.
func (j *joinedFormat) join(f *File, name string) error {
	var from *File // the first file that has values in the column
	dtype, list, long := tensor.String, false, 0
	for p, part := range j.parts {
		i := j.at[p][name]
		if part.blank[i] && !part.lists[i] {
			continue
		}
		long = max(long, part.longs[i])
		if from == nil {
			from, dtype, list = part, part.types[i], part.lists[i]
			continue
		}
		joined, ok := widened(dtype, part.types[i])
		if !ok || list != part.lists[i] {
			return fmt.Errorf("column %q is %s in %s and %s in %s: write one type, or declare it under columns",
				name, kindName(dtype, list), from.spec.Path, kindName(part.types[i], part.lists[i]), part.spec.Path)
		}
		dtype = joined
	}
	f.types, f.lists, f.longs, f.blank = append(f.types, dtype), append(f.lists, list), append(f.longs, long), append(f.blank, from == nil)
	return nil
}

// widened is the type that has the values of both.
func widened(a, b tensor.DType) (tensor.DType, bool) {
	switch {
	case a == b:
		return a, true
	case a != tensor.String && b != tensor.String:
		return tensor.Float32, true
	}
	return a, false
}

func kindName(d tensor.DType, list bool) string {
	if list {
		return "lists of " + d.String()
	}
	return d.String()
}

func (j *joinedFormat) open(f *File) (rows, error) {
	r := &joinedRows{}
	for p, part := range j.parts {
		kept := *part
		kept.keep, kept.types, kept.lists = nil, slices.Clone(part.types), slices.Clone(part.lists)
		for _, i := range f.keep {
			at := j.at[p][f.header[i]]
			kept.keep = append(kept.keep, at)
			kept.types[at], kept.lists[at] = f.types[i], f.lists[i]
		}
		r.parts = append(r.parts, &kept)
	}
	return r, nil
}

// joinedRows reads one file at a time.
type joinedRows struct {
	parts []*File // those that are not opened
	now   *File   // the one that is
	rows  rows
	left  int // its rows that are not read
}

func (r *joinedRows) close() error {
	if r.rows == nil {
		return nil
	}
	err := r.rows.close()
	r.rows = nil
	return err
}

func (r *joinedRows) read(ctx context.Context, into []*builder, n int) (int, error) {
	done := 0
	for done < n {
		if r.left == 0 {
			if err := r.close(); err != nil || len(r.parts) == 0 {
				return done, err
			}
			if rows := r.parts[0].rows; into == nil && rows <= n-done { // Nothing of it is wanted.
				done, r.parts = done+rows, r.parts[1:]
				continue
			}
			var err error
			r.now, r.parts = r.parts[0], r.parts[1:]
			if r.rows, err = r.now.format.open(r.now); err != nil {
				return done, err
			}
			r.left = r.now.rows
		}
		want := min(n-done, r.left)
		got, err := r.rows.read(ctx, into, want)
		if err != nil {
			return done, err
		}
		if got < want {
			return done, fmt.Errorf("%s changed while it was read: it has %d rows", r.now.spec.Path, r.now.rows-r.left+got)
		}
		done, r.left = done+got, r.left-got
	}
	return done, nil
}
