package onnx

import (
	"fmt"
	"path/filepath"

	"recsys/graph"
	"recsys/internal/atomicfile"
)

// oneFile is the size of initialisers up to which a model is one file: what protobuf reads less 64 MiB for the nodes.
const oneFile = maxBytes - 64<<20

// Write writes the graph to path by way of a temporary sibling, which is synced and renamed, and, if [Meta] wants it or
// one file is too small, large initialisers to path with ".data" behind in the same way, before the model. A model that is
// there with such a file should be written to another folder instead of over it: two files are not replaced as one. Write
// fails where [Marshal] does, and then leaves nothing behind.
func Write(path string, g *graph.Graph, meta Meta) error {
	out := newOutside(path, g, meta)
	data, err := marshal(g, meta, out)
	if err != nil {
		return err
	}
	if out != nil && len(out.tensors) > 0 {
		if err := atomicfile.Write(path+dataSuffix, out.write); err != nil {
			return fmt.Errorf("write external data of graph %q: %w", g.Name, err)
		}
	}
	if err := atomicfile.WriteBytes(path, data); err != nil {
		return fmt.Errorf("write graph %q: %w", g.Name, err)
	}
	return nil
}

const dataSuffix = ".data"

// newOutside returns where large initialisers go, nil for a model of one file.
func newOutside(path string, g *graph.Graph, meta Meta) *outside {
	least := meta.External
	if least <= 0 {
		total := 0
		for v := range initializers(g) {
			if t := v.Data(); t != nil {
				total += t.Len() * t.DType().Size()
			}
		}
		if total <= oneFile {
			return nil
		}
		least = 1024 // as ONNX's own Python package has it
	}
	return &outside{location: filepath.Base(path) + dataSuffix, least: least}
}

// Read reads the model at path. A missing file gives fs.ErrNotExist; see [Unmarshal] for other errors. External
// data are read from the files that initialisers name, below the folder of path: what leads out of it is an error.
func Read(path string, opts ...Option) (*graph.Graph, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	g, err := Unmarshal(data, append([]Option{Folder(filepath.Dir(path))}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return g, nil
}
