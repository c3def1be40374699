package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"

	"recsys/engine"
	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/gateway"
	"recsys/internal/portable"
	"recsys/pipeline"
	"recsys/tensor"
)

// benchModel is an ensemble of a repository, or one of its stages.
type benchModel struct {
	served   *served
	config   *ensemble.Config // of the ensemble that has the stage
	ensemble string
	stage    string // empty for the ensemble
	ranking  bool   // the stage is one of the ranking
}

// findModel finds the ensemble or stage called name, or the only ensemble when name is empty.
func findModel(dir, name string) (*benchModel, error) {
	r, err := ensemble.Open(dir)
	if err != nil {
		return nil, err
	}
	m := &benchModel{ensemble: name}
	if model := r.Models[name]; model != nil && !model.Config.IsEnsemble() {
		m.stage = name
		if m.ensemble = stageOf(r, name); m.ensemble == "" {
			return nil, fmt.Errorf("no ensemble of %s has the stage %q, whose inputs its other stages would make", dir, name)
		}
		m.config = r.Models[m.ensemble].Config
		if of := ensemble.RankingOf(m.config); of != "" {
			m.ensemble, m.ranking = of, true
		}
	}
	if m.served, err = openServed(dir, m.ensemble); err != nil {
		return nil, err
	}
	m.ensemble = m.served.manifest.Name
	if m.config == nil {
		m.config = r.Models[m.ensemble].Config
	}
	return m, nil
}

// models are the ensembles to open for the benchmark.
func (m *benchModel) models() []string {
	if m.served.manifest.Ranking != nil {
		return []string{m.ensemble, ensemble.RankingName(m.ensemble)}
	}
	return []string{m.ensemble}
}

// stageOf returns the first ensemble that has the stage, one that is neither a canary nor a pre-flight before others.
func stageOf(r *ensemble.Repository, stage string) string {
	for _, name := range r.Names() {
		if slices.ContainsFunc(r.Models[name].Config.Steps, func(s ensemble.Step) bool { return s.Model == stage }) {
			return name
		}
	}
	return ""
}

// name is the model's that is asked.
func (m *benchModel) name() string {
	if m.stage != "" {
		return m.stage
	}
	return m.ensemble
}

// bodies returns requests for users drawn from the repository's rows.
func (m *benchModel) bodies(f loadFlags) ([][]byte, error) {
	users, err := drawUsers(pipeline.UserRows(m.served.dir), f.Users, f.Seed)
	if err != nil {
		return nil, exportAgain(err)
	}
	bodies := make([][]byte, len(users))
	for i, id := range users {
		body := map[string]any{"user_id": id, "num_results": min(f.Results, m.served.manifest.Limits.MaxResults)}
		if bodies[i], err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	return bodies, nil
}

// drawUsers draws up to n users of a row file, the same for the same seed, in the order of the file (Vitter 1985, algorithm R).
func drawUsers(path string, n int, seed uint64) ([]string, error) {
	_, records, err := featurestore.ReadRows(path)
	if err != nil {
		return nil, err
	}
	type drawn struct {
		place int
		id    string
	}
	random := portable.New(seed, "users")
	var list []drawn
	place := 0
	for record, err := range records {
		if err != nil {
			return nil, err
		}
		if place++; place <= n {
			list = append(list, drawn{place, record.UserID})
		} else if i := random.IntN(place); i < n {
			list[i] = drawn{place, record.UserID}
		}
	}
	if place == 0 {
		return nil, fmt.Errorf("%s has no users", path)
	}
	slices.SortFunc(list, func(a, b drawn) int { return a.place - b.place })
	ids := make([]string, len(list))
	for i, d := range list {
		ids[i] = d.id
	}
	return ids, nil
}

// maxRequestLine bounds a line of a file of requests; the gateway takes bodies up to 1 MiB.
const maxRequestLine = 1 << 20

// readBodies reads requests, one JSON document a line.
func readBodies(path string) ([][]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var bodies [][]byte
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxRequestLine)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if !json.Valid(line) {
			return nil, fmt.Errorf("%s:%d: not a JSON document; want a body of POST /v1/recommendations", path, n)
		}
		bodies = append(bodies, slices.Clone(line))
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(bodies) == 0 {
		return nil, fmt.Errorf("%s has no requests", path)
	}
	return bodies, nil
}

