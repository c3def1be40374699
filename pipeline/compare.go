package pipeline

import (
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"recsys/data"
	"recsys/eval"
	"recsys/internal/nearest"
	"recsys/internal/portable"
	"recsys/metric"
)

// The boards of a comparison, by what is compared.
const (
	boardRetrieval = "retrieval"
	boardRanking   = "ranking"
	boardPipeline  = "pipeline"
)

// CompareOptions say what Compare compares. The zero value of a field is its default.
type CompareOptions struct {
	// By is the metric that orders the boards which have it; "" and other boards: "ndcg@10", of rankers "log_loss".
	By string
	// Part is "valid" or "test"; "" is "test".
	Part string
	// Seed drives the draws of intervals and tests.
	Seed uint64
}

// Comparison is what Compare finds.
type Comparison struct {
	// Split, Data and Part are what all runs have in common: how the data is split, its hash, the part that is measured.
	Split string `json:"split"`
	Data  string `json:"data"`
	Part  string `json:"part"`
	Seed  uint64 `json:"seed"`
	// Boards are in the order retrieval, ranking by task, pipeline; those without a row are absent.
	Boards []Board `json:"boards"`
}

// Board ranks what does the same work.
type Board struct {
	// Kind is "retrieval", "ranking" or "pipeline"; Task is that of rankers.
	Kind string `json:"kind"`
	Task string `json:"task,omitempty"`
	// By is the metric that orders the rows, the best first. Rows without it are last.
	By   string     `json:"by"`
	Rows []Standing `json:"rows"`
}

// Standing is a row of a board: a model of a run, or all its stages.
type Standing struct {
	Run     string       `json:"run"`
	Model   string       `json:"model"`
	Metrics eval.Metrics `json:"metrics"`
	Best    bool         `json:"best,omitempty"`
	// Interval is the 95 % bootstrap interval of the board's metric over users; nil where the metric is no mean over users.
	Interval *Interval `json:"interval,omitempty"`
	// Difference compares with the best row; nil where Interval is, and for the best itself.
	Difference *Difference `json:"difference,omitempty"`

	results *userResults
}

// Interval is a range of values.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Difference is a row's metric less that of the best row, over the users that both have.
type Difference struct {
	Value float64 `json:"value"`
	// Interval is the 95 % bootstrap interval of Value, P the two-sided p-value of a paired randomisation test.
	Interval Interval `json:"interval"`
	P        float64  `json:"p"`
	Users    int      `json:"users"`
}

// Compare ranks the models of evaluated runs, which have to be of the same data and split. A model that several runs have
// with the very same metrics stands there once, for the first run. The same runs and seed give the same comparison.
func Compare(ctx context.Context, runs []string, o CompareOptions) (*Comparison, error) {
	def(&o.Part, data.Test.String())
	if o.Part != data.Test.String() && o.Part != data.Valid.String() {
		return nil, fmt.Errorf("compare: part %q: there are valid and test", o.Part)
	}
	c := &comparing{o: o, tasks: map[string]TaskSettings{}}
	var first *Metrics
	for i, run := range runs {
		if slices.Contains(runs[:i], run) {
			return nil, fmt.Errorf("compare: %s stands twice", run)
		}
		m := &Metrics{}
		if err := readJSON(filepath.Join(run, metricsFile), "eval", m); err != nil {
			return nil, fmt.Errorf("compare: %w", err)
		}
		if first == nil {
			first = m
		}
		if err := sameData(runs[0], run, first, m); err != nil {
			return nil, fmt.Errorf("compare: %w", err)
		}
		if err := c.add(run, m); err != nil {
			return nil, fmt.Errorf("compare: %s: %w", run, err)
		}
	}
	if len(c.boards) == 0 {
		return nil, fmt.Errorf("compare: no run has metrics of the %s part", o.Part)
	}
	out := &Comparison{Split: first.Split, Data: first.Manifest.Data, Part: o.Part, Seed: o.Seed}
	for _, kind := range []string{boardRetrieval, boardRanking, boardPipeline} {
		for _, b := range c.boards {
			if b.Kind == kind {
				out.Boards = append(out.Boards, *b)
			}
		}
	}
	if err := out.checkBy(o.By); err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	for i := range out.Boards {
		if err := out.Boards[i].rank(ctx, o); err != nil {
			return nil, fmt.Errorf("compare: %w", err)
		}
	}
	return out, nil
}

