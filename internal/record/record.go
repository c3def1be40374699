// Package record keeps JSON documents in files. Each has a field "format", a number by which readers tell what they can read.
package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"recsys/internal/atomicfile"
)

// maxBytes bounds what Read reads.
const maxBytes = 16 << 20

// Write writes v, indented, to a file that appears whole or not at all.
func Write(path string, v any) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	})
}

// Read reads a file of the wanted format, of 16 MiB at most, into the value that v points to. A missing file gives fs.ErrNotExist; other
// errors name the file.
func Read(path string, format int, v any) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(text) > maxBytes {
		return fmt.Errorf("%s: larger than %d bytes", path, maxBytes)
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return fmt.Errorf("%s: not a JSON document: %w", path, err)
	}
	if head.Format != format {
		return fmt.Errorf("%s: format %d, this version reads %d", path, head.Format, format)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
