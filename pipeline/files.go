package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"recsys/feature"
	"recsys/graph"
	"recsys/internal/atomicfile"
	"recsys/onnx"
)

// Files of a run folder.
const (
	configFile   = "recsys.yaml"
	workflowFile = "workflow.json"
	originFile   = "manifest.json"
	metricsFile  = "metrics.json"
	resultsDir   = "results"
	servingFile  = "serving.json"
	indexFile    = "index.json"
	stagesDir    = "stages"
	sourcesDir   = "sources"
	rankingDir   = "ranking"
	featuresDir  = "features"
	cacheFile    = "cache/interactions.cols"

	checkpointsDir   = "checkpoints"
	checkpointOrigin = "origin.json"
	checkpointSuffix = ".checkpoint"
)

// runFormat is the version of the run folder that this package reads and writes.
const runFormat = 1

// Origin says where a run comes from: with the same values a run has the same bytes on one instruction set.
type Origin struct {
	Format int    `json:"format"`
	Name   string `json:"name"`
	Seed   uint64 `json:"seed"`
	// Data and Config are hashes of the tables' content and of recsys.yaml.
	Data   string `json:"data"`
	Config string `json:"config"`
	// Split is a hash of the part of each interaction.
	Split string `json:"split"`
	// Items is the hash of the item table that a refresh has read; "" for a run that was fitted.
	Items string `json:"items,omitempty"`
	// Version is that of the program, Kernels the instruction set it computed with.
	Version string `json:"version"`
	Kernels string `json:"kernels"`
}

// writeFile writes a file whole, making its folder if need be.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, data)
}

// checkWritable tells, before any work, whether the folder dir, which is what, can be made and written to. It leaves
// nothing behind.
func checkWritable(what, dir string) error {
	at := filepath.Clean(dir)
	for {
		info, err := os.Stat(at)
		parent := filepath.Dir(at)
		switch {
		case err == nil && !info.IsDir():
			return fmt.Errorf("%s %s: %s is a file; name another folder", what, dir, at)
		case err != nil && parent != at:
			at = parent
			continue
		case err != nil:
			return fmt.Errorf("%s %s: %w", what, dir, err)
		}
		break
	}
	f, err := os.CreateTemp(at, ".writable.*")
	if err != nil {
		return fmt.Errorf("%s %s: %w; name another folder", what, dir, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func writeJSON(path string, value any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		return err
	}
	return writeFile(path, b.Bytes())
}

// readJSON reads a file that step, such as "fit", writes. Unknown fields are errors.
func readJSON(path, step string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return notRun(err, step)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s: %w; run recsys %s again", path, err, step)
	}
	return nil
}

// loadWorkflow reads what Fit has learned.
func (p *Pipeline) loadWorkflow() (*feature.FittedWorkflow, error) {
	w, err := feature.Load(p.options.Registry.Operators, p.path(workflowFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; run recsys fit again", err)
	}
	return w, notRun(err, "fit")
}

// notRun adds to a missing file's error which step makes the file.
func notRun(err error, step string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; run recsys %s first", err, step)
	}
	return err
}

// replaceDir lets write fill a temporary folder beside path and puts it in the place of path. When write fails, path
// stays as it is.
func replaceDir(path string, write func(dir string) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(dir, 0o755), write(dir)); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	if err := os.RemoveAll(path); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	return os.Rename(dir, path)
}

// readGraph reads a graph that recsys train writes.
func readGraph(path string) (*graph.Graph, error) {
	g, err := onnx.Read(path)
	if err != nil {
		return nil, notRun(err, "train")
	}
	return g, nil
}
