package data

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"recsys/tensor"
)

// Spec describes one file. Only Path is needed.
type Spec struct {
	// Path is the file: .csv with a header line or .jsonl, packed if .gz or .zst follows, .parquet, or a .dat file of
	// MovieLens. See Resolve for folders.
	Path string
	// Files, where it is not empty, are read in place of Path as one table, one after another; Path names them in errors. The
	// files have columns of the same names, in any order, and types: integers here and numbers there are numbers, and a column
	// that is empty in one of text or JSON takes the type of the others. See ResolveAll for patterns.
	Files []string
	// Key names a column whose values Read requires to be unique and not null. "" is none.
	Key string
	// Columns gives columns their type: Int64, Float32 or String. Others are inferred from all of their cells: Int64
	// where every one is an integer, else Float32 where every one is a number, else String. Numbers with leading zeros
	// (zip codes) are text, and so are columns without any value. Where all of at least 20 values but one, or but one in
	// a hundred, are numbers, reading fails with the line of the one that is not. Parquet states types, and JSON tells text
	// from numbers; others that are given here are converted to, and a value that the type does not have is an error with
	// its row.
	Columns map[string]tensor.DType
	// Lists gives list columns the separator of their elements, such as {"genres": "|"}. Lists of parquet need none.
	Lists map[string]string
}

// Validate checks the spec by itself; it reports all faults.
func (s Spec) Validate() error {
	var errs []error
	if s.Path == "" && len(s.Files) == 0 {
		errs = append(errs, errors.New("no path: name a .csv, .jsonl, .parquet or .dat file"))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Columns)) {
		switch d := s.Columns[name]; d {
		case tensor.Int64, tensor.Float32, tensor.String:
		default:
			errs = append(errs, fmt.Errorf("column %q cannot be %s: columns are int64, float32 or string", name, d))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Lists)) {
		if s.Lists[name] == "" {
			errs = append(errs, fmt.Errorf("list column %q has an empty separator: name the text between elements, such as \"|\"", name))
		}
	}
	if _, ok := s.Lists[s.Key]; ok && s.Key != "" {
		errs = append(errs, fmt.Errorf("key column %q cannot be a list", s.Key))
	}
	return errors.Join(errs...)
}

// check looks up the columns that the spec names in a file's header. Unread says of other columns what they hold.
func (s Spec) check(header []string, unread map[string]string) error {
	var errs []error
	named := slices.Concat(slices.Sorted(maps.Keys(s.Columns)), slices.Sorted(maps.Keys(s.Lists)))
	if s.Key != "" {
		named = append(named, s.Key)
	}
	slices.Sort(named)
	for _, name := range slices.Compact(named) {
		if !slices.Contains(header, name) {
			errs = append(errs, unknown(name, header, unread))
		}
	}
	return errors.Join(errs...)
}

// unknown is the error for a column that the header lacks.
func unknown(name string, header []string, unread map[string]string) error {
	if kind, ok := unread[name]; ok {
		return fmt.Errorf("column %q is %s, which is not read: write it as integers, numbers, text, times, or lists of them", name, kind)
	}
	return missing(name, header)
}
