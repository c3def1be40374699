package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
)

// glob returns the files that a pattern names, in Beam's file systems.
func glob(ctx context.Context, pattern string) (files []string, err error) {
	fs, err := filesystem.New(ctx, pattern)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, fs.Close()) }()
	if files, err = fs.List(ctx, pattern); err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s names no file", pattern)
	}
	return files, nil
}

// readFile returns what a file holds.
func readFile(ctx context.Context, name string) (text []byte, err error) {
	fs, err := filesystem.New(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, fs.Close()) }()
	return filesystem.Read(ctx, fs, name)
}

// writeFile replaces a file.
func writeFile(ctx context.Context, name string, text []byte) (err error) {
	fs, err := filesystem.New(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fs.Close()) }()
	return filesystem.Write(ctx, fs, name, text)
}

// local calls f with the path of a file on this machine that is, or is a copy of, the named one.
func local(ctx context.Context, name string, f func(path string) error) (err error) {
	if !strings.Contains(name, "://") {
		return f(name)
	}
	dir, err := os.MkdirTemp("", "recsys-beam-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fs, err := filesystem.New(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fs.Close()) }()
	in, err := fs.OpenRead(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	copied := filepath.Join(dir, path.Base(name))
	out, err := os.Create(copied)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	return f(copied)
}

// publish lets write fill a file on this machine, and puts it in the place of the named one.
func publish(ctx context.Context, name string, write func(path string) error) (err error) {
	if !strings.Contains(name, "://") {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		return write(name)
	}
	dir, err := os.MkdirTemp("", "recsys-beam-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	made := filepath.Join(dir, path.Base(name))
	if err := write(made); err != nil {
		return err
	}
	in, err := os.Open(made)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	fs, err := filesystem.New(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fs.Close()) }()
	out, err := fs.OpenWrite(ctx, name)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// join is filepath.Join for paths that may have a scheme.
func join(dir, name string) string { return strings.TrimSuffix(dir, "/") + "/" + name }
