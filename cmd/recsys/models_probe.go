package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"recsys/engine"
	"recsys/ensemble"
	"recsys/ensemble/generation"
	"recsys/ensemble/stage"
	"recsys/featurestore"
	"recsys/gateway"
	"recsys/internal/verify"
	"recsys/pipeline"
	"recsys/tensor"
)

// probeUsers is of how many users a generation has to answer for: enough for every kind of input, and quick.
const probeUsers = 16

// gatewayProbes returns requests as a gateway makes them of users in the generation's own rows, with what the embedded engine
// answers. The ensemble called name is the pre-flight of an ensemble, whose generation has the manifest. There are none for an ensemble
// that the engine cannot run.
func gatewayProbes(ctx context.Context, dir, name string) (_ []generation.Probe, err error) {
	c, err := ensemble.ReadConfig(filepath.Join(dir, name, ensemble.ConfigFile))
	if err != nil {
		return nil, err
	}
	s := &served{dir: filepath.Join(dir, generation.Source(c), strconv.FormatInt(c.VersionPolicy.Specific[0], 10))}
	if s.manifest, err = ensemble.ReadManifest(filepath.Join(s.dir, ensemble.ManifestFile)); err != nil {
		return nil, exportAgain(err)
	}
	names := []string{name}
	if s.manifest.Ranking != nil {
		names = append(names, ensemble.RankingName(name))
	}
	e, err := engine.Open(ctx, dir, engine.Options{Models: names})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	for _, name := range names {
		if err := e.Ready(ctx, name); errors.Is(err, engine.ErrUnimplemented) {
			return nil, nil // only the server knows what is right: that it answers at all has to do
		}
	}
	store, err := openStore(ctx, "", s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	r := &recorder{engine: e, model: name, manifest: s.manifest}
	g, err := newGateway(s, r, store, gateway.Config{Timeout: verifyTimeout, NoFallback: true}) //nolint:contextcheck // What it reads is the repository's own, and little.
	if err != nil {
		return nil, err
	}
	server := httptest.NewServer(g.Handler())
	defer server.Close()
	_, records, err := featurestore.ReadRows(pipeline.UserRows(s.dir))
	if err != nil {
		return nil, exportAgain(err)
	}
	now, users := time.Now().Unix(), 0
	for record, err := range records {
		if err != nil {
			return nil, err
		}
		if users++; users > probeUsers {
			break
		}
		q := question{user: record.UserID}
		if _, err := ask(ctx, subject{"embedded", server.URL, s, server.Client()}, q, s.manifest.Limits.MaxResults, now); err != nil {
			return nil, fmt.Errorf("user %s: %w", record.UserID, err)
		}
	}
	return r.probes, nil
}

// recorder is a gateway.Inferencer that notes what it is asked and what the embedded engine answers.
type recorder struct {
	engine   *engine.Engine
	model    string
	manifest *ensemble.Manifest

	mu     sync.Mutex
	probes []generation.Probe
}

// Ready returns nil.
func (*recorder) Ready(context.Context, string) error { return nil }

// Infer asks the pre-flight in the ensemble's place.
func (r *recorder) Infer(ctx context.Context, _ string, inputs tensor.Map, outputs []string) (tensor.Map, string, error) {
	want, version, err := r.engine.Infer(ctx, r.model, inputs, outputs)
	if err != nil {
		return nil, "", err
	}
	o := r.manifest.Outputs
	if r.manifest.Ranking != nil {
		o = candidateOutputs(r.manifest.Ranking)
	}
	r.note(generation.Probe{Inputs: inputs, Outputs: outputs}, o, want)
	return want, version, err
}

// InferVersion asks the pre-flight's ranking in the place of the ensemble's.
func (r *recorder) InferVersion(ctx context.Context, _, version string, inputs tensor.Map, outputs []string) (tensor.Map, error) {
	want, err := engineRanker{r.engine}.InferVersion(ctx, ensemble.RankingName(r.model), version, inputs, outputs)
	if err != nil {
		return nil, err
	}
	r.note(generation.Probe{Ranking: true, Inputs: inputs, Outputs: outputs}, r.manifest.Outputs, want)
	return want, nil
}

// candidateOutputs name the candidates and their scores among what the ranking takes: those that the filter leaves, or the first further filter gets.
func candidateOutputs(r *ensemble.ManifestRanking) ensemble.ManifestOutputs {
	o := ensemble.ManifestOutputs{ItemIDs: r.Keys, Scores: ensemble.RankingPrefix + stage.MaskedScores}
	if !slices.Contains(r.Tensors, stage.MaskedScores) {
		o.Scores = ensemble.RankingPrefix + stage.FilteredScores
	}
	return o
}

// note adds a probe that compares lists with those that the engine has answered with.
func (r *recorder) note(p generation.Probe, o ensemble.ManifestOutputs, want tensor.Map) {
	want = clones(want)
	p.Inputs, p.Outputs = clones(p.Inputs), slices.Clone(p.Outputs)
	p.Check = func(got tensor.Map) error { return compareLists(o, want, got) }
	r.mu.Lock()
	defer r.mu.Unlock()
	r.probes = append(r.probes, p)
}

// compareLists says what is different in the lists of a batch's users. Items of nearly equal score may change places.
func compareLists(o ensemble.ManifestOutputs, want, got tensor.Map) error {
	for _, name := range []string{o.ItemIDs, o.Scores} {
		if got[name] == nil || got[name].DType() != want[name].DType() || !slices.Equal(got[name].Shape(), want[name].Shape()) {
			return fmt.Errorf("output %q is not of the type and shape that the embedded engine gives", name)
		}
	}
	var report verify.Report
	for user := range want[o.Scores].Dim(0) {
		report.Add(strconv.Itoa(user), userList(want, o, user), userList(got, o, user))
	}
	if report.Different > 0 {
		return fmt.Errorf("answers are not those of the embedded engine: %s", report.Example)
	}
	return nil
}

// userList reads a user's list up to the first slot that holds no item, whose score is -inf.
func userList(out tensor.Map, o ensemble.ManifestOutputs, user int) verify.List {
	var l verify.List
	ids := out[o.ItemIDs].Rows(user, user+1).Any()
	for i, score := range tensor.MustData[float32](out[o.Scores].Rows(user, user+1)) {
		if math.IsInf(float64(score), -1) {
			break
		}
		switch ids := ids.(type) {
		case []int64:
			l.IDs = append(l.IDs, strconv.FormatInt(ids[i], 10))
		case []string:
			l.IDs = append(l.IDs, ids[i])
		}
		l.Scores = append(l.Scores, float64(score))
	}
	return l
}

// clones copies tensors: a gateway may use its own again.
func clones(m tensor.Map) tensor.Map {
	c := make(tensor.Map, len(m))
	for name, t := range m {
		c[name] = t.Clone()
	}
	return c
}
