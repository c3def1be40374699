package ensemble

import (
	"bufio"
	"crypto/md5" //nolint:gosec // What Triton's agent compares; it finds damage, not forgery.
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// sameFolder reports whether two folders of files hold the same.
func sameFolder(a, b string) (bool, error) {
	var names [2][]string
	for i, dir := range []string{a, b} {
		err := eachFile(dir, func(_ *os.Root, path string) error {
			names[i] = append(names[i], path)
			return nil
		})
		if err != nil {
			return false, err
		}
	}
	if !slices.Equal(names[0], names[1]) {
		return false, nil
	}
	for _, name := range names[0] {
		if same, err := sameFile(filepath.Join(a, name), filepath.Join(b, name)); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// eachFile visits the regular files below a folder in the order of their paths, without what Python compiles for itself. Links are
// refused: they may lead anywhere.
func eachFile(dir string, visit func(root *os.Root, path string) error) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "__pycache__":
			return fs.SkipDir
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("%s: neither a file nor a folder: put the file itself there", filepath.Join(dir, path))
		}
		return visit(root, filepath.FromSlash(path))
	})
}

func sameFile(a, b string) (same bool, err error) {
	var files [2]*os.File
	var sizes [2]int64
	for i, path := range []string{a, b} {
		f, err := os.Open(path)
		if err != nil {
			return false, err
		}
		defer f.Close() //nolint:errcheck // Nothing was written.
		info, err := f.Stat()
		if err != nil || !info.Mode().IsRegular() {
			return false, err
		}
		files[i], sizes[i] = f, info.Size()
	}
	if sizes[0] != sizes[1] {
		return false, nil
	}
	x, y := bufio.NewReaderSize(files[0], 1<<16), bufio.NewReaderSize(files[1], 1<<16)
	for {
		p, err := x.Peek(1 << 16)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		q, err := y.Peek(len(p))
		if err != nil || string(p) != string(q) {
			return false, err
		}
		if len(p) == 0 {
			return true, nil
		}
		_, _ = x.Discard(len(p)) // was peeked
		_, _ = y.Discard(len(p))
	}
}

// moveFiles moves all files of a folder into another one of the same disk.
func moveFiles(to, from string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// agentChecksum is the name of Triton's agent that compares sums, sumPrefix begins its parameters: "MD5:1/model.onnx".
const (
	agentChecksum = "checksum"
	sumPrefix     = "MD5:"
)

// checksums lets the agent compare every file of every version that is served. Live is the model as it is in the repository, or nil.
func (s *stageExport) checksums(live *Model) error {
	a := Agent{Name: agentChecksum, Parameters: map[string]string{}}
	for _, v := range s.config.VersionPolicy.Specific {
		dir := s.dir
		if v != s.version || s.exists {
			dir = live.VersionDir(v)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			sum, err := sumFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			a.Parameters[sumPrefix+strconv.FormatInt(v, 10)+"/"+e.Name()] = sum
		}
	}
	s.config.Agents = append(s.config.Agents, a)
	return nil
}

func sumFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // Nothing was written.
	h := md5.New()  //nolint:gosec // As above.
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Serve lets the model serve these versions, in ascending order, and takes out the checksums of others, whose files may go.
func (c *Config) Serve(versions []int64) {
	c.VersionPolicy = VersionPolicy{Specific: versions}
	for _, a := range c.Agents {
		if a.Name != agentChecksum {
			continue
		}
		for key := range a.Parameters {
			version, _, _ := strings.Cut(strings.TrimPrefix(key, sumPrefix), "/")
			if v, err := strconv.ParseInt(version, 10, 64); err == nil && !slices.Contains(versions, v) {
				delete(a.Parameters, key)
			}
		}
	}
}
