package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"recsys/client"
	"recsys/engine"
	"recsys/ensemble"
	"recsys/internal/atomicfile"
	"recsys/internal/load"
)

// The requests under way where --clients does not say.
const (
	closedClients = 8
	openClients   = 256
)

// loadFlags say how requests are sent.
type loadFlags struct {
	Duration time.Duration `default:"10s" help:"How long to measure."`
	Warmup   time.Duration `default:"2s" help:"How long to send requests before that, which do not count."`
	Timeout  time.Duration `default:"1s" help:"Deadline of a request."`
	Users    int           `default:"200" help:"Number of users to ask for, drawn from the repository's rows."`
	Results  int           `default:"10" help:"Items of an answer."`
	Seed     uint64        `default:"1" help:"Chooses the users, their order and the times of arrival."`
}

func (f loadFlags) validate() error {
	var errs []error
	if f.Duration <= 0 || f.Warmup < 0 || f.Timeout <= 0 {
		errs = append(errs, errors.New("--duration and --timeout have to be more than 0, --warmup not less"))
	}
	if f.Users < 1 || f.Results < 1 {
		errs = append(errs, fmt.Errorf("--users %d --results %d: ask for one or more", f.Users, f.Results))
	}
	return errors.Join(errs...)
}

type benchCmd struct {
	loadFlags   `embed:""`
	engineFlags `embed:""`

	Repository string  `type:"existingdir" placeholder:"REPO" help:"Model repository, whose users are asked for; asked itself on the embedded engine without --triton and --gateway."`
	Triton     string  `placeholder:"HOST:PORT" help:"gRPC address of a Triton to ask; with --gateway, of the one behind it, for the latency budget."`
	Gateway    string  `placeholder:"URL" help:"A gateway to ask, such as http://127.0.0.1:8080."`
	Model      string  `placeholder:"NAME" help:"Ensemble, if the repository holds several, or one of its stages."`
	Requests   string  `type:"existingfile" placeholder:"FILE" help:"Bodies of POST /v1/recommendations, one a line, to send in place of the drawn ones."`
	Rate       float64 `default:"0" help:"Requests per second of an open loop, with Poisson arrivals; 0 is a closed loop."`
	Clients    int     `default:"0" help:"Requests under way: always in a closed loop, 8 by default; at most in an open one, 256."`
	Most       int     `default:"0" placeholder:"N" help:"End after so many requests, if --duration does not before."`
	JSON       bool    `help:"Print the report as JSON."`
	HTML       string  `name:"html" placeholder:"FILE" help:"Write the report as a page, too."`
	Compare    string  `type:"existingfile" placeholder:"FILE" help:"A report that --json printed, to be set beside this one."`
}

// Help says what is measured and has examples.
func (benchCmd) Help() string {
	return "An open loop (--rate) sends requests when they are due, whatever the answers do, and counts their time from then; a closed loop " +
		"(--clients) asks again when answered, and finds the most that can be done.\n\nExamples:\n" +
		"  recsys bench --repository model_repository\n" +
		"  recsys bench --repository model_repository --gateway http://127.0.0.1:8080 --triton 127.0.0.1:8001 --rate 200\n" +
		"  recsys bench --repository model_repository --triton 127.0.0.1:8001 --model shop_score --clients 16 --json"
}

// Run measures and prints the report.
func (c benchCmd) Run(ctx context.Context, o output) (err error) {
	if err := c.validate(); err != nil {
		return err
	}
	var earlier *load.Report
	if c.Compare != "" {
		if earlier, err = load.ReadReport(c.Compare); err != nil {
			return fmt.Errorf("%w; save a report with recsys bench --json", err)
		}
	}
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	config := load.Config{Rate: c.Rate, Clients: c.clients(), Duration: c.Duration, Requests: c.Most, Seed: c.Seed}
	report, err := measure(ctx, newReporter(o.err), s, config, c.loadFlags)
	if err != nil {
		return err
	}
	if earlier != nil {
		report.Compare(earlier)
	}
	if c.HTML != "" {
		if err := atomicfile.Write(c.HTML, report.HTML); err != nil {
			return err
		}
	}
	if c.JSON {
		err = printJSON(o.out, report)
	} else {
		err = report.Text(o.out)
	}
	if err == nil && report.Answered == 0 {
		err = fmt.Errorf("no request was answered within %s; see --timeout", c.Timeout)
	}
	return err
}

