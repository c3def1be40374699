package generation_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/ensemble/generation"
	"recsys/tensor"
)

// fake is a Triton in explicit model control mode, in what it does right and wrong: a failed load of an ensemble takes the running one
// down, a file that did not change is not loaded again, and stages that drop a pinned version take the ensemble down and say nothing.
type fake struct {
	dir       string
	name      string
	ensembles map[string]*ensemble.Config // that run
	stages    map[string][]int64          // versions that are loaded
	tried     map[string]time.Time        // when the file was changed that was loaded last
	calls     []string
	// fault, if not nil, is asked before each call, counted from 0: what it returns happens to that call.
	fault func(call int) fault
}

// fault is what goes wrong with a call.
type fault int

const (
	fine  fault = iota
	lost        // the call does not reach the server
	after       // the call does its work and its answer is lost
	down        // the model dies, and the call fails
)

var errFault = errors.New("connection reset")

func newFake(dir string) *fake {
	return &fake{dir: dir, name: "fake", ensembles: map[string]*ensemble.Config{}, stages: map[string][]int64{}, tried: map[string]time.Time{}}
}

func (f *fake) String() string { return f.name }

// call notes a call and lets it go wrong.
func (f *fake) call(what, model string, do func() error) error {
	n := len(f.calls)
	f.calls = append(f.calls, what+" "+model)
	bad := fine
	if f.fault != nil {
		bad = f.fault(n)
	}
	switch bad {
	case lost:
		return errFault
	case after:
		return errors.Join(do(), errFault)
	case down:
		delete(f.ensembles, model)
		return errFault
	case fine:
	}
	return do()
}

func (f *fake) Load(_ context.Context, model string) error {
	return f.call("load", model, func() error {
		path := filepath.Join(f.dir, model, ensemble.ConfigFile)
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		r, err := ensemble.Open(f.dir)
		if err != nil {
			return err
		}
		c := r.Models[model].Config
		fresh := info.ModTime() != f.tried[model]
		f.tried[model] = info.ModTime()
		for _, s := range c.Steps { // in one go, also new versions
			f.stages[s.Model] = r.Models[s.Model].Served()
		}
		f.drop()
		if !fresh {
			return nil // and nothing done
		}
		delete(f.ensembles, model)
		if len(r.Models[model].Served()) == 0 {
			return fmt.Errorf("no version of %s", model)
		}
		if s := f.missing(c); s != "" {
			return fmt.Errorf("%s depends on %s", model, s)
		}
		f.ensembles[model] = c
		return nil
	})
}

// missing returns a stage whose pinned version is not loaded.
func (f *fake) missing(c *ensemble.Config) string {
	for _, s := range c.Steps {
		if !slices.Contains(f.stages[s.Model], s.Version) {
			return s.Model
		}
	}
	return ""
}

// drop takes down the ensembles that have lost a stage.
func (f *fake) drop() {
	for name, c := range f.ensembles {
		if f.missing(c) != "" {
			delete(f.ensembles, name)
		}
	}
}

func (f *fake) Unload(_ context.Context, model string) error {
	return f.call("unload", model, func() error {
		if f.ensembles[model] == nil && f.stages[model] == nil {
			return fmt.Errorf("no model %s", model)
		}
		delete(f.ensembles, model)
		delete(f.stages, model)
		delete(f.tried, model)
		f.drop()
		return nil
	})
}

func (f *fake) Ready(_ context.Context, model, version string) (ready bool, err error) {
	err = f.call("ready", model, func() error {
		c := f.ensembles[model]
		ready = c != nil && (version == "" || version == strconv.FormatInt(c.VersionPolicy.Specific[0], 10))
		return nil
	})
	return ready && err == nil, err
}

func (f *fake) Infer(_ context.Context, model string, _ tensor.Map, outputs []string) (out tensor.Map, version string, err error) {
	err = f.call("infer", model, func() error {
		c := f.ensembles[model]
		if c == nil {
			return fmt.Errorf("no model %s", model)
		}
		version = strconv.FormatInt(c.VersionPolicy.Specific[0], 10)
		out = tensor.Map{}
		for _, name := range outputs {
			out[name] = tensor.Scalar(c.Steps[0].Version)
		}
		return nil
	})
	return out, version, err
}

// serves returns the generation that an ensemble answers with, "" for none.
func (f *fake) serves(model string) string {
	if c := f.ensembles[model]; c != nil {
		return strconv.FormatInt(c.VersionPolicy.Specific[0], 10)
	}
	return ""
}

// export writes the next generation of the shop, with weights of its own.
func export(tb testing.TB, dir string) int64 {
	tb.Helper()
	r, err := ensemble.Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	seed := 1
	if m := r.Models["shop"]; m != nil {
		seed += len(m.Versions)
	}
	e, m, err := ensembletest.Shop(uint64(seed))
	if err != nil {
		tb.Fatal(err)
	}
	x, err := ensemble.Write(tb.Context(), dir, e, m, ensemble.Options{MaxBatch: 2})
	if err != nil {
		tb.Fatal(err)
	}
	return int64(x.Generation)
}

// world is a repository of three generations, and a server of it that serves the first.
type world struct {
	dir       string
	server    *fake
	publisher *generation.Publisher
}

// newWorld copies a repository that was written once.
func newWorld(t *testing.T, source string) *world {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	w := &world{dir: dir, server: newFake(dir)}
	w.publisher = &generation.Publisher{Folders: []string{dir}, Servers: []generation.Server{w.server}}
	for _, name := range []string{"shop_ranking", "shop"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			continue // one ensemble alone
		}
		if err := w.server.Load(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	w.server.calls = nil
	return w
}

func source(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for want := int64(1); want <= 3; want++ {
		if g := export(t, dir); g != want {
			t.Fatalf("exported generation %d, want %d", g, want)
		}
	}
	return dir
}

// leftovers reports what a publisher must not leave.
func (w *world) leftovers(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{".recsys*", "*_next", "*_next_ranking", "*/.tmp-*"} {
		left, err := filepath.Glob(filepath.Join(w.dir, pattern))
		if err != nil || len(left) > 0 {
			t.Errorf("left are %v (%v)", left, err)
		}
	}
}

// versions returns the version folders of a model.
func (w *world) versions(t *testing.T, model string) []int64 {
	t.Helper()
	r, err := ensemble.Open(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.Models[model] == nil {
		return nil
	}
	return r.Models[model].Versions
}
