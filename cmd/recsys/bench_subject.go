package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"recsys/client"
	"recsys/engine"
	"recsys/internal/load"
	"recsys/internal/portable"
	"recsys/tensor"
)

// benchSubject is what is measured, with the requests for it.
type benchSubject struct {
	kind, model string
	// server is the model whose counts the budget takes; counter asks for them, nil where nothing can be asked.
	server  string
	ranking string // the second ensemble's name, if there is one; its times count as the first one's
	counter counter
	remedy  string
	timeout time.Duration
	seed    uint64
	calls   []call
	infer   func(ctx context.Context, model string, inputs tensor.Map, outputs []string) (tensor.Map, string, error)
	ask     func(ctx context.Context, n int) error // of a gateway
	bodies  int                                    // of a gateway
	closers []func() error
}

// Close closes connections and engines.
func (s *benchSubject) Close() error {
	errs := make([]error, len(s.closers))
	for i, c := range s.closers {
		errs[i] = c()
	}
	return errors.Join(errs...)
}

// do sends the n-th request, one of those at hand drawn by the seed.
func (s *benchSubject) do(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	of := portable.New(s.seed, fmt.Sprintf("requests/%d", n))
	if s.ask != nil {
		return s.ask(ctx, of.IntN(s.bodies))
	}
	c := s.calls[of.IntN(len(s.calls))]
	_, _, err := s.infer(ctx, s.model, c.inputs, c.outputs)
	return err
}

// statusError is an answer of a gateway that is no recommendation.
type statusError struct {
	code string
	text string
}

// Error has the status and the body.
func (e *statusError) Error() string { return e.text }

// maxAnswer bounds what is read of an answer.
const maxAnswer = 8 << 20

// gateway has requests go to a gateway.
func (s *benchSubject) gateway(url string, bodies [][]byte, clients int) {
	transport := &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}
	s.closers = append(s.closers, func() error { transport.CloseIdleConnections(); return nil })
	c := &http.Client{Transport: transport}
	url = strings.TrimRight(url, "/") + "/v1/recommendations"
	s.bodies = len(bodies)
	s.ask = func(ctx context.Context, n int) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(bodies[n]))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		response, err := c.Do(r)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		if err := errors.Join(err, response.Body.Close()); err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return &statusError{fmt.Sprintf("status_%d", response.StatusCode), fmt.Sprintf("%s: %s", response.Status, bytes.TrimSpace(text))}
		}
		var answer struct {
			Degraded bool     `json:"degraded"`
			Reasons  []string `json:"degraded_reasons"`
		}
		if err := json.Unmarshal(text, &answer); err != nil {
			return &statusError{"protocol", fmt.Sprintf("%s is no answer of a gateway: %v", url, err)}
		}
		if answer.Degraded {
			return &statusError{"degraded", fmt.Sprintf("the answer is degraded: %v", answer.Reasons)}
		}
		return nil
	}
}

// failureCode names kinds of failures for their counts.
func failureCode(err error) string {
	if status, ok := errors.AsType[*statusError](err); ok {
		return status.code
	}
	for _, k := range []struct {
		kind error
		code string
	}{
		{client.ErrOverloaded, "overloaded"},
		{client.ErrDeadline, "deadline"},
		{context.DeadlineExceeded, "deadline"},
		{client.ErrNotFound, "not_found"},
		{engine.ErrNotFound, "not_found"},
		{client.ErrInvalidArgument, "invalid_argument"},
		{engine.ErrInvalidArgument, "invalid_argument"},
		{client.ErrUnavailable, "unavailable"},
		{client.ErrInternal, "internal"},
	} {
		if errors.Is(err, k.kind) {
			return k.code
		}
	}
	return "connection"
}

// counter asks a server for what it counted of a model, and for the models that an ensemble runs.
type counter interface {
	steps(ctx context.Context, model string) ([]string, error)
	times(ctx context.Context, model string) (load.StageTime, error)
}

type tritonCounter struct{ *client.Client }

func (c tritonCounter) steps(ctx context.Context, model string) ([]string, error) {
	config, err := c.ModelConfig(ctx, model, "")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range config.GetEnsembleScheduling().GetStep() {
		names = append(names, s.GetModelName())
	}
	return names, nil
}

func (c tritonCounter) times(ctx context.Context, model string) (load.StageTime, error) {
	list, err := c.Statistics(ctx, model, "")
	t := load.StageTime{Model: model}
	for _, m := range list {
		s := m.GetInferenceStats()
		t.Requests += s.GetSuccess().GetCount()
		t.Total += time.Duration(s.GetSuccess().GetNs())
		t.Queue += time.Duration(s.GetQueue().GetNs())
		t.Input += time.Duration(s.GetComputeInput().GetNs())
		t.Compute += time.Duration(s.GetComputeInfer().GetNs())
		t.Output += time.Duration(s.GetComputeOutput().GetNs())
	}
	return t, err
}

type engineCounter struct{ *engine.Engine }

func (c engineCounter) steps(_ context.Context, model string) ([]string, error) {
	config, err := c.Config(model, "")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range config.Steps {
		names = append(names, s.Model)
	}
	return names, nil
}

func (c engineCounter) times(_ context.Context, model string) (load.StageTime, error) {
	list, err := c.Statistics(model, "")
	t := load.StageTime{Model: model}
	for _, s := range list {
		t.Requests += s.Success.Count
		t.Total += s.Success.Total
		t.Queue += s.Queue.Total
		t.Input += s.Input.Total
		t.Compute += s.Compute.Total
		t.Output += s.Output.Total
	}
	return t, err
}

// count asks for the times of the served model and of its stages, in this order; nil where nothing can be asked.
func (s *benchSubject) count(ctx context.Context) ([]load.StageTime, error) {
	if s.counter == nil || s.server == "" {
		return nil, nil
	}
	served, list, err := s.countOne(ctx, s.server)
	if err != nil || s.ranking == "" {
		return append([]load.StageTime{served}, list...), err
	}
	second, more, err := s.countOne(ctx, s.ranking)
	served.Total += second.Total
	return slices.Concat([]load.StageTime{served}, list, more), err
}

// countOne asks for the times of an ensemble and of its stages.
func (s *benchSubject) countOne(ctx context.Context, name string) (load.StageTime, []load.StageTime, error) {
	served, err := s.counter.times(ctx, name)
	if err != nil {
		return served, nil, err
	}
	names, err := s.counter.steps(ctx, name)
	if err != nil {
		return served, nil, err
	}
	list := make([]load.StageTime, len(names))
	for i, name := range names {
		if list[i], err = s.counter.times(ctx, name); err != nil {
			return served, nil, err
		}
	}
	return served, list, nil
}

// outside names what lies between a request and the server that counts.
func (s *benchSubject) outside() string {
	switch {
	case s.ask != nil:
		return "gateway, network and client"
	case s.kind == "embedded":
		return "outside the engine"
	}
	return "network and client"
}

// budget adds the latency budget to the report.
func (s *benchSubject) budget(report *load.Report, result *load.Result, before, after []load.StageTime) {
	if len(after) == 0 || len(after) != len(before) {
		return
	}
	for i := range after {
		after[i] = after[i].Since(before[i])
	}
	report.Budget = load.Budget(result, after[0], after[1:], s.outside())
	if n := after[0].Requests; n != uint64(result.Answered) {
		report.Notes = append(report.Notes, fmt.Sprintf("the server counted %d answers of %s in this time, not %d: others asked too, "+
			"or answers came too late; the budget is the mean of what it counted", n, s.server, result.Answered))
	}
}
