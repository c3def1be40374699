package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"recsys/data"
	"recsys/eval"
	"recsys/model"
)

// RecommendOptions say what Recommend answers.
type RecommendOptions struct {
	// Users are the keys, as text.
	Users []string
	// K is the number of items of a list.
	K int
	// Source names a retrieval model, whose scores of all items are the answer; "" is the whole pipeline.
	Source string
	// ExcludeSeen leaves out items that the user has; the pipeline also does where its filter has "seen".
	ExcludeSeen bool
	// Everything takes all of the data as known. Otherwise histories and seen items end before the user's first interaction
	// of the test part, as in the evaluation.
	Everything bool
}

// Recommendation is a user's list, best first; it is shorter than asked where there are no more items.
type Recommendation struct {
	User   string    `json:"user"`
	Items  []string  `json:"items"`
	Scores []float32 `json:"scores"`
}

// recommendBlock is the number of users that are answered at once.
const recommendBlock = 256

// Recommend calls yield with the list of every user, in order. Users that the data does not have are an error before the
// first call.
func (p *Pipeline) Recommend(ctx context.Context, o RecommendOptions, yield func(Recommendation) error) error {
	if o.K < 1 {
		return fmt.Errorf("k %d: ask for one item or more", o.K)
	}
	lists, err := p.lists(o)
	if err != nil {
		return err
	}
	if err := p.prepare(ctx); err != nil {
		return err
	}
	rows, err := keyRows(p.tables.Users, p.config.Data.Interactions.User, o.Users)
	if err != nil {
		return fmt.Errorf("users: %w", err)
	}
	p.phase("recommend")
	for from := 0; from < len(rows); from += recommendBlock {
		block := rows[from:min(from+recommendBlock, len(rows))]
		m, err := p.at(ctx, block, o.Everything)
		if err != nil {
			return err
		}
		answers, err := lists(ctx, m)
		if err != nil {
			return fmt.Errorf("recommend: %w", err)
		}
		for i := range answers {
			answers[i].User = o.Users[from+i]
			if err := yield(answers[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// lists returns the function that answers a block of users.
func (p *Pipeline) lists(o RecommendOptions) (func(context.Context, *moment) ([]Recommendation, error), error) {
	if o.Source != "" {
		names := make([]string, 0, len(p.config.Retrieval)+1)
		for _, b := range p.config.Retrieval {
			names = append(names, b.Name)
		}
		if names = append(names, model.PopularityName); !slices.Contains(names, o.Source) {
			return nil, fmt.Errorf("source %q is not among the run's retrieval models: %s", o.Source, strings.Join(names, ", "))
		}
		var source *model.Retrieval
		return func(ctx context.Context, m *moment) (_ []Recommendation, err error) {
			if source == nil {
				if source, err = readSource(p.path(sourcesDir, o.Source), o.Source, p.examples.First); err != nil {
					return nil, err
				}
			}
			return p.retrievalLists(ctx, source, m, o)
		}, nil
	}
	serving, chain, err := OpenChain(p.run, nil, p.options.Kernels)
	if err != nil {
		return nil, err
	}
	if most := serving.Manifest.Limits.MaxResults; o.K > most {
		return nil, fmt.Errorf("k %d: the pipeline returns at most %d items; ask for fewer, raise ordering.return, or ask a retrieval model", o.K, most)
	}
	l := &lister{p: p, serving: serving, chain: chain, options: o}
	return func(ctx context.Context, m *moment) (_ []Recommendation, err error) {
		if l.filters == nil {
			if l.filters, l.answers, err = p.newAnswering(ctx, &serving.Manifest); err != nil {
				return nil, err
			}
		}
		return l.lists(ctx, m)
	}, nil
}

// retrievalLists ranks all items by a model's scores.
func (p *Pipeline) retrievalLists(ctx context.Context, source *model.Retrieval, m *moment, o RecommendOptions) ([]Recommendation, error) {
	e, err := m.examples(ctx)
	if err != nil {
		return nil, err
	}
	seen := make([][]int32, len(m.users))
	if o.ExcludeSeen {
		seen = m.seen()
	}
	lists, err := eval.Top(ctx, source, e, seen, o.K, eval.Options{Kernels: p.options.Kernels, FullHistory: true})
	if err != nil {
		return nil, err
	}
	keys := p.itemColumn()
	out := make([]Recommendation, len(lists))
	for i, list := range lists {
		r := Recommendation{Items: make([]string, len(list.Items)), Scores: list.Scores}
		for j, item := range list.Items {
			r.Items[j] = keyText(keys, item)
		}
		out[i] = r
	}
	return out, nil
}

// lister takes the answers of all stages.
type lister struct {
	p       *Pipeline
	serving *Serving
	chain   *Chain
	filters *filters
	answers *answerer
	options RecommendOptions
}

func (l *lister) lists(ctx context.Context, m *moment) ([]Recommendation, error) {
	requests, err := m.requester(ctx, l.serving.Manifest.RequestColumns())
	if err != nil {
		return nil, err
	}
	rows := make([]int32, len(m.users))
	for i := range rows {
		rows[i] = int32(i)
	}
	in, err := requests.requests(rows)
	if err != nil {
		return nil, err
	}
	seen := make([][]int32, len(rows))
	if l.options.ExcludeSeen || !l.serving.Manifest.KeepSeen {
		seen = m.seen()
	}
	if err := l.filters.block(ctx, in, seen); err != nil {
		return nil, err
	}
	answer, err := l.chain.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	keys := l.p.itemColumn()
	out := make([]Recommendation, len(rows))
	for i := range out {
		items, scores, err := l.answers.answer(ctx, answer, in, i, l.p.config.draws(m.users[i]))
		if err != nil {
			return nil, err
		}
		n := min(l.options.K, len(items))
		out[i] = Recommendation{Items: make([]string, n), Scores: scores[:n]}
		for j, item := range items[:n] {
			out[i].Items[j] = keyText(keys, item)
		}
	}
	return out, nil
}

// itemColumn is the items' keys by item index.
func (p *Pipeline) itemColumn() *data.Column {
	return data.FromTensor(p.config.Data.Interactions.Item, p.itemKeys())
}

// keyIndex returns the row of every key of a table, as text.
func keyIndex(t *data.Table, column string) (map[string]int32, error) {
	c, err := t.Column(column)
	if err != nil {
		return nil, err
	}
	at := make(map[string]int32, t.Len())
	for i := range t.Len() {
		at[keyText(c, i)] = int32(i)
	}
	return at, nil
}

// keyRows finds the rows of keys in a table.
func keyRows(t *data.Table, column string, keys []string) ([]int32, error) {
	at, err := keyIndex(t, column)
	if err != nil {
		return nil, err
	}
	rows := make([]int32, len(keys))
	var missing []string
	for i, k := range keys {
		row, ok := at[k]
		if !ok {
			missing = append(missing, k)
			continue
		}
		rows[i] = row
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%d of %d keys of %s are not in the data, such as %s; leave them out", len(missing), len(keys), column,
			strings.Join(missing[:min(3, len(missing))], ", "))
	}
	return rows, nil
}
