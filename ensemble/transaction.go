package ensemble

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"recsys/internal/atomicfile"
)

// UnfinishedPrefix begins the names of version folders that are being made or removed.
const UnfinishedPrefix = ".tmp-"

// RemoveUnfinished removes version folders that somebody who was killed was making or removing, and the models of an export that
// was. It is for whoever has locked [LockFile].
func RemoveUnfinished(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*", UnfinishedPrefix+"*"))
	if err != nil {
		return err
	}
	exports, err := filepath.Glob(filepath.Join(dir, UnfinishedPrefix+"*"))
	if err != nil {
		return err
	}
	paths = append(paths, exports...)
	errs := make([]error, len(paths))
	for i, path := range paths {
		errs[i] = os.RemoveAll(path)
	}
	return errors.Join(errs...)
}

// transaction writes files so that what was done can be undone.
type transaction struct{ undos []func() error }

// undo takes everything back, last first.
func (t *transaction) undo() error {
	var errs []error
	for _, f := range slices.Backward(t.undos) {
		errs = append(errs, f())
	}
	t.undos = nil
	return errors.Join(errs...)
}

// version fills a temporary folder beside the version's place, syncs it and renames it. Triton passes folders by whose name
// begins with a dot.
func (t *transaction) version(model string, version int64, fill func(dir string) error) (err error) {
	if err := t.mkdir(model); err != nil {
		return err
	}
	final := filepath.Join(model, strconv.FormatInt(version, 10))
	if _, err := os.Lstat(final); err == nil {
		return fmt.Errorf("%w: %s", os.ErrExist, final)
	}
	dir := filepath.Join(model, UnfinishedPrefix+strconv.FormatInt(version, 10))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if err := fill(dir); err != nil {
		return err
	}
	if err := syncTree(dir); err != nil {
		return err
	}
	if err := os.Rename(dir, final); err != nil {
		return err
	}
	t.undos = append(t.undos, func() error { return os.RemoveAll(final) })
	return syncPath(model)
}

// mkdir makes a model's folder.
func (t *transaction) mkdir(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		t.undos = append(t.undos, func() error { return os.Remove(dir) })
	}
	return err
}

// file replaces a file's content, if it is another one. An unchanged file keeps its time of change, by which Triton sees
// whether to load anew.
func (t *transaction) file(path string, data []byte) error {
	old, err := os.ReadFile(path)
	undo := func() error { return atomicfile.WriteBytes(path, old) }
	switch {
	case errors.Is(err, fs.ErrNotExist):
		undo = func() error { return os.Remove(path) }
	case err != nil:
		return err
	case string(old) == string(data):
		return nil
	}
	if err := atomicfile.WriteBytes(path, data); err != nil {
		return err
	}
	t.undos = append(t.undos, undo)
	return syncPath(filepath.Dir(path))
}

func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncPath(path)
	})
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
