package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"recsys/ensemble/stage"
	"recsys/eval"
	"recsys/metric"
	"recsys/model"
	"recsys/tensor"
	"recsys/train"
)

// shownItems is the number of first items of an answer whose exposure is measured.
const shownItems = 10

// evalBatch is the number of users that the ensemble answers at once in an evaluation.
const evalBatch = 64

// evalPipeline answers a request for every user of the test part with the whole ensemble, from raw columns, as of the
// user's first interaction there, and finds the places of the held-out items after each stage.
func (p *Pipeline) evalPipeline(ctx context.Context, m *Metrics, byUser results) error {
	if len(p.config.Retrieval) == 0 {
		return nil
	}
	p.phase("evaluate pipeline")
	serving, chain, err := OpenChain(p.run, nil, p.options.Kernels)
	if errors.Is(err, ErrNoStandIn) {
		p.note("the pipeline is not evaluated: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	e, queries, part, err := p.newEval(ctx, serving, chain)
	if err != nil {
		return err
	}
	if part == "" {
		p.note("no interaction is held out: there is nothing to evaluate; look at the split")
		return nil
	}
	for block := range slices.Chunk(queries, evalBatch) {
		if _, err := e.block(ctx, block); err != nil {
			return fmt.Errorf("evaluate pipeline: %w", err)
		}
	}
	out := AnswerMetrics{PerStage: map[string]eval.Metrics{}}
	for name, r := range e.stages {
		out.PerStage[name] = r.Metrics()
	}
	out.Answer = out.PerStage[stage.OrderName]
	maps.Copy(out.Answer, e.shown.Values())
	m.Pipeline = map[string]AnswerMetrics{part: out}
	if order := e.stages[stage.OrderName]; order != nil {
		byUser[resultKey{boardPipeline, "", part, ""}] = order.ByUser()
	}
	p.note("pipeline %s recall@10 %.4f ndcg@10 %.4f", part, out.Answer["recall@10"], out.Answer["ndcg@10"])
	return nil
}

// newEval makes an evaluation of a chain, with the queries of the part that is held out and its name; empty without one.
func (p *Pipeline) newEval(ctx context.Context, serving *Serving, chain *Chain) (e *pipelineEval, queries []testQuery, part string, err error) {
	held := p.heldOut()
	if len(held) == 0 {
		return nil, nil, "", nil
	}
	test := held[len(held)-1]
	queries = firstRows(p.examples, p.ordered(test.rows))
	rows := make([]int32, len(queries))
	for i, q := range queries {
		rows[i] = q.row
	}
	requests, err := newRequester(ctx, p.config, p.tables, serving.Manifest.RequestColumns(), rows)
	if err != nil {
		return nil, nil, "", err
	}
	filters, answers, err := p.newAnswering(ctx, &serving.Manifest)
	if err != nil {
		return nil, nil, "", err
	}
	e = &pipelineEval{p: p, serving: serving, chain: chain, requests: requests, filters: filters, answers: answers, stages: map[string]*eval.Lists{}}
	e.shown = metric.NewExposure(shownItems, train.Counts(p.examples, test.seen), p.examples.First)
	if !p.config.KeepsSeen() {
		e.seen = train.NewUserItems(p.examples, test.seen)
	}
	return e, queries, test.name, nil
}

// testQuery is a user's first interaction in the test part with the items to find.
type testQuery struct {
	row     int32
	targets []int
}

// firstRows groups interactions by user, in the order of rows.
func firstRows(e *train.Examples, rows []int32) []testQuery {
	at := map[int32]int{}
	var queries []testQuery
	for _, r := range rows {
		i, ok := at[e.User[r]]
		if !ok {
			i = len(queries)
			at[e.User[r]] = i
			queries = append(queries, testQuery{row: r})
		}
		q := &queries[i]
		if e.Position[r] < e.Position[q.row] {
			q.row = r
		}
		if item := int(e.Item[r]); item >= e.First && !slices.Contains(q.targets, item) {
			q.targets = append(q.targets, item)
		}
	}
	return queries
}

type pipelineEval struct {
	p        *Pipeline
	serving  *Serving
	chain    *Chain
	requests *requester
	filters  *filters
	answers  *answerer
	seen     *model.UserItems // nil: seen items stay
	stages   map[string]*eval.Lists
	shown    *metric.Exposure // of the answers
}

// block answers some users' requests, adds the answers to the averages, and returns all tensors.
func (e *pipelineEval) block(ctx context.Context, queries []testQuery) (tensor.Map, error) {
	rows := make([]int32, len(queries))
	for i, q := range queries {
		rows[i] = q.row
	}
	in, err := e.requests.requests(rows)
	if err != nil {
		return nil, err
	}
	seen := make([][]int32, len(queries))
	for i, r := range rows {
		if e.seen != nil {
			seen[i] = e.seen.Of(e.p.examples.User[r])
		}
	}
	if err := e.filters.block(ctx, in, seen); err != nil {
		return nil, err
	}
	out, err := e.chain.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	for i, q := range queries {
		answer, _, err := e.answers.answer(ctx, out, in, i, e.p.config.draws(e.p.examples.User[q.row]))
		if err != nil {
			return nil, err
		}
		e.add(out, i, q, answer)
	}
	return out, nil
}

// add takes the ranking of q, which is row i of the stages' tensors, as each stage leaves it, and the answer.
func (e *pipelineEval) add(out tensor.Map, i int, q testQuery, answer []int) {
	user := e.p.examples.User[q.row]
	candidates := rowOf[int64](out[stage.Candidates], i)
	masked := rowOf[float32](out[stage.MaskedScores], i)
	found := rowOf[float32](out[stage.CandidateScores], i)
	if len(e.serving.Manifest.Sources) > 0 { // scores of different sources cannot be compared: candidates stand in the order of the sources
		found, masked = inOrder(found), inOrder(masked)
	}
	rankings := map[string][]float32{
		stage.RetrieveName: found, stage.FilterName: masked,
	}
	if e.chain.Has(stage.RankName) {
		for _, task := range e.p.tasks {
			if t, ok := out[task.Name]; ok {
				rankings[stage.RankName] = where(masked, rowOf[float32](t, i))
				break
			}
		}
	}
	for name, scores := range rankings {
		e.lists(name).Add(user, ranked(candidates, scores), q.targets)
	}
	e.lists(stage.OrderName).Add(user, answer, q.targets)
	e.shown.Add(answer)
}

// lists measures a stage: at 10, 20 and 100, and the share of items that it has at all.
func (e *pipelineEval) lists(name string) *eval.Lists {
	if e.stages[name] == nil {
		e.stages[name] = eval.NewLists(metric.Recall{K: 10}, metric.Recall{K: 20}, metric.Recall{K: 100}, metric.Recall{},
			metric.NDCG{K: 10}, metric.MRR{}, metric.Precision{K: 10}, metric.HitRate{K: 10}, metric.MAP{K: 10})
	}
	return e.stages[name]
}

func rowOf[T tensor.Element](t *tensor.Tensor, i int) []T { return tensor.MustData[T](t.Rows(i, i+1)) }

// inOrder returns scores that fall from place to place, but for those of -inf.
func inOrder(scores []float32) []float32 {
	out := slices.Clone(scores)
	for i, s := range out {
		if !math.IsInf(float64(s), -1) {
			out[i] = float32(-i)
		}
	}
	return out
}

// where returns scores with -inf where masked is.
func where(masked, scores []float32) []float32 {
	out := slices.Clone(scores)
	for i, m := range masked {
		if math.IsInf(float64(m), -1) {
			out[i] = m
		}
	}
	return out
}

// ranked returns the items by falling score, ties in their order, without those of score -inf.
func ranked(items []int64, scores []float32) []int {
	order := make([]int, 0, len(items))
	for i, s := range scores {
		if !math.IsInf(float64(s), -1) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	out := make([]int, len(order))
	for i, at := range order {
		out[i] = int(items[at])
	}
	return out
}
