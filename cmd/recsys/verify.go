package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"

	"recsys/client"
	"recsys/ensemble"
	"recsys/gateway"
	"recsys/internal/parallel"
	"recsys/internal/verify"
	"recsys/pipeline"
	"recsys/tensor"
)

type verifyCmd struct {
	Run_       string   `name:"run" required:"" type:"existingdir" placeholder:"RUN" help:"Run folder: its stages, run one by one offline, are the reference."`
	Repository string   `required:"" type:"existingdir" placeholder:"REPO" help:"Model repository, run by the embedded engine."`
	Triton     []string `sep:"none" placeholder:"HOST:PORT" help:"gRPC address of a Triton that serves the repository; give each replica."`
	Gateway    string   `placeholder:"URL" help:"A gateway that serves the repository, such as http://127.0.0.1:8080, with its store as loaded: events change answers."`
	Results    int      `default:"10" help:"Items of an answer; the longer the lists, the more nearly equal scores there are to change places."`
	Users      int      `default:"1000" help:"Number of users to compare, drawn from the repository's rows."`
	Seed       uint64   `default:"1" help:"Chooses the users."`
	Clients    int      `default:"1" help:"Users who are asked for at once; of several, servers join requests into batches."`
	Model      string   `placeholder:"NAME" help:"Ensemble, if the repository holds several."`
	JSON       bool     `help:"Print the report as JSON."`
}

// Help says what is compared.
func (verifyCmd) Help() string {
	return "Every engine gets the same requests, merged by the gateway from the rows, histories and seen items of the " +
		"repository, at the same request time; and further ones of unknown users, with extreme ids, without a history, and with most " +
		"items excluded.\n\nExample:\n  recsys verify --run runs/shop --repository model_repository --triton 127.0.0.1:8001"
}

// verifyTimeout is the budget of a request: verification looks for differences, not for speed.
const verifyTimeout = 30 * time.Second

// backend runs an ensemble behind a gateway of its own.
type backend struct {
	name   string
	served *served
	gateway.Inferencer
}

// subject is something that answers recommendation requests over HTTP.
type subject struct {
	name   string
	url    string
	served *served // what it serves
	client *http.Client
}

// Run compares and fails when an engine differs.
func (c verifyCmd) Run(ctx context.Context, o output) (err error) {
	if c.Users < 1 || c.Clients < 1 {
		return fmt.Errorf("--users %d --clients %d: want one or more", c.Users, c.Clients)
	}
	l, err := openLocal(ctx, c.Repository, c.Model)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	s := l.served
	// Rounding is no difference between engines: the reference rounds as the export did.
	_, chain, err := pipeline.OpenChain(c.Run_, s.manifest.Precision, nil)
	if err != nil {
		return err
	}
	// The run's own stages look item features up, whatever the layout.
	whole := *s
	whole.manifest = new(ensemble.Manifest)
	*whole.manifest = *s.manifest
	whole.manifest.Ranking = nil
	backends := []backend{{"offline", &whole, chainInferencer{chain: chain, generation: strconv.Itoa(s.manifest.Generation)}}, {"embedded", s, l.engine}}
	for _, address := range c.Triton {
		triton, err := client.New(ctx, address)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, triton.Close()) }()
		name := "triton"
		if len(c.Triton) > 1 {
			name += " " + address
		}
		backends = append(backends, backend{name, s, triton})
	}
	transport := &http.Transport{MaxIdleConnsPerHost: c.Clients}
	defer transport.CloseIdleConnections()
	asker := &http.Client{Transport: transport}
	var subjects []subject
	for _, b := range backends {
		g, err := newGateway(b.served, b.Inferencer, l.store, gateway.Config{Timeout: verifyTimeout, NoFallback: true}, gateway.WithLogger(logger(o))) //nolint:contextcheck // What it reads is the repository's own, and little.
		if err != nil {
			return err
		}
		server := httptest.NewServer(g.Handler())
		defer server.Close()
		subjects = append(subjects, subject{b.name, server.URL, s, asker})
	}
	if c.Gateway != "" {
		subjects = append(subjects, subject{"rest", c.Gateway, s, asker})
	}
	reports, err := c.compare(ctx, newReporter(o.err), subjects)
	if err != nil {
		return err
	}
	return c.print(o, subjects[1:], reports)
}

// compared is what came of comparing a subject with the reference.
type compared struct {
	verify.Report

	// Edges counts requests instead of users: see edges.
	Edges verify.Report `json:"edges"`
}

// compare asks every subject for every user's list; the first one is the reference.
func (c verifyCmd) compare(ctx context.Context, r *reporter, subjects []subject) ([]compared, error) {
	users, err := drawUsers(pipeline.UserRows(subjects[0].served.dir), c.Users, c.Seed)
	if err != nil {
		return nil, exportAgain(err)
	}
	now := time.Now().Unix()
	lists := make([][]verify.List, len(users))
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var mu sync.Mutex // guards done and r
	done := 0
	err = parallel.Do(c.Clients, len(users), func(n int) error {
		for _, sub := range subjects {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			list, err := c.list(ctx, sub, question{user: users[n]}, now)
			if err != nil {
				stop(err)
				return context.Cause(ctx)
			}
			lists[n] = append(lists[n], list)
		}
		mu.Lock()
		defer mu.Unlock()
		done++
		r.Counted(done, len(users), "users")
		return nil
	})
	r.endBar()
	if err != nil {
		return nil, err
	}
	reports := make([]compared, len(subjects)-1)
	for n, user := range users {
		for i := range reports {
			reports[i].Add(user, lists[n][0], lists[n][i+1])
		}
	}
	own := make([]verify.List, min(len(users), edgeUsers))
	for i := range own {
		own[i] = lists[i][0]
	}
	questions, err := edges(subjects[0].served, users[:len(own)], own)
	if err != nil {
		return nil, err
	}
	for _, q := range questions {
		var reference verify.List
		for i, sub := range subjects {
			list, err := c.list(ctx, sub, q, now)
			if err != nil {
				return nil, err
			}
			if i == 0 {
				reference = list
			} else {
				reports[i-1].Edges.Add(q.String(), reference, list)
			}
		}
	}
	return reports, nil
}

