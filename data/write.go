package data

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"github.com/klauspost/compress/zstd"

	"recsys/internal/atomicfile"
	"recsys/tensor"
)

// WriteCSV writes a table with a header line to path, packed where it ends in .gz or .zst. Null is an empty cell. Lists
// gives list columns the separator of their elements. The same table gives the same bytes; the file appears whole or not
// at all.
func WriteCSV(path string, t *Table, lists map[string]string) error {
	err := atomicfile.Write(path, func(w io.Writer) error {
		z, err := packer(w, path)
		if err != nil {
			return err
		}
		return errors.Join(EncodeCSV(z, t, lists), z.Close())
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// packer packs what a file of that name holds.
func packer(w io.Writer, path string) (io.WriteCloser, error) {
	switch filepath.Ext(path) {
	case gzipEnd:
		return gzip.NewWriter(w), nil
	case zstdEnd:
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	}
	return unpackedWriter{w}, nil
}

type unpackedWriter struct{ io.Writer }

func (unpackedWriter) Close() error { return nil }

// EncodeCSV writes what WriteCSV writes, not packed, to w.
func EncodeCSV(w io.Writer, t *Table, lists map[string]string) error {
	out := bufio.NewWriterSize(w, 1<<16)
	var line, cell []byte
	for i, name := range t.Names() {
		if i > 0 {
			line = append(line, ',')
		}
		line = quote(line, []byte(name))
	}
	line = append(line, '\n')
	for row := range t.rows {
		for i, c := range t.columns {
			var err error
			if cell, err = c.appendCell(cell[:0], row, lists[c.name]); err != nil {
				return fmt.Errorf("row %d: %w", row+1, err)
			}
			if i > 0 {
				line = append(line, ',')
			}
			if len(cell) == 0 && len(t.columns) == 1 {
				line = append(line, '"', '"') // an empty line would be skipped
			}
			line = quote(line, cell)
		}
		line = append(line, '\n')
		if _, err := out.Write(line); err != nil {
			return err
		}
		line = line[:0]
	}
	if _, err := out.Write(line); err != nil {
		return err
	}
	return out.Flush()
}

// appendCell writes the value or list of a row.
func (c *Column) appendCell(cell []byte, row int, sep string) ([]byte, error) {
	if !c.IsList() {
		return c.appendValue(cell, row), nil
	}
	if sep == "" {
		return nil, fmt.Errorf("list column %q has no separator", c.name)
	}
	for i := c.offsets[row]; i < c.offsets[row+1]; i++ {
		if i > c.offsets[row] {
			cell = append(cell, sep...)
		}
		from := len(cell)
		cell = c.appendValue(cell, i)
		if bytes.Contains(cell[from:], []byte(sep)) {
			return nil, fmt.Errorf("list column %q: element %q holds the separator %q", c.name, cell[from:], sep)
		}
	}
	return cell, nil
}

func (c *Column) appendValue(cell []byte, i int) []byte {
	switch values := c.values.Any().(type) {
	case []int64:
		if values[i] != tensor.NullInt64 {
			cell = strconv.AppendInt(cell, values[i], 10)
		}
	case []float32:
		if values[i] == values[i] {
			cell = strconv.AppendFloat(cell, float64(values[i]), 'g', -1, 32)
		}
	case []string:
		cell = append(cell, values[i]...)
	}
	return cell
}

// quote appends a field, quoted as in RFC 4180 where it has to be.
func quote(line, field []byte) []byte {
	if !bytes.ContainsAny(field, ",\"\r\n") {
		return append(line, field...)
	}
	line = append(line, '"')
	for _, c := range field {
		if c == '"' {
			line = append(line, '"')
		}
		line = append(line, c)
	}
	return append(line, '"')
}
