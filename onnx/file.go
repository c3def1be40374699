package onnx

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"recsys/graph"
)

// Write writes the graph to path by way of a temporary sibling, which is synced and renamed. It fails where [Marshal]
// does, and then leaves nothing behind.
func Write(path string, g *graph.Graph, meta Meta) error {
	data, err := Marshal(g, meta)
	if err != nil {
		return err
	}
	if err := replaceFile(path, data); err != nil {
		return fmt.Errorf("write graph %q: %w", g.Name, err)
	}
	return nil
}

// Read reads the model at path. A missing file gives fs.ErrNotExist; see [Unmarshal] for other errors.
func Read(path string, opts ...Option) (*graph.Graph, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read ONNX model: %w", err)
	}
	defer f.Close() //nolint:errcheck // Nothing was written.
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read ONNX model: %w", err)
	}
	if info.Size() > maxBytes {
		return nil, fmt.Errorf("read ONNX model %s: %d bytes are more than the %d of a protobuf message", path, info.Size(), maxBytes)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("read ONNX model %s: %w", path, err)
	}
	g, err := Unmarshal(data, opts...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return g, nil
}

func replaceFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