// list is ask with the subject and the question in the error.
func (c verifyCmd) list(ctx context.Context, sub subject, q question, now int64) (verify.List, error) {
	list, err := ask(ctx, sub, q, c.Results, now)
	if err != nil {
		return list, fmt.Errorf("%s: user %s: %w", sub.name, q, err)
	}
	return list, nil
}

// ask sends one request, at the request time now (Unix seconds), for a list of results items.
func ask(ctx context.Context, sub subject, q question, results int, now int64) (verify.List, error) {
	m := sub.served.manifest
	request := map[string]any{"user_id": q.user, "num_results": min(results, m.Limits.MaxResults)}
	maps.Copy(request, q.more)
	if m.Time != "" {
		request["context"] = map[string]any{m.Time: now}
	}
	if m.Ordering != nil { // What is drawn is drawn alike everywhere.
		request["seed"] = now
	}
	body, err := json.Marshal(request)
	if err != nil {
		return verify.List{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout+time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, sub.url+"/v1/recommendations", bytes.NewReader(body))
	if err != nil {
		return verify.List{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := sub.client.Do(r)
	if err != nil {
		return verify.List{}, err
	}
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return verify.List{}, err
	}
	if response.StatusCode != http.StatusOK {
		return verify.List{}, fmt.Errorf("%s: %s", response.Status, bytes.TrimSpace(text))
	}
	var answer gateway.Answer
	if err := json.Unmarshal(text, &answer); err != nil {
		return verify.List{}, err
	}
	if answer.Degraded {
		return verify.List{}, fmt.Errorf("the answer is degraded: %v", answer.DegradedReasons)
	}
	if answer.Model.Generation != m.Generation {
		return verify.List{}, fmt.Errorf("generation %d answers, the repository serves %d", answer.Model.Generation, m.Generation)
	}
	var list verify.List
	for _, item := range answer.Items {
		list.IDs = append(list.IDs, item.ItemID)
		list.Scores = append(list.Scores, float64(item.Score))
	}
	return list, nil
}

func (c verifyCmd) print(o output, subjects []subject, reports []compared) error {
	var failed []string
	byName := map[string]compared{}
	for i, r := range reports {
		byName[subjects[i].name] = r
		// Of a few requests none is different, and as many as will may have ties.
		if !r.Agrees() || r.Edges.Different > 0 {
			failed = append(failed, subjects[i].name)
		}
		if c.JSON {
			continue
		}
		fmt.Fprintf(o.out, "%-9s %d users, %d with ties in another order, %d different, scores within %.1e\n",
			subjects[i].name, r.Users, r.Swapped, r.Different, r.MaxDifference)
		fmt.Fprintf(o.out, "%-9s %d requests at the edges, %d with ties in another order, %d different\n",
			"", r.Edges.Users, r.Edges.Swapped, r.Edges.Different)
		for _, example := range []string{r.Example, r.Edges.Example} {
			if example != "" {
				fmt.Fprintf(o.out, "          %s\n", example)
			}
		}
	}
	if c.JSON {
		if err := printJSON(o.out, byName); err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("answers differ from the offline ones: %v", failed)
	}
	return nil
}

// chainInferencer lets a gateway ask the stages of a run.
type chainInferencer struct {
	chain      *pipeline.Chain
	generation string
	ranking    *pipeline.Chain // nil for one ensemble
}

// Ready returns nil.
func (chainInferencer) Ready(context.Context, string) error { return nil }

// Infer runs the stages on inputs in their wire shapes: a scalar column is [B,1].
func (c chainInferencer) Infer(
	ctx context.Context, _ string, inputs tensor.Map, outputs []string,
) (tensor.Map, string, error) {
	out, err := runChain(ctx, c.chain, inputs, outputs)
	return out, c.generation, err
}

// InferVersion runs the stages of the ranking.
func (c chainInferencer) InferVersion(ctx context.Context, _, _ string, inputs tensor.Map, outputs []string) (tensor.Map, error) {
	return runChain(ctx, c.ranking, inputs, outputs)
}

// runChain runs stages and returns the wanted outputs.
func runChain(ctx context.Context, chain *pipeline.Chain, inputs tensor.Map, outputs []string) (tensor.Map, error) {
	all, err := chain.Run(ctx, inputs)
	if err != nil {
		return nil, err
	}
	out := make(tensor.Map, len(outputs))
	for _, name := range outputs {
		if out[name] = all[name]; out[name] == nil {
			return nil, fmt.Errorf("no output %q", name)
		}
	}
	return out, nil
}
