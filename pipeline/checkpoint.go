package pipeline

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"recsys/internal/atomicfile"
	"recsys/train"
)

// trainingOrigin is what has to be the same for training to go on to the bytes of an undisturbed one.
type trainingOrigin struct {
	Origin

	// Features is the hash of the fitted workflow.
	Features string `json:"features"`
}

func (p *Pipeline) trainingOrigin() (trainingOrigin, error) {
	workflow, err := os.ReadFile(p.path(workflowFile))
	if err != nil {
		return trainingOrigin{}, notRun(err, "fit")
	}
	sum := sha256.Sum256(workflow)
	return trainingOrigin{p.origin(), "sha256:" + hex.EncodeToString(sum[:])}, nil
}

// openCheckpoints finds out whether the checkpoints that an interrupted training has left are of this one. It removes
// them where training is to begin anew.
func (p *Pipeline) openCheckpoints() error {
	dir := p.path(checkpointsDir)
	if p.options.Restart {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	here, err := p.trainingOrigin()
	if err != nil {
		return err
	}
	var there trainingOrigin
	path := filepath.Join(dir, checkpointOrigin)
	switch err := readJSON(path, "train", &there); {
	case errors.Is(err, fs.ErrNotExist):
		return writeJSON(path, here)
	case err != nil:
		return fmt.Errorf("%w; train with --restart to begin anew", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*", "*"+checkpointSuffix))
	if err != nil {
		return err
	}
	if len(left) == 0 {
		return writeJSON(path, here)
	}
	if other := here.differs(there); other != "" {
		return fmt.Errorf("%s: an interrupted training left checkpoints of %s; train with --restart to begin anew without them, or name "+
			"another run folder with --out", dir, other)
	}
	return nil
}

// differs names the first thing that is not the same, "" for none.
func (o trainingOrigin) differs(other trainingOrigin) string {
	what := func(name string, a, b any) string {
		if a == b {
			return ""
		}
		return name
	}
	return cmp.Or(
		what("other data", o.Data, other.Data), what("another pipeline text", o.Config, other.Config),
		what("another seed", o.Seed, other.Seed), what("other fitted features", o.Features, other.Features),
		what("another version of the program", o.Version, other.Version), what("another instruction set", o.Kernels, other.Kernels),
		what("another format", o.Origin, other.Origin),
	)
}

// withCheckpoints gives the job of a model, named kind/name, its checkpoints.
func (p *Pipeline) withCheckpoints(j Job, kind, name string) (Job, error) {
	path := p.path(checkpointsDir, kind, name+checkpointSuffix)
	c, err := readCheckpoint(path)
	switch {
	case err == nil:
		p.note("goes on behind step %d, epoch %d, where training was interrupted", c.Steps, len(c.Epochs)+1)
		j.Resume = c
	case !errors.Is(err, fs.ErrNotExist):
		return j, fmt.Errorf("%s: %w; train with --restart to begin anew", path, err)
	}
	j.CheckpointEvery = p.options.CheckpointEvery
	j.Checkpoint = func(c *train.Checkpoint) error {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := atomicfile.Write(path, func(w io.Writer) error { return train.WriteCheckpoint(w, c) }); err != nil {
			return fmt.Errorf("%w; make room and train again, which goes on from the last whole checkpoint", err)
		}
		return nil
	}
	return j, nil
}

func readCheckpoint(path string) (*train.Checkpoint, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // Only read from.
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return train.ReadCheckpoint(f, info.Size())
}
