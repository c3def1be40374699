package eval

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"

	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/internal/parallel"
	"recsys/metric"
	"recsys/model"
	"recsys/tensor"
	"recsys/train"
)

// Options are the settings of an evaluation. The zero value of a field is its default.
type Options struct {
	// Cutoffs are the k of the metrics of lists, ascending; none means 10, 20, 100.
	Cutoffs []int
	// Workers is the number of blocks of users at work; 0 means GOMAXPROCS. Results do not depend on it.
	Workers int
	// Kernels is the set to compute with; nil means kernel.Best().
	Kernels *kernel.Set
	// FullHistory scores item-item models on all that a user did before, instead of the newest items that the history
	// column holds in serving. Other models know no other history.
	FullHistory bool
}

func (o Options) withDefaults() Options {
	if len(o.Cutoffs) == 0 {
		o.Cutoffs = []int{10, 20, 100}
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Kernels == nil {
		o.Kernels = kernel.Best()
	}
	return o
}

// Metrics are named means over users, such as "recall@10", "ndcg@10" and "mrr@100", or over rows, such as "auc".
type Metrics map[string]float64

// query is one user with the held-out items.
type query struct {
	row     int32 // the first held-out interaction: its place in time is where the history ends
	targets []int // item indices
}

// usersAtOnce is the number of users whose scores a worker computes at once: as many as fit into 64 MiB, at most 128.
func usersAtOnce(items int) int { return min(max(1<<24/max(items, 1), 1), 128) }

// Retrieval ranks all items for every user of rows, as of the user's first one of them, and finds the places of the
// rows' items: recall, precision, hit rate, average precision and NDCG at every cutoff, the reciprocal rank at the last one,
// and what the first 10 items show of the catalogue, whose popularity is that among seen, as package metric defines them.
// Items that the user has among seen are left out of the ranking; held-out items among them, and those that stand for no
// item, do not count. Of equal scores the lower index comes first. "users" is the number of users that are left.
func Retrieval(
	ctx context.Context, r *model.Retrieval, e *train.Examples, rows, seen []int32, o Options,
) (Metrics, error) {
	metrics, _, err := RetrievalByUser(ctx, r, e, rows, seen, o)
	return metrics, err
}

// RetrievalByUser is [Retrieval] with the values of each user, which have the weight 1.
func RetrievalByUser(
	ctx context.Context, r *model.Retrieval, e *train.Examples, rows, seen []int32, o Options,
) (Metrics, *ByUser, error) {
	o = o.withDefaults()
	known := train.NewUserItems(e, seen)
	queries := group(e, rows, known, r.First)
	if len(queries) == 0 {
		return nil, nil, fmt.Errorf("evaluate %q: %w", r.Name,
			errors.New("no held-out interaction is left to find; look at the split"))
	}
	plan, err := exec.Compile(r.Query, exec.Options{Kernels: o.Kernels, Frozen: true})
	if err != nil {
		return nil, nil, fmt.Errorf("evaluate %q: %w", r.Name, err)
	}
	v := &evaluation{r: r, e: e, known: known, plan: plan, o: o}
	blocks := slices.Collect(slices.Chunk(queries, usersAtOnce(r.Count())))
	lists := make([][][]int, len(blocks))
	err = parallel.Do(o.Workers, len(blocks), func(i int) error {
		var err error
		lists[i], err = v.block(ctx, blocks[i])
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("evaluate %q: %w", r.Name, err)
	}
	means := NewLists(o.metrics()...)
	shown := metric.NewExposure(min(exposed, o.Cutoffs[len(o.Cutoffs)-1]), train.Counts(e, seen), r.First)
	for i, block := range blocks {
		for j, q := range block {
			means.Add(e.User[q.row], lists[i][j], q.targets)
			shown.Add(lists[i][j])
		}
	}
	values := means.Metrics()
	maps.Copy(values, shown.Values())
	values["users"] = float64(len(means.ByUser().Users))
	return values, means.ByUser(), nil
}

// exposed is the number of first items of a list whose exposure is measured.
const exposed = 10

// metrics returns what is measured of a list at every cutoff, and the reciprocal rank at the last one.
func (o Options) metrics() []metric.Ranking {
	out := make([]metric.Ranking, 0, 1+5*len(o.Cutoffs))
	out = append(out, metric.MRR{K: o.Cutoffs[len(o.Cutoffs)-1]})
	for _, k := range o.Cutoffs {
		out = append(out, metric.Recall{K: k}, metric.NDCG{K: k}, metric.Precision{K: k}, metric.HitRate{K: k}, metric.MAP{K: k})
	}
	return out
}

// group collects the held-out items of every user, in the order of users.
func group(e *train.Examples, rows []int32, known *model.UserItems, first int) []query {
	byUser := map[int32]*query{}
	users := make([]int32, 0, len(rows))
	for _, r := range rows {
		user, item := e.User[r], e.Item[r]
		q := byUser[user]
		if q == nil {
			q = &query{row: r}
			byUser[user] = q
			users = append(users, user)
		}
		if e.Position != nil && e.Position[r] < e.Position[q.row] {
			q.row = r
		}
		if int(item) >= first && !known.Has(user, item) && !slices.Contains(q.targets, int(item)) {
			q.targets = append(q.targets, int(item))
		}
	}
	slices.Sort(users)
	var out []query
	for _, u := range users {
		if q := byUser[u]; len(q.targets) > 0 {
			out = append(out, *q)
		}
	}
	return out
}

// List is the items of a ranking, best first, with their scores.
type List struct {
	Items  []int
	Scores []float32
}

// Top ranks all items for every interaction of e, as of its place in time, without those of seen[i], and returns the
// first k: fewer where there are no more. Ties go to the lower index.
func Top(ctx context.Context, r *model.Retrieval, e *train.Examples, seen [][]int32, k int, o Options) ([]List, error) {
	o = o.withDefaults()
	plan, err := exec.Compile(r.Query, exec.Options{Kernels: o.Kernels, Frozen: true})
	if err != nil {
		return nil, fmt.Errorf("rank by %q: %w", r.Name, err)
	}
	v := &evaluation{r: r, e: e, plan: plan, o: o}
	rows := make([]int32, e.Len())
	for i := range rows {
		rows[i] = int32(i)
	}
	blocks := slices.Collect(slices.Chunk(rows, usersAtOnce(r.Count())))
	lists := make([]List, len(rows))
	err = parallel.Do(o.Workers, len(blocks), func(b int) error {
		scores, err := v.scores(ctx, blocks[b])
		if err != nil {
			return err
		}
		items := r.Count()
		for i, row := range blocks[b] {
			line := scores[i*items : (i+1)*items]
			v.mask(line, seen[row])
			top, err := metric.TopK(line, nil, k, nil)
			if err != nil {
				return fmt.Errorf("user row %d: %w", e.User[row], err)
			}
			list := List{Items: top, Scores: make([]float32, len(top))}
			for j, item := range top {
				list.Scores[j] = line[item]
			}
			lists[row] = list
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("rank by %q: %w", r.Name, err)
	}
	return lists, nil
}

type evaluation struct {
	r     *model.Retrieval
	e     *train.Examples
	known *model.UserItems
	plan  *exec.Plan
	o     Options
}

// block returns the first items of every query, best first.
func (v *evaluation) block(ctx context.Context, queries []query) ([][]int, error) {
	rows := make([]int32, len(queries))
	for i, q := range queries {
		rows[i] = q.row
	}
	scores, err := v.scores(ctx, rows)
	if err != nil {
		return nil, err
	}
	items := v.r.Count()
	lists := make([][]int, len(queries))
	for i, q := range queries {
		line := scores[i*items : (i+1)*items]
		v.mask(line, v.known.Of(v.e.User[q.row]))
		if lists[i], err = metric.TopK(line, nil, v.o.Cutoffs[len(v.o.Cutoffs)-1], nil); err != nil {
			return nil, fmt.Errorf("user row %d: %w", v.e.User[q.row], err)
		}
	}
	return lists, nil
}

// scores returns the scores of all items for every row, [rows,V].
func (v *evaluation) scores(ctx context.Context, rows []int32) ([]float32, error) {
	items := v.r.Count()
	if v.r.ItemItem != nil && v.o.FullHistory {
		scores := make([]float32, len(rows)*items)
		for i, r := range rows {
			sequence := v.e.Sequences.Of(v.e.User[r])
			v.r.ItemItem.Score(scores[i*items:(i+1)*items], sequence[:min(int(v.e.Position[r]), len(sequence))])
		}
		return scores, nil
	}
	in, err := v.e.Inputs(v.r.Query, rows)
	if err != nil {
		return nil, err
	}
	out, err := v.plan.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	vectors, err := tensor.Data[float32](out[model.QueryOutput])
	if err != nil {
		return nil, err
	}
	d := items
	if v.r.Items != nil {
		d = v.r.Items.Dim(1)
	}
	if len(vectors) != len(rows)*d {
		return nil, fmt.Errorf("queries are %s, which has to be [%d,%d]", out[model.QueryOutput], len(rows), d)
	}
	if v.r.Items == nil {
		return vectors, nil
	}
	scores := make([]float32, len(rows)*items)
	v.o.Kernels.Gemm(kernel.Gemm{
		TransB: true, M: len(rows), N: items, K: d,
		A: vectors, B: tensor.MustData[float32](v.r.Items), C: scores, LDA: d, LDB: d, LDC: items,
	})
	return scores, nil
}

// mask gives -inf to what is no item and to what the user has.
func (v *evaluation) mask(scores []float32, seen []int32) {
	none := float32(math.Inf(-1))
	for i := range min(v.r.First, len(scores)) {
		scores[i] = none
	}
	for _, item := range seen {
		if int(item) < len(scores) {
			scores[item] = none
		}
	}
}
