package pipeline

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"time"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/graph/exec"
	"recsys/internal/ivf"
	"recsys/onnx"
	"recsys/tensor"
)

// IndexTuning says how an index is tuned.
type IndexTuning struct {
	// Requests are raw inputs of the ensemble, one user each, in their wire shapes.
	Requests []tensor.Map
	// Recall is the share, in (0,1], of the candidates of exact retrieval that has to be found.
	Recall float64
	// Lists are the numbers of lists to try; none tries half, one, two and four times the square root of the number of items.
	Lists []int
	// Progress, if not nil, is told of every measurement.
	Progress func(IndexPoint)
}

// IndexPoint is one measurement. Lists 0 is exact retrieval.
type IndexPoint struct {
	Lists  int `json:"lists"`
	NProbe int `json:"nprobe"`
	// Longest is the number of slots of a list.
	Longest int `json:"longest,omitempty"`
	// Recall is the share of the candidates of exact retrieval that was found.
	Recall float64 `json:"recall"`
	// Microseconds is the median time of one query on one thread of the embedded engine.
	Microseconds float64 `json:"microseconds"`
}

// IndexReport is index.json: what a tuning found, and what it chose.
type IndexReport struct {
	Format int `json:"format"`
	// Items, Width, Candidates and Queries are what was measured with: n, D, K and the number of users.
	Items      int     `json:"items"`
	Width      int     `json:"width"`
	Candidates int     `json:"candidates"`
	Queries    int     `json:"queries"`
	Recall     float64 `json:"recall"`
	// Points has exact retrieval first, then the others by lists and nprobe.
	Points []IndexPoint `json:"points"`
	// Chosen is the fastest point of at least Recall.
	Chosen IndexPoint `json:"chosen"`
}

// indexTuner measures retrieval stages of one run.
type indexTuner struct {
	retrieval stage.Retrieval
	seed      uint64
	queries   tensor.Map // query [U,D], blocked [U,W]
	users     int
	want      []map[int64]bool // the candidates of exact retrieval
}

// TuneIndex measures retrieval by inverted lists against exact retrieval on a run's queries, puts the fastest stage of the wanted recall into the run and
// writes index.json. The times are those of this machine.
func TuneIndex(ctx context.Context, run string, t IndexTuning) (*IndexReport, error) {
	if len(t.Requests) == 0 || !(t.Recall > 0 && t.Recall <= 1) {
		return nil, fmt.Errorf("tune the index: %d requests, recall %v: want one or more, and a share above 0", len(t.Requests), t.Recall)
	}
	x, err := newIndexTuner(ctx, run, t.Requests)
	if err != nil {
		return nil, fmt.Errorf("tune the index: %w", err)
	}
	n := x.retrieval.Items.Dim(0) - x.retrieval.First
	report := &IndexReport{
		Format: runFormat, Items: n, Width: x.retrieval.Items.Dim(1), Candidates: min(x.retrieval.Candidates, n), Queries: x.users, Recall: t.Recall,
	}
	progress := func(p IndexPoint) {
		report.Points = append(report.Points, p)
		if t.Progress != nil {
			t.Progress(p)
		}
	}
	best, err := x.sweep(ctx, report, listsToTry(t.Lists, n), progress)
	if err != nil {
		return nil, fmt.Errorf("tune the index: %w", err)
	}
	if err := onnx.Write(filepath.Join(run, stagesDir, stage.RetrieveName+".onnx"), best.Graph, onnx.Meta{}); err != nil {
		return nil, err
	}
	return report, writeJSON(filepath.Join(run, indexFile), report)
}

func listsToTry(lists []int, items int) []int {
	if len(lists) == 0 {
		root := ivf.DefaultLists(items)
		lists = []int{root / 2, root, 2 * root, 4 * root}
	}
	lists = slices.DeleteFunc(slices.Clone(lists), func(l int) bool { return l < 2 || l > items })
	slices.Sort(lists)
	return slices.Compact(lists)
}

// sweep measures every way and returns the stage of the chosen one.
func (x *indexTuner) sweep(ctx context.Context, report *IndexReport, lists []int, progress func(IndexPoint)) (ensemble.Stage, error) {
	best, err := stage.Retrieve(x.retrieval)
	if err != nil {
		return best, err
	}
	exact, err := x.measure(ctx, best)
	if err != nil {
		return best, err
	}
	report.Chosen = exact
	progress(exact)
	for _, c := range lists {
		index, err := divide(ctx, x.retrieval, c, x.seed, nil)
		if err != nil {
			return best, err
		}
		for n := 1; n <= len(index.Lists); n *= 2 {
			if n*index.Longest() < report.Candidates {
				continue
			}
			s, err := probing(x.retrieval, index, n)
			if err != nil {
				return best, err
			}
			p, err := x.measure(ctx, s)
			if err != nil {
				return best, err
			}
			p.Lists, p.NProbe, p.Longest = len(index.Lists), n, index.Longest()
			progress(p)
			if p.Recall >= report.Recall && p.Microseconds < report.Chosen.Microseconds {
				report.Chosen, best = p, s
			}
			if p.Recall >= 1 || p.Microseconds > exact.Microseconds {
				break // more lists only take longer
			}
		}
	}
	return best, nil
}