func (c benchCmd) validate() error {
	errs := []error{c.loadFlags.validate()}
	if c.Repository == "" && (c.Gateway == "" || c.Requests == "") {
		errs = append(errs, errors.New("--repository is needed: it has the users to ask for; only a --gateway with --requests does without"))
	}
	if c.Rate < 0 || c.Clients < 0 || c.Most < 0 {
		errs = append(errs, fmt.Errorf("--rate %g --clients %d --most %d: want 0 or more", c.Rate, c.Clients, c.Most))
	}
	return errors.Join(errs...)
}

func (c benchCmd) clients() int {
	switch {
	case c.Clients > 0:
		return c.Clients
	case c.Rate > 0:
		return openClients
	}
	return closedClients
}

// open makes the requests and connects to what is asked.
func (c benchCmd) open(ctx context.Context) (s *benchSubject, err error) {
	s = &benchSubject{timeout: c.Timeout, seed: c.Seed}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	var target *benchModel
	s.model, s.server = c.Model, c.Model
	if c.Repository != "" {
		if target, err = findModel(c.Repository, c.Model); err != nil {
			return s, err
		}
		s.model, s.server = target.name(), target.name()
		if target.served.manifest.Ranking != nil && target.stage == "" {
			s.ranking = ensemble.RankingName(target.ensemble)
		}
	}
	bodies, err := c.bodies(target)
	if err != nil {
		return s, err
	}
	if c.Triton != "" {
		// A failure is to be counted, not tried again.
		triton, err := client.New(ctx, c.Triton, client.WithRetry(client.Retry{Attempts: 1}))
		if err != nil {
			return s, err
		}
		s.closers = append(s.closers, triton.Close)
		s.counter = tritonCounter{triton}
		s.kind, s.infer, s.remedy = "triton", triton.Infer, "start Triton on the repository, or correct --triton"
	}
	if c.Gateway != "" {
		if target != nil && target.stage != "" {
			return s, fmt.Errorf("--model %s is a stage: a gateway asks ensembles only; leave --gateway out", c.Model)
		}
		s.kind, s.remedy = "gateway", "start it with recsys serve, or correct --gateway"
		s.gateway(c.Gateway, bodies, c.clients())
		return s, nil
	}
	if target.stage == "" && target.served.manifest.Ranking != nil {
		return s, fmt.Errorf("%s ranks with rows that a gateway reads between its two ensembles: start recsys serve and name it with --gateway, or one of its "+
			"stages with --model", s.model)
	}
	var local *engine.Engine
	if c.Triton == "" || target.stage != "" {
		options := c.options()
		options.Models = target.models()
		if local, err = engine.Open(ctx, c.Repository, options); err != nil {
			return s, err
		}
		s.closers = append(s.closers, local.Close)
	}
	if c.Triton == "" {
		s.kind, s.infer, s.counter = "embedded", local.Infer, engineCounter{local}
	}
	s.calls, err = target.calls(ctx, local, bodies)
	return s, err
}

// bodies returns the requests' bodies: those of the file, or of users of the repository.
func (c benchCmd) bodies(target *benchModel) ([][]byte, error) {
	if c.Requests != "" {
		return readBodies(c.Requests)
	}
	return target.bodies(c.loadFlags)
}

// measure warms up, measures, and divides the time among the stages.
func measure(ctx context.Context, r *reporter, s *benchSubject, config load.Config, f loadFlags) (*load.Report, error) {
	if err := s.do(ctx, 0); err != nil {
		return nil, fmt.Errorf("%s: %w; %s", s.kind, err, s.remedy)
	}
	config.Code, config.Progress = failureCode, r.Load
	if f.Warmup > 0 {
		r.Phase("warm up")
		warm := config
		warm.Duration, warm.Requests, warm.Seed = f.Warmup, 0, config.Seed+1
		if _, err := load.Run(ctx, warm, s.do); err != nil {
			return nil, err
		}
	}
	before, err := s.count(ctx)
	if err != nil {
		return nil, err
	}
	r.Phase("measure")
	result, err := load.Run(ctx, config, s.do)
	r.endBar()
	if err != nil {
		return nil, err
	}
	after, err := s.count(ctx)
	if err != nil {
		return nil, err
	}
	report := load.NewReport(config, result)
	report.Subject, report.Model = s.kind, s.model
	if result.First != nil {
		report.Notes = append(report.Notes, "first failure: "+result.First.Error())
	}
	s.budget(report, result, before, after)
	return report, nil
}
