package data

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// openFile opens a file for reading, unpacked where its name ends in .gz.
func openFile(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // *fs.PathError names the operation, the path and the reason
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.Join(fmt.Errorf("%s is a folder: name a file in it", path), f.Close())
	}
	if !strings.HasSuffix(path, ".gz") {
		return f, nil
	}
	z, err := gzip.NewReader(f)
	if errors.Is(err, io.EOF) {
		err = errors.New("empty file")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w; .gz files have to be gzip: get the file again", path, err), f.Close())
	}
	return unpacked{z, f}, nil
}

type unpacked struct {
	*gzip.Reader
	file *os.File
}

func (u unpacked) Close() error { return errors.Join(u.Reader.Close(), u.file.Close()) }

// records is an open file past its header.
type records struct {
	*scanner
	path   string
	header []string
	form   form
	close  func() error
}

func openRecords(path string) (*records, error) {
	f, err := formOf(path)
	if err != nil {
		return nil, err
	}
	r := &records{path: path, form: f}
	in, err := openFile(path)
	if err != nil {
		return nil, err
	}
	r.close = in.Close
	r.scanner = newScanner(in, r.form.sep, r.form.quotes)
	if err := r.readHeader(); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *records) readHeader() error {
	if r.form.header != nil {
		r.header = r.form.header
		return nil
	}
	if magic, err := r.in.Peek(2); err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return fmt.Errorf("%s is packed with gzip: rename it to end in .gz", r.path)
	}
	fields, err := r.next()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: empty file: the first line has to name the columns", r.path)
	}
	if err != nil {
		return r.fault(err)
	}
	r.header = names(fields)
	seen := map[string]bool{}
	for i, name := range r.header {
		if name == "" {
			return r.fault(fmt.Errorf("column %d of the header has no name", i+1))
		}
		if seen[name] {
			return r.fault(fmt.Errorf("the header names column %q twice", name))
		}
		seen[name] = true
	}
	return nil
}

// record returns the next record, as many fields as the header has; io.EOF at the end.
func (r *records) record() ([][]byte, error) {
	fields, err := r.next()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, r.fault(err)
	}
	if r.form.convert != nil {
		if fields, err = r.form.convert(fields); err != nil {
			return nil, r.fault(err)
		}
	}
	if len(fields) != len(r.header) {
		return nil, r.fault(fmt.Errorf("%d fields, but there are %d columns (%s): add or remove fields, or quote the field that has a %q in it",
			len(fields), len(r.header), strings.Join(r.header, ", "), r.sep))
	}
	return fields, nil
}

// fault adds file and line to an error.
func (r *records) fault(err error) error {
	if strings.HasSuffix(r.path, ".gz") && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum)) {
		err = fmt.Errorf("broken gzip data: %w; get the file again", err)
	}
	return fmt.Errorf("%s:%d: %w", r.path, max(1, r.line), err)
}

// form is how a file's records are written.
type form struct {
	sep     string
	quotes  bool
	header  []string // nil: the first record
	convert func([][]byte) ([][]byte, error)
	derive  func(*Table) (*Table, error)
}

func formOf(path string) (form, error) {
	base := strings.TrimSuffix(filepath.Base(path), ".gz")
	if f, ok := groupLens(base); ok {
		return f, nil
	}
	if filepath.Ext(base) == ".dat" {
		return form{}, fmt.Errorf("%s: .dat files have no header: only ratings.dat, users.dat and movies.dat of MovieLens are known; write a .csv", path)
	}
	return form{sep: ",", quotes: true}, nil
}
