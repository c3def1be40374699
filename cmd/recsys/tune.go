package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"recsys/client"
	"recsys/internal/atomicfile"
	"recsys/internal/tune"
	"recsys/pipeline"
)

// The dimensions of a search.
const (
	tuneFuse      = "fuse"
	tuneInstances = "instances"
	tuneThreads   = "threads"
	tuneBatch     = "batch"
)

type tuneCmd struct {
	Run_      string        `name:"run" required:"" type:"existingdir" placeholder:"RUN" help:"Run folder."`
	Budget    time.Duration `name:"latency-budget" required:"" placeholder:"DURATION" help:"What 99 of 100 answers have to come within, such as 20ms."`
	Triton    string        `placeholder:"HOST:PORT" help:"gRPC address of a Triton to try the settings on, with --model-control-mode=explicit; without it the embedded engine is tuned."`
	Profile   string        `default:"auto" enum:"auto,cpu,gpu,gpu-tensorrt" help:"Machines to export for, as in recsys export."`
	Layout    *string       `enum:"baked,split" placeholder:"LAYOUT" help:"Layout that the export will have, as in recsys export; only baked can be tuned. Default: export.layout, else baked."`
	Fuse      []string      `default:"groups,all,none" enum:"groups,all,none" help:"Fusings to try. Of this list and the next ones the search begins with the first value."`
	Instances []int         `placeholder:"N" help:"Instances of every stage to try; by default 1, 2 and 4."`
	Threads   []int         `placeholder:"N" help:"Threads to try: of each instance for Triton, by default 1 and 2; of the embedded engine, by default all processors and 1."`
	Batch     []int         `placeholder:"N" help:"Most users in one call to try; by default 64 and 16."`
	TimeLimit time.Duration `default:"10m" help:"When to end; the best of what was measured by then is chosen."`
	Duration  time.Duration `default:"3s" help:"How long to measure for each number of clients."`
	Timeout   time.Duration `default:"1s" help:"Deadline of a request."`
	Users     int           `default:"200" help:"Number of users to ask for, drawn from the run's rows."`
	Results   int           `default:"10" help:"Items of an answer."`
	Seed      uint64        `default:"1" help:"Chooses the users and their order."`
	Out       string        `placeholder:"FILE" help:"Where to write the chosen settings, and the evidence beside them as .json; the default is tune.yaml in the run folder."`
	Resume    bool          `help:"Go on from the evidence of an earlier search that did not end."`
	JSON      bool          `help:"Print the evidence as JSON."`
}

// Help says how it searches and has examples.
func (tuneCmd) Help() string {
	return "Begins with the first value of each list, and tries the others of one list after the other with the best of the rest so far. Each " +
		"candidate is exported, and asked by 1, 2, 4, … clients until the budget is broken or more of them bring no more. On a Triton, candidates " +
		"are loaded as NAME_tune from memory, beside what it serves; its repository is left alone.\n\nExamples:\n" +
		"  recsys tune --run runs/movielens --latency-budget 20ms\n" +
		"  recsys tune --run runs/movielens --latency-budget 20ms --triton 127.0.0.1:8001 --instances 1,2 --time-limit 5m"
}