// sameData refuses a run whose figures are of other interactions than the first one's.
func sameData(firstRun, run string, first, m *Metrics) error {
	switch {
	case m.Manifest.Split == "":
		return fmt.Errorf("%s does not say how it was split; run recsys fit, train and eval again", run)
	case m.Manifest.Data != first.Manifest.Data:
		return fmt.Errorf("%s and %s are of different data: their figures do not compare", firstRun, run)
	case m.Manifest.Split != first.Manifest.Split:
		return fmt.Errorf("%s and %s split the data differently (%s and %s): their figures do not compare", firstRun, run,
			first.Split, m.Split)
	}
	return nil
}

type comparing struct {
	o      CompareOptions
	boards []*Board
	tasks  map[string]TaskSettings
}

// add adds the rows of a run.
func (c *comparing) add(run string, m *Metrics) error {
	for _, name := range slices.Sorted(maps.Keys(m.Retrieval)) {
		if metrics, ok := m.Retrieval[name][c.o.Part]; ok {
			if err := c.row(run, name, resultKey{boardRetrieval, name, c.o.Part, ""}, metrics); err != nil {
				return err
			}
		}
	}
	config, err := ReadConfig(filepath.Join(run, configFile))
	if err != nil {
		return err
	}
	var served []string
	for i, b := range config.Retrieval {
		_, quota, err := b.quota()
		if err != nil {
			return err
		}
		if i == 0 || quota > 0 {
			served = append(served, b.Name)
		}
	}
	if config.Ranking != nil {
		served = append(served, config.Ranking.Name)
		if err := c.sameTasks(*config.Ranking); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Ranking)) {
		byTask := m.Ranking[name][c.o.Part]
		for _, task := range slices.Sorted(maps.Keys(byTask)) {
			if err := c.row(run, name, resultKey{boardRanking, name, c.o.Part, task}, byTask[task]); err != nil {
				return err
			}
		}
	}
	if answer, ok := m.Pipeline[c.o.Part]; ok {
		return c.row(run, strings.Join(served, " + "), resultKey{boardPipeline, "", c.o.Part, ""}, answer.Answer)
	}
	return nil
}

// sameTasks refuses tasks that are called as another run's and are something else.
func (c *comparing) sameTasks(ranking Block) error {
	_, shared, err := ranking.cut("tasks")
	if err != nil {
		return err
	}
	var settings struct {
		Tasks []TaskSettings `json:"tasks"`
	}
	if err := shared.Decode(&settings); err != nil {
		return err
	}
	for _, t := range settings.Tasks {
		if other, ok := c.tasks[t.Name]; ok && other != t {
			return fmt.Errorf("task %q is %q here and %q in a run before: their figures do not compare", t.Name, t.Binary, other.Binary)
		}
		c.tasks[t.Name] = t
	}
	return nil
}

