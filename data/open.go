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
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"recsys/tensor"
)

// The endings of packed files.
const (
	gzipEnd = ".gz"
	zstdEnd = ".zst"
)

// maxWindow bounds the memory that unpacking .zst takes; it is what zstd itself unpacks without being told to.
const maxWindow = 128 << 20

// unpackedName is the name without the ending that says how the file is packed.
func unpackedName(path string) string {
	return strings.TrimSuffix(strings.TrimSuffix(path, gzipEnd), zstdEnd)
}

// IsTable reports whether the name of a file is that of a table: .csv, .jsonl, .ndjson, .parquet or one of MovieLens's, maybe packed.
func IsTable(path string) bool {
	base := filepath.Base(unpackedName(path))
	if _, ok := groupLens(base); ok {
		return true
	}
	switch strings.ToLower(filepath.Ext(base)) {
	case ".csv", ".jsonl", ".ndjson", ".parquet":
		return true
	}
	return false
}

// ReadLines reads the lines of a text file, unpacked where its name ends in .gz or .zst, without the space around them; empty ones
// are left out.
func ReadLines(path string) (lines []string, err error) {
	in, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	s := newScanner(in, "", false)
	for {
		line, err := s.readLine()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, s.line, err)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			lines = append(lines, string(line))
		}
	}
}

// openFile opens a file for reading, unpacked where its name ends in .gz or .zst.
func openFile(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // *fs.PathError names the operation, the path and the reason
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.Join(fmt.Errorf("%s is a folder: name a file in it", path), f.Close())
	}
	u := unpacked{file: f}
	switch filepath.Ext(path) {
	case gzipEnd:
		u.kind = "gzip"
		var z *gzip.Reader
		if z, err = gzip.NewReader(f); err == nil {
			u.in = z
		}
	case zstdEnd:
		u.kind = "zstd"
		var z *zstd.Decoder
		if z, err = zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow)); err == nil {
			u.in = z.IOReadCloser()
		}
	default:
		return f, nil
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("empty file")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w; %s files have to be %s: get the file again", path, err, filepath.Ext(path), u.kind), f.Close())
	}
	return u, nil
}

// unpacked is a packed file.
type unpacked struct {
	kind string
	in   io.ReadCloser
	file *os.File
}

func (u unpacked) Read(p []byte) (int, error) {
	n, err := u.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("broken %s data: %w; get the file again", u.kind, err)
	}
	return n, err
}

func (u unpacked) Close() error { return errors.Join(u.in.Close(), u.file.Close()) }

// misnamed is the error for a file that is packed without its name's saying so; nil for others.
func misnamed(path string, start []byte) error {
	for end, magic := range map[string]string{gzipEnd: "\x1f\x8b", zstdEnd: "\x28\xb5\x2f\xfd"} {
		if bytes.HasPrefix(start, []byte(magic)) {
			return fmt.Errorf("%s is packed: rename it to end in %s", path, end)
		}
	}
	return nil
}

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
	start, _ := r.in.Peek(4) // An error shows at the next read.
	if err := misnamed(r.path, start); err != nil {
		return err
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
	var errs []error
	for i, name := range r.header {
		switch {
		case name == "":
			errs = append(errs, r.fault(fmt.Errorf("column %d of the header has no name: give it one", i+1)))
		case !utf8.ValidString(name):
			errs = append(errs, r.fault(fmt.Errorf("the name of column %d: %w", i+1, badCell([]byte(name), tensor.String))))
		case seen[name]:
			errs = append(errs, r.fault(fmt.Errorf("the header names column %q twice: rename one, or remove it", name)))
		}
		seen[name] = true
	}
	return errors.Join(errs...)
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
			return nil, rowError{r.fault(err)}
		}
	}
	if len(fields) != len(r.header) {
		return nil, rowError{r.fault(fmt.Errorf("%d fields, but there are %d columns (%s): add or remove fields, or quote the field that has a %q in it",
			len(fields), len(r.header), strings.Join(r.header, ", "), r.sep))}
	}
	return fields, nil
}

// fault adds file and line to an error.
func (r *records) fault(err error) error {
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
	base := filepath.Base(unpackedName(path))
	if f, ok := groupLens(base); ok {
		return f, nil
	}
	if filepath.Ext(base) == ".dat" {
		return form{}, fmt.Errorf("%s: .dat files have no header: only ratings.dat, users.dat and movies.dat of MovieLens are known; write a .csv", path)
	}
	return form{sep: ",", quotes: true}, nil
}