// Run searches, prints the evidence and writes the choice.
func (c tuneCmd) Run(ctx context.Context, o output) (err error) {
	if err := c.validate(); err != nil {
		return err
	}
	serving, _, err := pipeline.OpenServing(c.Run_)
	if err != nil {
		return err
	}
	if err := c.checkLayout(); err != nil {
		return err
	}
	if c.Out == "" {
		c.Out = filepath.Join(c.Run_, "tune.yaml")
	}
	record := tune.Record{
		Origin: serving.Manifest.Origin, Subject: "embedded",
		Budget: float64(c.Budget) / float64(time.Millisecond), Seconds: c.Duration.Seconds(), Processors: runtime.GOMAXPROCS(0),
	}
	t := &tuner{tuneCmd: c, name: serving.Manifest.Name, reporter: newReporter(o.err)}
	if c.Triton != "" {
		record.Subject = "triton"
		if t.triton, err = client.New(ctx, c.Triton, client.WithRetry(client.Retry{Attempts: 1})); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, t.triton.Close()) }()
		ready, err := t.triton.ServerReady(ctx)
		if err == nil && !ready {
			err = errors.New("the server is up but not ready")
		}
		if err != nil {
			return fmt.Errorf("%w; start Triton, or correct --triton", err)
		}
	}
	options := tune.Options{Budget: c.Budget, Dimensions: c.dimensions()}
	if c.Resume {
		if options.Known, err = c.known(record); err != nil {
			return err
		}
	}
	options.Measured = func(list []tune.Evidence) error {
		record.Result = tune.Result{Evidence: list, Chosen: -1}
		return record.Write(c.evidence())
	}
	if t.folder, err = os.MkdirTemp("", "recsys-tune-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(t.folder)) }()
	limited, cancel := context.WithTimeout(ctx, c.TimeLimit)
	defer cancel()
	result, err := tune.Search(limited, options, t.prepare)
	if err != nil {
		return err
	}
	record.Result = *result
	if err := record.Write(c.evidence()); err != nil {
		return err
	}
	return errors.Join(c.report(o, record), ctx.Err())
}

func (c tuneCmd) validate() error {
	var errs []error
	if c.Budget <= 0 || c.TimeLimit <= 0 || c.Duration <= 0 || c.Timeout <= 0 {
		errs = append(errs, errors.New("--latency-budget, --time-limit, --duration and --timeout have to be more than 0"))
	}
	if c.Users < 1 || c.Results < 1 {
		errs = append(errs, fmt.Errorf("--users %d --results %d: ask for one or more", c.Users, c.Results))
	}
	for _, d := range []struct {
		name   string
		values []int
	}{{tuneInstances, c.Instances}, {tuneThreads, c.Threads}, {tuneBatch, c.Batch}} {
		if len(d.values) > 0 && slices.Min(d.values) < 1 {
			errs = append(errs, fmt.Errorf("--%s %v: want 1 or more", d.name, d.values))
		}
	}
	return errors.Join(errs...)
}

// checkLayout refuses two ensembles: candidates are exported as one and asked without a gateway.
func (c tuneCmd) checkLayout() error {
	const one = "tune measures one ensemble; measure both with recsys bench --gateway"
	if c.Layout != nil {
		if pipeline.Layout(*c.Layout) == pipeline.LayoutSplit {
			return errors.New("--layout split: " + one)
		}
		return nil
	}
	layout, err := pipeline.RunLayout(c.Run_)
	if err == nil && layout == pipeline.LayoutSplit {
		return fmt.Errorf("%s has export.layout split: %s, or tune for --layout baked", c.Run_, one)
	}
	return err
}

// evidence is the path of the evidence.
func (c tuneCmd) evidence() string { return strings.TrimSuffix(c.Out, filepath.Ext(c.Out)) + ".json" }

// dimensions are the lists, or their defaults.
func (c tuneCmd) dimensions() []tune.Dimension {
	threads := []int{runtime.GOMAXPROCS(0), 1}
	if c.Triton != "" {
		threads = []int{1, 2}
	}
	list := make([]tune.Dimension, 0, 4)
	list = append(list, tune.Dimension{Name: tuneFuse, Values: c.Fuse})
	for _, d := range []struct {
		name          string
		values, usual []int
	}{{tuneInstances, c.Instances, []int{1, 2, 4}}, {tuneThreads, c.Threads, threads}, {tuneBatch, c.Batch, []int{64, 16}}} {
		if len(d.values) == 0 {
			d.values = d.usual
		}
		dimension := tune.Dimension{Name: d.name}
		for _, n := range d.values {
			if text := strconv.Itoa(n); !slices.Contains(dimension.Values, text) {
				dimension.Values = append(dimension.Values, text)
			}
		}
		list = append(list, dimension)
	}
	return list
}