// row adds one row to its board.
func (c *comparing) row(run, model string, key resultKey, metrics eval.Metrics) error {
	i := slices.IndexFunc(c.boards, func(b *Board) bool { return b.Kind == key.board && b.Task == key.task })
	if i < 0 {
		i = len(c.boards)
		c.boards = append(c.boards, &Board{Kind: key.board, Task: key.task})
	}
	b := c.boards[i]
	if key.board != boardPipeline {
		for _, other := range b.Rows {
			if other.Model == model && maps.Equal(other.Metrics, metrics) {
				return nil
			}
		}
	}
	r, err := readResults(filepath.Join(run, resultsDir, key.file()))
	if err != nil {
		return err
	}
	for _, name := range r.names {
		_, values, weights, _ := r.defined(name)
		want, ok := metrics[name]
		// The sums were made in another order, and decimals are exact.
		if got := metric.Mean(values, weights); ok && math.Abs(got-want) > 1e-9*max(1, math.Abs(want)) {
			return fmt.Errorf("%s of %s is %v in %s and %v over the users of %s; run recsys eval again", name, model, want,
				metricsFile, got, filepath.Join(resultsDir, key.file()))
		}
	}
	b.Rows = append(b.Rows, Standing{Run: run, Model: model, Metrics: metrics, results: r})
	return nil
}

// checkBy wants a metric that some board has.
func (c *Comparison) checkBy(by string) error {
	if by == "" {
		return nil
	}
	known := map[string]bool{}
	for _, b := range c.Boards {
		for _, row := range b.Rows {
			for name := range row.Metrics {
				known[name] = true
			}
		}
	}
	if known[by] {
		return nil
	}
	names := slices.Sorted(maps.Keys(known))
	return fmt.Errorf("no metric %q; there are: %s%s", by, strings.Join(names, ", "), nearest.Hint(by, names))
}

// lowerIsBetter tells which end of a metric's range is the good one.
func lowerIsBetter(name string) bool {
	name, _, _ = strings.Cut(strings.TrimPrefix(name, ServedHistory), "@")
	return slices.Contains([]string{"ece", "gini", "log_loss", "rmse"}, name)
}

// rank orders the rows, and compares each with the best.
func (b *Board) rank(ctx context.Context, o CompareOptions) error {
	b.By = o.By
	if !slices.ContainsFunc(b.Rows, func(s Standing) bool { _, ok := s.Metrics[b.By]; return ok }) {
		b.By = map[string]string{boardRanking: "log_loss"}[b.Kind]
		def(&b.By, scoreMetric)
	}
	worth := func(s Standing) float64 {
		v, ok := s.Metrics[b.By]
		switch {
		case !ok:
			return math.Inf(-1)
		case lowerIsBetter(b.By):
			return -v
		}
		return v
	}
	slices.SortStableFunc(b.Rows, func(x, y Standing) int {
		switch {
		case worth(x) > worth(y):
			return -1
		case worth(x) < worth(y):
			return 1
		}
		return 0
	})
	b.Rows[0].Best = true
	for i := range b.Rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.Rows[i].measure(&b.Rows[0], b.By, o.Seed)
	}
	return nil
}

// measure sets the interval of the metric by and the difference to the best row. Every row has the same draws, so that it
// does not depend on the others.
func (s *Standing) measure(best *Standing, by string, seed uint64) {
	users, values, weights, ok := s.results.defined(by)
	if !ok || len(users) == 0 {
		return
	}
	s.Interval = &Interval{}
	s.Interval.Low, s.Interval.High = metric.Interval(values, weights, portable.New(seed, "compare/interval"))
	bestUsers, bestValues, _, ok := best.results.defined(by)
	if s.Best || !ok {
		return
	}
	at := make(map[string]int, len(bestUsers))
	for i, u := range bestUsers {
		at[u] = i
	}
	var mine, other, differences, both []float64
	for i, u := range users {
		if j, ok := at[u]; ok {
			mine, other = append(mine, values[i]), append(other, bestValues[j])
			differences, both = append(differences, values[i]-bestValues[j]), append(both, weights[i])
		}
	}
	if len(both) == 0 {
		return
	}
	d := &Difference{Value: metric.Mean(differences, both), Users: len(both)}
	d.Interval.Low, d.Interval.High = metric.Interval(differences, both, portable.New(seed, "compare/difference"))
	d.P = metric.PairedTest(mine, other, both, portable.New(seed, "compare/test"))
	s.Difference = d
}