// newIndexTuner computes the queries of the requests.
func newIndexTuner(ctx context.Context, run string, requests []tensor.Map) (*indexTuner, error) {
	serving, e, err := OpenServing(run)
	if err != nil {
		return nil, err
	}
	c, err := ReadConfig(filepath.Join(run, configFile))
	if err != nil {
		return nil, err
	}
	var origin Origin
	if err := readJSON(filepath.Join(run, originFile), "fit", &origin); err != nil {
		return nil, err
	}
	stages, err := e.Fuse(ensemble.FuseNone)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(stages, func(s ensemble.Stage) bool { return s.Name == stage.RetrieveName })
	if at < 0 || serving.Manifest.Blocked.Input == "" {
		return nil, fmt.Errorf("%s has no stage %q: candidates come from elsewhere", run, stage.RetrieveName)
	}
	graphs := make([]NamedGraph, at)
	for i, s := range stages[:at] {
		graphs[i] = NamedGraph{s.Name, s.Graph}
	}
	chain, err := NewChain(graphs, nil)
	if err != nil {
		return nil, err
	}
	source, err := readSource(filepath.Join(run, sourcesDir, c.Retrieval[0].Name), c.Retrieval[0].Name, serving.Manifest.Items.First)
	if err != nil {
		return nil, err
	}
	if source.Items == nil {
		return nil, fmt.Errorf("%s scores all items at once and has no item vectors to divide", source.Name)
	}
	x := &indexTuner{
		retrieval: stage.Retrieval{Items: source.Items, First: source.First, Candidates: serving.Manifest.Limits.Candidates},
		seed:      origin.Seed, users: len(requests),
	}
	var queries, blocked []*tensor.Tensor
	for _, in := range requests {
		out, err := chain.Run(ctx, in)
		if err != nil {
			return nil, err
		}
		queries, blocked = append(queries, out[stage.Query]), append(blocked, in[serving.Manifest.Blocked.Input])
	}
	x.queries = tensor.Map{}
	if x.queries[stage.Query], err = tensor.Concat(queries...); err != nil {
		return nil, err
	}
	x.queries[stage.Blocked], err = tensor.Concat(blocked...)
	return x, err
}

// measure runs every query alone, after a first round that nobody times, and compares with the candidates of the first stage that was measured.
func (x *indexTuner) measure(ctx context.Context, s ensemble.Stage) (IndexPoint, error) {
	p, err := exec.Compile(s.Graph, exec.Options{Frozen: true})
	if err != nil {
		return IndexPoint{}, err
	}
	times := make([]time.Duration, x.users)
	found := make([]map[int64]bool, x.users)
	for timed := range 2 {
		for user := range x.users {
			in := tensor.Map{}
			for name, t := range x.queries {
				in[name] = t.Rows(user, user+1)
			}
			begin := time.Now()
			out, err := p.Run(ctx, in)
			if err != nil {
				return IndexPoint{}, err
			}
			times[user] = time.Since(begin)
			if timed == 0 {
				found[user] = itemsOf(out)
			}
		}
	}
	if x.want == nil {
		x.want = found
	}
	slices.Sort(times)
	return IndexPoint{Recall: x.recall(found), Microseconds: float64(times[len(times)/2].Nanoseconds()) / 1e3}, nil
}

// itemsOf returns a user's candidates, without empty slots.
func itemsOf(out tensor.Map) map[int64]bool {
	items := map[int64]bool{}
	ids := tensor.MustData[int64](out[stage.Candidates])
	for i, score := range tensor.MustData[float32](out[stage.CandidateScores]) {
		if !math.IsInf(float64(score), -1) {
			items[ids[i]] = true
		}
	}
	return items
}

// recall is the share of all wanted items that were found.
func (x *indexTuner) recall(found []map[int64]bool) float64 {
	hits, all := 0, 0
	for user, want := range x.want {
		all += len(want)
		for i := range want {
			if found[user][i] {
				hits++
			}
		}
	}
	if all == 0 {
		return 1
	}
	return float64(hits) / float64(all)
}