// report prints the evidence and writes the chosen settings.
func (c tuneCmd) report(o output, record tune.Record) error {
	if c.JSON {
		if err := printJSON(o.out, record); err != nil {
			return err
		}
	} else if err := c.table(o, record.Result); err != nil {
		return err
	}
	r := record.Result
	switch {
	case len(r.Evidence) == 0:
		return fmt.Errorf("nothing was measured within %s; give it more with --time-limit", c.TimeLimit)
	case r.Chosen < 0:
		return fmt.Errorf("no candidate can be used; the first one, %s: %s", r.Evidence[0].Candidate, r.Evidence[0].Fault())
	case !r.Within:
		return fmt.Errorf("no candidate answers 99 of 100 requests within %s; the nearest is %s; allow more time, take fewer candidates or a "+
			"smaller ranker, or a GPU", c.Budget, r.Evidence[r.Chosen].Candidate)
	}
	if err := atomicfile.WriteBytes(c.Out, []byte(c.chosen(r))); err != nil {
		return err
	}
	fmt.Fprintf(o.err, "settings in %s, evidence in %s\n", c.Out, c.evidence())
	return nil
}

// table prints the best level of each candidate.
func (c tuneCmd) table(o output, r tune.Result) error {
	t := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	for _, d := range c.dimensions() {
		fmt.Fprintf(t, "%s\t", d.Name)
	}
	fmt.Fprintln(t, "clients\trequests/s\tp50 ms\tp99 ms\t")
	for i, e := range r.Evidence {
		for _, v := range e.Candidate {
			fmt.Fprintf(t, "%s\t", v.Value)
		}
		l, within := e.Best(c.Budget)
		if !within && len(e.Levels) > 0 {
			l = e.Levels[0]
		}
		if len(e.Levels) > 0 {
			fmt.Fprintf(t, "%d\t%.1f\t%.2f\t%.2f\t", l.Clients, l.Throughput, l.P50, l.P99)
		} else {
			fmt.Fprint(t, "\t\t\t\t")
		}
		switch {
		case !within && e.Fault() != "":
			fault, _, _ := strings.Cut(e.Fault(), "\n") // The evidence has all of it.
			fmt.Fprint(t, fault)
		case !within:
			fmt.Fprint(t, "beyond the budget")
		}
		if i == r.Chosen {
			fmt.Fprint(t, "  chosen")
		}
		fmt.Fprintln(t)
	}
	if r.Missing > 0 {
		fmt.Fprintf(t, "%d candidates were not measured: the time was over; --resume goes on\n", r.Missing)
	}
	return t.Flush()
}

// chosen is the file of the choice.
func (c tuneCmd) chosen(r tune.Result) string {
	e := r.Evidence[r.Chosen]
	l, _ := e.Best(c.Budget)
	text := fmt.Sprintf("# Chosen by recsys tune for 99 of 100 answers within %s: %.1f requests/s with p99 %.2f ms for %d clients.\n"+
		"# %s has what else was measured. recsys export --settings takes this file.\n",
		c.Budget, l.Throughput, l.P99, l.Clients, filepath.Base(c.evidence()))
	if c.Triton == "" {
		text += fmt.Sprintf("# recsys serve --threads %s\n", e.Candidate.Get(tuneThreads))
	}
	return text + c.settings(e.Candidate)
}

// settings are the export block of a candidate.
func (c tuneCmd) settings(of tune.Candidate) string {
	text := fmt.Sprintf("export:\n  profile: %s\n  fuse: %s\n  max_batch: %s\n  stages:\n    default:\n      instance_group: {count: %s}\n",
		c.Profile, of.Get(tuneFuse), of.Get(tuneBatch), of.Get(tuneInstances))
	if c.Triton != "" {
		text += fmt.Sprintf("      parameters: {intra_op_thread_count: %q}\n", of.Get(tuneThreads))
	}
	return text
}

// known reads the evidence of an earlier search of the same run on the same subject; none is no error.
func (c tuneCmd) known(record tune.Record) ([]tune.Evidence, error) {
	old, err := tune.ReadRecord(c.evidence())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w; search without --resume", err)
	}
	if !record.Comparable(old) {
		return nil, fmt.Errorf("%s is of another run, subject, budget, duration or number of processors; search without --resume", c.evidence())
	}
	return old.Evidence, nil
}
