package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"recsys/client"
	"recsys/engine"
	"recsys/ensemble"
	"recsys/internal/load"
	"recsys/internal/tune"
	"recsys/onnx"
	"recsys/pipeline"
)

// tuneSuffix makes the name under which a candidate is loaded beside what a Triton serves.
const tuneSuffix = "_tune"

// unloadTime bounds putting a candidate away.
const unloadTime = 30 * time.Second

// tuner makes candidates ready.
type tuner struct {
	tuneCmd

	name     string // of the ensemble
	folder   string // of exports
	triton   *client.Client
	loaded   []string // models on it, an ensemble behind its stages
	reporter *reporter
}

// prepare exports the candidate and opens or loads it.
func (t *tuner) prepare(ctx context.Context, c tune.Candidate) (_ tune.Runner, err error) {
	t.reporter.Phase(c.String())
	dir := filepath.Join(t.folder, "repository")
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	// What is measured is what the file of the choice makes an export of.
	file := filepath.Join(t.folder, "tune.yaml")
	if err := os.WriteFile(file, []byte(t.settings(c)), 0o600); err != nil {
		return nil, err
	}
	settings, err := pipeline.ReadExportSettings(file)
	if err != nil {
		return nil, err
	}
	_, err = pipeline.Export(ctx, t.Run_, dir, pipeline.ExportOptions{
		Settings: settings, Options: ensemble.Options{Meta: onnx.Meta{ProducerVersion: version}},
	})
	if err != nil {
		return nil, err
	}
	target, err := findModel(dir, t.name)
	if err != nil {
		return nil, err
	}
	bodies, err := target.bodies(loadFlags{Users: t.Users, Results: t.Results, Seed: t.Seed})
	if err != nil {
		return nil, err
	}
	s := &benchSubject{timeout: t.Timeout, seed: t.Seed, model: t.name}
	if s.calls, err = target.calls(ctx, nil, bodies); err != nil {
		return nil, err
	}
	if t.triton == nil {
		threads, err := strconv.Atoi(c.Get(tuneThreads))
		if err != nil {
			return nil, err
		}
		e, err := engine.Open(ctx, dir, engineFlags{Threads: threads}.options())
		if err != nil {
			return nil, err
		}
		s.infer, s.closers = e.Infer, append(s.closers, e.Close)
		return t.probed(ctx, s)
	}
	s.model, s.infer = t.name+tuneSuffix, t.triton.Infer
	s.closers = append(s.closers, func() error { return t.unload(ctx) })
	if err := t.load(ctx, target); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return t.probed(ctx, s)
}

// probed asks once.
func (t *tuner) probed(ctx context.Context, s *benchSubject) (tune.Runner, error) {
	if err := s.do(ctx, 0); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &candidate{s, t}, nil
}

// load loads the candidate's models from memory, under names of their own, and waits until they can answer.
func (t *tuner) load(ctx context.Context, target *benchModel) error {
	r, err := ensemble.Open(filepath.Dir(filepath.Dir(target.served.dir)))
	if err != nil {
		return err
	}
	rename := func(name string) string { return t.name + tuneSuffix + strings.TrimPrefix(name, t.name) }
	for _, step := range target.config.Steps {
		m := r.Models[step.Model]
		files, err := versionFiles(m.VersionDir(step.Version), step.Version)
		if err != nil {
			return err
		}
		config := *m.Config
		config.Name = rename(config.Name)
		if err := t.loadModel(ctx, &config, files); err != nil {
			return err
		}
	}
	config := *target.config
	config.Name = rename(config.Name)
	config.Steps = nil
	for _, step := range target.config.Steps {
		step.Model = rename(step.Model)
		config.Steps = append(config.Steps, step)
	}
	// An ensemble needs a version, which Triton makes of a file in it.
	version := strconv.FormatInt(config.VersionPolicy.Specific[0], 10)
	err = t.loadModel(ctx, &config, map[string][]byte{version + "/" + ensemble.ManifestFile: []byte("{}")})
	// Triton says that it failed, as it looks for the stages in its repository and they are in memory only; it serves nevertheless.
	if notReady := t.triton.Ready(ctx, config.Name); notReady != nil {
		return errors.Join(err, notReady)
	}
	return nil
}

func (t *tuner) loadModel(ctx context.Context, c *ensemble.Config, files map[string][]byte) error {
	config, err := client.ParseModelConfig(c.Marshal())
	if err != nil {
		return err
	}
	t.loaded = append(t.loaded, c.Name)
	if err := t.triton.Load(ctx, c.Name, client.LoadOptions{Config: config, Files: files}); err != nil {
		return fmt.Errorf("%w; is Triton run with --model-control-mode=explicit?", err)
	}
	return nil
}

// versionFiles reads a version folder.
func versionFiles(dir string, version int64) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		files[strconv.FormatInt(version, 10)+"/"+e.Name()] = data
	}
	return files, nil
}

// unload takes the candidate away, also when ctx has ended. The server's index does not have models that were loaded from memory.
func (t *tuner) unload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unloadTime)
	defer cancel()
	var errs []error
	for _, name := range slices.Backward(t.loaded) { // the ensemble before its stages
		errs = append(errs, t.triton.Unload(ctx, name, client.UnloadOptions{}))
	}
	t.loaded = nil
	return errors.Join(errs...)
}

// candidate is asked in a closed loop.
type candidate struct {
	*benchSubject
	tuner *tuner
}

// Run measures for a number of clients, after a warm-up of a tenth of the time.
func (c *candidate) Run(ctx context.Context, clients int) (tune.Level, error) {
	config := load.Config{Clients: clients, Duration: c.tuner.Duration / 10}
	if _, err := load.Run(ctx, config, c.do); err != nil {
		return tune.Level{}, err
	}
	config.Duration = c.tuner.Duration
	result, err := load.Run(ctx, config, c.do)
	if err != nil {
		return tune.Level{}, err
	}
	if result.First != nil {
		c.tuner.reporter.Note("first failure: " + result.First.Error())
	}
	r := load.NewReport(config, result)
	l := tune.Level{Clients: clients, Throughput: r.Throughput, P50: r.Latency.P50, P99: r.Latency.P99, Failed: r.Failed}
	c.tuner.reporter.Note(fmt.Sprintf("%d clients: %.1f requests/s, p50 %.2f ms, p99 %.2f ms, %d failed", clients, l.Throughput, l.P50, l.P99, l.Failed))
	return l, nil
}