// call is an inference.
type call struct {
	inputs  tensor.Map
	outputs []string
}

// capture is a gateway.Inferencer that keeps the call and answers nothing. With an engine it keeps the call of the ranking, for candidates of which it asks that.
type capture struct {
	last   *call
	engine *engine.Engine
}

// errCaptured ends a captured call.
var errCaptured = errors.New("captured")

// Ready returns nil.
func (*capture) Ready(context.Context, string) error { return nil }

// Infer keeps its arguments.
func (c *capture) Infer(ctx context.Context, model string, inputs tensor.Map, outputs []string) (tensor.Map, string, error) {
	if c.engine != nil {
		return c.engine.Infer(ctx, model, inputs, outputs)
	}
	c.last = &call{clones(inputs), slices.Clone(outputs)}
	return nil, "", errCaptured
}

// InferVersion keeps its arguments.
//
//nolint:unparam // gateway.Ranker has a result.
func (c *capture) InferVersion(_ context.Context, _, _ string, inputs tensor.Map, outputs []string) (tensor.Map, error) {
	c.last = &call{clones(inputs), slices.Clone(outputs)}
	return nil, errCaptured
}

// calls merges the requests' features as a gateway does. For a stage, the engine runs the stages before it.
func (m *benchModel) calls(ctx context.Context, e *engine.Engine, bodies [][]byte) (_ []call, err error) {
	store, err := openStore(ctx, "", m.served)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	c := &capture{}
	if m.ranking {
		c.engine = e
	}
	g, err := newGateway(m.served, c, store, gateway.Config{Timeout: verifyTimeout, NoFallback: true}, gateway.WithLogger(slog.New(slog.DiscardHandler))) //nolint:contextcheck // What it reads is the repository's own, and little.
	if err != nil {
		return nil, err
	}
	handler := g.Handler()
	calls := make([]call, len(bodies))
	for i, body := range bodies {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/recommendations", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		c.last = nil
		handler.ServeHTTP(w, r)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if c.last == nil {
			return nil, fmt.Errorf("request %d, %s: the gateway refuses it: %s", i+1, body, bytes.TrimSpace(w.Body.Bytes()))
		}
		if calls[i] = *c.last; m.stage != "" {
			if calls[i], err = m.walk(ctx, e, calls[i].inputs); err != nil {
				return nil, fmt.Errorf("request %d: %w", i+1, err)
			}
		}
	}
	return calls, nil
}

// walk runs the stages before the wanted one and returns its call.
func (m *benchModel) walk(ctx context.Context, e *engine.Engine, tensors tensor.Map) (call, error) {
	for _, s := range m.config.Steps {
		in := make(tensor.Map, len(s.Inputs))
		for _, x := range s.Inputs {
			if in[x.Model] = tensors[x.Ensemble]; in[x.Model] == nil {
				return call{}, fmt.Errorf("step %q reads %q, which no step before it makes", s.Model, x.Ensemble)
			}
		}
		names := make([]string, len(s.Outputs))
		for i, x := range s.Outputs {
			names[i] = x.Model
		}
		if s.Model == m.stage {
			return call{in, names}, nil
		}
		version := ""
		if s.Version > 0 {
			version = strconv.FormatInt(s.Version, 10)
		}
		out, err := e.Do(ctx, engine.Request{Model: s.Model, Version: version, Inputs: in, Outputs: names})
		if err != nil {
			return call{}, err
		}
		for _, x := range s.Outputs {
			tensors[x.Ensemble] = out.Outputs[x.Model]
		}
	}
	return call{}, fmt.Errorf("ensemble %q has no step %q", m.ensemble, m.stage)
}
