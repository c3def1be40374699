package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"

	"recsys/featurestore"
	"recsys/gateway"
	"recsys/internal/atomicfile"
	"recsys/pipeline"
	"recsys/tensor"
)

type indexCmd struct {
	Tune indexTuneCmd `cmd:"" help:"Choose between exact retrieval and inverted lists by recall and latency."`
}

type indexTuneCmd struct {
	Run_   string  `name:"run" required:"" type:"existingdir" placeholder:"RUN" help:"Run folder, whose stage of retrieval is replaced."`
	Recall float64 `default:"0.95" help:"Share of the candidates of exact retrieval that has to be found."`
	Users  int     `default:"200" help:"Number of users whose queries are measured."`
	Lists  []int   `placeholder:"N,..." help:"Numbers of lists to try; by default half, one, two and four times the square root of the number of items."`
	Plot   string  `placeholder:"FILE" help:"Where to draw recall against latency, as SVG; RUN/index.svg by default."`
	JSON   bool    `help:"Print the report as JSON."`
}

// Help says what is measured.
func (indexTuneCmd) Help() string {
	return "Queries are those of users in the run's rows, merged by the gateway. Recall is the share of the candidates of exact retrieval, " +
		"latency the median of one query on one thread of the embedded engine on this machine. The fastest way with the wanted recall is put " +
		"into the run; export it then, and put the printed line into recsys.yaml for the runs to come.\n\n" +
		"Examples:\n  recsys index tune --run runs/shop\n  recsys index tune --run runs/shop --recall 0.99 --lists 500,1000,2000"
}

// Run measures, prints and writes the choice.
func (c indexTuneCmd) Run(ctx context.Context, o output) error {
	if c.Users < 1 {
		return fmt.Errorf("--users %d: measure one or more", c.Users)
	}
	if !(c.Recall > 0 && c.Recall <= 1) {
		return fmt.Errorf("--recall %v: want a share above 0, at most 1", c.Recall)
	}
	serving, _, err := pipeline.OpenServing(c.Run_)
	if err != nil {
		return err
	}
	requests, err := rawRequests(ctx, &served{manifest: &serving.Manifest, dir: c.Run_}, c.Users)
	if err != nil {
		return err
	}
	started := time.Now()
	report, err := pipeline.TuneIndex(ctx, c.Run_, pipeline.IndexTuning{
		Requests: requests, Recall: c.Recall, Lists: c.Lists,
		Progress: func(p pipeline.IndexPoint) {
			fmt.Fprintf(o.err, "%6.1fs  %s: recall %.4f, %.0f µs\n", time.Since(started).Seconds(), wayOf(p), p.Recall, p.Microseconds)
		},
	})
	if err != nil {
		return err
	}
	plot := c.Plot
	if plot == "" {
		plot = filepath.Join(c.Run_, "index.svg")
	}
	if err := atomicfile.WriteBytes(plot, plotIndex(report)); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(o.out, report)
	}
	return c.print(o, report, plot)
}

// wayOf names a way to retrieve.
func wayOf(p pipeline.IndexPoint) string {
	if p.Lists == 0 {
		return "exact"
	}
	return fmt.Sprintf("%d lists, %d probed", p.Lists, p.NProbe)
}

func (c indexTuneCmd) print(o output, r *pipeline.IndexReport, plot string) error {
	fmt.Fprintf(o.out, "%d items of width %d, %d candidates, %d queries\n\n", r.Items, r.Width, r.Candidates, r.Queries)
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "lists\tnprobe\trecall@%d\tµs\ttimes exact\t\n", r.Candidates)
	exact := r.Points[0].Microseconds
	for _, p := range r.Points {
		lists, probes, mark := strconv.Itoa(p.Lists), strconv.Itoa(p.NProbe), ""
		if p.Lists == 0 {
			lists, probes = "exact", "-"
		}
		if p == r.Chosen {
			mark = " chosen"
		}
		fmt.Fprintf(w, "%s\t%s\t%.4f\t%.0f\t%.2f\t%s\n", lists, probes, p.Recall, p.Microseconds, p.Microseconds/exact, mark)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "\nThe run retrieves now by: %s. Plot: %s\n", wayOf(r.Chosen), plot)
	if r.Chosen.Lists > 0 {
		fmt.Fprintf(o.out, "For runs to come, in recsys.yaml:\nindex: {ivf: {lists: %d, nprobe: %d}}\n", r.Chosen.Lists, r.Chosen.NProbe)
	} else {
		fmt.Fprintln(o.out, "For runs to come leave index out of recsys.yaml.")
	}
	return nil
}

// errRecorded ends a request whose inputs were noted.
var errRecorded = errors.New("recorded")

// inputRecorder is a gateway.Inferencer that notes what it is asked and answers nothing.
type inputRecorder struct {
	mu     sync.Mutex
	inputs []tensor.Map
}

// Ready returns nil.
func (*inputRecorder) Ready(context.Context, string) error { return nil }

// Infer notes the inputs.
func (r *inputRecorder) Infer(_ context.Context, _ string, in tensor.Map, _ []string) (tensor.Map, string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inputs = append(r.inputs, clones(in))
	return nil, "", errRecorded
}

// rawRequests merges requests of the first users in the rows as a gateway does.
func rawRequests(ctx context.Context, s *served, users int) ([]tensor.Map, error) {
	store, err := openStore(ctx, "", s)
	if err != nil {
		return nil, err
	}
	r := &inputRecorder{}
	quiet := gateway.WithLogger(slog.New(slog.DiscardHandler))
	g, err := newGateway(s, r, store, gateway.Config{Timeout: verifyTimeout, NoFallback: true}, quiet) //nolint:contextcheck // What it reads is the repository's own, and little.
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	_, records, err := featurestore.ReadRows(pipeline.UserRows(s.dir))
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	for record, err := range records {
		if err != nil || len(r.inputs) == users {
			return r.inputs, errors.Join(err, store.Close())
		}
		body, err := json.Marshal(map[string]any{"user_id": record.UserID})
		if err != nil {
			return nil, errors.Join(err, store.Close())
		}
		request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/recommendations", bytes.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		before, answer := len(r.inputs), httptest.NewRecorder()
		if g.Handler().ServeHTTP(answer, request); len(r.inputs) != before+1 {
			return nil, errors.Join(fmt.Errorf("user %s: %s", record.UserID, answer.Body), store.Close())
		}
	}
	return r.inputs, store.Close()
}
